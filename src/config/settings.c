#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"
#include "config/config.h"
#include "dist/reduce.h"
#include "nn/init.h"
#include "nn/loss.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"

/* The largest integer up to which every integer is a double: the ranges of the table are doubles,
 * and so are the numbers of JSON. */
#define ANY_COUNT 0x1p53

/* Decay rates stay below 1: the bias correction of Adam divides by 1 - beta^t. */
#define DECAY_MAX 0.999999

/* Something must be left of the labels. */
#define SMOOTHING_MAX 0.999999

/* Divisors of a learning rate. */
#define FACTOR_MIN 1e-9
#define FACTOR_MAX 1e9

/* A parameter whose gradient has always been zero divides by epsilon alone. */
#define EPSILON_MIN 1e-30

static const char *const normalize_names[] = {"unit", "standard", NULL};
const char *const dt_on_nonfinite_names[] = {"stop", "skip", NULL};
const char *const dt_output_activation_names[] = {"identity", "softmax", NULL};
static const char *const progress_names[] = {"auto", "bar", "lines", NULL};
static const char *const data_words[] = {"auto", "synthetic", NULL};
static const char *const resume_words[] = {"never", "auto", NULL};
static const char *const output_words[] = {"auto", NULL};
static const char *const no_file[] = {"none", NULL};

/* A row of the table: what a restart does with it, section, field, type, what the type needs,
 * default, unit, help. */
#define ROW(rule, in, field, kind, preset, of, text)                                               \
    .section = (in), .name = #field, .offset = offsetof(dt_config, field), .type = (kind),         \
    .default_value = (preset), .unit = (of), .help = (text), .on_resume = (rule)
#define TEXT(rule, in, field, preset, of, words, text)                                             \
    {                                                                                              \
        ROW(rule, in, field, DT_SETTING_TEXT, preset, of, text), .names = (words)                  \
    }
#define BOOL(rule, in, field, preset, text)                                                        \
    {                                                                                              \
        ROW(rule, in, field, DT_SETTING_BOOL, preset, NULL, text)                                  \
    }
#define ENUM(rule, in, field, list, preset, text)                                                  \
    {                                                                                              \
        ROW(rule, in, field, DT_SETTING_ENUM, preset, NULL, text), .names = (list)                 \
    }
#define NUMBER(rule, in, field, kind, low, high, preset, of, text)                                 \
    {                                                                                              \
        ROW(rule, in, field, kind, preset, of, text), .min = (low), .max = (high)                  \
    }
#define NUMBER_OR_AUTO(rule, in, field, kind, low, high, of, text)                                 \
    {                                                                                              \
        ROW(rule, in, field, kind, "auto", of, text), .min = (low), .max = (high),                 \
                                                      .allow_auto = true                           \
    }
#define SIZE_OR_AUTO(rule, in, field, most, text)                                                  \
    {                                                                                              \
        ROW(rule, in, field, DT_SETTING_SIZE, "auto", NULL, text), .min = 1, .max = (most),        \
                                                                   .allow_auto = true              \
    }
#define LIST(rule, in, field, type, preset, text)                                                  \
    {                                                                                              \
        ROW(rule, in, field, DT_SETTING_LIST, preset, NULL, text), .list = (type)                  \
    }

static dt_status parse_layers(const char *text, void *out, dt_error *error)
{
    return dt_layers_parse(text, out, error);
}

static void write_layers(const void *list, char text[DT_TEXT_MAX])
{
    dt_layers_text(list, text);
}

static dt_status parse_augment(const char *text, void *out, dt_error *error)
{
    return dt_augment_parse(text, out, error);
}

static void write_augment(const void *list, char text[DT_TEXT_MAX])
{
    dt_augment_text(list, text);
}

static const dt_list_type layers_type = {"layer", parse_layers, write_layers};
static const dt_list_type augment_type = {"augmentation", parse_augment, write_augment};

#define FIXED DT_RESUME_FIXED
#define TURN  DT_RESUME_TURN
#define FREE  DT_RESUME_FREE
#define NEW   DT_RESUME_NEW
#define INT   DT_SETTING_INT
#define INT64 DT_SETTING_INT64
#define REAL  DT_SETTING_REAL

static const dt_setting settings[] = {
    TEXT(FREE, "data", data, "auto", "directory", data_words,
         "directory of MNIST-type files, or DIRECTORY/PREFIX of theirs; train.csv, with or without "
         "test.csv beside it, or their directory; a .npz or HDF5 file of arrays, or the directory "
         "of one; pictures in a folder for each class, in train/ and test/ or alone; synthetic: "
         "built-in digits; auto: $DIST_TRAIN_DATA, else data/mnist, else what is in data/, else "
         "synthetic"),
    TEXT(FREE, "data", keys, "auto", "list", output_words,
         "arrays of a .npz or HDF5 file: IMAGES,LABELS or IMAGES,LABELS,TEST IMAGES,TEST LABELS; "
         "column of labels of a CSV file: NAME, first or last; auto: x_train, y_train, x_test, "
         "y_test, label, or names that say the same"),
    SIZE_OR_AUTO(FIXED, "data", size, 1024,
                 "size in pixels to which the pictures of a folder are scaled, each as a whole; "
                 "auto: their own, which must be the same for all"),
    NUMBER_OR_AUTO(FIXED, "data", classes, INT, 1, 256, NULL,
                   "number of classes, of the labels 0 to classes - 1; auto: those of the data, "
                   "whatever the labels are"),
    BOOL(FIXED, "data", transpose, "false",
         "exchange rows and columns of the images, which EMNIST stores so; a network keeps it"),
    ENUM(FIXED, "data", split, dt_split_names, "standard",
         "standard: train on the training part, test on the test part; "
         "random: train on both together, less the validation samples"),
    NUMBER(FIXED, "data", val_fraction, REAL, 0, 0.9, "0", NULL,
           "share of the samples to train on that is held out for validation"),
    NUMBER_OR_AUTO(FIXED, "data", val_seed, INT64, 0, ANY_COUNT, NULL,
                   "seed of the choice of these samples: runs of several seeds that have it in "
                   "common hold out the same, on which eval judges them together; auto: seed"),
    ENUM(FIXED, "data", normalize, normalize_names, "unit",
         "unit: pixel / 255; standard: (pixel / 255 - 0.1307) / 0.3081"),
    ENUM(FIXED, "data", shuffle, dt_shuffle_names, "global",
         "new order in each epoch, global: of all samples; shard: of each rank's own; "
         "none: always the order of the file"),
    LIST(TURN, "data", augment, &augment_type, "none",
         "random changes of the training images, new in each epoch, as --help augment says: "
         "shift 2, rotate 10"),
    NUMBER(FIXED, "data", train_limit, INT64, 0, ANY_COUNT, "0", "samples",
           "use the first so many training samples; 0: all"),
    NUMBER(FIXED, "data", test_limit, INT64, 0, ANY_COUNT, "0", "samples",
           "use the first so many test samples; 0: all"),
    NUMBER(FIXED, "data", synthetic_seed, INT64, 0, ANY_COUNT, "1", NULL,
           "seed of the synthetic digits"),

    LIST(FIXED, "model", layers, &layers_type, "128, 64, 10",
         "the network, layer by layer; a number is a dense layer of so many outputs; the last "
         "layer needs one output a class; the default list gets it by itself"),
    ENUM(FIXED, "model", activation, dt_activation_names, "relu",
         "what stands behind each number in layers but the last"),
    ENUM(FIXED, "model", output_activation, dt_output_activation_names, "identity",
         "what stands behind the last one, before the loss (cross-entropy has its own softmax)"),
    ENUM(FIXED, "model", init, dt_init_names, "glorot",
         "initial weights, article: N(0, 1/out); pytorch: U(+-1/sqrt(in)), biases too; "
         "glorot: U(+-sqrt(6/(in + out))); he: N(0, 2/in)"),
    BOOL(FIXED, "model", bias, "true", "whether layers given as numbers have biases"),
    ENUM(FIXED, "model", loss, dt_loss_names, "cross-entropy",
         "cross-entropy: of the softmax; bce: binary, with logits; mse: mean squared error"),
    NUMBER(TURN, "model", label_smoothing, REAL, 0, SMOOTHING_MAX, "0", NULL,
           "share s of the targets that goes to all classes alike in training, with any loss: (1 - "
           "s) onehot + s / classes; evaluation has none"),

    NUMBER(FREE, "train", epochs, INT64, 0, ANY_COUNT, "10", "epochs",
           "passes over the training samples"),
    NUMBER(FIXED, "train", batch_size, INT64, 1, 0x1p24, "64", "samples",
           "samples of one update, all ranks together"),
    NUMBER(
        FREE, "train", accumulate, INT64, 1, 0x1p24, "1", "parts",
        "compute a batch in so many parts, one after the other: the same bits, and less memory if "
        "a rank would have computed more samples at once; batch_size stays that of an update, "
        "while elsewhere it is often that of a part"),
    NUMBER_OR_AUTO(TURN, "train", lr, REAL, 0, 1000, NULL,
                   "learning rate, the peak of its schedule; auto: the optimizer's default"),
    ENUM(TURN, "train", lr_scaling, dt_lr_scaling_names, "none",
         "factor of lr for other batches than the lr_batch samples that it was tuned for, linear: "
         "batch_size / lr_batch; sqrt: the root of that; goes well with warmup_epochs"),
    NUMBER(TURN, "train", lr_batch, INT64, 1, 0x1p24, "64", "samples",
           "lr_scaling: the batch size that lr was tuned for"),
    ENUM(FIXED, "train", optimizer, dt_optimizer_names, "adam",
         "how a gradient changes the parameters; formulas as in PyTorch, where it has them"),
    NUMBER(TURN, "train", momentum, REAL, 0, 1, "0.9", NULL,
           "momentum, nesterov, lars: share of the last update that is kept; unless one-cycle "
           "moves it, see cycle_momentum"),
    NUMBER(TURN, "train", trust, REAL, 0, 1, "0.001", NULL,
           "lars: share of a tensor's norm by which a step with rate 1 moves it"),
    NUMBER(TURN, "train", alpha, REAL, 0, DECAY_MAX, "0.99", NULL,
           "rmsprop: decay of the mean squared gradient"),
    NUMBER(TURN, "train", beta1, REAL, 0, DECAY_MAX, "0.9", NULL,
           "adam and its like, lion: decay of the mean gradient; unless one-cycle moves it, see "
           "cycle_momentum"),
    NUMBER_OR_AUTO(TURN, "train", beta2, REAL, 0, DECAY_MAX, NULL,
                   "adam and its like: decay of the mean squared gradient; lion: of the mean one; "
                   "auto: the optimizer's default"),
    NUMBER_OR_AUTO(TURN, "train", epsilon, REAL, EPSILON_MIN, 1, NULL,
                   "adagrad, rmsprop, adam and its like: added to the divisor; "
                   "auto: the optimizer's default"),
    NUMBER_OR_AUTO(TURN, "train", weight_decay, REAL, 0, 1000, NULL,
                   "pull of the parameters to zero, L2 or (adamw, lion, lamb) decoupled; "
                   "auto: the optimizer's default"),
    {ROW(TURN, "train", decay_all, DT_SETTING_BOOL, "false", NULL,
         "weight decay of all parameters, as in PyTorch; else biases, gains and shifts have none"),
     .unnamed = "true"},
    NUMBER(TURN, "train", clip_norm, REAL, 0, 1e9, "0", NULL,
           "largest Euclidean norm of the mean gradient; 0: no limit"),
    NUMBER(TURN, "train", clip_value, REAL, 0, 1e9, "0", NULL,
           "largest magnitude of each element of the mean gradient, after clip_norm; 0: no limit"),
    NUMBER(TURN, "train", ema, REAL, 0, DECAY_MAX, "0", NULL,
           "decay of a moving average of the weights, which is evaluated, saved and exported in "
           "their place; in step n at most n / (n + 9), so that short runs forget "
           "their beginning too; 0: none"),
    ENUM(TURN, "train", schedule, dt_schedule_names, "constant",
         "how the learning rate changes over the run"),
    NUMBER(
        TURN, "train", lr_min, REAL, 0, 1000, "0", NULL,
        "cosine, linear, polynomial: the learning rate at the end; plateau: the least; lr_scaling "
        "leaves it alone"),
    NUMBER(TURN, "train", gamma, REAL, 0, 1, "0.1", NULL,
           "step, plateau: factor of the learning rate at each drop"),
    NUMBER(TURN, "train", power, REAL, 0, 100, "1", NULL,
           "polynomial: exponent of the share of the steps that is left"),
    NUMBER(TURN, "train", pct_start, REAL, 0, 1, "0.3", NULL,
           "one-cycle: share of the steps in which the learning rate rises to lr"),
    NUMBER(TURN, "train", div_factor, REAL, FACTOR_MIN, FACTOR_MAX, "25", NULL,
           "one-cycle: lr divided by the learning rate at the start"),
    NUMBER(TURN, "train", final_div_factor, REAL, FACTOR_MIN, FACTOR_MAX, "10000", NULL,
           "one-cycle: the learning rate at the start divided by that at the end"),
    ENUM(TURN, "train", anneal, dt_anneal_names, "cosine",
         "one-cycle: the shape of its rise and its fall"),
    BOOL(TURN, "train", cycle_momentum, "true",
         "one-cycle: momentum, of adam and the like beta1, falls from max_momentum to "
         "base_momentum while the learning rate rises, and then rises again; false: it stays"),
    NUMBER(TURN, "train", base_momentum, REAL, 0, DECAY_MAX, "0.85", NULL,
           "one-cycle: momentum or beta1 where the learning rate is highest"),
    NUMBER(TURN, "train", max_momentum, REAL, 0, DECAY_MAX, "0.95", NULL,
           "one-cycle: momentum or beta1 at the start and at the end"),
    NUMBER(TURN, "train", plateau_patience, INT64, 0, ANY_COUNT, "10", "epochs",
           "plateau: epochs without a better validation loss that are allowed; the next one lowers "
           "the rate"),
    NUMBER(TURN, "train", plateau_threshold, REAL, 0, 1, "0.0001", NULL,
           "plateau: a loss is better if it is below (1 - this) times the best"),
    NUMBER(TURN, "train", warmup_epochs, REAL, 0, 1e6, "0", "epochs",
           "linear rise of the learning rate at the start"),
    NUMBER(TURN, "train", step_epochs, INT64, 1, ANY_COUNT, "1", "epochs",
           "step: time between two drops"),
    NUMBER(NEW, "train", max_steps, INT64, -1, ANY_COUNT, "-1", "steps",
           "stop after so many updates; 0: write the initial model; -1: no limit"),
    NUMBER(NEW, "train", max_time, REAL, 0, 1e6, "0", "minutes",
           "save a checkpoint and stop after so long (exit status 75); 0: no limit"),
    NUMBER(FREE, "train", patience, INT64, 0, ANY_COUNT, "0", "epochs",
           "end after so many epochs without a better validation accuracy; 0: never"),
    ENUM(FREE, "train", on_nonfinite, dt_on_nonfinite_names, "stop",
         "when the loss or the gradient of a step is not finite, stop: end the run; skip: go on "
         "without the update"),
    NUMBER(FREE, "train", max_skips, INT64, 1, ANY_COUNT, "10", "steps",
           "on_nonfinite skip: end the run after more than so many in a row"),
    NUMBER(FIXED, "train", seed, INT64, 0, ANY_COUNT, "1", NULL,
           "seed of all that is random: initial weights, order, augmentation, dropout, and the "
           "validation samples, unless they have a val_seed"),
    NUMBER_OR_AUTO(TURN, "train", virtual_ranks, INT64, 1, 0x1p20, "ranks",
                   "logical workers among which each batch is cut: the same number gives the same "
                   "bits on any number of ranks (those beyond it only evaluate and wait); auto: "
                   "the number of ranks that the run begins on"),
    ENUM(TURN, "train", allreduce, dt_allreduce_names, "tree",
         "how gradients are added up, tree: the same bits on any number of ranks; mpi: by "
         "MPI_Allreduce, without that promise"),
    NUMBER(FREE, "train", verify_replicas, INT64, 0, ANY_COUNT, "0", "steps",
           "every so many steps compare the parameters of all hosts, and of all ranks that have a "
           "copy, and stop if they differ; 0: after each epoch"),

    TEXT(NEW, "checkpoint", resume, "never", "file", resume_words,
         "never: begin a run; auto: go on from the newest good checkpoint of the run directory, if "
         "it has one; or the checkpoint to go on from"),
    NUMBER(FREE, "checkpoint", checkpoint_epochs, INT64, 0, ANY_COUNT, "1", "epochs",
           "save a checkpoint every so many epochs; 0: not at epochs"),
    NUMBER(FREE, "checkpoint", checkpoint_steps, INT64, 0, ANY_COUNT, "0", "steps",
           "save a checkpoint every so many updates; 0: not at updates"),
    NUMBER(FREE, "checkpoint", checkpoint_minutes, REAL, 0, 1e6, "0", "minutes",
           "save a checkpoint every so many minutes; 0: not by time"),
    NUMBER(FREE, "checkpoint", keep, INT64, 1, ANY_COUNT, "3", "checkpoints",
           "checkpoints to keep: older ones go once a new one is safe on disk"),
    NUMBER(NEW, "checkpoint", stall_timeout, REAL, 0, 1e6, "300", "seconds",
           "end the run when no step is done for so long, naming the slowest ranks; 0: wait"),

    TEXT(NEW, "log", output, "auto", "directory", output_words,
         "run directory; auto: runs/<date>-<time>"),
    BOOL(NEW, "log", overwrite, "false", "write into a run directory that already holds a run"),
    NUMBER(FREE, "log", log_every, INT64, 0, ANY_COUNT, "0", "steps",
           "updates between two rows of metrics.csv; 0: a row an epoch"),
    BOOL(FREE, "log", track_samples, "false",
         "keep gradient norm and margin of each training sample, for the report: the hardest "
         "ones, and likely wrong labels"),
    ENUM(NEW, "log", progress, progress_names, "auto",
         "bar or lines; auto: a bar when standard error is a terminal"),
    BOOL(FREE, "log", tensorboard, "false",
         "write the curves as event files for TensorBoard too: tensorboard/ in the run directory"),
    BOOL(FREE, "log", report, "true", "write insight.h5 and report.html at the end"),
    TEXT(NEW, "log", timeline, "none", "file", no_file,
         "write a timeline of every rank's phases, for ui.perfetto.dev; the "
         "report draws some steps of it; none"),
};

_Static_assert(sizeof settings / sizeof settings[0] <= DT_SETTINGS_MAX, "DT_SETTINGS_MAX");

const dt_setting *dt_settings(size_t *count)
{
    *count = sizeof settings / sizeof settings[0];
    return settings;
}

const dt_setting *dt_setting_find(const char *name)
{
    /* Distance 0: the same but for dashes and underscores. */
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (dt_edit_distance(name, settings[i].name) == 0)
            return &settings[i];
    return NULL;
}

const char *dt_setting_suggest(const char *name)
{
    dt_suggestion search = {.typed = name};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        dt_suggest_offer(&search, settings[i].name);
    return search.word;
}

static const char *auto_form(const dt_setting *setting)
{
    return setting->allow_auto ? "auto or " : "";
}

/* "auto, synthetic or a dir of 1 to ... characters" */
static void describe_text(const dt_setting *setting, dt_text *to)
{
    for (const char *const *word = setting->names; word && *word; word++)
        dt_text_add(to, "%s%s", *word, word[1] ? ", " : " or ");
    if (setting->unit)
        dt_text_add(to, "a %s of ", setting->unit);
    dt_text_add(to, "1 to %d characters, none of them a control character", DT_NAME_MAX - 1);
}

char *dt_setting_expects(const dt_setting *setting, char text[DT_TEXT_MAX])
{
    const char *unit = setting->unit ? setting->unit : "", *space = setting->unit ? " " : "";
    dt_text out = {.text = text, .size = DT_TEXT_MAX};
    switch (setting->type) {
    case DT_SETTING_BOOL:
        snprintf(text, DT_TEXT_MAX, "true or false");
        break;
    case DT_SETTING_INT:
    case DT_SETTING_INT64:
        snprintf(text, DT_TEXT_MAX, "%san integer from %.0f to %.0f%s%s", auto_form(setting),
                 setting->min, setting->max, space, unit);
        break;
    case DT_SETTING_REAL:
        snprintf(text, DT_TEXT_MAX, "%sa number from %.15g to %.15g%s%s", auto_form(setting),
                 setting->min, setting->max, space, unit);
        break;
    case DT_SETTING_ENUM:
        dt_text_add(&out, "one of ");
        dt_text_add_names(&out, setting->names);
        break;
    case DT_SETTING_TEXT:
        describe_text(setting, &out);
        break;
    case DT_SETTING_SIZE:
        snprintf(text, DT_TEXT_MAX,
                 "%sWIDTHxHEIGHT, each from %.0f to %.0f, or one of them for both",
                 auto_form(setting), setting->min, setting->max);
        break;
    case DT_SETTING_LIST:
        snprintf(text, DT_TEXT_MAX, "%ss, separated by commas, as --help %s says",
                 setting->list->noun, setting->name);
        break;
    }
    return text;
}
