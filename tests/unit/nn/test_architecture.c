#include "nn/architecture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "draw_layer.h"
#include "random_config.h"

CU_SuiteInfo dt_suite_architecture(void);

/* A list comes back from its text, as it was drawn and written out. */
static void writing_and_reading_is_the_identity(void)
{
    dt_random_sequence from = dt_random_sequence_of(
        (dt_random_key){.seed = 20261128, .stream = DT_STREAM_TEST, .sample = 1});
    const dt_layer_defaults defaults = {"tanh", "softmax", false};
    for (int i = 0; i < 300; i++) {
        char drawn[DT_LAYERS_TEXT], text[DT_LAYERS_TEXT], again[DT_LAYERS_TEXT];
        dt_layer_list list, other;
        dt_error error = {0};
        random_layers(&from, drawn);
        CU_ASSERT_EQUAL_FATAL(dt_layers_parse(drawn, &list, &error), DT_OK);
        for (int out = 0; out < 2; out++) {
            CU_ASSERT_EQUAL_FATAL(dt_layers_parse(dt_layers_text(&list, text), &other, &error), 0);
            CU_ASSERT_EQUAL(list.count, other.count);
            CU_ASSERT_STRING_EQUAL(dt_layers_text(&other, again), text);
            for (int j = 0; j < list.count; j++) {
                CU_ASSERT(list.layers[j].kind == other.layers[j].kind);
                CU_ASSERT_EQUAL(memcmp(list.layers[j].arguments, other.layers[j].arguments,
                                       sizeof list.layers[j].arguments),
                                0);
            }
            CU_ASSERT_EQUAL(dt_layers_write_out(&list, &defaults, &error), DT_OK);
        }
    }
}

static void forms_that_mean_the_same(void)
{
    static const char *const forms[][2] = {
        {"128,64,10", "128, 64, 10"},
        {" dense  5\trelu ,3", "dense 5 relu, 3"},
        {"dense 5, relu, dense 3", "dense 5 relu, dense 3"},
        {"dense 5 bias true identity", "dense 5"},
        {"dense 5 bias false leaky_relu", "dense 5 bias false leaky-relu"},
        {"dense 5 relu, tanh, 3", "dense 5 relu, tanh, 3"},
        {"relu, dense 3 softmax", "relu, dense 3 softmax"},
        {"5, relu, 3", "5, relu, 3"},
        {"identity, 3, identity", "3, identity"},
        {"conv 6 5 pad 2x2, maxpool 2x2 stride 2 relu",
         "conv 6 5x5 pad 2, maxpool 2x2 stride 2 relu"},
        {"conv 6 5x3 same stride 1x1", "conv 6 5x3 same"},
        {"conv 6 5x3 stride 2x1 pad same tanh", "conv 6 5x3 stride 2x1 same tanh"},
        {"avgpool all, maxpool 3 kernel", "avgpool all, maxpool 3x3"},
        {"dense 5 relu  as a,add a relu, 3", "dense 5 relu as a, add a relu, 3"},
        {"dense 5 as of-15-character, add of-15-character",
         "dense 5 as of-15-character, add of-15-character"},
        {"dense 5 as a, relu, add a, tanh, 3", "dense 5 as a, relu, add a tanh, 3"},
        {"dense 5 identity as A-1_b, relu, add A-1_b", "dense 5 as A-1_b, relu, add A-1_b"},
        {"relu as as, tanh as relu, add as as add, add relu relu, add add",
         "relu as as, tanh as relu, add as as add, add relu relu, add add"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        dt_layer_list list;
        char text[DT_LAYERS_TEXT];
        CU_ASSERT_EQUAL_FATAL(dt_layers_parse(forms[i][0], &list, NULL), DT_OK);
        CU_ASSERT_STRING_EQUAL(dt_layers_text(&list, text), forms[i][1]);
    }
}

static void numbers_are_written_out(void)
{
    static const struct {
        const char *list, *hidden, *output, *expected;
        bool bias;
    } cases[] = {
        {"5, 4, 3", "relu", "identity", "dense 5 relu, dense 4 relu, dense 3", true},
        {"5, 3", "identity", "softmax", "dense 5 bias false, dense 3 bias false softmax", false},
        {"5, dense 3", "tanh", "softmax", "dense 5 tanh, dense 3", true},
        {"dense 5, 3", "tanh", "softmax", "dense 5, dense 3 softmax", true},
        {"dense 5 gelu, dense 3", "tanh", "softmax", "dense 5 gelu, dense 3", false},
        {"3", "tanh", "identity", "dense 3", true},
        {"5, tanh, 3", "relu", "identity", "dense 5 tanh, dense 3", true},
        {"5, identity, 4, 3", "relu", "softmax", "dense 5, dense 4 relu, dense 3 softmax", true},
        {"5, 3, softmax", "relu", "identity", "dense 5 relu, dense 3 softmax", true},
        {"5, rms, 3, rms", "relu", "identity", "dense 5 relu, rms, dense 3, rms", true},
        {"5, rms, tanh, dense 3, identity", "gelu", "softmax", "dense 5 gelu, rms tanh, dense 3",
         true},
        {"5, relu as a, 5, add a, 3", "tanh", "softmax",
         "dense 5 relu as a, dense 5 tanh, add a, dense 3 softmax", true},
        {"5, identity as a, 5, add a", "tanh", "identity", "dense 5 as a, dense 5, add a", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dt_layer_list list;
        char text[DT_LAYERS_TEXT];
        const dt_layer_defaults defaults = {cases[i].hidden, cases[i].output, cases[i].bias};
        CU_ASSERT_EQUAL_FATAL(dt_layers_parse(cases[i].list, &list, NULL), DT_OK);
        CU_ASSERT_EQUAL(dt_layers_write_out(&list, &defaults, NULL), DT_OK);
        CU_ASSERT_STRING_EQUAL(dt_layers_text(&list, text), cases[i].expected);
        CU_ASSERT_EQUAL(dt_layers_write_out(&list, &defaults, NULL), DT_OK);
        CU_ASSERT_STRING_EQUAL(dt_layers_text(&list, text), cases[i].expected);
        dt_layers_shorten(&list, &defaults);
        bool short_form = strspn(cases[i].list, "0123456789, ") == strlen(cases[i].list);
        CU_ASSERT_STRING_EQUAL(dt_layers_text(&list, text),
                               short_form ? cases[i].list : cases[i].expected);
    }
}

static void mistakes_name_the_item_and_what_was_expected(void)
{
    static const char *const mistakes[][2] = {
        {"dens 5, 3", "layer 1, 'dens 5': expected a number or a kind of layer (--help layers), "
                      "found 'dens'; did you mean 'dense'?"},
        {"5, dense", "layer 2, 'dense': expected an integer from 1 to 1048576 for units (outputs), "
                     "found nothing"},
        {"dense 5 rleu, 3", "expected bias, an activation, 'as LABEL', a comma or the end, found "
                            "'rleu'; did you mean 'relu'?"},
        {"dense 5 bais false, 3", "found 'bais'; did you mean 'bias'?"},
        {"dense 5 bias maybe", "expected true or false for bias (add b), found 'maybe'"},
        {"dense 5 bias", "expected true or false for bias (add b), found nothing"},
        {"dense 5 bias true bias false", "expected bias once, found 'bias' a second time"},
        {"dense 5 relu bias false", "expected bias in front of relu, found 'bias' behind it"},
        {"dense 5 relu tanh", "expected 'as LABEL', a comma or the end, found 'tanh'"},
        {"relu relu",
         "layer 1, 'relu relu': expected 'as LABEL', a comma or the end, found 'relu'"},
        {"dense 5 dense 3", "an activation, 'as LABEL', a comma or the end, found 'dense'"},
        {"dense 5 sa a", "or the end, found 'sa'; did you mean 'as'?"},
        {"dense 5 relu as", "layer 1, 'dense 5 relu as': expected a label of this item (a letter, "
                            "then at most 14 letters, digits, - and _), found nothing"},
        {"dense 5 as 1", "found '1'"},
        {"dense 5 as a.b", "found 'a.b'"},
        {"dense 5 as of-16-characters", "found 'of-16-characters'"},
        {"dense 5 as a relu", "layer 1, 'dense 5 as a relu': expected a comma or the end, found"},
        {"5 as a", "expected a comma, or 'dense' before the number, found 'as'"},
        {"relu, identity as a, add a", "expected a layer in front of the label, since identity is "
                                       "none, found 'as'"},
        {"add", "layer 1, 'add': expected a label of an item in front of it, which gives values of "
                "the same shape (a letter, then at most 14 letters, digits, - and _), found "
                "nothing"},
        {"dense 5 as ab, identity, add ba, 3",
         "layer 3: expected the label of a layer in front of it ('as ba'), found 'ba', which none "
         "has; did you mean 'ab'?"},
        {"5, add a, relu as a, 3", "layer 2: expected the label of a layer in front of it, found "
                                   "'a', which is that of layer 3"},
        {"5, add a as a", "found 'a', which is that of layer 2"},
        {"relu as a, 5, tanh as a, add a", "layer 3: expected a label of its own, found 'a', which "
                                           "is that of layer 1"},
        {"5, relu as a, 3", "layer 2: expected a layer behind it that takes 'a', as in 'add a', "
                            "found none"},
        {"5 relu, 3", "layer 1, '5 relu': expected a comma, or 'dense' before the number, found"},
        {"5,,3",
         "layer 2, '': expected a number or a kind of layer (--help layers), found nothing"},
        {"5,3,", "layer 3, '': expected"},
        {"identity", "expected a layer, found 'identity', which is none"},
        {"5.5, 3", "expected an integer from 1 to 1048576"},
        {"dense 0", "expected an integer from 1 to 1048576"},
        {"dense 1048577", "expected an integer from 1 to 1048576"},
        {"dense 1e3", "expected an integer from 1 to 1048576"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        dt_layer_list list = {.count = 77};
        dt_error error = {0};
        CU_ASSERT_EQUAL(dt_layers_parse(mistakes[i][0], &list, &error), DT_ERR_CONFIG);
        bool told = strstr(error.message, mistakes[i][1]);
        if (!told)
            printf("\n    %s\n    expected ...%s...\n    found    %s\n", mistakes[i][0],
                   mistakes[i][1], error.message);
        CU_ASSERT_TRUE(told);
        CU_ASSERT_EQUAL(list.count, 77);
    }
}

static void inputs_of_other_shapes_are_both_told(void)
{
    static const char *const lists[][2] = {
        {"conv 3 3x3 relu as a, maxpool 2, add a, dense 3",
         "layer 3: add a: expected two inputs of the same shape, found 3x2x3 in front of it and "
         "6x5x3 of 'a' (layer 1)"},
        {"conv 3 3x3 as a, flatten, add a, dense 3", "found 1x1x90 in front of it and 6x5x3 of"},
        {"dense 5 as a, dense 5, add a relu as b, dense 4, add b",
         "layer 5: add b: expected two "
         "inputs of the same shape, found "
         "1x1x4"},
        {"conv 3 3x3 as a, conv 3 3x3 same, add a, dense 3", ""},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        dt_architecture of = {.input = {8, 7, 1}};
        dt_shape output;
        dt_error error = {0};
        CU_ASSERT_EQUAL_FATAL(dt_layers_parse(lists[i][0], &of.list, NULL), DT_OK);
        dt_status status = dt_architecture_check(&of, &output, &error);
        CU_ASSERT_EQUAL(status, lists[i][1][0] ? DT_ERR_CONFIG : DT_OK);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, lists[i][1]));
    }
}

/* What tests, help and files go by: names are apart, arguments are told, what must be given comes
 * first, and whatever has tensors has a name for Keras. */
static void rows_of_the_table_are_whole(void)
{
    for (int i = 0; dt_layer_kind_at(i); i++) {
        const dt_layer_kind *kind = dt_layer_kind_at(i);
        CU_ASSERT_EQUAL(dt_layer_kind_find(kind->name), i);
        CU_ASSERT_TRUE(kind->help && kind->help[0]);
        CU_ASSERT_TRUE((kind->forward && kind->backward) != (kind->map && kind->map_gradient));
        CU_ASSERT_EQUAL(!kind->keras, !kind->tensors);
        for (int j = 0; j < kind->argument_count; j++) {
            CU_ASSERT_TRUE(kind->arguments[j].name && kind->arguments[j].help);
            CU_ASSERT_TRUE(j == 0 || kind->arguments[j].preset || !kind->arguments[j - 1].preset);
        }
        CU_ASSERT_EQUAL(!kind->second, !kind->backward_second);
        CU_ASSERT_FALSE(kind->second && kind->follows);
    }
}

/* A weight is a factor of a matrix product, once or more for a sample. */
static void kinds_with_weights_say_their_flops(void)
{
    dt_random_sequence random = draw_begin(50);
    for (int i = 0; dt_layer_kind_at(i); i++) {
        const dt_layer_kind *kind = dt_layer_kind_at(i);
        dt_layer layer;
        double weights = 0;
        draw_layer(i, (dt_shape){8, 7, 2}, &random, &layer);
        for (int j = 0; j < layer.tensor_count; j++)
            if (layer.tensors[j].role == DT_TENSOR_WEIGHT)
                weights += (double)dt_tensor_count(&layer.tensors[j]);
        CU_ASSERT_EQUAL_FATAL(kind->flops != NULL, weights > 0);
        if (!kind->flops)
            continue;
        double flops = kind->flops(&layer);
        CU_ASSERT_TRUE(flops >= weights && fmod(flops, weights) == 0);
    }
}

static void what_the_list_says_of_the_settings(void)
{
    dt_layer_list list;
    bool has, others, with, without;
    CU_ASSERT_EQUAL(dt_layers_parse("dense 5, dense 4 tanh, dense 3 bias false softmax", &list, 0),
                    0);
    CU_ASSERT_STRING_EQUAL(dt_layers_hidden(&list, "tanh", &has, &others), "identity");
    CU_ASSERT_TRUE(has);
    dt_layers_hidden(&list, "softmax", &has, &others);
    CU_ASSERT_FALSE(has);
    dt_layers_biases(&list, &with, &without);
    CU_ASSERT_TRUE(with && without && dt_layers_end_in_softmax(&list));
    CU_ASSERT_EQUAL(dt_layers_parse("dense 3 relu", &list, NULL), DT_OK);
    CU_ASSERT_PTR_NULL(dt_layers_hidden(&list, "relu", &has, &others));
    CU_ASSERT_FALSE(dt_layers_end_in_softmax(&list));
}

CU_SuiteInfo dt_suite_architecture(void)
{
    static CU_TestInfo tests[] = {
        {"writing and reading is the identity", writing_and_reading_is_the_identity},
        {"forms that mean the same", forms_that_mean_the_same},
        {"numbers are written out", numbers_are_written_out},
        {"mistakes name the item", mistakes_name_the_item_and_what_was_expected},
        {"inputs of other shapes are both told", inputs_of_other_shapes_are_both_told},
        {"rows of the table are whole", rows_of_the_table_are_whole},
        {"kinds with weights say their flops", kinds_with_weights_say_their_flops},
        {"what the list says of the settings", what_the_list_says_of_the_settings},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "architecture", .pTests = tests};
}
