#include <errno.h>

#include "directory_fixture.h"

CU_SuiteInfo dt_suite_run_directory_clear(void);

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
                                        "checkpoints/step-100000000.h5",
                                        "tensorboard/train/events.out.tfevents.1.host.1",
                                        "tensorboard/test/events.out.tfevents.1.host.1"};
static const char *const user_files[] = {"notes.txt",
                                         "config.ini.bak",
                                         "my-weights.h5",
                                         "step-00000937.h5",
                                         "checkpoints/best.h5",
                                         "checkpoints/step-.h5",
                                         "checkpoints/step-1.h5",
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
    for (int started = 0; started < 2; started++) { /* of a run that goes on, none has ended */
        for (size_t i = 0; i < COUNT(run_files); i++)
            CU_ASSERT_EQUAL(exists(scratch_path("a", run_files[i])),
                            !started || strcmp(run_files[i], DT_FILE_SUMMARY) != 0);
        CU_ASSERT_EQUAL(dt_run_directory_start("a", NULL), DT_OK);
    }
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

/* Puts a link to `target` at a name of a run, beside another file of it: nothing is removed. */
static void assert_link_refused(const char *name, const char *target)
{
    char path[DT_PATH_SIZE];
    dt_error error;
    const char *other = strcmp(name, "log.txt") == 0 ? "a/best.h5" : "a/log.txt";
    scratch_write(other, "");
    CU_ASSERT_EQUAL(symlink(target, scratch_path("a", name)), 0);
    int count = scratch_entries("a");
    assert_refused("a", false, "a/",
                   "found a symbolic link; remove it, or choose another --output");
    assert_refused("a", true, "a/", name);
    CU_ASSERT_EQUAL(dt_run_directory_open("a", path, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, name));
    CU_ASSERT_EQUAL(dt_run_directory_tidy("a", &error), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(scratch_entries("a"), count);
    CU_ASSERT_EQUAL(remove(scratch_path("a", name)) + remove(other), 0);
}

static void a_link_in_place_of_a_file_of_a_run_is_refused(void)
{
    make_a();
    scratch_write("precious", "precious");
    CU_ASSERT_EQUAL(mkdir("b", 0777), 0);
    scratch_write("b/step-00000001.h5", "precious");
    for (size_t i = 0; i < COUNT(run_files); i++)
        if (!strchr(run_files[i], '/'))
            assert_link_refused(run_files[i], i % 2 ? "../precious" : "nowhere");
    assert_link_refused("stop", "nowhere");
    assert_link_refused("lock", "../precious");
    CU_ASSERT_EQUAL(rmdir("a/checkpoints"), 0);
    assert_link_refused("checkpoints", "../b");
    assert_link_refused("tensorboard", "../b");
    CU_ASSERT_EQUAL(mkdir("a/checkpoints", 0777), 0);
    assert_link_refused("checkpoints/step-00000001.h5", "../../precious");
    CU_ASSERT_EQUAL(mkdir("a/tensorboard", 0777), 0);
    assert_link_refused("tensorboard/train", "../../b");
    CU_ASSERT_TRUE(scratch_holds_text("precious", "precious"));
    CU_ASSERT_TRUE(scratch_holds_text("b/step-00000001.h5", "precious"));
}

static void another_kind_of_file_is_refused(void)
{
    make_a();
    CU_ASSERT_EQUAL(mkdir("a/log.txt", 0777), 0);
    assert_refused("a", true, "a/log.txt: ",
                   "expected a regular file of a run, or nothing, "
                   "found a directory");
    CU_ASSERT_TRUE(is_folder("a/log.txt"));
    CU_ASSERT_EQUAL(rmdir("a/log.txt"), 0);
    CU_ASSERT_EQUAL(mkfifo("a/stop", 0600), 0);
    assert_refused("a", true, "a/stop: ", "found a FIFO");
    CU_ASSERT_EQUAL(unlink("a/stop"), 0);
    scratch_write("a/tensorboard", "");
    assert_refused("a", true, "a/tensorboard: ",
                   "expected a directory of a run, or nothing, "
                   "found a regular file");
}

CU_SuiteInfo dt_suite_run_directory_clear(void)
{
    static CU_TestInfo tests[] = {
        {"a run is never overwritten unasked", a_run_is_never_overwritten_unasked},
        {"overwrite removes the run, nothing else", overwrite_removes_the_run_and_nothing_else},
        {"a link in place of a file of a run is refused",
         a_link_in_place_of_a_file_of_a_run_is_refused},
        {"another kind of file is refused", another_kind_of_file_is_refused},
        {"what a run left is tidied up", what_a_run_left_is_no_run_and_is_tidied_up},
        {"a refused clear changes nothing", a_refused_clear_changes_nothing},
        {"a stop file is seen until tidied up", a_stop_file_is_seen_until_tidied_up},
        {"making and opening remove nothing", making_removes_nothing},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "run_directory_clear",
                          .pSetUpFunc = set_up,
                          .pTearDownFunc = tear_down,
                          .pTests = tests};
}
