/* The command line and the environment: from argv to one dt_invocation.
 *
 * dist-train [COMMAND] [OPTIONS] [FILE...]. An option is a flag of the program (dt_flags) or a
 * setting of config/config.h; dashes and underscores in names are alike:
 *   --batch-size 64   --batch-size=64   --overwrite   --no-overwrite   --overwrite=false
 * Of a setting, the command line wins over the environment (DIST_TRAIN_BATCH_SIZE), that over the
 * file of --config, that over the default. Nothing here ends the process or needs MPI. */
#ifndef DT_CLI_OPTIONS_H
#define DT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/status.h"
#include "config/config.h"

/* Indices into dt_command_infos. */
typedef enum dt_command {
    DT_COMMAND_TRAIN,
    DT_COMMAND_EVAL,
    DT_COMMAND_PREDICT,
    DT_COMMAND_INSPECT,
    DT_COMMAND_EXPORT,
    DT_COMMAND_IMPORT,
    DT_COMMAND_REPORT,
    DT_COMMAND_WATCH,
    DT_COMMAND_BENCH,
    DT_COMMANDS
} dt_command;

typedef struct dt_command_info {
    const char *name;
    const char *help;     /* one line, no full stop */
    const char *files;    /* what its arguments are called: "FILE"; NULL: it takes none */
    const char *settings; /* sections and single settings that it takes as options, separated by
                             blanks: "data seed"; NULL: all */
    bool needs_files;     /* it does nothing without one */
    bool once;            /* it looks at all together: each counts once, by whatever names */
} dt_command_info;

/* [DT_COMMANDS]; the first is what runs when none is named. */
extern const dt_command_info dt_command_infos[];

/* True when the command takes the setting as an option. */
bool dt_command_takes(dt_command command, const dt_setting *setting);

typedef struct dt_invocation {
    dt_command command;
    bool help;                      /* the user asked for --help: nothing behind it has been read */
    const dt_setting *topic;        /* and this list's name stood behind it; NULL: none */
    bool version;                   /* likewise */
    bool print_config;              /* print the settings as an INI file and end */
    bool dry_run;                   /* check and print, but do not train */
    bool quick;                     /* bench: short repetitions, no large network */
    char generate[DT_NAME_MAX];     /* "": nothing; see src/cli/generate.h */
    char config_path[DT_NAME_MAX];  /* "": none */
    char batches[DT_NAME_MAX];      /* bench: as given; "": not given */
    char repetitions[DT_NAME_MAX];  /* bench: likewise */
    char csv_path[DT_NAME_MAX];     /* bench, eval: "": none */
    char weights_path[DT_NAME_MAX]; /* eval, predict, export: "": not given */
    char format[DT_NAME_MAX];       /* export: as given; "": not given */
    char from_path[DT_NAME_MAX];    /* import: "": not given */
    char out_path[DT_NAME_MAX];     /* export, import, report: "": not given */
    char subset[DT_NAME_MAX];       /* eval: as given; "": not given */
    char json_path[DT_NAME_MAX];    /* eval: "": none */
    char fit[DT_NAME_MAX];          /* predict: as given; "": not given */
    bool json;                      /* predict: print JSON */
    bool show;                      /* predict: draw the images */
    bool many;                      /* predict: pictures have many characters */
    int file_count;                 /* arguments that are no options */
    const char **files;             /* [file_count] of argv's; NULL for none. Owned: dt_free */
    dt_config config;               /* not yet resolved: dt_config_resolve */
} dt_invocation;

/* A flag of the program: what --help needs to know of it, and where its answer goes. */
typedef struct dt_flag {
    const char *name;
    char letter;              /* -h; 0 for none */
    const char *value;        /* what it takes, for --help: "FILE"; NULL: nothing, it is a bool */
    size_t offset;            /* in dt_invocation: a bool, or char[DT_NAME_MAX] */
    unsigned commands;        /* those that know it: a bit each, 1 << DT_COMMAND_... */
    const char *help;         /* begins with its commands, "eval, bench: ", if not all know it */
    const char *const *names; /* the values that it takes, NULL-terminated; NULL: any */
    const char *preset;       /* what it is unless it is given; NULL: "" */
    unsigned needed;          /* commands that do nothing without it, as above */
    bool written;             /* its answer is a file to be written */
} dt_flag;

/* The flags: *count of them, in the order of --help. */
const dt_flag *dt_flags(size_t *count);

/* A flag of a command and a setting can have the same name (--split): to that command it is the
 * flag. Where a command takes files, "-" is one, and so is all that stands behind "--".
 *
 * Reads argv[1 .. argc - 1] and the NULL-terminated "NAME=VALUE" list `environment`. --help and
 * --version end the reading at once: then *out holds the flag and the defaults.
 *
 * An environment variable DIST_TRAIN_X without a setting X is warned of (dt_warn). "auto" values
 * are left to dt_config_resolve and to the start of a run; so `--data auto` is not replaced here.
 *
 * Errors: DT_ERR_USAGE for unknown options and commands ("unknown option --btach-size; did you
 * mean --batch-size?"), options given twice, without their value or to a command that does not
 * know them, a value that is none of a flag's names, left-over arguments.
 * DT_ERR_CONFIG for a bad value, with its source: "--batch-size: expected ...", "environment
 * DIST_TRAIN_BATCH_SIZE: expected ...", "FILE:LINE: ...". DT_ERR_NO_INPUT for the file. */
dt_status dt_options_parse(int argc, char *const argv[], char *const environment[],
                           dt_invocation *out, dt_error *error);

/* The environment variable of a setting: DIST_TRAIN_BATCH_SIZE. Returns `text`. */
#define DT_VARIABLE_MAX 80
char *dt_options_variable(const dt_setting *setting, char text[DT_VARIABLE_MAX]);

/* The option of a setting: "batch-size", without dashes in front. Returns `text`. */
char *dt_options_name(const dt_setting *setting, char text[DT_VARIABLE_MAX]);

/* Whether a setting has a help of its own: --help layers. */
bool dt_options_is_topic(const dt_setting *setting);

/* The text of --help, and that of --help NAME for a topic; 80 columns at most. */
void dt_options_print_help(FILE *out);
void dt_options_print_topic(FILE *out, const dt_setting *topic);

/* Writes the settings that differ from their defaults, as options that a shell would take
 * ("--epochs 20 --layers '500, 300, 10'"; "" when there are none), into text[size]; returns the
 * length it has or would have, like snprintf. dt_options_parse of it gives the same settings. */
size_t dt_options_describe_changes(const dt_config *config, char *text, size_t size);

#endif
