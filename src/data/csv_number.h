/* Decimal numbers in text. */
#ifndef DT_DATA_CSV_NUMBER_H
#define DT_DATA_CSV_NUMBER_H

/* Reads a number as C writes it, whatever the locale: digits with a sign, a point and an exponent
 * or without; of those that a double has. Returns what stands behind it; NULL: none. As fast as the
 * text comes from a disk, which strtod is not. */
const char *csv_number(const char *text, double *value);

#endif
