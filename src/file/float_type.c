#include "file/float_type.h"

#include <math.h>
#include <string.h>

const char *const dt_float_type_names[] = {"F32", "F64", "F16", "BF16"};

size_t dt_float_type_width(dt_float_type type)
{
    static const size_t widths[] = {4, 8, 2, 2};
    return widths[type];
}

/* IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
static float half_value(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent == 0   ? ldexpf((float)fraction, -24)
                 : exponent < 31 ? ldexpf((float)(1024 + fraction), exponent - 25)
                 : fraction == 0 ? INFINITY
                                 : NAN;
    return bits & 0x8000 ? -size : size;
}

void dt_float_type_read(dt_float_type type, const uint8_t *from, size_t count, float *to)
{
    if (type == DT_FLOAT_32) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = from + i * dt_float_type_width(type);
        double wide;
        uint16_t bits;
        if (type == DT_FLOAT_64) {
            memcpy(&wide, at, sizeof wide);
            to[i] = (float)wide;
            continue;
        }
        memcpy(&bits, at, sizeof bits);
        uint32_t upper = (uint32_t)bits << 16;
        if (type == DT_FLOAT_16)
            to[i] = half_value(bits);
        else
            memcpy(&to[i], &upper, sizeof upper);
    }
}
