/* Floats of other widths. */
#ifndef DT_FILE_FLOAT_TYPE_H
#define DT_FILE_FLOAT_TYPE_H

#include <stddef.h>
#include <stdint.h>

typedef enum float_type { FLOAT_32, FLOAT_64, FLOAT_16, FLOAT_B16, FLOAT_TYPES } float_type;

/* As in safetensors: "F32", "F64", "F16", "BF16". */
extern const char *const float_type_names[];

/* Bytes of a value. */
size_t float_type_width(float_type type);

/* The `count` little-endian values at `from`, which need no alignment, as 32-bit floats; 64-bit
 * ones are rounded to the nearest. */
void float_type_read(float_type type, const uint8_t *from, size_t count, float *to);

#endif
