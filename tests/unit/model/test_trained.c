/* What holds for every file that is written of a trained network for other programs. That they can
 * read it, and compute the same, is shown by tests/runs/portable.bats and tests/web. */
#include <stdint.h>

#include "model/demo.h"
#include "model/onnx.h"
#include "scratch_folder.h"
#include "trained_fixture.h"

CU_SuiteInfo dt_suite_trained(void);

typedef dt_status write_function(const char *path, const dt_network_spec *network,
                                 const dt_weights_file *file, dt_error *error);

static dt_status write_onnx(const char *path, const dt_network_spec *network,
                            const dt_weights_file *file, dt_error *error)
{
    return dt_onnx_write(path, network, file, false, error);
}

static write_function *const writers[] = {write_onnx, dt_demo_write};

enum { WRITERS = sizeof writers / sizeof *writers };

static const char *out(void)
{
    return scratch_path(folder, "out");
}

/* malloc'd. */
static char *write_and_read(int writer, const trained_fixture *self, size_t *size)
{
    dt_error error = {0};
    CU_ASSERT_EQUAL_FATAL(writers[writer](out(), &self->spec, &self->file, &error), DT_OK);
    CU_ASSERT_STRING_EQUAL(error.message, "");
    char *bytes = scratch_read(out(), size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    return bytes;
}

static bool is_written_again(int writer, const trained_fixture *self, const char *bytes,
                             size_t size)
{
    CU_ASSERT_EQUAL(writers[writer](out(), &self->spec, &self->file, NULL), DT_OK);
    return scratch_holds(out(), bytes, size);
}

static void equal_networks_give_equal_bytes_and_others_do_not(void)
{
    for (int i = 0; dt_activation_names[i / WRITERS / 2]; i++) {
        int writer = i % WRITERS;
        size_t size;
        trained_fixture *self =
            trained_begin(dt_activation_names[i / WRITERS / 2], i / WRITERS % 2, DT_BCE);
        char *bytes = write_and_read(writer, self, &size);
        CU_ASSERT_TRUE(is_written_again(writer, self, bytes, size));
        float *last = &self->file.parameters[self->file.parameter_count - 1], kept = *last;
        *last = kept + 1e-3F;
        CU_ASSERT_FALSE(is_written_again(writer, self, bytes, size));
        *last = kept;
        self->spec.normalization.shift = 0;
        CU_ASSERT_FALSE(is_written_again(writer, self, bytes, size));
        self->spec.normalization.shift = -0.25;
        self->file.parameter_hash = 1;
        CU_ASSERT_FALSE(is_written_again(writer, self, bytes, size));
        self->file.parameter_hash = 0;
        self->file.facts.test_accuracy = 0.5;
        CU_ASSERT_FALSE(is_written_again(writer, self, bytes, size));
        self->file.facts.test_accuracy = (double)NAN;
        CU_ASSERT_TRUE(is_written_again(writer, self, bytes, size));
        free(bytes);
        trained_end(self);
    }
}

static void what_fails_leaves_the_old_file(void)
{
    for (int writer = 0; writer < WRITERS; writer++) {
        trained_fixture *self = trained_begin("gelu", true, DT_MSE);
        dt_status status;
        long n = 0;
        scratch_write(out(), "old");
        do {
            CU_ASSERT_TRUE(scratch_holds_text(out(), "old"));
            dt_error error = {0};
            dt_memory_fail_at(++n);
            status = writers[writer](out(), &self->spec, &self->file, &error);
            dt_memory_fail_at(0);
            CU_ASSERT_EQUAL(status, error.status);
            CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
            CU_ASSERT_EQUAL(scratch_entries(folder), 1);
        } while (status != DT_OK && n < 1000);
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT_TRUE(n > 3);
        CU_ASSERT_FALSE(scratch_holds_text(out(), "old"));
        CU_ASSERT_EQUAL(
            writers[writer](scratch_path(folder, "no/out"), &self->spec, &self->file, NULL),
            DT_ERR_CREATE);
        trained_end(self);
    }
}

static void assert_refused(int writer, const trained_fixture *self, const char *message)
{
    dt_error error = {0};
    scratch_write(out(), "old");
    CU_ASSERT_EQUAL(writers[writer](out(), &self->spec, &self->file, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, out()));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, message));
    CU_ASSERT_TRUE(scratch_holds_text(out(), "old"));
}

static void networks_that_a_file_cannot_hold_are_refused(void)
{
    trained_fixture *self = trained_begin("relu", true, DT_CROSS_ENTROPY);
    self->tensors[0].shape[0] = (int64_t)1 << 26;
    assert_refused(0, self, "expected a network that fits into a file of ONNX, 2147483647 bytes");
    self->tensors[0].shape[0] = 12;
    self->file.parameter_count = DT_DEMO_PARAMETERS_MAX + 1;
    assert_refused(1, self, "expected at most 33554432 parameters");
    trained_end(self);
    self = trained_begin("relu", true, DT_CROSS_ENTROPY);
    self->spec.architecture.input = (dt_shape){2, 2, 2};
    assert_refused(1, self, "expected a network of images with one channel or three, found 2");
    CU_ASSERT_EQUAL(write_onnx(out(), &self->spec, &self->file, NULL), DT_OK);
    trained_end(self);
}

static int count_of(const char *text, const char *what)
{
    int count = 0;
    for (; (text = strstr(text, what)); text++)
        count++;
    return count;
}

static void no_text_of_a_file_becomes_markup_of_the_page(void)
{
    size_t size;
    trained_fixture *self = trained_begin("relu", true, DT_CROSS_ENTROPY);
    char *plain = write_and_read(1, self, &size);
    CU_ASSERT_EQUAL(strlen(plain), size);
    CU_ASSERT_PTR_NULL(strstr(plain, "{{"));
    self->file.facts.version = (char *)"</script><script>alert(1)</script><!--{{weights}}\"\\";
    char *hostile = write_and_read(1, self, &size);
    CU_ASSERT_PTR_NOT_NULL(strstr(hostile, "\"\\u003c/script>\\u003cscript>alert(1)\\u003c/script>"
                                           "\\u003c!--{{weights}}\\\"\\\\\""));
    CU_ASSERT_EQUAL(count_of(hostile, "<script"), count_of(plain, "<script"));
    CU_ASSERT_EQUAL(count_of(hostile, "</script"), count_of(plain, "</script"));
    CU_ASSERT_EQUAL(count_of(hostile, "<!--"), 0);
    free(plain);
    free(hostile);
    trained_end(self);
}

static CU_TestInfo tests[] = {
    {"equal networks give equal bytes, and others do not",
     equal_networks_give_equal_bytes_and_others_do_not},
    {"what fails leaves the old file", what_fails_leaves_the_old_file},
    {"networks that a file cannot hold are refused", networks_that_a_file_cannot_hold_are_refused},
    {"no text of a file becomes markup of the page", no_text_of_a_file_becomes_markup_of_the_page},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_trained(void)
{
    return (CU_SuiteInfo){.pName = "trained network for other programs",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
