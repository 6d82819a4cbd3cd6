#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "hdf5_check.h"
#include "model/weights.h"
#include "scratch_folder.h"

#include <fcntl.h>
#include <math.h>

CU_SuiteInfo dt_suite_weights_read(void);

static const char *h5(void)
{
    return scratch_path(folder, "weights.h5");
}

enum { PARAMETERS = 47 };

static const dt_tensor mixed[] = {
    {"conv2d", "kernel", DT_TENSOR_WEIGHT, 4, {2, 3, 2, 2}, 0},
    {"conv2d", "bias", DT_TENSOR_BIAS, 1, {2}, 24},
    {"dense", "kernel", DT_TENSOR_WEIGHT, 2, {4, 3}, 26},
    {"dense", "bias", DT_TENSOR_BIAS, 1, {3}, 38},
    {"dense_1", "kernel", DT_TENSOR_WEIGHT, 2, {3, 2}, 41},
};

static const int64_t input_shape[] = {2, 6, 1};

static void fill(float parameters[PARAMETERS])
{
    const dt_random_key key = {.seed = 5, .stream = DT_STREAM_TEST};
    for (uint32_t i = 0; i < PARAMETERS; i++)
        parameters[i] = (float)dt_uniform(dt_random_at(&key, i).word[0]) - 0.5F;
}

/* The facts that must be there are the first 6. */
enum { NEEDED = 6, FACTS = 17 };

static void all_facts(dt_attribute out[FACTS])
{
    const dt_attribute list[FACTS] = {
        dt_attribute_integers("input_shape", 3, input_shape),
        dt_attribute_text("architecture", "12-3-2"),
        dt_attribute_real("input_scale", 1.0 / 255),
        dt_attribute_real("input_shift", -0.25),
        dt_attribute_integer("classes", 2),
        dt_attribute_text("loss", "mse"),
        dt_attribute_text("activation", "tanh"), /* of files without layers */
        dt_attribute_text("output_activation", "softmax"),
        dt_attribute_text("version", "9.8"),
        dt_attribute_text("data_source", "h\xc3\xb6lzern"),
        dt_attribute_text("config", "[data]\nclasses = 2\n"),
        dt_attribute_integer("epoch", 3),
        dt_attribute_integer("step", INT64_MAX),
        dt_attribute_integer("samples", 0),
        dt_attribute_real("val_accuracy", 0.5),
        dt_attribute_real("test_accuracy", 0.25),
        dt_attribute_text("layers", "dense 3 tanh, dense 2"),
    };
    memcpy(out, list, sizeof list);
}

static void write_mixed(const float *parameters, const dt_attribute *facts, size_t count)
{
    dt_weights weights = {mixed, sizeof mixed / sizeof *mixed, parameters, facts, count};
    CU_ASSERT_EQUAL_FATAL(dt_weights_write(h5(), &weights, NULL), DT_OK);
}

static bool tensors_are(const dt_weights_file *file, const float *parameters)
{
    bool same = file->tensor_count == sizeof mixed / sizeof *mixed &&
                file->parameter_count == PARAMETERS &&
                memcmp(file->parameters, parameters, PARAMETERS * sizeof(float)) == 0;
    for (size_t i = 0; same && i < file->tensor_count; i++) {
        const dt_tensor *found = &file->tensors[i];
        same = strcmp(found->layer, mixed[i].layer) == 0 && found->rank == mixed[i].rank &&
               strcmp(found->name, mixed[i].name) == 0 && found->offset == mixed[i].offset &&
               memcmp(found->shape, mixed[i].shape, sizeof found->shape) == 0;
    }
    return same;
}

static void what_was_written_comes_back(void)
{
    float parameters[PARAMETERS];
    fill(parameters);
    dt_attribute list[FACTS];
    all_facts(list);
    write_mixed(parameters, list, FACTS);

    dt_weights_file file;
    id_mark before = mark_ids();
    CU_ASSERT_EQUAL_FATAL(dt_weights_read(h5(), &file, NULL), DT_OK);
    CU_ASSERT_TRUE(file.own && tensors_are(&file, parameters));
    CU_ASSERT_EQUAL(file.parameter_hash, dt_hash(parameters, sizeof parameters));
    const dt_weights_facts *facts = &file.facts;
    CU_ASSERT_EQUAL(memcmp(facts->input_shape, input_shape, sizeof input_shape), 0);
    CU_ASSERT_TRUE(facts->input_scale == 1.0 / 255 && facts->input_shift == -0.25);
    CU_ASSERT_EQUAL(facts->classes, 2);
    CU_ASSERT_STRING_EQUAL(facts->architecture, "12-3-2");
    CU_ASSERT_STRING_EQUAL(facts->layers, "dense 3 tanh, dense 2");
    CU_ASSERT_STRING_EQUAL(facts->activation, "tanh");
    CU_ASSERT_STRING_EQUAL(facts->output_activation, "softmax");
    CU_ASSERT_STRING_EQUAL(facts->loss, "mse");
    CU_ASSERT_STRING_EQUAL(facts->version, "9.8");
    CU_ASSERT_STRING_EQUAL(facts->data_source, "h\xc3\xb6lzern");
    CU_ASSERT_STRING_EQUAL(facts->config, "[data]\nclasses = 2\n");
    CU_ASSERT_TRUE(facts->epoch == 3 && facts->step == INT64_MAX && facts->samples == 0);
    CU_ASSERT_TRUE(facts->val_accuracy == 0.5 && facts->test_accuracy == 0.25);
    dt_weights_destroy(&file);
    dt_weights_destroy(&file);
    dt_weights_destroy(NULL);
    assert_no_open_ids_since(before);
}

/* Reading must fail with DT_ERR_DATA, and a message that names the file and has `reason`. */
static void assert_refused(const char *reason)
{
    dt_weights_file file;
    dt_error error = {0};
    id_mark before = mark_ids();
    CU_ASSERT_EQUAL(dt_weights_read(h5(), &file, &error), DT_ERR_DATA);
    bool named = strstr(error.message, h5()) && strstr(error.message, reason);
    if (!named)
        printf("\n    expected ...%s...\n    found    %s\n", reason, error.message);
    CU_ASSERT_TRUE(named);
    dt_weights_destroy(&file);
    assert_no_open_ids_since(before);
}

static void each_fact_is_needed_or_has_a_meaning_when_missing(void)
{
    float parameters[PARAMETERS];
    fill(parameters);
    for (size_t missing = 0; missing < FACTS; missing++) {
        dt_attribute list[FACTS];
        all_facts(list);
        char reason[80];
        snprintf(reason, sizeof reason, "dist_train.%s of /: expected one, found none",
                 list[missing].name);
        list[missing] = list[FACTS - 1];
        write_mixed(parameters, list, FACTS - 1);
        dt_weights_file file;
        if (missing < NEEDED) {
            assert_refused(reason);
            continue;
        }
        CU_ASSERT_EQUAL_FATAL(dt_weights_read(h5(), &file, NULL), DT_OK);
        const dt_weights_facts *facts = &file.facts;
        CU_ASSERT_EQUAL(facts->version[0] == '\0', missing == 8);
        CU_ASSERT_EQUAL(facts->data_source[0] == '\0', missing == 9);
        CU_ASSERT_EQUAL(facts->config[0] == '\0', missing == 10);
        CU_ASSERT_EQUAL(facts->epoch == -1, missing == 11);
        CU_ASSERT_EQUAL(facts->step == -1, missing == 12);
        CU_ASSERT_EQUAL(facts->samples == -1, missing == 13);
        CU_ASSERT_EQUAL(isnan(facts->val_accuracy), missing == 14);
        CU_ASSERT_EQUAL(isnan(facts->test_accuracy), missing == 15);
        CU_ASSERT_EQUAL(facts->layers[0] == '\0', missing == 16);
        dt_weights_destroy(&file);
    }
}

static void write_root(hid_t file, const char *name, int count, const char *const *texts)
{
    hsize_t size = (hsize_t)count;
    char all[8][32] = {{0}};
    for (int i = 0; i < count; i++)
        snprintf(all[i], sizeof all[i], "%s", texts[i]);
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &size, NULL);
    H5Tset_size(type, sizeof all[0]);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE(attribute >= 0 && H5Awrite(attribute, type, all) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* A file as Keras makes it, below `root`; `kernel` and `bias` are the weights' names. */
static void write_keras(const char *root, const char *kernel, const char *bias)
{
    static const float values[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const char *layers[] = {"flatten", "my dense"}, *weights[] = {kernel, bias};
    hid_t file = open_earliest(h5(), H5F_ACC_TRUNC);
    hid_t top = root[0] ? H5Gcreate2(file, root, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT) : file;
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    write_root(top, "layer_names", 2, layers);
    for (int i = 0; i < 2; i++) {
        hid_t group = H5Gcreate2(top, layers[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        write_root(group, "weight_names", i * 2, weights);
        for (int j = 0; i == 1 && j < 2; j++) {
            hsize_t shape[] = {j == 0 ? 3 : 2, 2};
            hid_t space = H5Screate_simple(j == 0 ? 2 : 1, shape, NULL);
            hid_t set = H5Dcreate2(group, weights[j], H5T_IEEE_F32LE, space, links, H5P_DEFAULT,
                                   H5P_DEFAULT);
            if (set >= 0) {
                H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values + 6 * j);
                H5Dclose(set);
            }
            H5Sclose(space);
        }
        H5Gclose(group);
    }
    H5Pclose(links);
    if (top != file)
        H5Gclose(top);
    H5Fclose(file);
}

static void files_of_keras_are_read(void)
{
    static const char *const roots[] = {"", "/model_weights"};
    static const char *const kernels[] = {"dense/kernel:0", "sequential/dense/kernel", "kernel:0"};
    static const char *const biases[] = {"dense/bias:0", "sequential/dense/bias", "bias:0"};
    for (int i = 0; i < 6; i++) {
        write_keras(roots[i % 2], kernels[i / 2], biases[i / 2]);
        dt_weights_file file;
        dt_error error = {0};
        CU_ASSERT_EQUAL(dt_weights_read(h5(), &file, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(error.message, "");
        CU_ASSERT_EQUAL_FATAL(file.tensor_count, 2);
        CU_ASSERT_FALSE(file.own);
        CU_ASSERT_PTR_NULL(file.facts.config);
        for (int j = 0; j < 2; j++) {
            CU_ASSERT_STRING_EQUAL(file.tensors[j].layer, "my dense");
            CU_ASSERT_STRING_EQUAL(file.tensors[j].name, j == 0 ? "kernel" : "bias");
            CU_ASSERT_EQUAL(file.tensors[j].offset, j == 0 ? 0 : 6);
        }
        for (int j = 0; j < 8; j++)
            CU_ASSERT_EQUAL(file.parameters[j], (float)(j + 1));
        dt_weights_destroy(&file);
    }
    write_keras("", "dense/kernel:0", "dense/kernel:0");
    assert_refused("kernel:0: expected once in weight_names, found again");
    write_keras("", "dense/a name of sixteen", "dense/bias:0");
    assert_refused("expected names of 1 to 31 (layer) and 15 (tensor) bytes, found 8 and 17");
    write_keras("/elsewhere", "dense/kernel:0", "dense/bias:0");
    assert_refused("expected a weights file (attribute layer_names of / or /model_weights), found "
                   "another HDF5 file");
}

static void change_parameter(float value)
{
    hid_t file = open_earliest(h5(), H5F_ACC_RDWR);
    hid_t set = H5Dopen2(file, "/dense/dense/bias:0", H5P_DEFAULT);
    float values[3] = {1, 2, value};
    CU_ASSERT_TRUE(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Fclose(file);
}

static void damaged_files_are_refused(void)
{
    float parameters[PARAMETERS];
    fill(parameters);
    dt_attribute list[FACTS];
    all_facts(list);
    write_mixed(parameters, list, FACTS);
    change_parameter(3);
    assert_refused("expected parameters of the hash ");
    change_parameter(INFINITY);
    assert_refused("/dense/dense/bias:0: expected finite numbers, found inf at 2");
    change_parameter(NAN);
    assert_refused("/dense/dense/bias:0: expected finite numbers, found nan at 2");

    all_facts(list);
    list[2] = dt_attribute_real("input_scale", (double)NAN);
    write_mixed(parameters, list, FACTS);
    assert_refused("expected finite numbers, found nan and -0.25");
    all_facts(list);
    list[0] = dt_attribute_integers("input_shape", 2, input_shape);
    write_mixed(parameters, list, FACTS);
    assert_refused("input_shape of /: expected height, width and channels, found 2 numbers");
    list[0] = dt_attribute_text("input_shape", "2 6 1");
    write_mixed(parameters, list, FACTS);
    assert_refused("input_shape of /: expected a one-dimensional list");

    all_facts(list);
    write_mixed(parameters, list, FACTS);
    hid_t file = open_earliest(h5(), H5F_ACC_RDWR), space = H5Screate(H5S_SCALAR);
    H5Dclose(
        H5Dcreate2(file, "more", H5T_IEEE_F32LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
    H5Fclose(file);
    assert_refused("expected the 5 datasets that weight_names lists, found 6");
    CU_ASSERT_EQUAL(truncate(h5(), 1000), 0);
    assert_refused("as its head says, found the first 1000");
    CU_ASSERT_EQUAL(truncate(h5(), 0), 0);
    assert_refused("expected an HDF5 file, found an empty one");

    scratch_write(h5(), "no HDF5");
    assert_refused("expected an HDF5 file, found something else");
    dt_weights none = {NULL, 0, parameters, NULL, 0};
    CU_ASSERT_EQUAL(dt_weights_write(h5(), &none, NULL), DT_OK);
    assert_refused("expected layers that have weights, found none");
}

/* Whatever is cut off or turned over: an error or what was written, never a crash. */
static void damage_never_gives_other_parameters(void)
{
    float parameters[PARAMETERS];
    fill(parameters);
    dt_attribute list[FACTS];
    all_facts(list);
    write_mixed(parameters, list, FACTS);
    size_t size;
    char *bytes = scratch_read(h5(), &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
    dt_weights_file file;
    int wrong = 0, refused = 0;
    for (size_t length = 0; length < size; length += 1 + length / 5) {
        refused += dt_weights_decode(bytes, length, &file, NULL) == DT_ERR_DATA;
        wrong += file.parameters && !tensors_are(&file, parameters);
        dt_weights_destroy(&file);
    }
    CU_ASSERT_TRUE(refused > 20);
    for (size_t i = 0; i < size; i += 1 + size / 60) {
        bytes[i] ^= (char)(1 << i % 8);
        if (dt_weights_decode(bytes, size, &file, NULL) == DT_OK && file.own)
            wrong += memcmp(file.parameters, parameters, sizeof parameters) != 0;
        dt_weights_destroy(&file);
        bytes[i] ^= (char)(1 << i % 8);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    free(bytes);
}

static void every_failed_allocation_is_survived(void)
{
    float parameters[PARAMETERS];
    fill(parameters);
    dt_attribute list[FACTS];
    all_facts(list);
    write_mixed(parameters, list, FACTS);
    id_mark before = mark_ids();
    dt_status status;
    long n = 0;
    do {
        dt_weights_file file;
        dt_error error = {0};
        dt_memory_fail_at(++n);
        status = dt_weights_read(h5(), &file, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, error.status);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        dt_weights_destroy(&file);
        assert_no_open_ids_since(before);
    } while (status != DT_OK && n < 1000);
    CU_ASSERT_TRUE(status == DT_OK && n > 20);
}

static void files_are_read_whole_or_not_at_all(void)
{
    void *bytes;
    size_t size;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_read_file(h5(), 9, &bytes, &size, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "weights.h5: cannot open: No such file"));
    CU_ASSERT_EQUAL(dt_read_file(folder, 9, &bytes, &size, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected a regular file, found a directory"));
    CU_ASSERT_EQUAL(mkfifo(scratch_path(folder, "fifo"), 0600), 0);
    CU_ASSERT_EQUAL(dt_read_file(scratch_path(folder, "fifo"), 9, &bytes, &size, &error),
                    DT_ERR_NO_INPUT);
    scratch_write(h5(), "ten bytes!");
    CU_ASSERT_EQUAL(dt_read_file(h5(), 9, &bytes, &size, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected at most 9 bytes, found 10"));
    CU_ASSERT_PTR_NULL(bytes);
    CU_ASSERT_EQUAL_FATAL(dt_read_file(h5(), 10, &bytes, &size, NULL), DT_OK);
    CU_ASSERT_TRUE(size == 10 && strcmp(bytes, "ten bytes!") == 0);
    dt_free(bytes);

    /* A stream whose size nobody knows, longer than the first room. */
    FILE *file = fopen(h5(), "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    for (int i = 0; i < 200000; i++)
        fputc('a' + i % 26, file);
    fclose(file);
    char command[PATH_MAX];
    snprintf(command, sizeof command, "cat %s", h5());
    for (size_t most = 199999; most <= 200000; most++) {
        FILE *pipe = popen(command, "r");
        CU_ASSERT_PTR_NOT_NULL_FATAL(pipe);
        dt_status status = dt_read_stream(fileno(pipe), "pipe", most, &bytes, &size, &error);
        CU_ASSERT_EQUAL(status, most == 200000 ? DT_OK : DT_ERR_DATA);
        pclose(pipe);
    }
    CU_ASSERT_TRUE(size == 200000 && scratch_holds(h5(), bytes, size));
    dt_free(bytes);
}

CU_SuiteInfo dt_suite_weights_read(void)
{
    static CU_TestInfo tests[] = {
        {"what was written comes back", what_was_written_comes_back},
        {"each fact is needed or may be missing",
         each_fact_is_needed_or_has_a_meaning_when_missing},
        {"files of Keras are read", files_of_keras_are_read},
        {"damaged files are refused", damaged_files_are_refused},
        {"damage never gives other parameters", damage_never_gives_other_parameters},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        {"files are read whole or not at all", files_are_read_whole_or_not_at_all},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "weights_read",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
