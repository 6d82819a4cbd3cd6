#include "train/model.h"

#include <CUnit/CUnit.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "names.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_model(void);

static const char *h5(void)
{
    return scratch_path(folder, "model.h5");
}

static void set(dt_config *config, const char *name, const char *value)
{
    CU_ASSERT_EQUAL_FATAL(dt_config_set(config, dt_setting_find(name), value, NULL), DT_OK);
}

/* A model file: what a run with these settings writes, as far as it is asked for. */
typedef struct draft {
    dt_network *network;
    float *parameters;
    dt_tensor tensors[8];
    char architecture[64];
    int64_t shape[3], classes;
    const char *config;
    const char *activation, *output; /* NULL: it has layers */
    char layers[DT_LAYERS_TEXT];
} draft;

/* config becomes resolved. */
static void begin(draft *self, dt_config *config, dt_network_spec *spec)
{
    size_t count;
    CU_ASSERT_EQUAL_FATAL(dt_config_resolve(config, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(
        dt_model_specify(config, (dt_shape){4, 3, 1}, config->classes, spec, NULL), DT_OK);
    *self = (draft){
        .shape = {4, 3, 1}, .classes = dt_architecture_outputs(&spec->architecture), .config = ""};
    CU_ASSERT_EQUAL_FATAL(dt_network_create(spec, &self->network, NULL), DT_OK);
    self->parameters = dt_network_new_parameters(self->network, NULL);
    dt_network_initialise(self->network, DT_INIT_PYTORCH, 4, self->parameters);
    dt_architecture_text(&spec->architecture, self->architecture, sizeof self->architecture);
    dt_layers_text(&spec->architecture.list, self->layers);
    const dt_tensor *tensors = dt_network_tensors(self->network, &count);
    memcpy(self->tensors, tensors, count * sizeof *tensors);
}

/* With `activation` as a file written before 0.2 has it; else with `layers`. */
static void write_draft(const draft *self, const dt_network_spec *spec)
{
    const dt_attribute attributes[] = {
        dt_attribute_text("architecture", self->architecture),
        dt_attribute_integers("input_shape", 3, self->shape),
        dt_attribute_real("input_scale", spec->normalization.scale),
        dt_attribute_real("input_shift", spec->normalization.shift),
        dt_attribute_integer("classes", self->classes),
        dt_attribute_text("loss", dt_loss_names[spec->loss]),
        dt_attribute_text("config", self->config),
        self->activation ? dt_attribute_text("activation", self->activation)
                         : dt_attribute_text("layers", self->layers),
        dt_attribute_text("output_activation", self->output),
    };
    dt_weights weights = {.tensors = self->tensors,
                          .parameters = self->parameters,
                          .attributes = attributes,
                          .attribute_count = self->activation ? 9 : 8};
    dt_network_tensors(self->network, &weights.tensor_count);
    CU_ASSERT_EQUAL_FATAL(dt_weights_write(h5(), &weights, NULL), DT_OK);
}

static void end(draft *self)
{
    dt_network_destroy(self->network);
    dt_free(self->parameters);
}

static void a_model_comes_back_whatever_its_settings(void)
{
    int activations = names_count(dt_activation_names), losses = names_count(dt_loss_names);
    for (int i = 0; i < 4 * activations; i++) {
        dt_config config, asked;
        dt_network_spec spec;
        draft self;
        dt_config_defaults(&config);
        dt_config_defaults(&asked);
        set(&config, "layers", i % 3 ? "7, 5, 4" : "4");
        set(&config, "classes", "4");
        set(&config, "activation", dt_activation_names[i % activations]);
        set(&config, "bias", i % 2 ? "true" : "false");
        set(&config, "loss", dt_loss_names[i % losses]);
        set(&config, "output_activation", config.loss == DT_BCE ? "softmax" : "identity");
        set(&config, "normalize", i % 4 ? "unit" : "standard");
        set(&config, "seed", "77");
        set(&config, "test_limit", "33");
        begin(&self, &config, &spec);
        if (i >= 2 * activations) { /* a file of before */
            self.activation = dt_activation_names[config.activation];
            self.output = dt_output_activation_names[config.output_activation];
        }
        static char ini[1 << 15];
        dt_config_write_ini(&config, true, ini, sizeof ini);
        self.config = i == 5 ? "" : ini;
        write_draft(&self, &spec);
        set(&asked, "test_limit", "44");
        set(&asked, "epochs", "2");
        dt_model model;
        dt_error error = {0};
        CU_ASSERT_EQUAL(dt_model_read(h5(), &asked, &model, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(error.message, "");
        char layers[DT_LAYERS_TEXT];
        dt_layers_text(&model.spec.architecture.list, layers);
        CU_ASSERT_STRING_EQUAL(layers, self.layers);
        CU_ASSERT_STRING_EQUAL(model.file.facts.layers, self.layers);
        CU_ASSERT_EQUAL(
            memcmp(&model.spec.normalization, &spec.normalization, sizeof spec.normalization), 0);
        CU_ASSERT_EQUAL(model.spec.loss, spec.loss);
        CU_ASSERT_EQUAL(model.file.parameter_hash,
                        dt_hash(self.parameters, model.file.parameter_count * sizeof(float)));
        CU_ASSERT_EQUAL(model.file.parameter_count, dt_network_parameter_count(self.network));
        CU_ASSERT_EQUAL(model.config.seed, i == 5 ? 1 : 77);
        CU_ASSERT_EQUAL(model.config.test_limit, 44);
        CU_ASSERT_EQUAL(model.config.epochs, 2);
        dt_network_spec again;
        CU_ASSERT_EQUAL(dt_model_specify(&model.config, spec.architecture.input, 4, &again, NULL),
                        DT_OK);
        CU_ASSERT_STRING_EQUAL(dt_layers_text(&again.architecture.list, layers), self.layers);
        dt_model_destroy(&model);
        dt_model_destroy(&model);
        end(&self);
    }
    dt_model_destroy(NULL);
}

static void refuse(const dt_config *asked, dt_status expected, const char *reason)
{
    dt_model model;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_model_read(h5(), asked, &model, &error), expected);
    bool told = strstr(error.message, reason) && strstr(error.message, "model.h5: ");
    if (!told)
        printf("\n    expected ...%s...\n    found    %s\n", reason, error.message);
    CU_ASSERT_TRUE(told);
    dt_model_destroy(&model);
}

static void facts_that_contradict_the_tensors_are_refused(void)
{
    dt_config config, asked;
    dt_network_spec spec;
    draft self;
    dt_config_defaults(&config);
    dt_config_defaults(&asked);
    set(&config, "layers", "7, 4");
    set(&config, "classes", "4");
    begin(&self, &config, &spec);
    const draft good = self;

    snprintf(self.architecture, sizeof self.architecture, "12-7-5");
    self.activation = "relu"; /* a file without layers */
    self.output = "identity";
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "architecture 12-7-5, as its attribute says, found 12-7-4");
    self = good;
    self.shape[0] = 5;
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA,
           "tensor dense/kernel: expected the kernel [15][7], as layers and input_shape say, "
           "found the kernel [12][7]");
    self.shape[0] = INT64_MAX / 2;
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "expected images of at most 16777216 values, found");
    self = good;
    self.classes = 5;
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "as many as the last layer gives, 4, found 5");
    self = good;
    self.activation = "swish";
    self.output = "identity";
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "expected a name that this version knows, found 'swish'");
    self = good;
    strcpy(self.layers, "dense 7 swish, dense 4");
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "attribute dist_train.layers of /: layer 1, 'dense 7 swish'");
    self = good;
    self.config = "[data]\nclasses = x\n";
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "the settings in the file: ");

    self = good;
    strcpy(self.tensors[1].name, "gamma");
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA,
           "tensor dense/gamma: expected the bias [7], as layers and input_shape say, found the "
           "gamma [7]");
    self = good;
    self.tensors[0].shape[0] = 6;
    self.tensors[0].shape[1] = 14;
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA,
           "tensor dense/kernel: expected the kernel [12][7], as layers and input_shape say, "
           "found the kernel [6][14]");
    self = good;
    self.tensors[2].rank = 1;
    self.tensors[2].shape[0] = 28;
    write_draft(&self, &spec);
    refuse(&asked, DT_ERR_DATA, "tensor dense_1/kernel: ");

    write_draft(&good, &spec);
    set(&asked, "activation", "gelu");
    refuse(&asked, DT_ERR_CONFIG, "activation: expected relu, as this file has it, found gelu");
    dt_config_defaults(&asked);
    set(&asked, "normalize", "standard");
    refuse(&asked, DT_ERR_CONFIG, "normalize: expected unit, as this file has it, found standard");
    self = good;
    end(&self);
}

/* The same tensors without a word of ours. */
static void write_foreign(int64_t inputs)
{
    float parameters[200] = {0};
    const dt_tensor tensors[] = {
        {"a", "kernel", DT_TENSOR_WEIGHT, 2, {inputs, 2}, 0},
        {"b", "kernel", DT_TENSOR_WEIGHT, 2, {2, 3}, 2 * (size_t)inputs},
    };
    dt_hdf5_image *image;
    void *bytes;
    size_t size;
    static const char *const layers[] = {"a", "b"}, *const weights[] = {"kernel"};
    CU_ASSERT_EQUAL_FATAL(dt_hdf5_image_create(&image, NULL), DT_OK);
    dt_attribute names = dt_attribute_texts("layer_names", 2, layers);
    CU_ASSERT_EQUAL(dt_hdf5_image_add_attribute(image, "/", &names, NULL), DT_OK);
    for (int i = 0; i < 2; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%s", layers[i]);
        dt_attribute of_layer = dt_attribute_texts("weight_names", 1, weights);
        CU_ASSERT_EQUAL(dt_hdf5_image_add_group(image, path, NULL), DT_OK);
        CU_ASSERT_EQUAL(dt_hdf5_image_add_attribute(image, path, &of_layer, NULL), DT_OK);
        snprintf(path, sizeof path, "/%s/kernel", layers[i]);
        CU_ASSERT_EQUAL(
            dt_hdf5_image_add_floats(image, path, 2, tensors[i].shape, parameters, NULL), DT_OK);
    }
    CU_ASSERT_EQUAL(dt_hdf5_image_finish(image, &bytes, &size, NULL), DT_OK);
    FILE *file = fopen(h5(), "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
    dt_free(bytes);
    dt_hdf5_image_destroy(image);
}

static void files_from_elsewhere_need_words_of_the_user(void)
{
    static const char *const words[][2] = {{"normalize", "standard"},
                                           {"loss", "bce"},
                                           {"output_activation", "identity"},
                                           {"activation", "tanh"}};
    dt_config asked;
    dt_config_defaults(&asked);
    write_foreign(9);
    for (int i = 0; i < 4; i++) {
        char reason[64];
        snprintf(reason, sizeof reason, "%s is not known: ", words[i][0]);
        refuse(&asked, DT_ERR_CONFIG, reason);
        set(&asked, words[i][0], words[i][1]);
    }
    dt_model model;
    CU_ASSERT_EQUAL_FATAL(dt_model_read(h5(), &asked, &model, NULL), DT_OK);
    const dt_network_spec *spec = &model.spec;
    dt_shape shape = spec->architecture.input;
    CU_ASSERT_TRUE(shape.height == 3 && shape.width == 3 && shape.channels == 1);
    CU_ASSERT_STRING_EQUAL(model.file.facts.layers, "dense 2 bias false tanh, dense 3 bias false");
    CU_ASSERT_EQUAL(spec->loss, DT_BCE);
    CU_ASSERT_EQUAL(spec->normalization.shift, -0.1307 / 0.3081);
    CU_ASSERT_EQUAL(model.config.classes, 3);
    dt_model_destroy(&model);
    set(&asked, "classes", "10");
    refuse(&asked, DT_ERR_CONFIG, "classes: expected 3, as this file has it, found 10");
    write_foreign(10);
    refuse(&asked, DT_ERR_DATA, "expected square images with one channel, found a network of 10");
    refuse(&asked, DT_ERR_DATA,
           "if those are images of 3 channels, begin --layers with 'maxpool 1'");
}

CU_SuiteInfo dt_suite_model(void)
{
    static CU_TestInfo tests[] = {
        {"a model comes back whatever its settings", a_model_comes_back_whatever_its_settings},
        {"facts that contradict the tensors are refused",
         facts_that_contradict_the_tensors_are_refused},
        {"files from elsewhere need words of the user",
         files_from_elsewhere_need_words_of_the_user},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "model",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
