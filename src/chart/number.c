#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chart/scale.h"

/* Puts a comma between thousands of the whole part: 60000.5 becomes 60,000.5. */
static void group(char text[DT_NUMBER_SIZE])
{
    size_t sign = text[0] == '-';
    size_t whole = strspn(text + sign, "0123456789");
    size_t length = strlen(text);
    for (size_t i = 3; i < whole && length + 1 < DT_NUMBER_SIZE; i += 3) {
        char *at = text + sign + whole - i;
        memmove(at + 1, at, strlen(at) + 1);
        *at = ',';
        length++;
    }
}

static char *fixed(double value, int decimals, const char *unit, char text[DT_NUMBER_SIZE])
{
    decimals = decimals < 0 ? 0 : decimals > 12 ? 12 : decimals;
    double unit_of_last = pow(10, -decimals);
    if (fabs(value) < unit_of_last / 2)
        value = 0;
    snprintf(text, DT_NUMBER_SIZE, "%.*f", decimals, value);
    group(text);
    strncat(text, unit, DT_NUMBER_SIZE - strlen(text) - 1);
    return text;
}

/* Decimals that a number of `digits` significant digits has. */
static int decimals_of(double value, int digits)
{
    return value == 0 ? 0 : digits - 1 - (int)floor(log10(fabs(value)) + 1e-9);
}

/* 1e-05 as 1e-5. */
static char *scientific(double value, int digits, char text[DT_NUMBER_SIZE])
{
    snprintf(text, DT_NUMBER_SIZE, "%.*e", digits, value);
    char *exponent = strchr(text, 'e');
    int power = atoi(exponent + 1);
    if (strchr(text, '.'))
        while (exponent[-1] == '0' || exponent[-1] == '.')
            if (*--exponent == '.')
                break;
    snprintf(exponent, DT_NUMBER_SIZE - (size_t)(exponent - text), "e%d", power);
    return text;
}

/* Decimals that tell ticks of distance `step` apart. */
static int decimals_for(double step)
{
    for (int decimals = 0; decimals < 12; decimals++) {
        double scaled = step * pow(10, decimals);
        if (fabs(scaled - round(scaled)) <= 1e-6 * scaled)
            return decimals;
    }
    return 12;
}

static char *seconds_tick(double value, double step, char text[DT_NUMBER_SIZE])
{
    if (step < 0.01)
        return fixed(value * 1e3, value == 0 ? 0 : decimals_for(step * 1e3), " ms", text);
    if (value == 0 || step < 60)
        return fixed(value, value == 0 ? 0 : decimals_for(step), " s", text);
    double unit = step < 3600 ? 60 : 3600;
    int decimals = decimals_for(step / unit);
    return fixed(value / unit, decimals > 2 ? 2 : decimals, unit == 60 ? " min" : " h", text);
}

char *dt_number_tick(dt_number number, double value, double step, char text[DT_NUMBER_SIZE])
{
    if (number == DT_NUMBER_SHARE)
        return fixed(100 * value, decimals_for(100 * step), " %", text);
    if (number == DT_NUMBER_SECONDS)
        return seconds_tick(value, step, text);
    if (step >= 1e6)
        return fixed(value / 1e6, decimals_for(step / 1e6), value == 0 ? "" : " M", text);
    if (step < 0.9e-4 && value != 0)
        return scientific(value, 2, text);
    return fixed(value, value == 0 ? 0 : decimals_for(step), "", text);
}

static char *seconds_text(double value, char text[DT_NUMBER_SIZE])
{
    double size = fabs(value);
    if (size < 1e-3)
        return fixed(value * 1e6, size * 1e6 < 10 ? 1 : 0, " µs", text);
    if (size < 1)
        return fixed(value * 1e3, size < 0.1 ? 1 : 0, " ms", text);
    if (size < 120)
        return fixed(value, 1, " s", text);
    if (size < 7200)
        return fixed(value / 60, 1, " min", text);
    return fixed(value / 3600, 1, " h", text);
}

char *dt_number_text(dt_number number, double value, char text[DT_NUMBER_SIZE])
{
    if (isnan(value))
        return strcpy(text, "–");
    if (isinf(value))
        return strcpy(text, value > 0 ? "∞" : "−∞");
    double size = fabs(value);
    switch (number) {
    case DT_NUMBER_SHARE:
        return fixed(100 * value, 2, " %", text);
    case DT_NUMBER_SECONDS:
        return seconds_text(value, text);
    case DT_NUMBER_COUNT:
        return fixed(value, 0, "", text);
    case DT_NUMBER_PLAIN:
        break;
    }
    if (size > 0 && (size < 1e-4 || size >= 1e7))
        return scientific(value, 2, text);
    return fixed(value, decimals_of(value, 4) < 4 ? decimals_of(value, 4) : 4, "", text);
}
