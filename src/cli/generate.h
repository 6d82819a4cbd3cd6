/* What is made of the tables of commands, flags and settings, so that it cannot differ from them:
 * the manual page, the shell completion, the README's reference of the settings. */
#ifndef DT_CLI_GENERATE_H
#define DT_CLI_GENERATE_H

#include <stdio.h>

#include "base/text.h"
#include "cli/options.h"

/* The names of --generate, NULL-terminated:
 *   man       the manual page, for man(1) (roff)
 *   bash      completion of commands, options and values in bash 4.2 or later */
extern const char *const dt_generate_names[];

/* Writes what `name`, one of them, means. */
void dt_generate(const char *name, FILE *out);

/* What they share. The help of a flag without the commands in front. */
const char *dt_flag_help(const dt_flag *flag);

/* True when every command knows the flag. */
bool dt_flag_is_common(const dt_flag *flag);

/* What stands for the value of an option in --help and the manual page: "" or " N". */
void dt_setting_add_value_word(const dt_setting *setting, dt_text *out);

/* The values of a setting, more briefly than dt_setting_expects: "integer, at least 0 epochs". */
void dt_setting_add_values(const dt_setting *setting, dt_text *out);

void dt_generate_man(FILE *out);
void dt_generate_bash(FILE *out);

#endif
