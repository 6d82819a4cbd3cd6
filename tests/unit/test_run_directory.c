#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "io/run_directory.h"
#include "scratch.h"

CU_SuiteInfo dt_suite_run_directory(void);

/* As a new run does it, without the lock. */
static dt_status create(const char *name, bool overwrite, char path[DT_PATH_SIZE], dt_error *error)
{
    dt_status status = dt_run_directory_make(name, path, error);
    return status ? status : dt_run_directory_clear(path, overwrite, error);
}

static char folder[SCRATCH_SIZE];
static int home;

/* Every test runs inside a fresh directory. */
static void set_up(void)
{
    scratch_create(folder);
    home = open(".", O_RDONLY | O_DIRECTORY);
    CU_ASSERT_TRUE_FATAL(home >= 0);
    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);
}

static void tear_down(void)
{
    CU_ASSERT_EQUAL_FATAL(fchdir(home), 0);
    close(home);
    scratch_remove(folder);
}

static int is_folder(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static int exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static void assert_refused(const char *name, bool overwrite, const char *path, const char *reason)
{
    char made[DT_PATH_SIZE];
    dt_error error = {0};
    CU_ASSERT_EQUAL(create(name, overwrite, made, &error), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(error.status, DT_ERR_CREATE);
    CU_ASSERT_EQUAL(strncmp(error.message, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
}

static void a_named_directory_is_made_with_its_parents(void)
{
    static const char *const names[][2] = {
        {"a", "a"}, {"b/c/d", "b/c/d"}, {"e//f///", "e//f"}, {"./g/", "./g"}, {".", "."}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (int again = 0; again < 2; again++) {
            char path[DT_PATH_SIZE];
            CU_ASSERT_EQUAL(create(names[i][0], false, path, NULL), DT_OK);
            CU_ASSERT_STRING_EQUAL(path, names[i][1]);
            CU_ASSERT_TRUE(is_folder(path));
        }
    char absolute[DT_PATH_SIZE], path[DT_PATH_SIZE];
    snprintf(absolute, sizeof absolute, "%s/x/y", folder);
    CU_ASSERT_EQUAL(create(absolute, false, path, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(path, absolute);
    CU_ASSERT_TRUE(is_folder("x/y"));
    CU_ASSERT_FALSE(exists("runs"));
}

/* All that a run writes, and things that look like it but are the user's. */
static const char *const run_files[] = {"config.ini",
                                        "log.txt",
                                        "metrics.csv",
                                        "summary.json",
                                        "weights.h5",
                                        "best.h5",
                                        "insight.h5",
                                        "report.html",
                                        "checkpoints/step-00000937.h5",
                                        "checkpoints/step-1.h5",
                                        "tensorboard/train/events.out.tfevents.1.host.1",
                                        "tensorboard/test/events.out.tfevents.1.host.1"};
static const char *const user_files[] = {"notes.txt",
                                         "config.ini.bak",
                                         "my-weights.h5",
                                         "step-00000937.h5",
                                         "checkpoints/best.h5",
                                         "checkpoints/step-.h5",
                                         "checkpoints/step-12.h5.old",
                                         "checkpoints/step-1a.h5",
                                         "checkpoints/config.ini",
                                         "tensorboard/train/notes.txt",
                                         "tensorboard/mine/events.out.tfevents.1"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static void fill(const char *const *names, size_t count)
{
    static const char *const folders[] = {"a/tensorboard", "a/tensorboard/train",
                                          "a/tensorboard/test", "a/tensorboard/mine"};
    for (size_t i = 0; i < COUNT(folders); i++)
        CU_ASSERT_TRUE(mkdir(folders[i], 0777) == 0 || errno == EEXIST);
    for (size_t i = 0; i < count; i++)
        scratch_write(scratch_path("a", names[i]), names[i]);
}

static void make_a(void)
{
    CU_ASSERT_EQUAL(mkdir("a", 0777), 0);
    CU_ASSERT_EQUAL(mkdir("a/checkpoints", 0777), 0);
}

static void a_run_is_never_overwritten_unasked(void)
{
    make_a();
    fill(user_files, COUNT(user_files));
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(create("a", false, path, NULL), DT_OK);
    for (size_t i = 0; i < COUNT(run_files); i++) {
        char reason[256];
        snprintf(reason, sizeof reason, "already holds a run (%s); choose another --output",
                 run_files[i]);
        fill(&run_files[i], 1);
        assert_refused("a", false, "a: ", reason);
        assert_refused("a/", false, "a: ", "--overwrite");
        CU_ASSERT_TRUE(scratch_holds_text(scratch_path("a", run_files[i]), run_files[i]));
        CU_ASSERT_EQUAL(unlink(scratch_path("a", run_files[i])), 0);
    }
    CU_ASSERT_EQUAL(create("a", false, path, NULL), DT_OK);
}

static void overwrite_removes_the_run_and_nothing_else(void)
{
    make_a();
    fill(run_files, COUNT(run_files));
    fill(user_files, COUNT(user_files));
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(create("a", true, path, NULL), DT_OK);
    for (size_t i = 0; i < COUNT(run_files); i++)
        CU_ASSERT_FALSE(exists(scratch_path("a", run_files[i])));
    CU_ASSERT_FALSE(exists("a/tensorboard/test"));
    for (size_t i = 0; i < COUNT(user_files); i++)
        CU_ASSERT_TRUE(scratch_holds_text(scratch_path("a", user_files[i]), user_files[i]));
    CU_ASSERT_EQUAL(create("a", true, path, NULL), DT_OK);
}

/* What a killed run leaves behind, and things that only look like it. */
static const char *const leftovers[] = {"stop", ".weights.h5.0123456789abcdef.tmp",
                                        ".summary.json.ffffffffffffffff.tmp",
                                        "checkpoints/.step-00000937.h5.0123456789abcdef.tmp"};
static const char *const not_leftovers[] = {"lock",
                                            ".lock.0123456789abcdef.tmp",
                                            "stop.txt",
                                            ".notes.txt.0123456789abcdef.tmp",
                                            ".weights.h5.0123456789abcde.tmp",
                                            ".weights.h5.0123456789abcdeg.tmp",
                                            ".weights.h5.0123456789abcdef.tmp~",
                                            "weights.h5.0123456789abcdef.tmp",
                                            "..0123456789abcdef.tmp",
                                            "checkpoints/stop",
                                            "checkpoints/.step-x.h5.0123456789abcdef.tmp",
                                            "checkpoints/.step-1.h50123456789abcdef.tmp"};

static void what_a_run_left_is_no_run_and_is_tidied_up(void)
{
    for (int round = 0; round < 3; round++) {
        if (round == 0)
            make_a();
        fill(leftovers, COUNT(leftovers));
        fill(not_leftovers, COUNT(not_leftovers));
        fill(user_files, COUNT(user_files));
        if (round == 2)
            fill(run_files, COUNT(run_files));
        dt_status status = round < 2 ? dt_run_directory_clear("a", round == 1, NULL)
                                     : dt_run_directory_tidy("a", NULL);
        CU_ASSERT_EQUAL(status, DT_OK);
        for (size_t i = 0; i < COUNT(leftovers); i++)
            CU_ASSERT_FALSE(exists(scratch_path("a", leftovers[i])));
        for (size_t i = 0; i < COUNT(not_leftovers); i++)
            CU_ASSERT_TRUE(exists(scratch_path("a", not_leftovers[i])));
        for (size_t i = 0; i < COUNT(user_files); i++)
            CU_ASSERT_TRUE(exists(scratch_path("a", user_files[i])));
    }
    for (size_t i = 0; i < COUNT(run_files); i++)
        CU_ASSERT_TRUE(exists(scratch_path("a", run_files[i])));
}

static void a_refused_clear_changes_nothing(void)
{
    make_a();
    fill(leftovers, COUNT(leftovers));
    fill(&run_files[2], 1);
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_directory_clear("a", false, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "(metrics.csv)"));
    for (size_t i = 0; i < COUNT(leftovers); i++)
        CU_ASSERT_TRUE(exists(scratch_path("a", leftovers[i])));
    CU_ASSERT_EQUAL(dt_run_directory_clear("b", true, &error), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(dt_run_directory_tidy("b", &error), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(strncmp(error.message, "b: ", 3), 0);
}

static void a_stop_file_is_seen_until_tidied_up(void)
{
    make_a();
    CU_ASSERT_FALSE(dt_run_directory_stop_requested("a"));
    CU_ASSERT_FALSE(dt_run_directory_stop_requested("b"));
    scratch_write("a/stop", "");
    CU_ASSERT_TRUE(dt_run_directory_stop_requested("a"));
    CU_ASSERT_EQUAL(dt_run_directory_tidy("a", NULL), DT_OK);
    CU_ASSERT_FALSE(dt_run_directory_stop_requested("a"));
    CU_ASSERT_EQUAL(dt_run_directory_tidy("a", NULL), DT_OK);

    CU_ASSERT_EQUAL(mkdir("a/stop", 0777), 0);
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_directory_tidy("a", &error), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(strncmp(error.message, "a/stop: ", 8), 0);
}

static void making_removes_nothing(void)
{
    make_a();
    fill(run_files, COUNT(run_files));
    fill(leftovers, COUNT(leftovers));
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(dt_run_directory_make("a/", path, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(path, "a");
    CU_ASSERT_EQUAL(dt_run_directory_open("a//", path, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(path, "a");
    for (size_t i = 0; i < COUNT(run_files); i++)
        CU_ASSERT_TRUE(scratch_holds_text(scratch_path("a", run_files[i]), run_files[i]));
    for (size_t i = 0; i < COUNT(leftovers); i++)
        CU_ASSERT_TRUE(exists(scratch_path("a", leftovers[i])));
}

static void assert_no_run(const char *name, const char *path)
{
    char opened[DT_PATH_SIZE];
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_directory_open(name, opened, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_EQUAL(strncmp(error.message, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "no run to go on with"));
}

static void what_is_not_there_is_not_opened_nor_made(void)
{
    assert_no_run("a", "a: ");
    assert_no_run("auto", "runs/latest: ");
    scratch_write("file", "precious");
    assert_no_run("file", "file: ");
    CU_ASSERT_EQUAL(scratch_entries("."), 1);
    CU_ASSERT_EQUAL(mkdir("runs", 0777), 0);
    CU_ASSERT_EQUAL(symlink("gone", "runs/latest"), 0);
    assert_no_run("auto", "runs/gone: ");
}

static void the_latest_run_is_opened_by_its_own_name(void)
{
    char first[DT_PATH_SIZE], second[DT_PATH_SIZE], opened[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(dt_run_directory_make("auto", first, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_run_directory_open("auto", opened, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(opened, first);
    CU_ASSERT_EQUAL(dt_run_directory_make("auto", second, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_run_directory_open("auto", opened, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(opened, second);

    CU_ASSERT_EQUAL(unlink("runs/latest"), 0);
    CU_ASSERT_EQUAL(symlink(folder, "runs/latest"), 0);
    CU_ASSERT_EQUAL(dt_run_directory_open("auto", opened, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(opened, folder);
    CU_ASSERT_EQUAL(unlink("runs/latest"), 0);
    CU_ASSERT_EQUAL(mkdir("runs/latest", 0777), 0);
    CU_ASSERT_EQUAL(dt_run_directory_open("auto", opened, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(opened, "runs/latest");
}

static void overwrite_does_not_follow_links(void)
{
    make_a();
    scratch_write("precious", "precious");
    CU_ASSERT_EQUAL(symlink("../precious", "a/weights.h5"), 0);
    CU_ASSERT_EQUAL(symlink("nowhere", "a/log.txt"), 0);
    assert_refused("a", false, "a: ", "(log.txt)");
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(create("a", true, path, NULL), DT_OK);
    CU_ASSERT_TRUE(scratch_holds_text("precious", "precious"));
    CU_ASSERT_EQUAL(scratch_entries("a"), 1);
}

static void what_cannot_be_removed_is_an_error(void)
{
    make_a();
    CU_ASSERT_EQUAL(mkdir("a/log.txt", 0777), 0);
    assert_refused("a", true, "a/log.txt: ", strerror(EISDIR));
    CU_ASSERT_TRUE(is_folder("a/log.txt"));
}

static void impossible_directories_are_refused(void)
{
    scratch_write("file", "precious");
    assert_refused("file", false, "file: ", "a file is in the way");
    assert_refused("file", true, "file: ", "a file is in the way");
    assert_refused("file/a", true, "file: ", "a file is in the way");
    assert_refused("/dev/null/a", false, "/dev/null: ", "a file is in the way");
    assert_refused("", false, "output: ", "found ''");
    CU_ASSERT_EQUAL(symlink("nowhere", "link"), 0);
    assert_refused("link", false, "link: ", "");
    CU_ASSERT_TRUE(scratch_holds_text("file", "precious"));

    char name[DT_PATH_SIZE + 10];
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_refused(name, false, "aaaa", "path too long");
    name[NAME_MAX + 1] = '\0';
    assert_refused(name, false, "aaaa", strerror(ENAMETOOLONG));
}

static void other_users_directories_are_refused(void)
{
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        char path[DT_PATH_SIZE];
        dt_error error = {0};
        if (geteuid() == 0 ? seteuid(65534) : chmod(folder, 0555))
            _exit(100);
        int wrong = create(".", false, path, &error) != DT_ERR_CREATE;
        wrong += strstr(error.message, strerror(EACCES)) == NULL;
        wrong += create("a", false, path, &error) != DT_ERR_CREATE;
        wrong += strstr(error.message, strerror(EACCES)) == NULL;
        wrong += dt_run_directory_open(".", path, &error) != DT_ERR_CREATE;
        wrong += strstr(error.message, strerror(EACCES)) == NULL;
        _exit(wrong);
    }
    int status;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    CU_ASSERT_EQUAL(scratch_entries("."), 0);
}

static void assert_latest(const char *path)
{
    char target[DT_PATH_SIZE] = "";
    CU_ASSERT_TRUE(readlink("runs/latest", target, sizeof target - 1) > 0);
    CU_ASSERT_STRING_EQUAL(target, path + strlen("runs/"));
}

/* "runs/YYYYmmdd-HHMMSS" of the time `seconds` from now. */
static void stamp_in(int seconds, char text[64])
{
    time_t then = time(NULL) + seconds;
    struct tm local;
    localtime_r(&then, &local);
    strftime(text, 64, "runs/%Y%m%d-%H%M%S", &local);
}

static void automatic_names_are_new_and_latest_follows(void)
{
    char first[DT_PATH_SIZE], now[64], soon[64];
    stamp_in(0, now);
    CU_ASSERT_EQUAL(create("auto", false, first, NULL), DT_OK);
    stamp_in(0, soon);
    CU_ASSERT_TRUE(strcmp(first, now) == 0 || strcmp(first, soon) == 0);
    CU_ASSERT_TRUE(is_folder(first));
    assert_latest(first);

    for (int seconds = 0; seconds < 5; seconds++) {
        char name[64];
        stamp_in(seconds, name);
        CU_ASSERT_TRUE(mkdir(name, 0777) == 0 || errno == EEXIST);
    }
    for (int suffix = 2; suffix < 5; suffix++) {
        char path[DT_PATH_SIZE], end[16];
        CU_ASSERT_EQUAL(create("auto", true, path, NULL), DT_OK);
        snprintf(end, sizeof end, "-%d", suffix);
        CU_ASSERT_STRING_EQUAL(path + strlen(first), end);
        CU_ASSERT_TRUE(is_folder(path));
        assert_latest(path);
    }
    CU_ASSERT_EQUAL(scratch_entries("runs"), 5 + 3 + 1);
}

static void runs_that_start_at_once_do_not_meet(void)
{
    enum { RUNS = 8 };
    pid_t children[RUNS];
    for (int i = 0; i < RUNS; i++) {
        children[i] = fork();
        CU_ASSERT_TRUE_FATAL(children[i] >= 0);
        if (children[i] == 0) {
            char path[DT_PATH_SIZE];
            _exit(create("auto", false, path, NULL) != DT_OK);
        }
    }
    for (int i = 0; i < RUNS; i++) {
        int status;
        CU_ASSERT_EQUAL(waitpid(children[i], &status, 0), children[i]);
        CU_ASSERT_EQUAL(status, 0);
    }
    CU_ASSERT_EQUAL(scratch_entries("runs"), RUNS + 1);
    CU_ASSERT_TRUE(scratch_entries("runs/latest") == 0);
}

static void a_real_latest_is_left_alone_with_a_warning(void)
{
    CU_ASSERT_EQUAL(mkdir("runs", 0777), 0);
    CU_ASSERT_EQUAL(mkdir("runs/latest", 0777), 0);
    char path[DT_PATH_SIZE];
    FILE *log = fopen("log", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    fflush(stderr);
    int terminal = dup(2);
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    dt_log_set_file(log);
    dt_status status = create("auto", false, path, NULL);
    dt_log_set_file(NULL);
    dup2(terminal, 2);
    close(terminal);
    close(null);
    fclose(log);

    CU_ASSERT_EQUAL(status, DT_OK);
    CU_ASSERT_TRUE(is_folder(path));
    CU_ASSERT_TRUE(is_folder("runs/latest"));
    CU_ASSERT_EQUAL(scratch_entries("runs"), 2);
    size_t size;
    char *text = scratch_read("log", &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    CU_ASSERT_EQUAL(strncmp(text, "warning: runs/latest: ", 22), 0);
    free(text);
}

static void runs_that_is_a_file_is_refused(void)
{
    scratch_write("runs", "precious");
    assert_refused("auto", true, "runs: ", "a file is in the way");
    CU_ASSERT_TRUE(scratch_holds_text("runs", "precious"));
}

static void joined_paths_are_whole_or_refused(void)
{
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(dt_path_join("runs/a", DT_FILE_WEIGHTS, path, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(path, "runs/a/weights.h5");

    char directory[DT_PATH_SIZE];
    memset(directory, 'd', sizeof directory);
    directory[DT_PATH_SIZE - 4] = '\0';
    CU_ASSERT_EQUAL(dt_path_join(directory, "ab", path, NULL), DT_OK);
    CU_ASSERT_EQUAL(strlen(path), DT_PATH_SIZE - 1);
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_path_join(directory, "abc", path, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "path too long"));
}

CU_SuiteInfo dt_suite_run_directory(void)
{
    static CU_TestInfo tests[] = {
        {"a named directory, with its parents", a_named_directory_is_made_with_its_parents},
        {"a run is never overwritten unasked", a_run_is_never_overwritten_unasked},
        {"overwrite removes the run, nothing else", overwrite_removes_the_run_and_nothing_else},
        {"overwrite does not follow links", overwrite_does_not_follow_links},
        {"what cannot be removed is an error", what_cannot_be_removed_is_an_error},
        {"impossible directories are refused", impossible_directories_are_refused},
        {"other users' directories are refused", other_users_directories_are_refused},
        {"automatic names are new, latest follows", automatic_names_are_new_and_latest_follows},
        {"runs that start at once do not meet", runs_that_start_at_once_do_not_meet},
        {"a real runs/latest is left alone", a_real_latest_is_left_alone_with_a_warning},
        {"runs that is a file is refused", runs_that_is_a_file_is_refused},
        {"what a run left is tidied up", what_a_run_left_is_no_run_and_is_tidied_up},
        {"a refused clear changes nothing", a_refused_clear_changes_nothing},
        {"a stop file is seen until tidied up", a_stop_file_is_seen_until_tidied_up},
        {"making and opening remove nothing", making_removes_nothing},
        {"what is not there is not opened", what_is_not_there_is_not_opened_nor_made},
        {"the latest run, by its own name", the_latest_run_is_opened_by_its_own_name},
        {"joined paths are whole or refused", joined_paths_are_whole_or_refused},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "run_directory",
                          .pSetUpFunc = set_up,
                          .pTearDownFunc = tear_down,
                          .pTests = tests};
}
