#include <errno.h>
#include <sys/wait.h>
#include <time.h>

#include "base/log.h"
#include "directory_fixture.h"

CU_SuiteInfo dt_suite_run_directory(void);

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

static void assert_no_run(const char *name, const char *path)
{
    char opened[DT_PATH_SIZE];
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_run_directory_open(name, opened, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_EQUAL(strncmp(error.message, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "no run: "));
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

static void assert_not_looked_into(const char *path, mode_t mode, const char *reason)
{
    dt_error error = {0};
    chmod(path, mode);
    CU_ASSERT_EQUAL(geteuid() == 0 ? seteuid(65534) : 0, 0);
    CU_ASSERT_EQUAL(dt_run_directory_check(path, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_EQUAL(seteuid(getuid()), 0);
    CU_ASSERT_EQUAL(strncmp(error.message, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    chmod(path, 0755);
}

static void why_a_directory_is_no_run_is_told(void)
{
    dt_error error = {0};
    CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
    assert_not_looked_into("a", 0, strerror(ENOENT));
    CU_ASSERT_EQUAL(mkdir("a", 0755), 0);
    assert_not_looked_into("a", 0755, "found a directory without files of a run");
    scratch_write("a/config.ini.bak", "");
    assert_not_looked_into("a", 0755, "found a directory without files of a run");
    scratch_write("a/lock", "");
    CU_ASSERT_EQUAL(dt_run_directory_check("a", &error), DT_OK);
    assert_not_looked_into("a", 0600, strerror(EACCES));
    assert_not_looked_into("a", 0100, strerror(EACCES));
    assert_not_looked_into("a/lock", 0644, "found a file");
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
    enum { SECONDS = 100 }; /* the machine may be busy */
    char first[DT_PATH_SIZE], now[64], soon[64];
    stamp_in(0, now);
    CU_ASSERT_EQUAL(create("auto", false, first, NULL), DT_OK);
    stamp_in(0, soon);
    CU_ASSERT_TRUE(strcmp(first, now) == 0 || strcmp(first, soon) == 0);
    CU_ASSERT_TRUE(is_folder(first));
    assert_latest(first);

    for (int seconds = 0; seconds < SECONDS; seconds++) {
        char name[64];
        stamp_in(seconds, name);
        CU_ASSERT_TRUE(mkdir(name, 0777) == 0 || errno == EEXIST);
    }
    char paths[3][DT_PATH_SIZE];
    for (int made = 0; made < 3; made++) {
        char end[16];
        int suffix = 2; /* the second may have ended meanwhile, and another begun */
        CU_ASSERT_EQUAL(create("auto", true, paths[made], NULL), DT_OK);
        for (int before = 0; before < made; before++)
            suffix += strncmp(paths[before], paths[made], strlen(first)) == 0;
        snprintf(end, sizeof end, "-%d", suffix);
        CU_ASSERT_STRING_EQUAL(paths[made] + strlen(first), end);
        CU_ASSERT_TRUE(is_folder(paths[made]));
        assert_latest(paths[made]);
    }
    int later = scratch_entries("runs") - (SECONDS + 3 + 1);
    CU_ASSERT(later == 0 || later == 1); /* the first may be of a second before */
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
        {"impossible directories are refused", impossible_directories_are_refused},
        {"other users' directories are refused", other_users_directories_are_refused},
        {"automatic names are new, latest follows", automatic_names_are_new_and_latest_follows},
        {"runs that start at once do not meet", runs_that_start_at_once_do_not_meet},
        {"a real runs/latest is left alone", a_real_latest_is_left_alone_with_a_warning},
        {"runs that is a file is refused", runs_that_is_a_file_is_refused},
        {"what is not there is not opened", what_is_not_there_is_not_opened_nor_made},
        {"why a directory is no run is told", why_a_directory_is_no_run_is_told},
        {"the latest run, by its own name", the_latest_run_is_opened_by_its_own_name},
        {"joined paths are whole or refused", joined_paths_are_whole_or_refused},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "run_directory",
                          .pSetUpFunc = set_up,
                          .pTearDownFunc = tear_down,
                          .pTests = tests};
}
