/* Floats of other widths. */
#ifndef DT_FILE_FLOAT_TYPE_H
#define DT_FILE_FLOAT_TYPE_H

#include <stddef.h>
#include <stdint.h>

typedef enum dt_float_type {
    DT_FLOAT_32,
    DT_FLOAT_64,
    DT_FLOAT_16,
    DT_FLOAT_B16,
    DT_FLOAT_TYPES
} dt_float_type;

/* As in safetensors: "F32", "F64", "F16", "BF16". */
extern const char *const dt_float_type_names[];

/* Bytes of a value. */
size_t dt_float_type_width(dt_float_type type);

/* The `count` little-endian values at `from`, which need no alignment, as 32-bit floats; 64-bit
 * ones are rounded to the nearest. */
void dt_float_type_read(dt_float_type type, const uint8_t *from, size_t count, float *to);

#endif
