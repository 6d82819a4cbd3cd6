#include "base/log.h"

#include <errno.h>
#include <fcntl.h>

#include "scratch_folder.h"

CU_SuiteInfo dt_suite_log(void);

static int terminal[2];

/* The streams of the terminal go to /dev/null. */
static void set_up(void)
{
    make_folder();
    int null = open("/dev/null", O_WRONLY);
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        terminal[i] = dup(i + 1);
        dup2(null, i + 1);
    }
    close(null);
}

static void tear_down(void)
{
    fflush(NULL);
    for (int i = 0; i < 2; i++) {
        dup2(terminal[i], i + 1);
        close(terminal[i]);
    }
    dt_log_set_file(NULL);
    remove_folder();
}

static FILE *open_log(void)
{
    FILE *file = fopen(scratch_path(folder, "log"), "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    dt_log_set_file(file);
    return file;
}

static void assert_log(FILE *file, const char *text)
{
    dt_log_set_file(NULL);
    CU_ASSERT_EQUAL(fclose(file), 0);
    CU_ASSERT_TRUE(scratch_holds_text(scratch_path(folder, "log"), text));
}

static void early_lines_come_first_and_once(void)
{
    dt_say("before anything is kept");
    dt_log_keep();
    dt_info("early %d", 1);
    dt_warn("early %s", "two");
    dt_log_set_level(DT_LOG_WARN);
    dt_info("not wanted");
    dt_log_set_level(DT_LOG_INFO);
    FILE *file = open_log();
    dt_say("late");
    dt_note("for the file");
    dt_log_set_level(DT_LOG_SILENT);
    dt_note("of another rank");
    dt_log_set_level(DT_LOG_INFO);
    CU_ASSERT_EQUAL(dt_log_file_error(), 0);
    assert_log(file, "early 1\nwarning: early two\nlate\nfor the file\n");
    dt_say("between");
    assert_log(open_log(), "");
}

static void what_has_no_room_is_left_out(void)
{
    static char expected[DT_LOG_KEPT_MAX];
    for (int length = 99; length <= 128; length++) {
        size_t size = 0;
        dt_log_keep();
        for (int i = 0; i < 1000; i++) {
            dt_info("%0*d", length, i);
            if (i < (DT_LOG_KEPT_MAX - 1) / (length + 1))
                size +=
                    (size_t)snprintf(expected + size, sizeof expected - size, "%0*d\n", length, i);
        }
        dt_info("short");
        assert_log(open_log(), expected);
    }
}

static void a_file_that_takes_no_early_lines_is_told(void)
{
    dt_log_keep();
    dt_info("early");
    FILE *full = fopen("/dev/full", "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(full);
    dt_log_set_file(full);
    CU_ASSERT_EQUAL(dt_log_file_error(), ENOSPC);
    dt_log_set_file(NULL);
    fclose(full);
}

CU_SuiteInfo dt_suite_log(void)
{
    static CU_TestInfo tests[] = {
        {"early lines come first, and once", early_lines_come_first_and_once},
        {"what has no room is left out", what_has_no_room_is_left_out},
        {"a file that takes no early lines", a_file_that_takes_no_early_lines_is_told},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "log", .pSetUpFunc = set_up, .pTearDownFunc = tear_down, .pTests = tests};
}
