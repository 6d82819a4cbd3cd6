#include <math.h>

#include "config_fixture.h"
#include "nn/optimizer.h"

CU_SuiteInfo dt_suite_config_resolve(void);

static void set(dt_config *config, const char *name, const char *text)
{
    CU_ASSERT_EQUAL(dt_config_set(config, find(name), text, NULL), DT_OK);
}

static void resolving_takes_the_defaults_of_the_optimizer(void)
{
    for (int kind = 0; dt_optimizer_names[kind]; kind++) {
        dt_config config, again;
        dt_error error = {0};
        dt_config_defaults(&config);
        config.optimizer = kind;
        CU_ASSERT_EQUAL(dt_config_resolve(&config, &error), DT_OK);
        CU_ASSERT_EQUAL(config.lr, dt_optimizer_facts_of(kind)->lr);
        CU_ASSERT_EQUAL(config.beta2, dt_optimizer_facts_of(kind)->beta2);
        CU_ASSERT_EQUAL(config.epsilon, dt_optimizer_facts_of(kind)->epsilon);
        CU_ASSERT_EQUAL(config.weight_decay, dt_optimizer_facts_of(kind)->weight_decay);
        again = config;
        CU_ASSERT_EQUAL(dt_config_resolve(&again, &error), DT_OK);
        CU_ASSERT_PTR_NULL(first_difference(&config, &again));

        dt_config_defaults(&config);
        config.optimizer = kind;
        set(&config, "lr", "0.5");
        set(&config, "epsilon", "0.25");
        set(&config, "weight_decay", "0.125");
        CU_ASSERT_EQUAL(dt_config_resolve(&config, &error), DT_OK);
        CU_ASSERT(config.lr == 0.5 && config.epsilon == 0.25 && config.weight_decay == 0.125);
        CU_ASSERT_EQUAL(config.virtual_ranks, 0);
        CU_ASSERT_STRING_EQUAL(config.output, "auto");
    }
}

/* What is shown of a run that has resolved its settings. */
static void unresolved_settings_resolve_to_the_same(void)
{
    dt_config config, short_form, again;
    int drawn = 0;
    dt_config_defaults(&config);
    CU_ASSERT_EQUAL(dt_config_resolve(&config, NULL), DT_OK);
    CU_ASSERT_EQUAL(config.lr, 0.001);
    dt_config_unresolve(&config);
    CU_ASSERT_TRUE(isnan(config.lr) && isnan(config.epsilon) && isnan(config.weight_decay));
    for (uint32_t sample = 0; sample < 2000; sample++) {
        CU_ASSERT_EQUAL_FATAL(random_config(sample, &config, NULL), DT_OK);
        if (dt_config_resolve(&config, NULL))
            continue;
        drawn++;
        short_form = config;
        dt_config_unresolve(&short_form);
        again = short_form;
        CU_ASSERT_EQUAL(dt_config_resolve(&again, NULL), DT_OK);
        CU_ASSERT_PTR_NULL(first_difference(&config, &again));
        CU_ASSERT_EQUAL(memcmp(config.given, short_form.given, sizeof config.given), 0);
        CU_ASSERT_EQUAL(isnan(short_form.lr),
                        config.lr == dt_optimizer_facts_of(config.optimizer)->lr);
    }
    CU_ASSERT_TRUE(drawn > 20);
}

/* config.ini of a run, in which every setting counts as given, means the same network again. */
static void what_was_resolved_can_be_read_again(void)
{
    static const char *const before[] = {"dense 8 ", "dense 8, ", "", "8, ",
                                         "dense 8 bias false, "};
    static const char *const behind[] = {", dense 10", ", dense 7 tanh, dense 10", ", dense 10",
                                         ", 7 ,10", ", 10"};
    static char ini[1 << 15];
    for (int kind = 0; dt_layer_kind_at(kind); kind++)
        for (size_t i = 0; i < sizeof before / sizeof *before; i++) {
            const dt_layer_kind *row = dt_layer_kind_at(kind);
            dt_config config, again;
            char layers[DT_LAYERS_TEXT];
            dt_error error = {0};
            if (row->tensors || (i == 0 && !row->follows))
                continue;
            dt_config_defaults(&config);
            dt_config_defaults(&again);
            set(&config, "loss", "mse");
            dt_text out = {.text = layers, .size = sizeof layers};
            dt_text_add(&out, "%s", before[i]);
            shortest_item(row, &out);
            dt_text_add(&out, "%s", behind[i]);
            set(&config, "layers", layers);
            CU_ASSERT_EQUAL_FATAL(dt_config_resolve(&config, &error), DT_OK);
            dt_config_write_ini(&config, false, ini, sizeof ini);
            CU_ASSERT_EQUAL(dt_config_read_ini_text(&again, "it", ini, &error), DT_OK);
            CU_ASSERT_EQUAL(dt_config_resolve(&again, &error), DT_OK);
            CU_ASSERT_STRING_EQUAL(error.message, "");
            CU_ASSERT_PTR_NULL(first_difference(&config, &again));
        }
}

static void settings_that_do_not_fit_together_are_refused(void)
{
    static const struct {
        const char *name[2], *value[2], *message, *remedy[2];
    } cases[] = {
        {{"layers", "classes"},
         {"5, 12", "10"},
         "layers: expected the last layer to have one output a class, 10, found 12 in 'dense 5 "
         "relu, dense 12'",
         {"classes", "12"}},
        {{"split", "val_fraction"},
         {"random", "0"},
         "val_fraction: expected more than 0 with split = random, found 0",
         {"val_fraction", "0.1"}},
        {{"patience", "val_fraction"},
         {"3", "0"},
         "patience: expected 0 without validation samples, found 3",
         {"val_fraction", "0.1"}},
        {{"overwrite", "resume"},
         {"true", "auto"},
         "overwrite: expected false with resume = auto, found true",
         {"resume", "never"}},
        {{"output_activation", "loss"},
         {"softmax", "cross-entropy"},
         "output_activation: expected identity with loss = cross-entropy",
         {"loss", "bce"}},
        {{"schedule", "lr_min"},
         {"cosine", "0.5"},
         "lr_min: expected at most lr, 0.001, with schedule = cosine, found 0.5",
         {"lr", "0.5"}},
        {{"schedule", "lr_min"},
         {"linear", "0.5"},
         "lr_min: expected at most lr, 0.001, with schedule = linear, found 0.5",
         {"schedule", "step"}},
        {{"schedule", "warmup_epochs"},
         {"one-cycle", "0.5"},
         "warmup_epochs: expected 0 with schedule = one-cycle (see pct_start), found 0.5",
         {"warmup_epochs", "0"}},
        {{"schedule", "val_fraction"},
         {"plateau", "0"},
         "schedule: plateau looks at the validation loss: set val_fraction too",
         {"val_fraction", "0.1"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dt_config config;
        dt_error error = {0};
        dt_config_defaults(&config);
        for (int j = 0; j < 2; j++)
            set(&config, cases[i].name[j], cases[i].value[j]);
        CU_ASSERT_EQUAL(dt_config_resolve(&config, &error), DT_ERR_CONFIG);
        CU_ASSERT_TRUE(says(&error, cases[i].message));
        CU_ASSERT_TRUE(isnan(config.epsilon));
        set(&config, cases[i].remedy[0], cases[i].remedy[1]);
        CU_ASSERT_EQUAL(dt_config_resolve(&config, &error), DT_OK);
    }
}

/* What was tuned for a batch, with another one; lr_min is of the peak that comes of it. */
static void the_peak_follows_the_batch(void)
{
    static const char *const scaling[] = {"none", "linear", "sqrt"};
    static const double peaks[] = {0.5, 8, 2};
    for (int i = 0; i < 3; i++) {
        dt_config config;
        dt_config_defaults(&config);
        set(&config, "lr", "0.5");
        set(&config, "lr_batch", "32");
        set(&config, "batch_size", "512");
        set(&config, "lr_scaling", scaling[i]);
        CU_ASSERT_EQUAL(dt_config_resolve(&config, NULL), DT_OK);
        CU_ASSERT_EQUAL(config.lr, 0.5); /* config.ini repeats the run */
        CU_ASSERT_EQUAL(dt_config_peak_lr(&config), peaks[i]);
        set(&config, "schedule", "linear");
        set(&config, "lr_min", "1.5");
        CU_ASSERT_EQUAL(dt_config_resolve(&config, NULL), i == 0 ? DT_ERR_CONFIG : DT_OK);
    }
}

/* Validation samples are chosen by the seed of the run, unless they have one of their own. */
static void the_choice_of_validation_samples_has_a_seed(void)
{
    dt_config config;
    dt_config_defaults(&config);
    set(&config, "seed", "7");
    CU_ASSERT_EQUAL(dt_config_resolve(&config, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_config_val_seed(&config), 7);
    set(&config, "seed", "8");
    CU_ASSERT_EQUAL(dt_config_val_seed(&config), 8);
    set(&config, "val_seed", "3");
    CU_ASSERT_EQUAL(dt_config_val_seed(&config), 3);
}

CU_SuiteInfo dt_suite_config_resolve(void)
{
    static CU_TestInfo tests[] = {
        {"resolving takes the optimizer's defaults", resolving_takes_the_defaults_of_the_optimizer},
        {"unresolved settings resolve to the same", unresolved_settings_resolve_to_the_same},
        {"what was resolved can be read again", what_was_resolved_can_be_read_again},
        {"settings that do not fit together are refused",
         settings_that_do_not_fit_together_are_refused},
        {"the peak follows the batch", the_peak_follows_the_batch},
        {"the choice of validation samples has a seed",
         the_choice_of_validation_samples_has_a_seed},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "config_resolve", .pTests = tests};
}
