/* Values of JSON. source: RFC 8259. */
#ifndef DT_FILE_JSON_H
#define DT_FILE_JSON_H

#include "base/text.h"

/* Adds a string in quotation marks, or null for NULL. The text is UTF-8; a byte that is not becomes
 * U+FFFD. */
void dt_json_add_text(dt_text *to, const char *text);

/* Adds a number with as few digits as come back exactly, or null where it is not finite. */
void dt_json_add_real(dt_text *to, double value);

#endif
