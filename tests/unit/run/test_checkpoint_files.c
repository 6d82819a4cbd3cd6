#include <fcntl.h>

#include "base/memory.h"
#include "run/checkpoint.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_checkpoint_files(void);

static const char *checkpoint_name(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "checkpoints/%s", name);
    return scratch_path(folder, path);
}

static void assert_list(size_t count, const int64_t *expected)
{
    int64_t *steps;
    size_t found;
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_list(folder, &steps, &found, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(found, count);
    CU_ASSERT_TRUE(count == 0 || memcmp(steps, expected, count * sizeof *steps) == 0);
    dt_free(steps);
}

static void the_list_is_newest_first(void)
{
    static const char *const others[] = {
        "step-1.h5",
        "step-0000001.h5",
        "step-000000001.h5",
        "step--0000001.h5",
        "step- 0000001.h5",
        "step-00000001.h5x",
        "step-00000001.h",
        "step-00000001",
        "Step-00000001.h5",
        "step-.h5",
        "step-00000001.h5.0123456789abcdef.tmp",
        "step-99999999999999999999.h5",
        "best.h5",
    };
    assert_list(0, NULL);
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    assert_list(0, NULL);
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, NULL), DT_OK);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        scratch_write(checkpoint_name(others[i]), "");
    assert_list(0, NULL);
    int64_t expected[50];
    size_t count = 0;
    for (int64_t step = 0; count < 50; step = step * 2 + 3 + step / 7)
        expected[count++] = step;
    while (expected[count - 1] > 999999999999999999)
        count--;
    for (size_t i = 0; i < count; i++) {
        char path[DT_PATH_SIZE];
        size_t shuffled = i * 7 % count;
        CU_ASSERT_EQUAL(dt_checkpoint_path(folder, expected[shuffled], path, NULL), DT_OK);
        scratch_write(path, "");
    }
    for (size_t i = 0; i < count / 2; i++) {
        int64_t swap = expected[i];
        expected[i] = expected[count - 1 - i];
        expected[count - 1 - i] = swap;
    }
    assert_list(count, expected);
    for (size_t keep = count + 2; keep > 0; keep--) {
        CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, keep, NULL), DT_OK);
        assert_list(keep < count ? keep : count, expected);
    }
    int left = (int)(sizeof others / sizeof *others) + 1;
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "checkpoints")), left);
    scratch_remove(scratch_path(folder, "checkpoints"));

    dt_error error = {0};
    int64_t *steps;
    scratch_write(scratch_path(folder, "checkpoints"), "");
    CU_ASSERT_EQUAL(dt_checkpoint_list(folder, &steps, &count, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "checkpoints: cannot read directory"));
    CU_ASSERT_EQUAL(dt_checkpoint_directory(folder, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "a file is in the way"));
    unlink(scratch_path(folder, "checkpoints"));
}

static void set_age(const char *name, time_t seconds)
{
    struct timespec times[] = {{1000000 - seconds, 5}, {1000000 - seconds, 5}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, checkpoint_name(name), times, 0), 0);
}

static void only_stale_temporaries_go(void)
{
    static const struct {
        const char *name;
        time_t age;
        bool kept;
    } files[] = {
        {"step-00000007.h5", 100, true},
        {"step-00000005.h5", 300, false},
        {"step-00000003.h5", 50, false},
        {".step-00000007.h5.0123456789abcdef.tmp", 101, false},
        {".step-00000009.h5.0123456789abcdef.tmp", 200, false},
        {".step-00000008.h5.0123456789abcdef.tmp", 100, true},
        {".step-00000008.h5.fedcba9876543210.tmp", 1, true},
        {".step-00000008.h5.fedcba987654321.tmp", 200, true},
        {".step-00000008.h5.fedcba9876543210.tmp2", 200, true},
        {".step-00000008.h5.gedcba9876543210.tmp", 200, true},
        {".best.h5.0123456789abcdef.tmp", 200, true},
        {"notes.txt", 900, true},
    };
    int kept = 0;
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        scratch_write(checkpoint_name(files[i].name), "");
        set_age(files[i].name, files[i].age);
        kept += files[i].kept;
    }
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, NULL), DT_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        CU_ASSERT_EQUAL(access(checkpoint_name(files[i].name), F_OK) == 0, files[i].kept);
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "checkpoints")), kept);

    /* One that cannot be removed: the others go all the same. */
    CU_ASSERT_EQUAL(mkdir(checkpoint_name("step-00000006.h5"), 0700), 0);
    scratch_write(checkpoint_name("step-00000004.h5"), "");
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, &error), DT_ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "step-00000006.h5: cannot remove: "));
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "checkpoints")), kept + 1);
    scratch_remove(scratch_path(folder, "checkpoints"));
}

CU_SuiteInfo dt_suite_checkpoint_files(void)
{
    static CU_TestInfo tests[] = {{"the list is newest first", the_list_is_newest_first},
                                  {"only stale temporaries go", only_stale_temporaries_go},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "checkpoint_files",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
