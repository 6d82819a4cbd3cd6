#include "model/planes.h"

#include <CUnit/CUnit.h>

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/text.h"
#include "model/input_shape.h"
#include "model/weights_bundle.h"

CU_SuiteInfo dt_suite_planes(void);

enum { PARAMETERS_MOST = 20000, TENSORS_MOST = 32 };

static dt_architecture architecture_of(const char *list, dt_shape input)
{
    dt_architecture out = {.input = input};
    dt_shape output;
    CU_ASSERT_EQUAL_FATAL(dt_layers_parse(list, &out.list, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_architecture_check(&out, &output, NULL), DT_OK);
    return out;
}

/* A walk in few words: what stands in front of a layer, its kind, and the number of its module. */
static void walk_through(const char *list, const char *expected)
{
    static const char *const turns[] = {"", "row ", "image "};
    const dt_architecture architecture = architecture_of(list, (dt_shape){6, 5, 2});
    dt_planes walk = {.image = dt_planes_any(&architecture)};
    char found[400] = "";
    dt_text text = {.text = found, .size = sizeof found};
    for (int i = 0; dt_planes_next(&architecture, i, &walk); i++)
        dt_text_add(&text, "%s%s%s%s%.*s %d; ", turns[walk.turn], walk.border ? "border " : "",
                    walk.layer.kind->name, walk.second_turn ? "+" : "",
                    (int)strcspn(turns[walk.second_turn], " "), turns[walk.second_turn],
                    walk.module);
    dt_text_add(&text, "%s%s", turns[walk.turn], dt_planes_shuffled(&walk) ? "shuffled" : "");
    CU_ASSERT_STRING_EQUAL(found, expected);
}

static void modules_are_counted_with_what_stands_between_them(void)
{
    walk_through("dense 4 relu, dense 3", "dense 0; relu 1; dense 2; ");
    walk_through("conv 3 3x3 relu, dense 3", "conv 0; relu 1; row dense 3; ");
    walk_through("relu, conv 3 2x2 same, maxpool 2, flatten, dense 3",
                 "relu 0; border conv 2; maxpool 3; row flatten 5; dense 5; ");
    walk_through("dense 8, conv 3 1x1, softmax", "row dense 1; image conv 3; row softmax 5; ");
    walk_through("conv 10 1x1, avgpool all", "conv 0; avgpool 1; row ");
    walk_through("conv 10 1x1", "conv 0; row shuffled");
    walk_through("layernorm, groupnorm 2, dense 4, groupnorm 2, layernorm",
                 "layernorm 0; groupnorm 1; row dense 3; groupnorm 4; layernorm 5; ");
    walk_through("rms, layernorm, flatten, layernorm, dense 3",
                 "row rms 1; image layernorm 3; row flatten 5; layernorm 5; dense 6; ");
    walk_through("conv 4 2x2, avgpool all, groupnorm 2, conv 4 1x1, dense 2",
                 "conv 0; avgpool 1; row groupnorm 3; image conv 5; row dense 7; ");
    walk_through("conv 2 3x3 same as a, rms as b, add a, conv 2 1x1, add b, dense 3",
                 "conv 0; row rms 2; add+row 3; image conv 5; add+image 6; row dense 8; ");
    walk_through("relu, dropout 0.5, dense 3, layernorm",
                 "relu 0; dropout 1; dense 2; layernorm 3; ");
}

static void orders_that_planes_do_not_have_are_found(void)
{
    static const char *const lists[][2] = {
        {"conv 2 3x3 as a, rms, add a, dense 3", ""},
        {"conv 2 3x3, flatten as a, tanh, add a, dense 3", ""},
        {"conv 2 3x3, avgpool all as a, dense 2, add a, dense 3", ""},
        {"conv 2 3x3, flatten as a, dense 24, add a, dense 3", "add"},
        {"conv 2 3x3, dense 24 as a, conv 2 1x1, dense 24, add a, dense 3", ""},
        {"conv 2 3x3, flatten as a, dense 24, conv 24 1x1, add a, dense 3", "add"},
        {"conv 2 3x3 as a, rms, add a, rms, conv 2 1x1, dense 3", ""},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *where = "";
        const dt_architecture architecture = architecture_of(lists[i][0], (dt_shape){6, 5, 2});
        bool ordered = dt_planes_ordered(&architecture, &where);
        CU_ASSERT_EQUAL(ordered, !lists[i][1][0]);
        CU_ASSERT_STRING_EQUAL(ordered ? "" : where, lists[i][1]);
    }
}

static void an_order_is_undone_by_its_reverse(void)
{
    const size_t sizes[] = {3, 2, 4}, back[] = {4, 2, 3};
    float values[24], turned[24], again[24];
    for (int i = 0; i < 24; i++)
        values[i] = (float)i;
    dt_planes_reverse(values, sizes, turned);
    CU_ASSERT_EQUAL(turned[(3 * 2 + 1) * 3 + 2], values[(2 * 2 + 1) * 4 + 3]);
    dt_planes_reverse(turned, back, again);
    CU_ASSERT_EQUAL(memcmp(values, again, sizeof values), 0);
}

/* Through PyTorch's order and back. */
static void round_trip(const char *list, dt_shape input)
{
    static float parameters[PARAMETERS_MOST];
    dt_tensor tensors[TENSORS_MOST];
    const dt_architecture architecture = architecture_of(list, input);
    char text[DT_LAYERS_TEXT];
    dt_import_note note = {0};
    dt_weights_file file = {.tensors = tensors, .parameters = parameters}, back;
    dt_error error = {0};
    dt_bundle bundle;
    CU_ASSERT_EQUAL_FATAL(dt_weights_facts_unknown(&file.facts, NULL), DT_OK);
    dt_weights_facts facts = file.facts;
    facts.layers = dt_layers_text(&architecture.list, text);
    memcpy(facts.input_shape, ((int64_t[]){input.height, input.width, input.channels}),
           sizeof facts.input_shape);
    facts.classes = dt_architecture_outputs(&architecture);
    facts.input_scale = facts.input_shift = 1;
    file.tensor_count = dt_architecture_tensors(&architecture, tensors, NULL);
    const dt_tensor *last = &tensors[file.tensor_count - 1];
    file.parameter_count = last->offset + dt_tensor_count(last);
    CU_ASSERT_FATAL(file.tensor_count <= TENSORS_MOST && file.parameter_count <= PARAMETERS_MOST);
    for (size_t i = 0; i < file.parameter_count; i++)
        parameters[i] = (float)i;
    file.parameter_hash = dt_hash(parameters, file.parameter_count * sizeof *parameters);
    dt_weights_file said = file;
    said.facts = facts;
    CU_ASSERT_EQUAL_FATAL(
        dt_bundle_of_weights(&architecture, &said, DT_NAMES_TORCH, &bundle, &error), DT_OK);
    CU_ASSERT_EQUAL(dt_weights_of_bundle(&bundle, NULL, &back, &note, &error), DT_OK);
    CU_ASSERT_STRING_EQUAL_FATAL(error.message, "");
    CU_ASSERT_EQUAL_FATAL(back.tensor_count, file.tensor_count);
    CU_ASSERT_EQUAL(memcmp(back.tensors, tensors, file.tensor_count * sizeof *tensors), 0);
    CU_ASSERT_EQUAL(memcmp(back.parameters, parameters, file.parameter_count * sizeof(float)), 0);
    dt_weights_destroy(&back);
    dt_bundle_destroy(&bundle);
    dt_weights_facts_destroy(&file.facts);
}

static void weights_of_images_come_back(void)
{
    static const dt_shape inputs[] = {{8, 8, 1}, {7, 9, 3}};
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        round_trip("conv 4 3x3 relu, maxpool 2, conv 4 3x3 same, dense 5, dense 5", inputs[i]);
        round_trip("conv 4 2x3 bias false, rms, avgpool 2, dense 4 bias false", inputs[i]);
        round_trip("maxpool 2, flatten, tanh, dense 6, conv 3 1x1, avgpool all", inputs[i]);
        round_trip("dense 6, conv 6 1x1, conv 6 1x1, dense 6", inputs[i]);
        round_trip("conv 4 3x3, groupnorm 2, layernorm, maxpool 2, layernorm, dense 5", inputs[i]);
        round_trip("layernorm, dense 6, layernorm, groupnorm 3, dense 6", inputs[i]);
        round_trip("conv 4 3x3, flatten, layernorm, dense 6", inputs[i]);
        round_trip("conv 4 3x3 same as a, rms as b, add a, conv 4 1x1, add b, dense 6", inputs[i]);
        round_trip("conv 4 3x3, rms, groupnorm 1, avgpool all, layernorm, dense 6", inputs[i]);
    }
}

typedef struct size_of {
    int layer, size;
} size_of;

/* Whether a layer takes so many values. */
static bool takes(const dt_architecture *architecture, const void *what)
{
    const size_of *self = what;
    dt_layer layer;
    for (int i = 0; i <= self->layer; i++)
        CU_ASSERT_TRUE_FATAL(dt_architecture_next(architecture, i, &layer));
    return layer.inputs == self->size;
}

static void images_are_those_that_their_network_is_made_for(void)
{
    static const struct {
        const char *list;
        size_of dense;
        dt_shape input;
    } cases[] = {
        {"conv 6 5x5 pad 2, maxpool 2, conv 16 5x5, maxpool 2, dense 9", {4, 400}, {28, 28, 1}},
        {"conv 6 5x5, maxpool 2, conv 16 5x5, maxpool 2, dense 9", {4, 400}, {32, 32, 1}},
        {"conv 4 3x3, maxpool 2, dense 9", {2, 100}, {12, 12, 1}},
        {"conv 4 3x3, avgpool all, dense 9", {2, 4}, {28, 28, 1}},
        {"maxpool 2, dense 9", {1, 3 * 36}, {12, 12, 3}},
        {"maxpool 2, dense 9", {1, 35}, {0, 0, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dt_architecture found = {.input = {1, 1, 1}};
        dt_shape input = cases[i].input;
        CU_ASSERT_EQUAL_FATAL(dt_layers_parse(cases[i].list, &found.list, NULL), DT_OK);
        CU_ASSERT_EQUAL(dt_find_input(&found, takes, &cases[i].dense), input.height > 0);
        if (input.height > 0)
            CU_ASSERT_EQUAL(memcmp(&found.input, &input, sizeof input), 0);
    }
}

CU_SuiteInfo dt_suite_planes(void)
{
    static CU_TestInfo tests[] = {
        {"modules are counted with what stands between them",
         modules_are_counted_with_what_stands_between_them},
        {"orders that planes do not have are found", orders_that_planes_do_not_have_are_found},
        {"an order is undone by its reverse", an_order_is_undone_by_its_reverse},
        {"weights of images come back", weights_of_images_come_back},
        {"images are those that their network is made for",
         images_are_those_that_their_network_is_made_for},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "planes", .pTests = tests};
}
