#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "scratch_folder.h"

CU_SuiteInfo dt_suite_file(void);

static const dt_open_mode all_modes[] = {DT_OPEN_READ, DT_OPEN_READ_OWN, DT_OPEN_APPEND,
                                         DT_OPEN_NEW};

static const char *in_folder(const char *name)
{
    return scratch_path(folder, name);
}

/* One of each kind, of that name; "file" and "link" lead to a regular file that holds "old". */
static void make_kinds(void)
{
    scratch_write(in_folder("file"), "old");
    CU_ASSERT_EQUAL(symlink("file", in_folder("link")), 0);
    CU_ASSERT_EQUAL(symlink("nothing", in_folder("dangling")), 0);
    CU_ASSERT_EQUAL(mkdir(in_folder("directory"), 0777), 0);
    CU_ASSERT_EQUAL(mkfifo(in_folder("FIFO"), 0600), 0);
    CU_ASSERT_EQUAL(symlink("FIFO", in_folder("link to a FIFO")), 0);
    CU_ASSERT_EQUAL(symlink("/dev/zero", in_folder("link to a device")), 0);
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    snprintf(place.sun_path, sizeof place.sun_path, "%s", in_folder("socket"));
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL(bind(listener, (struct sockaddr *)&place, sizeof place), 0);
    close(listener);
}

static void assert_refused(const char *path, dt_open_mode mode, const char *found)
{
    int file = 0;
    dt_error error = {0};
    dt_status expected =
        mode == DT_OPEN_READ || mode == DT_OPEN_READ_OWN ? DT_ERR_NO_INPUT : DT_ERR_CREATE;
    alarm(10);
    CU_ASSERT_EQUAL(dt_file_open(path, mode, &file, &error), expected);
    CU_ASSERT_NOT_EQUAL(errno, ENOENT);
    alarm(0);
    CU_ASSERT_EQUAL(file, -1);
    CU_ASSERT_EQUAL(strncmp(error.message, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, ": expected a regular file, found "));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, found));
}

static void nothing_but_a_regular_file_is_opened(void)
{
    static const struct {
        const char *name, *found;
    } others[] = {
        {"directory", "found a directory"}, {"FIFO", "found a FIFO"}, {"socket", "found a socket"}};
    make_kinds();
    for (size_t m = 0; m < sizeof all_modes / sizeof *all_modes; m++) {
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            assert_refused(in_folder(others[i].name), all_modes[m], others[i].found);
        assert_refused("/dev/zero", all_modes[m], "found a device");
    }
    assert_refused(in_folder("link to a FIFO"), DT_OPEN_READ, "found a FIFO");
    assert_refused(in_folder("link to a device"), DT_OPEN_READ, "found a device");
}

static void only_what_is_read_may_be_a_link(void)
{
    static const char *const links[] = {"link", "dangling", "link to a FIFO", "link to a device"};
    int file;
    make_kinds();
    int count = scratch_entries(folder);
    for (size_t m = 0; m < sizeof all_modes / sizeof *all_modes; m++)
        for (size_t i = 0; i < sizeof links / sizeof *links && all_modes[m] != DT_OPEN_READ; i++)
            assert_refused(in_folder(links[i]), all_modes[m], "found a symbolic link");
    CU_ASSERT_EQUAL(scratch_entries(folder), count);
    CU_ASSERT_EQUAL_FATAL(dt_file_open(in_folder("link"), DT_OPEN_READ, &file, NULL), DT_OK);
    close(file);
    CU_ASSERT_EQUAL(dt_file_open(in_folder("dangling"), DT_OPEN_READ, &file, NULL),
                    DT_ERR_NO_INPUT);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_TRUE(scratch_holds_text(in_folder("file"), "old"));
}

static void a_file_is_made_read_and_written_at_its_end(void)
{
    int file, again;
    char text[8] = "";
    size_t got;
    CU_ASSERT_EQUAL(dt_file_open(in_folder("a"), DT_OPEN_READ, &file, NULL), DT_ERR_NO_INPUT);
    CU_ASSERT_EQUAL(errno, ENOENT);
    CU_ASSERT_EQUAL_FATAL(dt_file_open(in_folder("a"), DT_OPEN_NEW, &file, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_file_open(in_folder("a"), DT_OPEN_NEW, &again, NULL), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(errno, EEXIST);
    CU_ASSERT_TRUE(dt_write_all(file, "abc", 3, &got) && got == 3);
    CU_ASSERT_EQUAL_FATAL(dt_file_open(in_folder("a"), DT_OPEN_APPEND, &again, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_append_all(again, "a", "de", 2, NULL), DT_OK);
    CU_ASSERT_TRUE(dt_close(again));
    CU_ASSERT_TRUE(dt_read_at(file, text, sizeof text, 1, &got));
    CU_ASSERT_TRUE(got == 4 && strcmp(text, "bcde") == 0);
    CU_ASSERT_TRUE(dt_read_at(file, text, 1, 5, &got) && got == 0);
    int64_t size;
    CU_ASSERT_TRUE(dt_file_size(file, "a", &size, NULL) == DT_OK && size == 5);
    CU_ASSERT_TRUE(dt_sync(file) && dt_close(file));
    CU_ASSERT_FALSE(dt_read_at(file, text, 1, 0, &got));
    CU_ASSERT_FALSE(dt_write_all(file, "x", 1, NULL) || dt_sync(file) || dt_close(file));
}

static void append_without_room(void)
{
    dt_error error = {0};
    int file;
    CU_ASSERT_EQUAL_FATAL(dt_file_open(in_folder("a"), DT_OPEN_APPEND, &file, NULL), DT_OK);
    scratch_limit_files(5);
    CU_ASSERT_EQUAL(dt_append_all(file, "a", "abc", 3, NULL), DT_OK);
    dt_status status = dt_append_all(file, "a", "defg", 4, &error);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(status, DT_ERR_IO);
    CU_ASSERT_STRING_EQUAL(error.message, "a: cannot append: File too large");
    CU_ASSERT_TRUE(scratch_holds_text(in_folder("a"), "abc"));
    close(file);
}

static void a_start_is_read_of_what_there_is(void)
{
    char text[4];
    make_kinds();
    CU_ASSERT_EQUAL(dt_read_start(in_folder("file"), text, sizeof text), 3);
    CU_ASSERT_STRING_EQUAL(text, "old");
    CU_ASSERT_EQUAL(dt_read_start(in_folder("file"), text, 3), 2);
    CU_ASSERT_STRING_EQUAL(text, "ol");
    CU_ASSERT_EQUAL(dt_read_start(in_folder("nothing"), text, sizeof text), 0);
    CU_ASSERT_EQUAL(dt_read_start(in_folder("FIFO"), text, sizeof text), 0);
    CU_ASSERT_STRING_EQUAL(text, "");
    CU_ASSERT_EQUAL(dt_read_start("/proc/self/stat", text, sizeof text), 3);
}

static void a_place_for_a_file_is_empty_or_a_file(void)
{
    static const char *const others[] = {"link", "dangling", "directory", "FIFO", "socket"};
    dt_error error;
    make_kinds();
    CU_ASSERT_EQUAL(dt_file_check_place(in_folder("file"), NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_file_check_place(in_folder("nothing"), NULL), DT_OK);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CU_ASSERT_EQUAL(dt_file_check_place(in_folder(others[i]), &error), DT_ERR_CREATE);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected a regular file, or none yet, "));
    }
    CU_ASSERT_EQUAL(dt_file_check_place("/dev/null", NULL), DT_ERR_CREATE);
}

static void directories_are_opened_and_listed(void)
{
    make_kinds();
    CU_ASSERT_EQUAL(symlink("directory", in_folder("link to it")), 0);
    int found = dt_directory_open(AT_FDCWD, folder, DT_LINKS_REFUSED);
    CU_ASSERT_TRUE_FATAL(found >= 0);
    CU_ASSERT_TRUE(dt_sync(found));
    const char *const others[] = {"FIFO", "file", "link", "link to it"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CU_ASSERT_EQUAL(dt_directory_open(found, others[i], DT_LINKS_REFUSED), -1);
        CU_ASSERT_EQUAL(errno, ENOTDIR);
        CU_ASSERT_PTR_NULL(dt_directory_list(found, others[i], DT_LINKS_REFUSED));
    }
    CU_ASSERT_EQUAL(dt_directory_open(found, "nothing", DT_LINKS_REFUSED), -1);
    CU_ASSERT_EQUAL(errno, ENOENT);
    DIR *list = dt_directory_list(found, "link to it", DT_LINKS_FOLLOWED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    CU_ASSERT_PTR_NULL(dt_directory_next(list));
    CU_ASSERT_EQUAL(errno, 0);
    closedir(list);
    list = dt_directory_list(found, ".", DT_LINKS_REFUSED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    int count = 0;
    while (dt_directory_next(list))
        count++;
    CU_ASSERT_EQUAL(count, scratch_entries(folder));
    closedir(list);
    close(found);
    CU_ASSERT_EQUAL(dt_terminal_open("/dev/null"), -1);
    CU_ASSERT_EQUAL(dt_terminal_open(in_folder("FIFO")), -1);
}

static CU_TestInfo tests[] = {
    {"nothing but a regular file is opened", nothing_but_a_regular_file_is_opened},
    {"only what is read may be a link", only_what_is_read_may_be_a_link},
    {"a file is made, read, and written at its end", a_file_is_made_read_and_written_at_its_end},
    {"what has no room is not appended", append_without_room},
    {"a start is read of what there is", a_start_is_read_of_what_there_is},
    {"a place for a file is empty or a file", a_place_for_a_file_is_empty_or_a_file},
    {"directories are opened and listed", directories_are_opened_and_listed},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_file(void)
{
    return (CU_SuiteInfo){.pName = "file",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
