#include <dirent.h>
#include <math.h>

#include "base/memory.h"
#include "run/tensorboard.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_tensorboard(void);

static const dt_metrics_row row = {
    .epoch = 1,
    .step = 300,
    .train_loss = 0.25,
    .train_accuracy = 0.5,
    .val_loss = (double)NAN,
    .val_accuracy = (double)NAN,
    .test_loss = 2,
    .test_accuracy = (double)NAN,
    .learning_rate = (double)NAN,
    .seconds = 1,
    .samples_per_second = (double)NAN,
    .compute_seconds = (double)NAN,
    .reduce_seconds = (double)NAN,
    .wait_seconds = (double)NAN,
    .data_seconds = 0,
    .gradient_norm = (double)INFINITY,
};

static const bool all[DT_SUBSETS] = {true, true, true};

static const char *events(void)
{
    return scratch_path(folder, "tensorboard");
}

/* The path of the n-th event file of a family, in the order of the names; NULL: there are fewer. */
static const char *event_file(const char *family, int n)
{
    static char path[PATH_MAX];
    struct dirent **list;
    char directory[PATH_MAX - 300];
    snprintf(directory, sizeof directory, "%s/%s", events(), family);
    int count = scandir(directory, &list, NULL, alphasort);
    path[0] = '\0';
    for (int i = 0; i < count; i++) {
        if (i == n + 2)
            snprintf(path, sizeof path, "%s/%.255s", directory, list[i]->d_name);
        free(list[i]);
    }
    if (count >= 0)
        free(list);
    return path[0] ? path : NULL;
}

/* source: RFC 3720, appendix B.4, bit by bit; the mask: tensorflow/core/lib/hash/crc32c.h */
static uint32_t masked_crc(const char *bytes, size_t length)
{
    uint32_t crc = ~0U;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

/* The length of the record at `bytes`, whose frame must be right. */
static size_t check_record(const char *bytes, size_t left)
{
    uint64_t length = 0;
    uint32_t crc;
    CU_ASSERT_TRUE_FATAL(left >= 16);
    memcpy(&length, bytes, 8);
    memcpy(&crc, bytes + 8, 4);
    CU_ASSERT_EQUAL(crc, masked_crc(bytes, 8));
    CU_ASSERT_TRUE_FATAL(length <= left - 16);
    memcpy(&crc, bytes + 12 + length, 4);
    CU_ASSERT_EQUAL(crc, masked_crc(bytes + 12, length));
    return (size_t)length;
}

/* Records of a file, all of them good. */
static int count_records(const char *path)
{
    size_t size, at = 0;
    int count = 0;
    char *bytes = scratch_read(path, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    for (; at < size; count++)
        at += check_record(bytes + at, size - at) + 16;
    free(bytes);
    return count;
}

static dt_tensorboard *open_all(void)
{
    dt_tensorboard *self = NULL;
    CU_ASSERT_EQUAL_FATAL(dt_tensorboard_open(events(), all, &self, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_tensorboard_publish(self, NULL), DT_OK);
    return self;
}

static void an_event_has_these_bytes(void)
{
    /* Event: wall_time (1) 1.5, step (2) 300, summary (5): value (1): tag (1), simple_value (2). */
    static const char start[] = "\x09\0\0\0\0\0\0\xf8\x3f\x10\xac\x02\x2a";
    static const char test_values[] = "\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x40";
    dt_tensorboard *self = open_all();
    CU_ASSERT_EQUAL(dt_tensorboard_row(self, &row, 1.5, NULL), DT_OK);
    const char *path = event_file("test", 0);
    CU_ASSERT_EQUAL(count_records(path), 3);
    size_t size;
    char *bytes = scratch_read(path, &size), *event = bytes;
    /* file_version (3) */
    CU_ASSERT_EQUAL(memcmp(event + 12 + 9,
                           "\x1a\x0d"
                           "brain.Event:2",
                           15),
                    0);
    event += check_record(event, size) + 16;
    /* session_log (7): status (1) START */
    CU_ASSERT_EQUAL(memcmp(event + 12 + 9, "\x3a\x02\x08\x01", 4), 0);
    event += check_record(event, size) + 16;
    CU_ASSERT_EQUAL(memcmp(event + 12, start, sizeof start - 1), 0);
    CU_ASSERT_EQUAL(memcmp(event + 12 + sizeof start - 1, test_values, sizeof test_values - 1), 0);
    free(bytes);
    CU_ASSERT_EQUAL(dt_tensorboard_close(self, NULL), DT_OK);
}

static void what_is_not_known_is_no_event(void)
{
    dt_tensorboard *self = open_all();
    CU_ASSERT_EQUAL(dt_tensorboard_row(self, &row, 1.5, NULL), DT_OK);
    CU_ASSERT_EQUAL(count_records(event_file("train", 0)), 3);
    CU_ASSERT_EQUAL(count_records(event_file("val", 0)), 2);
    CU_ASSERT_EQUAL(dt_tensorboard_close(self, NULL), DT_OK);
}

static void only_families_that_are_wanted_have_files(void)
{
    static const bool wanted[DT_SUBSETS] = {true, false, true};
    dt_tensorboard *self = NULL;
    dt_metrics_row full = row;
    full.val_loss = 1;
    CU_ASSERT_EQUAL(dt_tensorboard_open(events(), wanted, &self, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_tensorboard_publish(self, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_tensorboard_row(self, &full, 1, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_tensorboard_close(self, NULL), DT_OK);
    CU_ASSERT_EQUAL(scratch_entries(events()), 2);
    CU_ASSERT_EQUAL(dt_tensorboard_close(NULL, NULL), DT_OK);
}

/* Also when a start was killed before its files were seen, or before the old ones were removed. */
static void a_later_start_has_the_one_file(void)
{
    enum { ROWS = 2000 };
    char last[PATH_MAX] = "";
    for (int i = 0; i < 4; i++) {
        dt_tensorboard *self = NULL;
        CU_ASSERT_EQUAL_FATAL(dt_tensorboard_open(events(), all, &self, NULL), DT_OK);
        for (int j = 0; j < ROWS; j++)
            CU_ASSERT_EQUAL(dt_tensorboard_row(self, &row, 1, NULL), DT_OK);
        const char *path = event_file("test", 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(path);
        CU_ASSERT_TRUE(i == 0 || strcmp(path, last) == 0); /* it is still seen */
        CU_ASSERT_TRUE(i == 0 || count_records(path) == ROWS + 2);
        scratch_write(scratch_path(folder, "tensorboard/test/events.out.tfevents.7.a.1"), "old");
        CU_ASSERT_EQUAL(dt_tensorboard_publish(self, NULL), DT_OK);
        path = event_file("test", 0);
        CU_ASSERT_PTR_NOT_NULL_FATAL(path);
        CU_ASSERT_TRUE(strcmp(path, last) > 0);
        snprintf(last, sizeof last, "%s", path);
        CU_ASSERT_EQUAL(count_records(path), ROWS + 2);
        CU_ASSERT_PTR_NULL(event_file("test", 1));
        CU_ASSERT_EQUAL(dt_tensorboard_close(self, NULL), DT_OK);
        scratch_write(scratch_path(folder, "tensorboard/test/next.tmp"), "half");
    }
}

static void a_full_disk_keeps_whole_events_and_loses_none(void)
{
    enum { ROWS = 40 };
    dt_tensorboard *self = open_all();
    for (int limit = 150, i = 0; i < ROWS; i++, limit += 7) {
        dt_error error = {0};
        scratch_limit_files((rlim_t)limit);
        dt_status status = dt_tensorboard_row(self, &row, 1, &error);
        scratch_limit_files(RLIM_INFINITY);
        CU_ASSERT_EQUAL(status, DT_ERR_IO);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "tfevents"));
        CU_ASSERT_TRUE(count_records(event_file("train", 0)) < ROWS + 2);
    }
    CU_ASSERT_EQUAL(dt_tensorboard_row(self, &row, 1, NULL), DT_OK);
    CU_ASSERT_EQUAL(count_records(event_file("train", 0)), ROWS + 3);
    scratch_limit_files(150);
    CU_ASSERT_EQUAL(dt_tensorboard_row(self, &row, 1, NULL), DT_ERR_IO);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(dt_tensorboard_close(self, NULL), DT_OK);
    CU_ASSERT_EQUAL(count_records(event_file("train", 0)), ROWS + 4);
}

static void what_cannot_be_made_leaves_nothing(void)
{
    dt_tensorboard *self = NULL;
    dt_error error = {0};
    scratch_limit_files(20);
    CU_ASSERT_EQUAL(dt_tensorboard_open(events(), all, &self, &error), DT_ERR_IO);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_PTR_NULL(self);
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "tensorboard/train")), 0);
    for (long n = 1; n <= 7; n++) {
        dt_memory_fail_at(n);
        dt_status status = dt_tensorboard_open(events(), all, &self, NULL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, DT_ERR_INTERNAL);
        CU_ASSERT_PTR_NULL(self);
    }
    scratch_remove(events());
    scratch_write(events(), "precious");
    CU_ASSERT_EQUAL(dt_tensorboard_open(events(), all, &self, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, events()));
    CU_ASSERT_TRUE(scratch_holds_text(events(), "precious"));
}

CU_SuiteInfo dt_suite_tensorboard(void)
{
    static CU_TestInfo tests[] = {
        {"an event has these bytes", an_event_has_these_bytes},
        {"what is not known is no event", what_is_not_known_is_no_event},
        {"only families that are wanted have files", only_families_that_are_wanted_have_files},
        {"a later start has the one file", a_later_start_has_the_one_file},
        {"a full disk keeps whole events, loses none",
         a_full_disk_keeps_whole_events_and_loses_none},
        {"what cannot be made leaves nothing", what_cannot_be_made_leaves_nothing},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "tensorboard",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
