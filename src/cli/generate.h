/* What is made of the tables of commands, flags and settings, so that it cannot differ from them:
 * --help, the manual page, the shell completion; and what the first two both say besides. */
#ifndef DT_CLI_GENERATE_H
#define DT_CLI_GENERATE_H

#include <stdio.h>

#include "base/text.h"
#include "cli/options.h"

/* What --generate makes, NULL-terminated, and how:
 *   man       the manual page, for man(1) (roff)
 *   bash      completion of commands, options and values in bash 4.2 or later */
extern const char *const generate_names[];
void generate_man(FILE *out);
void generate_bash(FILE *out);

/* What stands for the value of an option in --help and the manual page: "" or " N". */
void setting_add_value_word(const dt_setting *setting, dt_text *out);

/* The names that a flag takes and its default: "; man, bash", " [5]". */
void flag_add_values(const dt_flag *flag, dt_text *out);

typedef struct help_topic {
    const char *term; /* a command line, an exit code, a file */
    const char *text; /* what it is or does: no full stop */
} help_topic;

/* The program in one line, without a full stop; and the lines of --help's usage. */
extern const char purpose[];
extern const char *const usage_text[]; /* NULL-terminated */

/* Paragraphs, NULL-terminated; where the value of a setting comes from. */
extern const char *const description[];
extern const char sources[];

/* Each ends with a term of NULL. */
extern const help_topic examples[];
extern const help_topic exit_codes[];
extern const help_topic variables[];   /* of the environment, beside those of the settings */
extern const help_topic file_topics[]; /* those of a run directory begin with "RUN/" */

#endif
