/* What --help and the manual page both say, beside the tables of options and settings. */
#ifndef DT_CLI_TOPICS_H
#define DT_CLI_TOPICS_H

typedef struct dt_topic {
    const char *term; /* a command line, an exit code, a file */
    const char *text; /* what it is or does: no full stop */
} dt_topic;

/* The program in one line, without a full stop; and the lines of --help's usage. */
extern const char dt_purpose[];
extern const char *const dt_usage[]; /* NULL-terminated */

/* Paragraphs, NULL-terminated; where the value of a setting comes from. */
extern const char *const dt_description[];
extern const char dt_sources[];

/* Each ends with a term of NULL. */
extern const dt_topic dt_examples[];
extern const dt_topic dt_exit_codes[];
extern const dt_topic dt_variables[]; /* of the environment, beside those of the settings */
extern const dt_topic dt_files[];     /* those of a run directory begin with "RUN/" */

#endif
