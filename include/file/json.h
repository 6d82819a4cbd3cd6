/* Values of JSON. source: RFC 8259. */
#ifndef DT_FILE_JSON_H
#define DT_FILE_JSON_H

#include "base/text.h"

/* Adds a string in quotation marks, or null for NULL. The text is UTF-8; a byte that is not becomes
 * U+FFFD. */
void dt_json_add_text(dt_text *to, const char *text);

/* Adds the name of a class (base/class_names.h): a number if it is one, else a string. */
void dt_json_add_class(dt_text *to, const char *names, int class);

/* Adds a number with as few digits as come back exactly, or null where it is not finite. */
void dt_json_add_real(dt_text *to, double value);

#endif
