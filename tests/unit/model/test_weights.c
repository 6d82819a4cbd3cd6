#include "base/hash.h"
#include "base/memory.h"
#include "base/random.h"
#include "hdf5_check.h"
#include "model/weights.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_weights(void);

static const char *h5(void)
{
    return scratch_path(folder, "weights.h5");
}

/* Numbers that are all different and use every bit of a float's mantissa. */
static float *numbers(size_t count)
{
    const dt_random_key key = {.seed = 3, .stream = DT_STREAM_TEST};
    float *values = calloc(count + 1, sizeof *values);
    CU_ASSERT_PTR_NOT_NULL_FATAL(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)dt_uniform(dt_random_at(&key, (uint32_t)i).word[0]) + (float)i;
    return values;
}

/* A convolution, a dense layer with bias, one without: 24 + 2 + 12 + 3 + 6 = 47 parameters. */
static const dt_tensor mixed[] = {
    {"conv2d", "kernel", DT_TENSOR_WEIGHT, 4, {2, 3, 2, 2}, 0},
    {"conv2d", "bias", DT_TENSOR_BIAS, 1, {2}, 24},
    {"dense", "kernel", DT_TENSOR_WEIGHT, 2, {4, 3}, 26},
    {"dense", "bias", DT_TENSOR_BIAS, 1, {3}, 38},
    {"dense_1", "kernel", DT_TENSOR_WEIGHT, 2, {3, 2}, 41},
};
#define MIXED_PARAMETERS 47

static const int64_t input_shape[] = {28, 28, 1};
static const char *const class_names[] = {"null", "eins", "zw\xc3\xb6lf"};

static dt_weights mixed_weights(const float *parameters, const dt_attribute *attributes,
                                size_t attribute_count)
{
    return (dt_weights){mixed, sizeof mixed / sizeof *mixed, parameters, attributes,
                        attribute_count};
}

static hid_t open_file(void)
{
    hid_t file = H5Fopen(h5(), H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    return file;
}

static void layers_and_tensors_are_where_keras_looks(void)
{
    float *parameters = numbers(MIXED_PARAMETERS);
    dt_weights weights = mixed_weights(parameters, NULL, 0);
    CU_ASSERT_EQUAL(dt_weights_write(h5(), &weights, NULL), DT_OK);

    hid_t file = open_file();
    static const char *const layers[] = {"conv2d", "dense", "dense_1"};
    static const char *const names[] = {"conv2d/kernel:0", "conv2d/bias:0", "dense/kernel:0",
                                        "dense/bias:0", "dense_1/kernel:0"};
    static const char *const paths[] = {"/conv2d/conv2d/kernel:0", "/conv2d/conv2d/bias:0",
                                        "/dense/dense/kernel:0", "/dense/dense/bias:0",
                                        "/dense_1/dense_1/kernel:0"};
    assert_texts(file, "/", "layer_names", 3, layers);
    assert_text(file, "backend", "tensorflow");
    assert_text(file, "keras_version", "2.12.0");
    assert_texts(file, "/conv2d", "weight_names", 2, names);
    assert_texts(file, "/dense", "weight_names", 2, names + 2);
    assert_texts(file, "/dense_1", "weight_names", 1, names + 4);
    for (size_t i = 0; i < sizeof mixed / sizeof *mixed; i++)
        assert_dataset(file, paths[i], &mixed[i], parameters);

    CU_ASSERT_EQUAL(link_count(file, "/"), 3);
    CU_ASSERT_EQUAL(attribute_count(file, "/"), 4);
    CU_ASSERT_EQUAL(link_count(file, "/dense"), 1);
    CU_ASSERT_EQUAL(link_count(file, "/dense/dense"), 2);
    CU_ASSERT_EQUAL(attribute_count(file, "/dense"), 1);
    CU_ASSERT_EQUAL(attribute_count(file, "/dense/dense/kernel:0"), 0);
    H5Fclose(file);
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    free(parameters);
}

static void facts_are_root_attributes(void)
{
    float *parameters = numbers(MIXED_PARAMETERS);
    const dt_attribute attributes[] = {
        dt_attribute_text("config", "[data]\nclasses = 10\n"),
        dt_attribute_text("empty", ""),
        dt_attribute_integer("steps", INT64_MAX),
        dt_attribute_integers("input_shape", 3, input_shape),
        dt_attribute_integers("none", 0, input_shape),
        dt_attribute_real("normalize_mean", 0.1307),
        dt_attribute_texts("class_names", 3, class_names),
        dt_attribute_texts("no_names", 0, NULL),
    };
    dt_weights weights = mixed_weights(parameters, attributes, 8);
    CU_ASSERT_EQUAL(dt_weights_write(h5(), &weights, NULL), DT_OK);

    hid_t file = open_file();
    char hash[DT_HASH_TEXT];
    dt_hash_text(dt_hash(parameters, MIXED_PARAMETERS * sizeof *parameters), hash);
    assert_text(file, "dist_train.parameter_hash", hash);
    assert_text(file, "dist_train.config", "[data]\nclasses = 10\n");
    assert_text(file, "dist_train.empty", "");
    assert_texts(file, "/", "dist_train.class_names", 3, class_names);
    assert_texts(file, "/", "dist_train.no_names", 0, NULL);
    int64_t integers[3] = {0};
    read_number(file, "dist_train.steps", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, integers);
    CU_ASSERT_EQUAL(integers[0], INT64_MAX);
    read_number(file, "dist_train.input_shape", H5T_STD_I64LE, H5T_NATIVE_INT64, 3, integers);
    CU_ASSERT_EQUAL(memcmp(integers, input_shape, sizeof integers), 0);
    double real = 0;
    read_number(file, "dist_train.normalize_mean", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, 1, &real);
    CU_ASSERT_EQUAL(real, 0.1307);
    CU_ASSERT_EQUAL(attribute_count(file, "/"), 4 + 8);
    H5Fclose(file);
    free(parameters);
}

static void random_networks_come_back(void)
{
    const dt_random_key key = {.seed = 11, .stream = DT_STREAM_TEST};
    dt_random_sequence sequence = dt_random_sequence_of(key);
    for (int round = 0; round < 20; round++) {
        dt_tensor tensors[16] = {0};
        size_t count = dt_random_next(&sequence) % 17, offset = 0;
        for (size_t i = 0; i < count; i++) {
            dt_tensor *tensor = &tensors[i];
            snprintf(tensor->layer, sizeof tensor->layer, "dense_%zu", i / 2);
            snprintf(tensor->name, sizeof tensor->name, "%s", i % 2 ? "bias" : "kernel");
            tensor->rank = (int)(dt_random_next(&sequence) % (DT_RANK_MAX + 1));
            for (int j = 0; j < tensor->rank; j++)
                tensor->shape[j] = 1 + dt_random_next(&sequence) % 7;
            tensor->offset = offset;
            offset += dt_tensor_count(tensor);
        }
        float *parameters = numbers(offset);
        dt_weights weights = {tensors, count, parameters, NULL, 0};
        CU_ASSERT_EQUAL(dt_weights_write(h5(), &weights, NULL), DT_OK);
        hid_t file = open_file();
        CU_ASSERT_EQUAL(link_count(file, "/"), (int)(count + 1) / 2);
        for (size_t i = 0; i < count; i++) {
            char path[128];
            snprintf(path, sizeof path, "/dense_%zu/dense_%zu/%s:0", i / 2, i / 2, tensors[i].name);
            assert_dataset(file, path, &tensors[i], parameters);
        }
        H5Fclose(file);
        free(parameters);
    }
}

static void equal_content_gives_equal_bytes(void)
{
    float *parameters = numbers(MIXED_PARAMETERS);
    const dt_attribute attribute = dt_attribute_integer("steps", 7);
    dt_weights weights = mixed_weights(parameters, &attribute, 1);
    CU_ASSERT_EQUAL(dt_weights_write(h5(), &weights, NULL), DT_OK);
    size_t size;
    char *first = scratch_read(h5(), &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(first);
    CU_ASSERT_EQUAL(memcmp(first, "\x89HDF\r\n\x1a\n\0", 9), 0); /* superblock version 0 */

    hid_t file = open_file();
    object_info info = read_object_info(file, "/dense/dense/bias:0", H5O_INFO_TIME);
    CU_ASSERT_EQUAL(info.ctime + info.mtime + info.atime + info.btime, 0);
    H5Fclose(file);
    CU_ASSERT_EQUAL(dt_weights_write(h5(), &weights, NULL), DT_OK);
    CU_ASSERT_TRUE(scratch_holds(h5(), first, size));
    parameters[46] += 1;
    CU_ASSERT_EQUAL(dt_weights_write(h5(), &weights, NULL), DT_OK);
    CU_ASSERT_FALSE(scratch_holds(h5(), first, size));
    free(first);
    free(parameters);
}

static void assert_refused(const dt_weights *weights, const char *reason)
{
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_weights_write(h5(), weights, &error), DT_ERR_INTERNAL);
    CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, h5()));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_TRUE(scratch_holds_text(h5(), "old"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

static void what_is_not_a_model_is_refused(void)
{
    scratch_write(h5(), "old");
    float *parameters = numbers(100);
    id_mark before = mark_ids();

    dt_tensor gap[] = {mixed[0], mixed[1], mixed[2]};
    gap[2].offset++;
    dt_weights weights = {gap, 3, parameters, NULL, 0};
    assert_refused(&weights, "tensor dense/kernel: expected to begin at parameter 26, found 27");

    dt_tensor apart[] = {{"a", "kernel", DT_TENSOR_WEIGHT, 1, {1}, 0},
                         {"b", "kernel", DT_TENSOR_WEIGHT, 1, {1}, 1},
                         {"a", "bias", DT_TENSOR_BIAS, 1, {1}, 2}};
    weights = (dt_weights){apart, 3, parameters, NULL, 0};
    assert_refused(&weights, "create group /a: ");

    dt_tensor twice[] = {{"a", "kernel", DT_TENSOR_WEIGHT, 1, {1}, 0},
                         {"a", "kernel", DT_TENSOR_WEIGHT, 1, {1}, 1}};
    weights = (dt_weights){twice, 2, parameters, NULL, 0};
    assert_refused(&weights, "dataset /a/a/kernel:0: ");

    char *text = calloc(70001, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'x', 70000);
    dt_attribute long_text = dt_attribute_text("config", text);
    weights = mixed_weights(parameters, &long_text, 1);
    assert_refused(&weights, "attribute dist_train.config of /: ");

    dt_attribute named = dt_attribute_integer(text, 1);
    weights = mixed_weights(parameters, &named, 1);
    assert_refused(&weights, "expected a name below 64 bytes");

    dt_attribute hash = dt_attribute_text("parameter_hash", "0");
    weights = mixed_weights(parameters, &hash, 1);
    assert_refused(&weights, "attribute dist_train.parameter_hash of /: ");

    assert_no_open_ids_since(before);
    free(text);
    free(parameters);
}

static void every_failed_allocation_is_survived(void)
{
    scratch_write(h5(), "old");
    float *parameters = numbers(MIXED_PARAMETERS);
    const dt_attribute attribute = dt_attribute_texts("class_names", 3, class_names);
    dt_weights weights = mixed_weights(parameters, &attribute, 1);
    id_mark before = mark_ids();
    long n = 0;
    dt_status status;
    do {
        CU_ASSERT_TRUE(scratch_holds_text(h5(), "old"));
        dt_error error = {0};
        dt_memory_fail_at(++n);
        status = dt_weights_write(h5(), &weights, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, error.status);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        CU_ASSERT_EQUAL(scratch_entries(folder), 1);
        assert_no_open_ids_since(before);
    } while (status != DT_OK && n < 1000);
    CU_ASSERT_EQUAL(status, DT_OK);
    CU_ASSERT_TRUE(n > 10);
    CU_ASSERT_FALSE(scratch_holds_text(h5(), "old"));
    free(parameters);
}

static void a_full_disk_is_an_error(void)
{
    scratch_write(h5(), "old");
    float *parameters = numbers(MIXED_PARAMETERS);
    dt_weights weights = mixed_weights(parameters, NULL, 0);
    dt_error error = {0};
    scratch_limit_files(1000);
    dt_status status = dt_weights_write(h5(), &weights, &error);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_EQUAL(status, DT_ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "weights.h5: cannot write: 1000 of "));
    CU_ASSERT_TRUE(scratch_holds_text(h5(), "old"));
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    CU_ASSERT_EQUAL(dt_weights_write(scratch_path(folder, "no/w.h5"), &weights, NULL),
                    DT_ERR_CREATE);
    free(parameters);
}

static void images_live_side_by_side(void)
{
    dt_hdf5_image *images[2] = {NULL, NULL};
    void *bytes[2];
    size_t sizes[2];
    const float values[] = {1, 2};
    const int64_t shape[] = {2};
    id_mark before = mark_ids();
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(dt_hdf5_image_create(&images[i], NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_floats(images[0], "/a/b/c", 1, shape, values, NULL), DT_OK);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(dt_hdf5_image_finish(images[i], &bytes[i], &sizes[i], NULL), DT_OK);
    CU_ASSERT_TRUE(sizes[0] > sizes[1]);

    dt_error error = {0};
    void *again = &again;
    size_t size = 1;
    CU_ASSERT_EQUAL(dt_hdf5_image_finish(images[0], &again, &size, &error), DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NULL(again);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_group(images[0], "/late", &error), DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "/late"));
    const dt_attribute late = dt_attribute_real("late", 1);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_attribute(images[0], "/", &late, &error), DT_ERR_INTERNAL);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_floats(images[0], "/d", -1, shape, values, &error),
                    DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "found -1"));
    for (int i = 0; i < 2; i++) {
        dt_free(bytes[i]);
        dt_hdf5_image_destroy(images[i]);
    }
    dt_hdf5_image_destroy(NULL);
    assert_no_open_ids_since(before);
}

CU_SuiteInfo dt_suite_weights(void)
{
    static CU_TestInfo tests[] = {
        {"layers and tensors are where Keras looks", layers_and_tensors_are_where_keras_looks},
        {"facts are root attributes", facts_are_root_attributes},
        {"random networks come back", random_networks_come_back},
        {"equal content gives equal bytes", equal_content_gives_equal_bytes},
        {"what is not a model is refused", what_is_not_a_model_is_refused},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        {"a full disk is an error", a_full_disk_is_an_error},
        {"images live side by side", images_live_side_by_side},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "weights",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
