#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/atomic_file.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_atomic_file(void);

/* System calls that fail on demand: these definitions stand before those of the C library. */
static struct {
    int stutter;       /* write: interrupted, then short, in turns */
    int stall;         /* write: writes nothing and says so */
    int no_read;       /* pread fails */
    int interrupt;     /* so many calls of fsync are interrupted */
    int flip;          /* pread: a bit of the last byte is wrong */
    int fail_file;     /* fsync of a regular file fails with this errno */
    int fail_close;    /* close after a sync fails */
    int fail_folder;   /* fsync of a directory fails */
    const char *watch; /* at each sync: is this file ... */
    const char *old_text, *new_text;
    int old_at_file_sync, new_at_folder_sync; /* ... what it must be then? Counted. */
    int calls;
} faults;

ssize_t write(int file, const void *bytes, size_t size)
{
    if (faults.stall)
        return 0;
    if (faults.stutter) {
        if (faults.calls++ % 2 == 0) {
            errno = EINTR;
            return -1;
        }
        size = size < 1000 ? size : 1000;
    }
    return syscall(SYS_write, file, bytes, size);
}

ssize_t pread(int file, void *bytes, size_t size, off_t offset)
{
    if (faults.no_read) {
        errno = EIO;
        return -1;
    }
    ssize_t count = syscall(SYS_pread64, file, bytes, size, offset);
    if (faults.flip && count > 0)
        ((char *)bytes)[count - 1] ^= 1;
    return count;
}

int fsync(int file)
{
    if (faults.interrupt > 0) {
        faults.interrupt--;
        errno = EINTR;
        return -1;
    }
    struct stat status;
    int directory = fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
    if (faults.watch && directory)
        faults.new_at_folder_sync += scratch_holds_text(faults.watch, faults.new_text);
    else if (faults.watch)
        faults.old_at_file_sync += scratch_holds_text(faults.watch, faults.old_text);
    if (directory ? faults.fail_folder : faults.fail_file) {
        errno = directory ? EIO : faults.fail_file;
        return -1;
    }
    if (faults.fail_close)
        faults.fail_close = 2;
    return (int)syscall(SYS_fsync, file);
}

int close(int file)
{
    int result = (int)syscall(SYS_close, file);
    if (faults.fail_close == 2) {
        faults.fail_close = 0;
        errno = EIO;
        return -1;
    }
    return result;
}

static void set_up(void)
{
    memset(&faults, 0, sizeof faults);
    make_folder();
}

static void tear_down(void)
{
    memset(&faults, 0, sizeof faults);
    remove_folder();
}

static const char *file_in_folder(void)
{
    return scratch_path(folder, "a.bin");
}

/* A failed write: the status, the path in the message, the old file, and no other. */
static void assert_failed(dt_status got, dt_status expected, const dt_error *error)
{
    CU_ASSERT_EQUAL(got, expected);
    CU_ASSERT_EQUAL(error->status, expected);
    CU_ASSERT_PTR_NOT_NULL(strstr(error->message, file_in_folder()));
    CU_ASSERT_PTR_NULL(strchr(error->message, '\n'));
    CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), "old"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void what_is_written_is_read(void)
{
    static const size_t sizes[] = {0, 1, 3, 65535, 65536, 65537, 300001, 0, 7};
    char *bytes = calloc(300001, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            bytes[j] = (char)(j * 2654435761u >> 13 ^ i);
        dt_error error = {0};
        CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), bytes, sizes[i], &error), DT_OK);
        CU_ASSERT_EQUAL(error.status, DT_OK);
        CU_ASSERT_TRUE(scratch_holds(file_in_folder(), bytes, sizes[i]));
        CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    }
    free(bytes);
}

static void interrupted_and_short_writes_go_on(void)
{
    char bytes[5500];
    memset(bytes, 'x', sizeof bytes);
    faults.stutter = 1;
    dt_status status = dt_atomic_write(file_in_folder(), bytes, sizeof bytes, NULL);
    faults.stutter = 0;
    CU_ASSERT_EQUAL(status, DT_OK);
    CU_ASSERT_EQUAL(faults.calls, 12);
    CU_ASSERT_TRUE(scratch_holds(file_in_folder(), bytes, sizeof bytes));
}

static void synced_before_and_after_the_rename(void)
{
    scratch_write(file_in_folder(), "old");
    char watched[PATH_MAX];
    snprintf(watched, sizeof watched, "%s", file_in_folder());
    faults.watch = watched;
    faults.old_text = "old";
    faults.new_text = "new";
    CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "new", 3, NULL), DT_OK);
    CU_ASSERT_EQUAL(faults.old_at_file_sync, 1);
    CU_ASSERT_EQUAL(faults.new_at_folder_sync, 1);
}

static void permissions_follow_the_umask(void)
{
    static const mode_t masks[] = {0, 022, 027, 077};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        mode_t before = umask(masks[i]);
        CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "x", 1, NULL), DT_OK);
        umask(before);
        struct stat status;
        CU_ASSERT_EQUAL(stat(file_in_folder(), &status), 0);
        CU_ASSERT_EQUAL(status.st_mode & 07777, 0666 & ~masks[i]);
    }
}

static void full_disk_leaves_the_old_file(void)
{
    scratch_write(file_in_folder(), "old");
    char *bytes = calloc(100000, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    dt_error error = {0};
    scratch_limit_files(50000);
    dt_status status = dt_atomic_write(file_in_folder(), bytes, 100000, &error);
    scratch_limit_files(RLIM_INFINITY);
    free(bytes);
    assert_failed(status, DT_ERR_IO, &error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "50000 of 100000 bytes"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, strerror(EFBIG)));
}

static void every_failure_leaves_the_old_file(void)
{
    scratch_write(file_in_folder(), "old");
    const struct {
        int *fault, value;
        const char *reason;
    } cases[] = {
        {&faults.stall, 1, strerror(ENOSPC)},
        {&faults.no_read, 1, strerror(EIO)},
        {&faults.fail_file, EIO, strerror(EIO)},
        {&faults.fail_file, ENOSPC, strerror(ENOSPC)},
        {&faults.fail_file, EDQUOT, strerror(EDQUOT)},
        {&faults.fail_close, 1, strerror(EIO)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dt_error error = {0};
        char reason[128];
        snprintf(reason, sizeof reason, "%s", cases[i].reason);
        *cases[i].fault = cases[i].value;
        dt_status status = dt_atomic_write(file_in_folder(), "new", 3, &error);
        *cases[i].fault = 0;
        assert_failed(status, DT_ERR_IO, &error);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    }
}

static void interrupted_syncs_are_repeated(void)
{
    for (int count = 1; count < 5; count++) {
        faults.interrupt = count;
        CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "new", 3, NULL), DT_OK);
        CU_ASSERT_EQUAL(faults.interrupt, 0);
        CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), "new"));
    }
}

static void wrong_bit_on_the_disk_is_seen(void)
{
    scratch_write(file_in_folder(), "old");
    char bytes[70000];
    memset(bytes, 'n', sizeof bytes);
    dt_error error = {0};
    faults.flip = 1;
    dt_status status = dt_atomic_write(file_in_folder(), bytes, sizeof bytes, &error);
    faults.flip = 0;
    assert_failed(status, DT_ERR_IO, &error);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "differ"));
}

static void failed_directory_sync_is_an_error(void)
{
    scratch_write(file_in_folder(), "old");
    dt_error error = {0};
    faults.fail_folder = 1;
    dt_status status = dt_atomic_write(file_in_folder(), "new", 3, &error);
    faults.fail_folder = 0;
    CU_ASSERT_EQUAL(status, DT_ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "directory cannot be synced"));
    CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), "new"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void no_memory_leaves_the_old_file(void)
{
    scratch_write(file_in_folder(), "old");
    dt_error error = {0};
    dt_memory_fail_at(1);
    dt_status status = dt_atomic_write(file_in_folder(), "new", 3, &error);
    dt_memory_fail_at(0);
    CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
    CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), "old"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void a_directory_is_not_replaced(void)
{
    CU_ASSERT_EQUAL(mkdir(file_in_folder(), 0777), 0);
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "new", 3, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "found a directory"));
    CU_ASSERT_EQUAL(scratch_entries(file_in_folder()), 0);
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void impossible_paths_cannot_be_created(void)
{
    scratch_write(file_in_folder(), "old");
    char long_name[NAME_MAX + 2];
    memset(long_name, 'n', sizeof long_name);
    long_name[NAME_MAX + 1] = '\0';
    const char *names[] = {"a.bin/b.bin", "missing/b.bin", "missing/", "", long_name};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        dt_error error = {0};
        const char *path = scratch_path(folder, names[i]);
        CU_ASSERT_EQUAL(dt_atomic_write(path, "new", 3, &error), DT_ERR_CREATE);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, path));
        CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    }
    dt_error unnamed = {0};
    CU_ASSERT_EQUAL(dt_atomic_write("", "new", 3, &unnamed), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(unnamed.message, "expected a file name"));
    CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), "old"));

    char long_path[2 * PATH_MAX];
    memset(long_path, '/', sizeof long_path);
    long_path[sizeof long_path - 2] = 'a';
    long_path[sizeof long_path - 1] = '\0';
    CU_ASSERT_EQUAL(dt_atomic_write(long_path, "new", 3, NULL), DT_ERR_CREATE);
}

static void longest_name_and_leftovers_are_no_obstacle(void)
{
    char name[NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    name[NAME_MAX] = '\0';
    char left[NAME_MAX + 1];
    snprintf(left, sizeof left, ".%.*s", NAME_MAX - 1, name);
    scratch_write(scratch_path(folder, left), "left");
    scratch_write(scratch_path(folder, ".a.bin.0123456789abcdef.tmp"), "left");
    CU_ASSERT_EQUAL(dt_atomic_write(scratch_path(folder, name), "new", 3, NULL), DT_OK);
    CU_ASSERT_TRUE(scratch_holds_text(scratch_path(folder, name), "new"));
    CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "new", 3, NULL), DT_OK);
    CU_ASSERT_EQUAL(scratch_entries(folder), 4);
}

static void only_a_regular_file_is_replaced(void)
{
    const char *target = scratch_path(folder, "target");
    dt_error error;
    scratch_write(target, "precious");
    CU_ASSERT_EQUAL(symlink("target", file_in_folder()), 0);
    CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "new", 3, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "a.bin: expected a regular file, or none yet, "
                                                 "found a symbolic link; choose another place"));
    CU_ASSERT_EQUAL(dt_atomic_try(file_in_folder(), NULL), DT_ERR_CREATE);
    CU_ASSERT_TRUE(scratch_holds_text(target, "precious"));
    CU_ASSERT_EQUAL(unlink(file_in_folder()), 0);
    CU_ASSERT_EQUAL(mkfifo(file_in_folder(), 0600), 0);
    CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "new", 3, NULL), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(scratch_entries(folder), 2);
}

static void it_can_be_tried_and_written_bit_by_bit(void)
{
    dt_atomic *new;
    int file;
    CU_ASSERT_EQUAL(dt_atomic_try(file_in_folder(), NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_atomic_try(scratch_path(folder, "no/a.bin"), NULL), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(scratch_entries(folder), 0);
    for (int times = 0; times < 2; times++) {
        CU_ASSERT_EQUAL_FATAL(dt_atomic_begin(file_in_folder(), &new, &file, NULL), DT_OK);
        CU_ASSERT_TRUE(dt_write_all(file, times ? "ne" : "ol", 2, NULL));
        CU_ASSERT_TRUE(dt_write_all(file, times ? "w" : "d", 1, NULL));
        CU_ASSERT_EQUAL(dt_atomic_end(new, NULL), DT_OK);
        CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), times ? "new" : "old"));
        CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    }
    CU_ASSERT_EQUAL_FATAL(dt_atomic_begin(file_in_folder(), &new, &file, NULL), DT_OK);
    CU_ASSERT_TRUE(dt_write_all(file, "other", 5, NULL));
    dt_atomic_discard(new);
    dt_atomic_discard(NULL);
    CU_ASSERT_TRUE(scratch_holds_text(file_in_folder(), "new"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void write_in_turns(int rounds)
{
    char bytes[20000];
    for (int i = 0; i < rounds; i++) {
        size_t size = i % 2 ? sizeof bytes : sizeof bytes / 2;
        memset(bytes, i % 2 ? 'A' : 'B', size);
        if (dt_atomic_write(file_in_folder(), bytes, size, NULL) != DT_OK)
            _exit(1);
    }
    _exit(0);
}

static void a_reader_sees_whole_files_only(void)
{
    CU_ASSERT_EQUAL(dt_atomic_write(file_in_folder(), "", 0, NULL), DT_OK);
    pid_t writer = fork();
    CU_ASSERT_TRUE_FATAL(writer >= 0);
    if (writer == 0)
        write_in_turns(50);

    int torn = 0, status = 0;
    do {
        size_t size;
        char *bytes = scratch_read(file_in_folder(), &size);
        size_t expected = !bytes ? 1 : bytes[0] == 'A' ? 20000 : bytes[0] == 'B' ? 10000 : 0;
        torn += size != expected;
        free(bytes);
    } while (waitpid(writer, &status, WNOHANG) == 0);
    CU_ASSERT_EQUAL(torn, 0);
    CU_ASSERT_EQUAL(status, 0);
}

CU_SuiteInfo dt_suite_atomic_file(void)
{
    static CU_TestInfo tests[] = {
        {"what is written is read, at all sizes", what_is_written_is_read},
        {"interrupted and short writes go on", interrupted_and_short_writes_go_on},
        {"synced before and after the rename", synced_before_and_after_the_rename},
        {"permissions follow the umask", permissions_follow_the_umask},
        {"a full disk leaves the old file", full_disk_leaves_the_old_file},
        {"every failure leaves the old file", every_failure_leaves_the_old_file},
        {"interrupted syncs are repeated", interrupted_syncs_are_repeated},
        {"a wrong bit on the disk is seen", wrong_bit_on_the_disk_is_seen},
        {"a failed directory sync is an error", failed_directory_sync_is_an_error},
        {"lack of memory leaves the old file", no_memory_leaves_the_old_file},
        {"a directory is not replaced", a_directory_is_not_replaced},
        {"impossible paths cannot be created", impossible_paths_cannot_be_created},
        {"longest name, leftovers of a crash", longest_name_and_leftovers_are_no_obstacle},
        {"only a regular file is replaced", only_a_regular_file_is_replaced},
        {"it can be tried, and written bit by bit", it_can_be_tried_and_written_bit_by_bit},
        {"a reader sees whole files only", a_reader_sees_whole_files_only},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "atomic_file", .pSetUpFunc = set_up, .pTearDownFunc = tear_down, .pTests = tests};
}
