#include "csv_number.h"

#include <stdbool.h>
#include <stdint.h>

/* Digits that a uint64_t holds whatever they are; powers of ten that a double has. */
enum { DIGITS = 19, POWERS = 22, EXPONENT_MOST = 400 };

static const double powers[POWERS + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                          1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                          1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static unsigned digit_of(char c)
{
    return (unsigned)(unsigned char)c - '0';
}

/* A run of digits is added; *scale counts those that have no room, or lie behind the point. */
static const char *take_digits(const char *at, bool behind, uint64_t *digits, int *count,
                               int *scale)
{
    for (unsigned digit; (digit = digit_of(*at)) <= 9; at++) {
        if (*count < DIGITS) {
            *digits = *digits * 10 + digit;
            *count += *digits > 0;
            *scale -= behind;
        } else {
            *scale += !behind;
        }
    }
    return at;
}

static double scaled(double value, int scale)
{
    while (scale < 0 && value != 0) {
        int step = -scale < POWERS ? -scale : POWERS;
        value /= powers[step];
        scale += step;
    }
    while (scale > 0 && value != 0 && value < 1e308) {
        int step = scale < POWERS ? scale : POWERS;
        value *= powers[step];
        scale -= step;
    }
    return value;
}

static const char *take_exponent(const char *at, int *scale)
{
    int exponent = 0;
    bool minus = *at == '-';
    at += minus || *at == '+';
    if (digit_of(*at) > 9)
        return 0;
    for (; digit_of(*at) <= 9; at++)
        if (exponent < EXPONENT_MOST)
            exponent = exponent * 10 + (int)digit_of(*at);
    *scale += minus ? -exponent : exponent;
    return at;
}

const char *csv_number(const char *text, double *value)
{
    unsigned whole = 0;
    int length = 0;
    for (unsigned digit; length < 4 && (digit = digit_of(text[length])) <= 9; length++)
        whole = whole * 10 + digit;
    char behind = text[length];
    if (length > 0 && digit_of(behind) > 9 && behind != '.' && (behind | 0x20) != 'e') {
        *value = (double)whole; /* as most are */
        return text + length;
    }
    uint64_t digits = 0;
    int count = 0, scale = 0;
    bool minus = *text == '-';
    const char *begin = text + (minus || *text == '+');
    const char *at = take_digits(begin, false, &digits, &count, &scale);
    bool any = at > begin;
    if (*at == '.') {
        begin = ++at;
        at = take_digits(at, true, &digits, &count, &scale);
        any = any || at > begin;
    }
    if (!any)
        return 0;
    if ((*at | 0x20) == 'e' && !(at = take_exponent(at + 1, &scale)))
        return 0;
    double size = scaled((double)digits, scale);
    *value = minus ? -size : size;
    return at;
}
