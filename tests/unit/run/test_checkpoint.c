#include <inttypes.h>

#include "base/memory.h"
#include "checkpoint_bytes.h"
#include "hdf5_check.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_checkpoint(void);

static void decode_after_encode_is_the_identity(void)
{
    id_mark before = mark_ids();
    for (uint32_t i = 0; i < 32; i++) {
        dt_random_sequence random = draw_begin(1000 + i);
        size_t count = (size_t)draw_int(&random, 1, i < 30 ? 40 : 30000);
        size_t history = i == 3 ? 1 << 20 : i % 4 == 0 ? 0 : (size_t)draw_int(&random, 0, 3000);
        drawn_checkpoint from = drawn(i, (int)i % DRAW_PARTS, count, history);
        dt_metrics_history *kept = &from.checkpoint.history;
        kept->earlier = i % 3 == 0 ? 0 : (int64_t)i << 40;
        kept->earlier_hash = kept->earlier > 0 ? ~(uint64_t)i : 0;
        assert_comes_back(&from.checkpoint);
        free_drawn(&from);
    }
    dt_checkpoint_destroy(NULL);
    assert_no_open_ids_since(before);
}

static void a_file_is_read_back(void)
{
    drawn_checkpoint from = drawn(1, DRAW_ALL, 1000, 5000);
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_checkpoint_path(folder, 937, path, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(path + strlen(folder), "/checkpoints/step-00000937.h5");
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_write(path, &from.checkpoint, NULL), DT_OK);
    dt_checkpoint back;
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_read(path, &back, NULL), DT_OK);
    assert_same_checkpoint(&from.checkpoint, &back);
    dt_checkpoint_destroy(&back);

    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    const dt_tensor tensor = {"", "", DT_TENSOR_WEIGHT, 1, {1000}, 0};
    assert_dataset(file, "/parameters", &tensor, from.checkpoint.parameters);
    assert_dataset(file, "/best/parameters", &tensor, from.checkpoint.best_parameters);
    char hash[DT_HASH_TEXT];
    assert_text(file, "parameter_hash", dt_hash_text(from.checkpoint.parameter_hash, hash));
    H5Fclose(file);
    scratch_remove(scratch_path(folder, "checkpoints"));
    free_drawn(&from);
}

static void assert_not_encoded(const dt_checkpoint *checkpoint, const char *reason)
{
    void *bytes = &bytes;
    size_t size = 1;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_checkpoint_encode(checkpoint, &bytes, &size, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_PTR_NULL(bytes);
    CU_ASSERT_EQUAL(size, 0);
}

static void what_could_not_be_read_is_not_written(void)
{
    drawn_checkpoint from = drawn(5, DRAW_ALL, 10, 100);
#define PATH(id, name) "/optimizer/" name,
    static const char *const names[] = {DT_STATE_LIST(PATH) "/parameters", "/best/parameters"};
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3 * (DT_STATE_ARRAYS + 2); i++) {
        float *value = &from.arrays[i / 3][i % 10];
        float kept = *value;
        *value = bad[i % 3];
        assert_not_encoded(&from.checkpoint, names[i / 3]);
        *value = kept;
    }
    from.checkpoint.parameter_hash ^= 1;
    assert_not_encoded(&from.checkpoint, "not the same parameters");
    from.checkpoint.parameter_hash ^= 1;
    from.history[50] = '\0';
    assert_not_encoded(&from.checkpoint, "/history: expected a text, found a 0 in it");
    from.history[50] = 'x';
    from.checkpoint.tracked.margins = NULL;
    assert_not_encoded(&from.checkpoint, "/tracked: expected plays, gradient_norms and margins");
    from.checkpoint.tracked.margins = from.tracked[2];
    float plays = from.tracked[0][0];
    from.tracked[0][0] = -1;
    assert_not_encoded(&from.checkpoint, "/tracked/plays: expected 0 or more, found -1 at 0");
    from.tracked[0][0] = plays;
    from.checkpoint.state.epochs_since_best = -5;
    assert_not_encoded(&from.checkpoint, "epochs_since of /best: expected 0 or more, found -5");
    from.checkpoint.state.epochs_since_best = 0;
    from.checkpoint.state.seconds = (double)NAN;
    assert_not_encoded(&from.checkpoint, "attribute seconds of /");
    from.checkpoint.state.seconds = 0;
    from.checkpoint.parameter_count = 0;
    assert_not_encoded(&from.checkpoint, "/parameters: expected 1 or more");
    from.checkpoint.parameter_count = 10;
    assert_comes_back(&from.checkpoint);
    free_drawn(&from);
}

static void files_that_are_none_are_refused(void)
{
    dt_checkpoint out;
    dt_error error = {0};
    const char *path = scratch_path(folder, "x.h5");
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "x.h5: cannot open: No such file"));
    CU_ASSERT_EQUAL(dt_checkpoint_read(folder, &out, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected a regular file, found a directory"));
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_NO_INPUT);
    unlink(path);
    scratch_write(path, "");
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "x.h5: expected a checkpoint of 24 to "));
    scratch_write(path, "some text that is longer than a trailer\n");
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "x.h5: expected a checkpoint, found a file that"));
    /* 32 GiB of nothing are seen to be no checkpoint before they are read. */
    CU_ASSERT_EQUAL(truncate(path, (off_t)1 << 35), 0);
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(truncate(path, ((off_t)1 << 36) + 1), 0);
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "found 68719476737"));
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, NULL), DT_ERR_DATA);
    unlink(path);
}

static void every_failed_allocation_is_survived(void)
{
    drawn_checkpoint from = drawn(2, DRAW_ALL, 10, 100);
    const char *path = scratch_path(folder, "x.h5");
    dt_status status;
    long n = 0;
    scratch_write(path, "old");
    id_mark before = mark_ids();
    do {
        dt_error error = {0};
        CU_ASSERT_TRUE(scratch_holds_text(path, "old"));
        dt_memory_fail_at(++n);
        status = dt_checkpoint_write(path, &from.checkpoint, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, error.status);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
    } while (status != DT_OK && n < 1000);
    CU_ASSERT_TRUE(status == DT_OK && n > 10);
    for (n = 1; n < 1000; n++) {
        dt_checkpoint back;
        dt_error error = {0};
        dt_memory_fail_at(n);
        status = dt_checkpoint_read(path, &back, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, error.status);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        dt_checkpoint_destroy(&back);
        if (status == DT_OK)
            break;
    }
    CU_ASSERT_TRUE(n > 10 && n < 1000);
    assert_no_open_ids_since(before);
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    unlink(path);
    free_drawn(&from);
}

CU_SuiteInfo dt_suite_checkpoint(void)
{
    static CU_TestInfo tests[] = {
        {"decode after encode is the identity", decode_after_encode_is_the_identity},
        {"a file is read back", a_file_is_read_back},
        {"what could not be read is not written", what_could_not_be_read_is_not_written},
        {"files that are none are refused", files_that_are_none_are_refused},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "checkpoint",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
