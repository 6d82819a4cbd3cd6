/* Networks of ONNX that are damaged. What whole ones are read is shown by tests/runs. */
#define _GNU_SOURCE /* memmem */
#include "base/hash.h"
#include "base/random.h"
#include "model/onnx.h"
#include "model/weights_bundle.h"
#include "scratch_folder.h"
#include "trained_fixture.h"

CU_SuiteInfo dt_suite_onnx_import(void);

/* Of many kinds, for what damage may meet. */
static const char layers[] = "conv 2 2x2 pad 1 relu as a, conv 2 3x3 same, add a, groupnorm 2, "
                             "maxpool 2, layernorm, gelu, rms, dense 4 silu, dropout 0.5, dense 3";

static trained_fixture *make_network(void)
{
    trained_fixture *self =
        trained_begin_of(layers, (dt_shape){5, 4, 1}, "relu", true, DT_CROSS_ENTROPY);
    dt_weights_facts *facts = &self->file.facts;
    facts->input_shape[0] = 5, facts->input_shape[1] = 4, facts->input_shape[2] = 1;
    facts->input_scale = self->spec.normalization.scale;
    facts->input_shift = self->spec.normalization.shift;
    facts->classes = 3;
    self->file.parameter_hash =
        dt_hash(self->file.parameters, self->file.parameter_count * sizeof(float));
    return self;
}

static char *write_network(const trained_fixture *self, size_t *size)
{
    const char *path = scratch_path(folder, "whole.onnx");
    CU_ASSERT_EQUAL_FATAL(dt_onnx_write(path, &self->spec, &self->file, false, NULL), DT_OK);
    char *bytes = scratch_read(path, size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    return bytes;
}

static dt_status read_bytes(const char *bytes, size_t size, dt_weights_file *out, dt_error *error)
{
    dt_import_note note;
    const char *path = scratch_path(folder, "some.onnx");
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL_FATAL(fwrite(bytes, 1, size, file), size);
    CU_ASSERT_EQUAL_FATAL(fclose(file), 0);
    return dt_weights_import(path, NULL, out, &note, error);
}

static void a_network_comes_back(void)
{
    size_t size;
    dt_weights_file back;
    dt_error error = {0};
    trained_fixture *self = make_network();
    char *bytes = write_network(self, &size);
    CU_ASSERT_EQUAL(read_bytes(bytes, size, &back, &error), DT_OK);
    CU_ASSERT_STRING_EQUAL(error.message, "");
    CU_ASSERT_TRUE(back.own);
    CU_ASSERT_EQUAL(back.parameter_count, self->file.parameter_count);
    CU_ASSERT_EQUAL(back.parameter_hash, self->file.parameter_hash);
    dt_weights_destroy(&back);
    free(bytes);
    trained_end(self);
}

/* It is read, or refused with a message. */
static void assert_safe(const char *bytes, size_t size)
{
    dt_weights_file back;
    dt_error error = {0};
    dt_status status = read_bytes(bytes, size, &back, &error);
    CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_DATA);
    CU_ASSERT_EQUAL(status == DT_OK, error.message[0] == '\0');
    dt_weights_destroy(&back);
}

static void damage_is_one_line(void)
{
    size_t size;
    trained_fixture *self = make_network();
    char *bytes = write_network(self, &size);
    dt_random_sequence random = dt_random_sequence_of((dt_random_key){.seed = 7});
    for (size_t length = 0; length < size; length += 5)
        assert_safe(bytes, length);
    for (size_t i = 0; i < 2 * size; i++) {
        char kept[4];
        size_t at[4];
        int count = i < size ? 1 : 4;
        for (int j = 0; j < count; j++) {
            at[j] = i < size ? i : dt_random_next(&random) % size;
            kept[j] = bytes[at[j]];
            bytes[at[j]] = (char)dt_random_next(&random);
        }
        assert_safe(bytes, size);
        while (count-- > 0)
            bytes[at[count]] = kept[count];
    }
    free(bytes);
    trained_end(self);
}

/* The name of an operation in the graph, for another of as many letters. */
static void a_graph_that_is_not_that_of_its_facts_is_refused(void)
{
    size_t size;
    dt_weights_file back;
    dt_error error = {0};
    trained_fixture *self = make_network();
    char *bytes = write_network(self, &size);
    char *relu = memmem(bytes, size, "\"\x04Relu", 6);
    CU_ASSERT_PTR_NOT_NULL_FATAL(relu);
    memcpy(relu + 2, "Tanh", 4);
    CU_ASSERT_EQUAL(read_bytes(bytes, size, &back, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "the file was edited"));
    dt_weights_destroy(&back);
    free(bytes);
    trained_end(self);
}

static void memory_that_fails_is_no_damage_of_the_file(void)
{
    size_t size;
    trained_fixture *self = make_network();
    char *bytes = write_network(self, &size);
    dt_status status = DT_ERR_INTERNAL;
    for (long n = 1; status; n++) {
        dt_weights_file back;
        dt_error error = {0};
        dt_memory_fail_at(n);
        status = read_bytes(bytes, size, &back, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status == DT_OK, error.message[0] == '\0');
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        dt_weights_destroy(&back);
    }
    free(bytes);
    trained_end(self);
}

static CU_TestInfo tests[] = {
    {"a network comes back", a_network_comes_back},
    {"damage is one line", damage_is_one_line},
    {"a graph that is not that of its facts is refused",
     a_graph_that_is_not_that_of_its_facts_is_refused},
    {"memory that fails is no damage of the file", memory_that_fails_is_no_damage_of_the_file},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_onnx_import(void)
{
    return (CU_SuiteInfo){.pName = "networks of ONNX",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
