/* The settings of a run: one struct, one table.
 *
 * The table (dt_settings) declares every setting once: section, name, type, range, default, unit
 * and help. INI files, the environment, the command line, --help, --print-config and config.ini
 * all come from it. The struct has no pointers: it can be sent to other ranks as bytes. */
#ifndef DT_CONFIG_CONFIG_H
#define DT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "data/plan.h"
#include "nn/architecture.h"

#define DT_SETTINGS_MAX 128
#define DT_TEXT_MAX     DT_LAYERS_TEXT /* bytes of any setting as text */
#define DT_NAME_MAX     1024           /* of a DT_SETTING_TEXT */
#define DT_INI_LINE_MAX 8191

enum { DT_LINE_ENVIRONMENT = -1 };

typedef enum dt_normalize { DT_NORMALIZE_UNIT, DT_NORMALIZE_STANDARD } dt_normalize;
typedef enum dt_output_activation { DT_OUTPUT_IDENTITY, DT_OUTPUT_SOFTMAX } dt_output_activation;
extern const char *const dt_output_activation_names[];
typedef enum dt_on_nonfinite { DT_NONFINITE_STOP, DT_NONFINITE_SKIP } dt_on_nonfinite;
extern const char *const dt_on_nonfinite_names[];
typedef enum dt_progress { DT_PROGRESS_AUTO, DT_PROGRESS_BAR, DT_PROGRESS_LINES } dt_progress;

/* Enumerated settings are stored as int, the index into their list of names. */
typedef struct dt_config {
    /* [data] */
    char data[DT_NAME_MAX]; /* auto | synthetic | a file or directory */
    char keys[DT_NAME_MAX]; /* names of arrays, with commas; auto */
    int size[2];            /* width, height that pictures are scaled to; 0: auto, as they are */
    int classes;            /* 0: auto, as many as the data have (data/source.h) */
    bool transpose;         /* the images are stored with rows and columns exchanged */
    int split;              /* dt_split */
    double val_fraction;
    int64_t val_seed; /* -1: auto, that of the run (dt_config_val_seed) */
    int normalize;    /* dt_normalize */
    int shuffle;      /* dt_shuffle */
    dt_augment augment;
    int64_t train_limit, test_limit; /* 0: all */
    int64_t synthetic_seed;
    /* [model] */
    dt_layer_list layers;  /* once resolved, the next three agree with it */
    int activation;        /* index into dt_activation_names: of hidden layers */
    int output_activation; /* dt_output_activation: of the last layer */
    bool bias;
    int init; /* dt_init */
    int loss; /* dt_loss */
    double label_smoothing;
    /* [train] */
    int64_t epochs;
    int64_t batch_size; /* samples of one update, all ranks together */
    int64_t accumulate; /* parts of them that a rank works off one after the other */
    double lr;          /* NaN: auto, the optimizer's default */
    int lr_scaling;     /* dt_lr_scaling */
    int64_t lr_batch;   /* what lr is for */
    int optimizer;      /* index into dt_optimizer_names */
    double momentum, trust, alpha, beta1;
    double beta2, epsilon, weight_decay; /* NaN: auto, the optimizer's default */
    bool decay_all;                      /* of biases, gains and shifts too */
    double clip_norm, clip_value;
    double ema;   /* decay of the average of the parameters; 0: none */
    int schedule; /* dt_schedule_kind */
    double lr_min, gamma, power, pct_start, div_factor, final_div_factor;
    int anneal; /* dt_anneal */
    bool cycle_momentum;
    double base_momentum, max_momentum;
    int64_t plateau_patience;
    double plateau_threshold, warmup_epochs;
    int64_t step_epochs;
    int64_t max_steps; /* -1: no limit */
    double max_time;   /* minutes; 0: no limit */
    int64_t patience;  /* epochs; 0: without end */
    int on_nonfinite;  /* dt_on_nonfinite */
    int64_t max_skips;
    int64_t seed;
    int64_t virtual_ranks; /* 0: auto, the number of ranks */
    int allreduce;         /* dt_allreduce */
    int64_t verify_replicas;
    /* [checkpoint] */
    char resume[DT_NAME_MAX]; /* never | auto | a file */
    int64_t checkpoint_epochs, checkpoint_steps;
    double checkpoint_minutes;
    int64_t keep;
    double stall_timeout; /* seconds; 0: none */
    /* [log] */
    char output[DT_NAME_MAX]; /* run directory; "auto": runs/<date>-<time> */
    bool overwrite;
    int64_t log_every; /* steps between rows of metrics.csv; 0: one an epoch */
    bool track_samples;
    int progress;               /* dt_progress */
    bool tensorboard;           /* event files, besides metrics.csv */
    bool report;                /* insight.h5 and report.html at the end */
    char timeline[DT_NAME_MAX]; /* a file; "none" */

    bool given[DT_SETTINGS_MAX]; /* [row of dt_settings]: dt_config_set has set it */
    int line[DT_SETTINGS_MAX]; /* [row]: of `file`, which has the value; DT_LINE_ENVIRONMENT, which
                                  who has set it says; 0: neither has it */
    char file[DT_NAME_MAX];    /* the INI file, for messages; its beginning when that is long */
} dt_config;

typedef enum dt_setting_type {
    DT_SETTING_BOOL,  /* bool: true, false, yes, no, on, off, 1, 0 */
    DT_SETTING_INT,   /* int */
    DT_SETTING_INT64, /* int64_t */
    DT_SETTING_REAL,  /* double */
    DT_SETTING_ENUM,  /* int, an index into `names` */
    DT_SETTING_TEXT,  /* char[DT_NAME_MAX] */
    DT_SETTING_SIZE,  /* int[2]: width, height; as text WIDTHxHEIGHT, or one number for both */
    DT_SETTING_LIST   /* what its `list` reads */
} dt_setting_type;

/* A setting that is a list of items (base/item.h). */
typedef struct dt_list_type {
    const char *noun; /* of an item, for people */
    dt_status (*parse)(const char *text, void *out, dt_error *error);
    void (*write)(const void *list, char text[DT_TEXT_MAX]);
} dt_list_type;

/* What a restart does with a setting. */
typedef enum dt_resume_rule {
    DT_RESUME_FIXED, /* is the checkpoint's; a request for another value is refused */
    DT_RESUME_TURN,  /* is the checkpoint's, unless asked for: a turn to another trajectory */
    DT_RESUME_FREE,  /* is the checkpoint's, unless asked for */
    DT_RESUME_NEW    /* belongs to one start of the program: the checkpoint's does not count */
} dt_resume_rule;

typedef struct dt_setting {
    const char *section; /* data, model, train, checkpoint, log */
    const char *name;    /* as in INI files: batch_size; --batch-size on the command line;
                            DIST_TRAIN_BATCH_SIZE in the environment */
    dt_setting_type type;
    size_t offset;
    double min, max;           /* numbers: both ends allowed; integers: at most 2^53 */
    const char *const *names;  /* NULL-terminated. ENUM: its values; TEXT: words that mean something
                                  of their own, like auto, or NULL */
    const dt_list_type *list;  /* LIST */
    const char *default_value; /* as it would be written in an INI file */
    const char *unnamed;       /* what files mean that were written before there was the setting;
                                  NULL: the default */
    bool allow_auto;  /* numbers: "auto" is a value too: NaN (REAL), min - 1 (INT, INT64, SIZE) */
    const char *unit; /* "samples", "epochs"; NULL for none */
    const char *help; /* one line, no full stop */
    dt_resume_rule on_resume;
} dt_setting;

/* The table: *count settings, sections together, in the order of --help. */
const dt_setting *dt_settings(size_t *count);

/* The setting called `name`, dashes and underscores alike; NULL when there is none. */
const dt_setting *dt_setting_find(const char *name);

/* The nearest setting name to a misspelt one (see base/suggest.h), or NULL. */
const char *dt_setting_suggest(const char *name);

/* All settings at their defaults. */
void dt_config_defaults(dt_config *config);

/* What files of a run are read over: the defaults, or what files mean that are older than a setting
 * (dt_setting.unnamed). */
void dt_config_unnamed(dt_config *config);

/* The values that the setting takes, in words: "an integer from 1 to 16777216 samples". Returns
 * `text`. */
char *dt_setting_expects(const dt_setting *setting, char text[DT_TEXT_MAX]);

/* Parses `text` into the setting. The whole text must be the value, and within the range; of
 * names, dashes and underscores are alike. On an error *config is as it was.
 * Errors: DT_ERR_CONFIG, "expected an integer from 1 to 16777216 samples, found '-3'": who knows
 * where the text came from puts that in front with dt_fail_in. */
dt_status dt_config_set(dt_config *config, const dt_setting *setting, const char *text,
                        dt_error *error);

/* Writes the setting's value as dt_config_set takes it (reals with as few digits as come back
 * exactly); returns `text`. */
char *dt_config_get(const dt_config *config, const dt_setting *setting, char text[DT_TEXT_MAX]);

/* Whether dt_config_set has set the setting called `name`, which there is. */
bool dt_config_is_given(const dt_config *config, const char *name);

/* True when the setting has its default value. */
bool dt_config_is_default(const dt_config *config, const dt_setting *setting);

/* Whether the setting makes no difference to a run with these settings, which are resolved,
 * whatever its data are (dt_session_ignores). Then `why` becomes the setting that decides so,
 * "schedule = constant"; else it is left alone. */
bool dt_config_is_unused(const dt_config *config, const dt_setting *setting, char why[DT_TEXT_MAX]);

/* Reads an INI file over what *config has; on an error *config is as it was.
 *
 * A line is empty, a comment (from ; or # on), [SECTION], or NAME = VALUE; dashes and underscores
 * in names are alike, blanks around names and values do not count. A ; or # after a blank begins
 * a comment behind a value too. A value between double quotes is taken as it is, with \" and \\
 * for " and \, and \xff, \u202e and \U000e0041 for what is not shown (base/visible.h). Lines have
 * at most DT_INI_LINE_MAX bytes; CR LF and a UTF-8 byte order mark are allowed, control characters
 * but tabs are not.
 *
 * Errors: DT_ERR_CONFIG, "FILE:LINE: what; did you mean 'batch_size'?" for a line of another form,
 * unknown sections or settings, a setting in a foreign section or in none, one given twice (with
 * the line of the first), a bad value; those of dt_read_file. */
dt_status dt_config_read_ini(dt_config *config, const char *path, dt_error *error);

/* The same for `text`, which messages call `name`. */
dt_status dt_config_read_ini_text(dt_config *config, const char *name, const char *text,
                                  dt_error *error);

/* Writes all settings as an INI file into text[size]; returns the length it has or would have
 * (like snprintf). With `help`, each setting has its help and its values as a comment above it.
 * dt_config_read_ini of it gives the same settings. */
size_t dt_config_write_ini(const dt_config *config, bool help, char *text, size_t size);

/* Replaces "auto" numbers by what the optimizer defaults to, writes `layers` out, and checks what
 * no setting alone can: the layers must fit, and give as many outputs as there are classes;
 * activation, output_activation and bias, if they are given, must be what `layers` says, and become
 * that if they are not; a random split needs val_fraction > 0; softmax outputs with the
 * cross-entropy loss (which contains the softmax) are refused; schedules with a least rate need
 * lr_min <= lr; patience and plateau need val_fraction > 0; one-cycle has a warm-up of its own;
 * overwrite and resume = auto contradict each other. On an error *config is as it was. Errors:
 * DT_ERR_CONFIG, with "FILE:LINE: " in front when a setting of the two that do not fit is from an
 * INI file. virtual_ranks and output stay "auto", as they are known when a run starts; val_seed
 * does, so that it follows another seed. */
dt_status dt_config_resolve(dt_config *config, dt_error *error);

/* The peak of the learning rate, for batch_size; of settings that are resolved. */
double dt_config_peak_lr(const dt_config *config);

/* The seed that chooses the validation samples: val_seed, or seed where that is auto. */
int64_t dt_config_val_seed(const dt_config *config);

/* Makes layers that nobody gave end in an output for each of so many classes (>= 1). */
void dt_config_set_outputs(dt_config *config, int classes);

/* Sets activation, output_activation and bias to what the layers say, and writes the layers out if
 * bare numbers would then mean others, so that the settings, written as an INI file, can be read
 * back. Settings that do not fit stay as they are. */
void dt_config_agree(dt_config *config);

/* Sets the numbers for which dt_config_resolve would find the same value back to "auto", and a list
 * of layers to numbers alone where these mean it. */
void dt_config_unresolve(dt_config *config);

#endif
