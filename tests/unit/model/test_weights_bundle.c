#include "model/weights_bundle.h"

#include <math.h>

#include "base/hash.h"
#include "base/text.h"
#include "bundle_fixture.h"
#include "file/npz.h"
#include "file/safetensors.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_weights_bundle(void);

enum { LAYERS = 12 };

/* A network of dense layers. */
typedef struct drawn {
    dt_tensor tensors[2 * LAYERS];
    float parameters[2 * LAYERS * 8 * 8];
    dt_weights_file file;
    dt_architecture architecture;
} drawn;

/* widths: [layers + 1]. */
static void draw_weights(dt_random_sequence *random, int layers, const int *widths, bool bias,
                         drawn *out)
{
    *out = (drawn){.file = {.tensors = out->tensors, .parameters = out->parameters}};
    dt_weights_file *file = &out->file;
    const dt_layer_defaults defaults = {"relu", "identity", bias};
    char list[DT_LAYERS_TEXT] = "";
    dt_text text = {.text = list, .size = sizeof list};
    for (int i = 0; i < layers; i++)
        dt_text_add(&text, "%s%d", i > 0 ? ", " : "", widths[i + 1]);
    out->architecture.input = (dt_shape){1, widths[0], 1};
    CU_ASSERT_EQUAL_FATAL(dt_layers_parse(list, &out->architecture.list, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_layers_write_out(&out->architecture.list, &defaults, NULL), DT_OK);
    for (int i = 0; i < layers; i++)
        for (int j = 0; j < 1 + bias; j++) {
            dt_tensor *tensor = &out->tensors[file->tensor_count++];
            *tensor = (dt_tensor){.role = j ? DT_TENSOR_BIAS : DT_TENSOR_WEIGHT,
                                  .rank = 2 - j,
                                  .shape = {widths[i + j], j == 0 ? widths[i + 1] : 0},
                                  .offset = file->parameter_count};
            snprintf(tensor->layer, sizeof tensor->layer, i ? "dense_%d" : "dense", i);
            strcpy(tensor->name, j ? "bias" : "kernel");
            file->parameter_count += dt_tensor_count(tensor);
        }
    for (size_t i = 0; i < file->parameter_count; i++)
        out->parameters[i] = (float)draw_int(random, -100000, 100000) / 1024;
    file->parameter_hash = dt_hash(out->parameters, file->parameter_count * sizeof(float));
}

/* Texts are not owned. */
static void draw_facts(dt_random_sequence *random, dt_weights_facts *out)
{
    bool all = draw_int(random, 0, 1);
    char *some = (char *)(uintptr_t) "one\n\xc3\xa4 \"two\"", *none = (char *)(uintptr_t) "";
    *out = (dt_weights_facts){.architecture = some,
                              .input_shape = {draw_int(random, 1, 9), 1, draw_int(random, 1, 9)},
                              .input_scale = draw_real(random, -1, 1),
                              .input_shift = draw_real(random, -1e-30, 1e-30),
                              .classes = draw_int(random, 1, 9),
                              .layers = some,
                              .activation = none, /* of older files */
                              .output_activation = none,
                              .loss = none,
                              .version = all ? some : none,
                              .class_names = none,
                              .data_source = all ? some : none,
                              .config = all ? some : none,
                              .ink_background = all ? 255 : -1,
                              .ink_extent = all ? 20.0 / 28 : (double)NAN,
                              .ink_centre = all ? "box" : none,
                              .ink_middle_y = all ? 0.5 : (double)NAN,
                              .ink_middle_x = all ? 0.25 : (double)NAN,
                              .epoch = all ? 0 : -1,
                              .step = all ? INT64_MAX : -1,
                              .samples = all ? 77 : -1,
                              .val_accuracy = all ? draw_real(random, 0, 1) : (double)NAN,
                              .test_accuracy = all ? 1.0 / 3 : (double)NAN};
    static const char nine[] = "a\nb\nc\nd\ne\nf\ng\nh\ni"; /* the last so many */
    if (all)
        out->class_names = nine + sizeof nine - 2 * (size_t)out->classes;
}

static void assert_same_weights(const dt_weights_file *a, const dt_weights_file *b)
{
    CU_ASSERT_EQUAL_FATAL(a->tensor_count, b->tensor_count);
    CU_ASSERT_EQUAL_FATAL(a->parameter_count, b->parameter_count);
    CU_ASSERT_EQUAL(memcmp(a->tensors, b->tensors, a->tensor_count * sizeof *a->tensors), 0);
    CU_ASSERT_EQUAL(memcmp(a->parameters, b->parameters, a->parameter_count * sizeof(float)), 0);
    CU_ASSERT_EQUAL(a->parameter_hash, b->parameter_hash);
}

static void assert_same_facts(const dt_weights_facts *a, const dt_weights_facts *b)
{
    const char *const *texts[] = {
        &a->architecture, &a->layers,      &a->activation,  &a->output_activation, &a->loss,
        &a->version,      &a->class_names, &a->data_source, &a->ink_centre,        &a->config};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CU_ASSERT_STRING_EQUAL(*texts[i],
                               *(char **)((char *)b + ((const char *)texts[i] - (const char *)a)));
    CU_ASSERT_EQUAL(memcmp(a->input_shape, b->input_shape, sizeof a->input_shape), 0);
    CU_ASSERT_TRUE(a->input_scale == b->input_scale && a->input_shift == b->input_shift);
    CU_ASSERT_TRUE(a->classes == b->classes && a->epoch == b->epoch);
    CU_ASSERT_TRUE(a->step == b->step && a->samples == b->samples);
    CU_ASSERT_TRUE(isnan(a->val_accuracy) ? isnan(b->val_accuracy)
                                          : a->val_accuracy == b->val_accuracy);
    CU_ASSERT_TRUE(isnan(a->test_accuracy) ? isnan(b->test_accuracy)
                                           : a->test_accuracy == b->test_accuracy);
}

static void weights_come_back_under_both_kinds_of_names(void)
{
    static drawn net;
    for (uint32_t i = 0; i < 200; i++) {
        dt_random_sequence random = draw_begin(i);
        int widths[LAYERS + 1], layers = draw_int(&random, 1, LAYERS);
        for (int j = 0; j <= layers; j++)
            widths[j] = draw_int(&random, 0, 1) ? 4 : draw_int(&random, 1, 8);
        draw_weights(&random, layers, widths, i % 3, &net);
        draw_facts(&random, &net.file.facts);
        dt_bundle bundle;
        dt_weights_file back;
        dt_error error = {0};
        dt_import_note list = {0};
        dt_weight_names names = i % 2 ? DT_NAMES_KERAS : DT_NAMES_TORCH;
        CU_ASSERT_EQUAL_FATAL(
            dt_bundle_of_weights(&net.architecture, &net.file, names, &bundle, NULL), DT_OK);
        dt_weights_of_bundle(&bundle, NULL, &back, &list, &error);
        CU_ASSERT_STRING_EQUAL_FATAL(error.message, "");
        CU_ASSERT_TRUE_FATAL(back.own);
        assert_same_weights(&net.file, &back);
        assert_same_facts(&net.file.facts, &back.facts);
        dt_weights_destroy(&back);
        dt_bundle_destroy(&bundle);
    }
}

static void names_and_orientation_are_those_of_pytorch(void)
{
    static drawn net;
    dt_random_sequence random = draw_begin(1);
    draw_weights(&random, 2, (int[]){2, 3, 1}, true, &net);
    draw_facts(&random, &net.file.facts);
    dt_bundle bundle;
    CU_ASSERT_EQUAL(
        dt_bundle_of_weights(&net.architecture, &net.file, DT_NAMES_TORCH, &bundle, NULL), DT_OK);
    static const char *const names[] = {"0.weight", "0.bias", "2.weight", "2.bias"};
    for (int i = 0; i < 4; i++)
        CU_ASSERT_STRING_EQUAL(bundle.arrays[i].name, names[i]);
    CU_ASSERT_TRUE(bundle.arrays[0].shape[0] == 3 && bundle.arrays[0].shape[1] == 2);
    for (int in = 0; in < 2; in++)
        for (int out = 0; out < 3; out++)
            CU_ASSERT_EQUAL(bundle.arrays[0].values[out * 2 + in], net.parameters[in * 3 + out]);
    dt_bundle_destroy(&bundle);
    CU_ASSERT_EQUAL(
        dt_bundle_of_weights(&net.architecture, &net.file, DT_NAMES_KERAS, &bundle, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(bundle.arrays[2].name, "dense_1/kernel");
    CU_ASSERT_EQUAL(memcmp(bundle.arrays[0].values, net.parameters, 6 * sizeof(float)), 0);
    CU_ASSERT_STRING_EQUAL(dt_bundle_text(&bundle, "dist_train.layers"), net.file.facts.layers);
    CU_ASSERT_PTR_NULL(dt_bundle_text(&bundle, "dist_train.activation"));
    dt_bundle_destroy(&bundle);
}

/* The tensors of the network in an order of their own, layer i called by names[i]. */
static dt_bundle shuffle(dt_random_sequence *random, const drawn *net, char names[][32],
                         const char *kind)
{
    dt_bundle bundle = {0};
    size_t count = net->file.tensor_count, order[2 * LAYERS];
    for (size_t i = 0; i < count; i++) {
        size_t j = (size_t)draw_int(random, 0, (int)i);
        order[i] = order[j];
        order[j] = i;
    }
    for (size_t i = 0; i < count; i++) {
        const dt_tensor *tensor = &net->tensors[order[i]];
        size_t layer = 0;
        for (size_t j = 1; j <= order[i]; j++)
            layer += strcmp(net->tensors[j].layer, net->tensors[j - 1].layer) != 0;
        char name[512];
        float *values;
        snprintf(name, sizeof name, "%s/%s", names[layer], tensor->rank == 2 ? kind : "bias");
        CU_ASSERT_EQUAL(dt_bundle_add(&bundle, name, tensor->rank, tensor->shape, &values, NULL),
                        DT_OK);
        memcpy(values, net->parameters + tensor->offset, dt_tensor_count(tensor) * sizeof(float));
    }
    return bundle;
}

static void layers_are_put_in_order_by_their_numbers_or_a_list(void)
{
    static drawn net;
    char names[LAYERS][32];
    for (uint32_t i = 0; i < 400; i++) {
        dt_random_sequence random = draw_begin(i);
        int widths[LAYERS + 1], layers = draw_int(&random, 1, LAYERS);
        int step = draw_int(&random, 1, 3), first = draw_int(&random, 0, 2), kind = (int)(i % 5);
        for (int j = 0; j <= layers; j++)
            widths[j] = kind == 4 && j < layers ? 1 + (j + (int)i) % 8 : 4;
        /* kind 4: no numbers, but a list of widths that differ */
        if (kind == 4 && layers > 7)
            layers = 7;
        widths[layers] = kind == 4 ? 1 + (layers + (int)i) % 8 : 4;
        for (int j = 0; j < layers; j++)
            if (kind == 0)
                snprintf(names[j], sizeof names[j], "%d", first + j * step);
            else if (kind == 1)
                snprintf(names[j], sizeof names[j], "model.net.%d.linear", first + j * step);
            else if (kind == 2)
                snprintf(names[j], sizeof names[j], j == 0 ? "fc_in" : "fc_in_%d", j * step);
            else if (kind == 3)
                snprintf(names[j], sizeof names[j], "fc%d", first + j * step);
            else
                snprintf(names[j], sizeof names[j], "%c", 'a' + (j * 5 + (int)i) % 26);
        draw_weights(&random, layers, widths, i % 2, &net);
        dt_bundle bundle = shuffle(&random, &net, names, "kernel");
        dt_weights_file back;
        dt_error error = {0};
        dt_import_note list = {0};
        const dt_layer_list *said = kind == 4 || i % 3 == 0 ? &net.architecture.list : NULL;
        dt_weights_of_bundle(&bundle, said, &back, &list, &error);
        CU_ASSERT_STRING_EQUAL_FATAL(error.message, "");
        assert_same_weights(&net.file, &back);
        CU_ASSERT_EQUAL(strncmp(list.layers, names[0], strlen(names[0])), 0);
        CU_ASSERT_FALSE(back.own);
        dt_weights_destroy(&back);
        dt_bundle_destroy(&bundle);
    }
}

typedef struct draft {
    const char *name;
    int rank;
    int64_t shape[DT_RANK_MAX];
} draft;

static void refuse(const draft *arrays, int count, const char *layers, const char *reason)
{
    dt_layer_list said;
    dt_bundle bundle = {0};
    float *values;
    for (int i = 0; i < count; i++)
        CU_ASSERT_EQUAL(
            dt_bundle_add(&bundle, arrays[i].name, arrays[i].rank, arrays[i].shape, &values, NULL),
            DT_OK);
    dt_weights_file out;
    dt_error error = {0};
    dt_import_note list = {0};
    if (layers)
        CU_ASSERT_EQUAL(dt_layers_parse(layers, &said, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_weights_of_bundle(&bundle, layers ? &said : NULL, &out, &list, &error),
                    DT_ERR_DATA);
    if (!strstr(error.message, reason))
        printf("\n    expected ...%s...\n    found    %s\n", reason, error.message);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    dt_weights_destroy(&out);
    dt_bundle_destroy(&bundle);
}

#define REFUSE(reason, ...) REFUSE_AS(NULL, reason, __VA_ARGS__)
#define REFUSE_AS(layers, reason, ...)                                                             \
    refuse((const draft[]){__VA_ARGS__}, sizeof((const draft[]){__VA_ARGS__}) / sizeof(draft),     \
           layers, reason)

static void what_is_no_row_of_dense_layers_is_refused(void)
{
    refuse(NULL, 0, NULL, "found no arrays");
    REFUSE("layers down and up have the same sizes, and neither name says",
           {"up.weight", 2, {4, 4}}, {"down.weight", 2, {4, 4}});
    REFUSE("layers fc1 and out have the same sizes", {"out.weight", 2, {4, 4}},
           {"fc1.weight", 2, {4, 4}});
    REFUSE("or --layers, which says the order", {"in.weight", 2, {5, 4}},
           {"hidden.weight", 2, {3, 6}});
    REFUSE("layers a and b fit in more orders than one", {"a.weight", 2, {5, 4}},
           {"b.weight", 2, {4, 5}}, {"c.weight", 2, {6, 4}}, {"d.weight", 2, {4, 6}});
    REFUSE("array bn.running_var: expected 4 values in a row", {"bn.running_mean", 1, {4}},
           {"bn.running_var", 1, {3}});
    REFUSE("layer bn: expected the mean and the variance", {"bn.running_mean", 1, {4}});
    REFUSE("whether they are [inputs][outputs] or [outputs][inputs], found both", {"W1", 2, {4, 4}},
           {"b1", 1, {4}});
    REFUSE("[outputs][inputs], found neither", {"W1", 2, {4, 5}}, {"b1", 1, {3}});
    REFUSE("array arr_0: expected a kernel of 2 or 4", {"arr_0", 1, {4}});
    REFUSE("array arr_6: expected a kernel behind at most 5 rows", {"arr_0", 2, {4, 3}},
           {"arr_1", 1, {3}}, {"arr_2", 1, {3}}, {"arr_3", 1, {3}}, {"arr_4", 1, {3}},
           {"arr_5", 1, {3}}, {"arr_6", 1, {3}});
    REFUSE("batch normalisation 3 [3]: expected it directly behind", {"0.weight", 2, {3, 4}},
           {"3.running_mean", 1, {3}}, {"3.running_var", 1, {3}}, {"5.weight", 2, {2, 3}});
    REFUSE("batch normalisation bn [3]: expected it directly behind", {"a.weight", 2, {3, 3}},
           {"bn.running_mean", 1, {3}}, {"bn.running_var", 1, {3}}, {"b.weight", 2, {3, 3}});
    REFUSE_AS("3, 5", "of the sizes that the setting layers says", {"0.weight", 2, {4, 3}},
              {"1.weight", 2, {3, 4}});
    REFUSE_AS("3, 4, 2", "found 3 first, which is what the network takes; leave it out",
              {"0.weight", 2, {4, 3}}, {"1.weight", 2, {2, 4}});
    REFUSE_AS("4", "of the sizes that the setting layers says", {"0.weight", 2, {3, 4}},
              {"1.weight", 2, {4, 3}});
    REFUSE("take what the one before gives", {"0.weight", 2, {4, 3}}, {"2.weight", 2, {4, 3}});
    REFUSE("found 0 [3 -> 4], 2 [5 -> 6]", {"0.kernel", 2, {3, 4}}, {"2.weight", 2, {6, 5}});
    REFUSE("array a.gama: expected a name that ends in", {"a.gama", 1, {4}});
    REFUSE("expected --layers \"layernorm ..., dense 3\" with that in it", {"a.gamma", 1, {4}},
           {"b.weight", 2, {3, 4}});
    REFUSE("array kernels: expected a name that ends in", {"kernels", 2, {4, 4}});
    REFUSE("of 2 or 4 dimensions, found 1", {"a.kernel", 1, {4}});
    REFUSE("of 1 or 3 dimensions, found 2", {"a.gamma", 2, {4, 4}});
    REFUSE("of 2 or 4 dimensions, found 3", {"a.kernel", 3, {4, 2, 3}});
    REFUSE("of 1 or 3 dimensions, found 2", {"a.bias", 2, {4, 4}});
    REFUSE("of 1 or 3 dimensions, found 4", {"a.bias", 4, {4, 4, 1, 1}});
    REFUSE("layer a: expected a kernel, weight or gamma, found a bias alone", {"a.bias", 1, {4}});
    REFUSE("expected 24 values, one for each output, found 4", {"a.weight", 3, {4, 2, 3}},
           {"a.bias", 1, {4}});
    REFUSE("expected 4 values, one for each output, found 3", {"a.weight", 2, {4, 3}},
           {"a.bias", 1, {3}});
    REFUSE("expected one kernel, weight or gamma a layer, found a.weight too",
           {"a.weight", 2, {4, 4}}, {"a/kernel", 2, {4, 4}});
    float *values;
    dt_bundle bundle = {0};
    dt_weights_file out;
    dt_error error = {0};
    dt_import_note list = {0};
    CU_ASSERT_EQUAL(dt_bundle_add(&bundle, "weight", 2, (int64_t[]){2, 3}, &values, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_weights_of_bundle(&bundle, NULL, &out, &list, NULL), DT_OK);
    CU_ASSERT_TRUE(out.tensors[0].shape[0] == 3 && out.tensors[0].shape[1] == 2);
    dt_weights_destroy(&out);
    values[4] = NAN;
    CU_ASSERT_EQUAL(dt_weights_of_bundle(&bundle, NULL, &out, &list, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "array weight: expected finite numbers, found"));
    dt_weights_destroy(&out);
    CU_ASSERT_EQUAL(dt_bundle_add(&bundle, "a\nb", 0, NULL, &values, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(dt_bundle_add(&bundle, "a\xff", 0, NULL, &values, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(dt_bundle_add(&bundle, "weight", 0, NULL, &values, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "array weight: expected once, found again"));
    dt_bundle_destroy(&bundle);
}

/* What becomes of arrays from elsewhere: the layers in order, and what else is said. */
static void bring_in(const draft *arrays, int count, const char *order, const char *folded,
                     const char *left_out)
{
    dt_bundle bundle = {0};
    float *values;
    for (int i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(
            dt_bundle_add(&bundle, arrays[i].name, arrays[i].rank, arrays[i].shape, &values, NULL),
            DT_OK);
        for (size_t j = 0; j < dt_array_count(&bundle.arrays[i]); j++)
            values[j] = (float)(i + 1);
    }
    dt_bundle_add_other(&bundle, "steps", "I64", NULL);
    dt_weights_file out;
    dt_error error = {0};
    dt_import_note note = {0};
    dt_weights_of_bundle(&bundle, NULL, &out, &note, &error);
    if (error.message[0])
        printf("\n    found %s\n", error.message);
    CU_ASSERT_STRING_EQUAL(error.message, "");
    CU_ASSERT_STRING_EQUAL(note.layers, order);
    CU_ASSERT_STRING_EQUAL(note.folded, folded);
    CU_ASSERT_STRING_EQUAL(note.left_out, left_out);
    dt_weights_destroy(&out);
    dt_bundle_destroy(&bundle);
}

#define BRING_IN(order, folded, left_out, ...)                                                     \
    bring_in((const draft[]){__VA_ARGS__}, sizeof((const draft[]){__VA_ARGS__}) / sizeof(draft),   \
             order, folded, left_out)

static void names_and_sizes_say_what_arrays_are(void)
{
    BRING_IN("hidden, dense_1", "", "steps", {"dense_1/kernel", 2, {4, 3}},
             {"hidden/kernel", 2, {5, 4}});
    BRING_IN("z, b, a", "", "steps", {"a.weight", 2, {2, 3}}, {"b.weight", 2, {3, 4}},
             {"z.weight", 2, {4, 5}});
    BRING_IN("1, 2", "", "epoch, steps", {"W2", 2, {3, 2}}, {"b2", 2, {1, 2}}, {"W1", 2, {4, 3}},
             {"b1", 1, {3}}, {"epoch", 0, {0}});
    BRING_IN("1, 2", "", "steps", {"w_1", 2, {3, 4}}, {"b_1", 2, {3, 1}}, {"w_2", 2, {2, 3}},
             {"b_2", 2, {2, 1}});
    BRING_IN("fc, out", "", "steps", {"fc_w", 2, {4, 3}}, {"fc_b", 1, {3}}, {"out_w", 2, {3, 2}});
    BRING_IN("arr_0, arr_2, arr_10", "", "steps", {"arr_10", 2, {2, 9}}, {"arr_2", 2, {3, 2}},
             {"arr_0", 2, {4, 3}}, {"arr_1", 1, {3}}, {"arr_11", 2, {1, 9}});
    BRING_IN("arr_0, arr_5", "arr_1 into arr_0 with epsilon 0.001 (as directly behind it)", "steps",
             {"arr_0", 2, {4, 3}}, {"arr_1", 1, {3}}, {"arr_2", 1, {3}}, {"arr_3", 1, {3}},
             {"arr_4", 1, {3}}, {"arr_5", 2, {3, 2}});
    BRING_IN("n.0, n.3", "n.1 into n.0 with epsilon 1e-05", "steps", {"n.0.weight", 2, {3, 4}},
             {"n.1.running_mean", 1, {3}}, {"n.1.running_var", 1, {3}}, {"n.3.weight", 2, {2, 3}});
    BRING_IN("n.0, n.3", "n.2 into n.3 with epsilon 1e-05", "steps", {"n.0.weight", 2, {3, 4}},
             {"n.2.running_mean", 1, {3}}, {"n.2.running_var", 1, {3}}, {"n.3.weight", 2, {2, 3}});
    BRING_IN(
        "fc1, fc2, fc3",
        "bn1 into fc1 with epsilon 1e-05 (as directly behind it), bn2 into fc2 with epsilon 1e-05 "
        "(as directly behind it)",
        "steps", {"fc1.weight", 2, {3, 3}}, {"bn1.running_mean", 1, {3}},
        {"bn1.running_var", 1, {3}}, {"fc2.weight", 2, {3, 3}}, {"bn2.running_mean", 1, {3}},
        {"bn2.running_var", 1, {3}}, {"fc3.weight", 2, {3, 3}});
    BRING_IN("d, d_1, d_2",
             "batch_normalization into d with epsilon 0.001 (as directly behind it), "
             "batch_normalization_1 into d_1 with epsilon 0.001 (as directly behind it)",
             "steps", {"d/kernel", 2, {4, 3}}, {"d_1/kernel", 2, {3, 5}}, {"d_2/kernel", 2, {5, 2}},
             {"batch_normalization/moving_mean", 1, {3}},
             {"batch_normalization/moving_variance", 1, {3}},
             {"batch_normalization_1/moving_mean", 1, {5}},
             {"batch_normalization_1/moving_variance", 1, {5}});
}

static void facts_that_lie_are_refused(void)
{
    static const char *const lies[][3] = {
        {"dist_train.parameter_hash", "0123456789abcdef", "the file is damaged or was edited"},
        {"dist_train.loss", NULL, "dist_train.loss: expected a text, found none"},
        {"dist_train.classes", "ten", "dist_train.classes: expected an integer, found ten"},
        {"dist_train.classes", "9999999999999999999", "expected an integer"},
        {"dist_train.epoch", "1x", "expected an integer, found 1x"},
        {"dist_train.input_scale", "", "dist_train.input_scale: expected a number"},
        {"dist_train.input_scale", "nan", "expected a number, found nan"},
        {"dist_train.input_shape", "28, 28, 1", "expected height, width and channels as [28, 28"},
        {"dist_train.input_shape", "[28, 28, 1", "expected height, width and channels as [28, 28"},
        {"dist_train.input_shape", "[28, 28, 0]", "found 28, 28, 0"},
    };
    static drawn net;
    dt_random_sequence random = draw_begin(5);
    draw_weights(&random, 2, (int[]){2, 3, 1}, true, &net);
    do
        draw_facts(&random, &net.file.facts);
    while (net.file.facts.epoch < 0);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        dt_bundle bundle, edited = {0};
        dt_weights_file out;
        dt_error error = {0};
        dt_import_note list = {0};
        CU_ASSERT_EQUAL(
            dt_bundle_of_weights(&net.architecture, &net.file, DT_NAMES_KERAS, &bundle, NULL),
            DT_OK);
        for (size_t j = 0; j < bundle.text_count; j++) {
            bool hit = strcmp(bundle.texts[j].name, lies[i][0]) == 0;
            const char *text = hit ? lies[i][1] : bundle.texts[j].text;
            if (text)
                CU_ASSERT_EQUAL(dt_bundle_add_text(&edited, bundle.texts[j].name, text, NULL),
                                DT_OK);
        }
        dt_bundle mixed = {.arrays = bundle.arrays,
                           .array_count = bundle.array_count,
                           .array_room = bundle.array_room,
                           .texts = edited.texts,
                           .text_count = edited.text_count};
        CU_ASSERT_EQUAL(dt_weights_of_bundle(&mixed, NULL, &out, &list, &error), DT_ERR_DATA);
        if (!strstr(error.message, lies[i][2]))
            printf("\n    expected ...%s...\n    found    %s\n", lies[i][2], error.message);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, lies[i][2]));
        dt_weights_destroy(&out);
        bundle.arrays = mixed.arrays;
        bundle.array_room = mixed.array_room;
        dt_bundle_destroy(&bundle);
        dt_bundle_destroy(&edited);
    }
}

/* A Keras 3 file of two layers, with what else there may be. */
static void write_keras3(const char *path)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static const struct {
        const char *path;
        int rank;
        int64_t shape[2];
    } datasets[] = {{"/layers/dense/vars/0", 2, {2, 3}},
                    {"/layers/dense/vars/1", 1, {3}},
                    {"/layers/dense_1/vars/0", 2, {3, 1}},
                    {"/layers/dense_1/vars/1", 1, {1}},
                    {"/layers/dropout/seed_generator/vars/0", 1, {2}},
                    {"/optimizer/vars/0", 2, {2, 3}}};
    dt_hdf5_image *image;
    void *bytes;
    size_t size;
    CU_ASSERT_EQUAL_FATAL(dt_hdf5_image_create(&image, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_group(image, "/layers", NULL), DT_OK);
    for (size_t i = 0; i < sizeof datasets / sizeof *datasets; i++)
        CU_ASSERT_EQUAL(dt_hdf5_image_add_floats(image, datasets[i].path, datasets[i].rank,
                                                 datasets[i].shape, values, NULL),
                        DT_OK);
    CU_ASSERT_EQUAL(dt_hdf5_image_finish(image, &bytes, &size, NULL), DT_OK);
    FILE *to = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, to), size);
    fclose(to);
    dt_free(bytes);
    dt_hdf5_image_destroy(image);
}

/* Whatever stands in a file, import says in one line that it is wrong, or takes it. */
static void damaged_files_are_survived(void)
{
    static const char *const names[] = {"a.safetensors", "a.npz", "a.h5"};
    static drawn net;
    dt_random_sequence random = draw_begin(11);
    dt_bundle bundle;
    dt_weights_file out;
    dt_import_note note;
    char *files[3];
    size_t sizes[3];
    draw_weights(&random, 3, (int[]){2, 3, 3, 1}, true, &net);
    draw_facts(&random, &net.file.facts);
    CU_ASSERT_EQUAL(
        dt_bundle_of_weights(&net.architecture, &net.file, DT_NAMES_TORCH, &bundle, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_safetensors_write(scratch_path(folder, names[0]), &bundle, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_npz_write(scratch_path(folder, names[1]), &bundle, NULL), DT_OK);
    write_keras3(scratch_path(folder, names[2]));
    dt_bundle_destroy(&bundle);
    for (int i = 0; i < 3; i++) {
        dt_error error = {0};
        files[i] = scratch_read(scratch_path(folder, names[i]), &sizes[i]);
        CU_ASSERT_EQUAL(
            dt_weights_import(scratch_path(folder, names[i]), NULL, &out, &note, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(error.message, "");
        CU_ASSERT_EQUAL(out.tensor_count, i == 2 ? 4 : 6);
        CU_ASSERT_STRING_EQUAL(note.layers, i == 2 ? "dense, dense_1" : "0, 2, 4");
        dt_weights_destroy(&out);
    }
    uint32_t count = fuzz_count(), refused = 0;
    const char *path = scratch_path(folder, "damaged");
    for (uint32_t i = 0; i < count; i++) {
        random = draw_begin(100000 + i);
        int kind = (int)(i % 3);
        size_t cut = sizes[kind];
        uint8_t *copy = malloc(cut);
        memcpy(copy, files[kind], cut);
        mutate(&random, copy, &cut);
        FILE *to = fopen(path, "wb");
        CU_ASSERT_PTR_NOT_NULL_FATAL(to);
        CU_ASSERT_EQUAL(fwrite(copy, 1, cut, to), cut);
        fclose(to);
        dt_error error = {0};
        dt_status status = dt_weights_import(path, NULL, &out, &note, &error);
        CU_ASSERT_TRUE(status == DT_OK || (status == DT_ERR_DATA && strstr(error.message, path)));
        refused += status != DT_OK;
        dt_weights_destroy(&out);
        free(copy);
    }
    CU_ASSERT_TRUE(refused > count / 2 && refused < count);
    for (int i = 0; i < 3; i++)
        free(files[i]);
}

static void every_failed_allocation_is_survived(void)
{
    static const char *const names[] = {"a.safetensors", "a.npz", "a.h5"};
    static drawn net;
    dt_random_sequence random = draw_begin(11);
    dt_bundle bundle;
    dt_status status;
    long n = 0;
    draw_weights(&random, 3, (int[]){2, 3, 3, 1}, true, &net);
    draw_facts(&random, &net.file.facts);
    do {
        dt_error error = {0};
        dt_memory_fail_at(++n);
        status =
            dt_bundle_of_weights(&net.architecture, &net.file, DT_NAMES_TORCH, &bundle, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_TRUE(status == error.status && (status == DT_OK || status == DT_ERR_INTERNAL));
        if (status != DT_OK)
            dt_bundle_destroy(&bundle);
    } while (status != DT_OK && n < 100);
    CU_ASSERT_TRUE(n > 10 && n < 100);
    CU_ASSERT_EQUAL(dt_safetensors_write(scratch_path(folder, names[0]), &bundle, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_npz_write(scratch_path(folder, names[1]), &bundle, NULL), DT_OK);
    write_keras3(scratch_path(folder, names[2]));
    dt_bundle_destroy(&bundle);
    for (int i = 0; i < 3; i++) {
        n = 0;
        do {
            dt_weights_file out;
            dt_import_note note;
            dt_error error = {0};
            dt_memory_fail_at(++n);
            status = dt_weights_import(scratch_path(folder, names[i]), NULL, &out, &note, &error);
            dt_memory_fail_at(0);
            CU_ASSERT_TRUE(status == error.status &&
                           (status == DT_OK || status == DT_ERR_INTERNAL));
            dt_weights_destroy(&out);
        } while (status != DT_OK && n < 100);
        CU_ASSERT_TRUE(n > 5 && n < 100);
    }
}

CU_SuiteInfo dt_suite_weights_bundle(void)
{
    static CU_TestInfo tests[] = {
        {"weights come back under both kinds of names",
         weights_come_back_under_both_kinds_of_names},
        {"names and orientation are those of PyTorch", names_and_orientation_are_those_of_pytorch},
        {"layers are put in order by their numbers, or a list",
         layers_are_put_in_order_by_their_numbers_or_a_list},
        {"what is no row of dense layers is refused", what_is_no_row_of_dense_layers_is_refused},
        {"names and sizes say what arrays are", names_and_sizes_say_what_arrays_are},
        {"facts that lie are refused", facts_that_lie_are_refused},
        {"damaged files are survived", damaged_files_are_survived},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "weights_bundle",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
