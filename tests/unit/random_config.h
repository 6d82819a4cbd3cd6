/* Random settings for property tests: a pure function of the sequence. */
#ifndef DT_TESTS_UNIT_RANDOM_CONFIG_H
#define DT_TESTS_UNIT_RANDOM_CONFIG_H

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "base/text.h"
#include "config/config.h"

static inline uint32_t random_to(dt_random_sequence *from, uint32_t bound)
{
    uint32_t high = dt_random_next(from);
    return dt_below(high, dt_random_next(from), bound);
}

/* Small and large alike: a random number of the bits of the range's width. */
static inline int64_t random_integer(dt_random_sequence *from, double min, double max)
{
    uint64_t bits = (uint64_t)dt_random_next(from) << 32 | dt_random_next(from);
    uint64_t width = (uint64_t)((int64_t)max - (int64_t)min) + 1;
    return (int64_t)min + (int64_t)((bits >> random_to(from, 64)) % width);
}

/* Ends of the range, numbers with few digits, with all 17, and tiny ones. */
static inline double random_real(dt_random_sequence *from, double min, double max)
{
    double unit = dt_uniform(dt_random_next(from)) + ldexp(dt_random_next(from), -64);
    switch (random_to(from, 6)) {
    case 0:
        return min;
    case 1:
        return max;
    case 2:
        return fmin(fmax(min, (double)random_to(from, 1000) / 1000), max);
    case 3:
        return fmin(fmax(min, ldexp(unit, -(int)random_to(from, 1073))), max);
    case 4:
        return nextafter(max, min);
    default:
        return min + unit * (max - min);
    }
}

static inline void random_text(dt_random_sequence *from, char text[DT_TEXT_MAX])
{
    static const char letters[] = " ;#\"\\'=[]$~*`!&|<>(){}?-_/.%aB7\xc3\xa9";
    uint32_t length = 1 + random_to(from, random_to(from, 4) ? 8 : DT_NAME_MAX - 1);
    for (uint32_t i = 0; i < length; i++)
        text[i] = letters[random_to(from, sizeof letters - 1)];
    if (length > 2 && random_to(from, 4) == 0)
        memcpy(text, "--", 2);
    text[length] = '\0';
}

/* The name of a kind, and its second input, if it has one, behind an item that gives it. */
static inline void item_begin(const dt_layer_kind *kind, dt_text *to)
{
    size_t label = to->length;
    if (kind->second)
        dt_text_add(to, "tanh as at_%zu, %s at_%zu", label, kind->name, label);
    else
        dt_text_add(to, "%s", kind->name);
}

/* The shortest item that names the kind: with the least of each argument that it must have. */
static inline void shortest_item(const dt_layer_kind *kind, dt_text *to)
{
    item_begin(kind, to);
    for (int i = 0; i < kind->argument_count; i++)
        if (!kind->arguments[i].preset)
            dt_text_add(to, " %.15g", kind->arguments[i].min);
}

/* An item of a list of layers: any kind with any arguments, an activation behind it. */
static inline void random_item(dt_random_sequence *from, dt_text *to)
{
    int count = 0, followers[64], kinds = 0;
    for (; dt_layer_kind_at(kinds); kinds++)
        if (dt_layer_kind_at(kinds)->follows)
            followers[count++] = kinds;
    const dt_layer_kind *kind = dt_layer_kind_at((int)random_to(from, (uint32_t)kinds));
    item_begin(kind, to);
    for (int i = 0; i < kind->argument_count; i++) {
        const dt_argument *argument = &kind->arguments[i];
        if (argument->preset && random_to(from, 2))
            continue;
        dt_text_add(to, " %s%s", argument->preset ? argument->name : "",
                    argument->preset ? " " : "");
        if (argument->word && random_to(from, 3) == 0)
            dt_text_add(to, "%s", argument->word);
        else if (argument->type == DT_ARGUMENT_SIZE)
            dt_text_add(to, "%" PRId64 "x%" PRId64,
                        random_integer(from, argument->min, argument->max),
                        random_integer(from, argument->min, argument->max));
        else if (argument->type == DT_ARGUMENT_BOOL)
            dt_text_add(to, "%s", random_to(from, 2) ? "true" : "false");
        else if (argument->type == DT_ARGUMENT_INTEGER)
            dt_text_add(to, "%" PRId64, random_integer(from, argument->min, argument->max));
        else
            dt_text_add(to, "%.17g", random_real(from, argument->min, argument->max));
    }
    if (!kind->follows && random_to(from, 2))
        dt_text_add(to, " %s", dt_layer_kind_at(followers[random_to(from, (uint32_t)count)])->name);
}

static inline void random_layers(dt_random_sequence *from, char text[DT_TEXT_MAX])
{
    dt_text out = {.text = text, .size = DT_TEXT_MAX};
    for (int left = 1 + (int)random_to(from, DT_LAYERS_MAX / 2); left > 0; left--) {
        if (left == 1 || random_to(from, 3))
            dt_text_add(&out, "%" PRId64, random_integer(from, 1, 0x1p20));
        else
            random_item(from, &out);
        dt_text_add(&out, "%s", left > 1 ? ", " : "");
    }
}

/* Some of the kinds, or none. */
static inline void random_augment(dt_random_sequence *from, char text[DT_TEXT_MAX])
{
    dt_text out = {.text = text, .size = DT_TEXT_MAX};
    for (int kind = 0; kind < DT_AUGMENT_KINDS; kind++) {
        const dt_augment_row *row = &dt_augment_rows[kind];
        if (random_to(from, 2))
            continue;
        dt_text_add(&out, "%s%s", out.length > 0 ? ", " : "", row->name);
        for (int i = 0; i < row->argument_count; i++)
            dt_text_add(&out, " %.17g",
                        random_real(from, row->arguments[i].min, row->arguments[i].max));
    }
    if (out.length == 0)
        dt_text_add(&out, "none");
}

/* A value that the setting takes, as text. */
static inline char *random_value(dt_random_sequence *from, const dt_setting *setting,
                                 char text[DT_TEXT_MAX])
{
    if (setting->allow_auto && random_to(from, 4) == 0) {
        snprintf(text, DT_TEXT_MAX, "auto");
        return text;
    }
    uint32_t length = 0;
    switch (setting->type) {
    case DT_SETTING_BOOL:
        snprintf(text, DT_TEXT_MAX, "%s", random_to(from, 2) ? "true" : "false");
        break;
    case DT_SETTING_INT:
    case DT_SETTING_INT64:
        snprintf(text, DT_TEXT_MAX, "%" PRId64, random_integer(from, setting->min, setting->max));
        break;
    case DT_SETTING_REAL:
        snprintf(text, DT_TEXT_MAX, "%.17g", random_real(from, setting->min, setting->max));
        break;
    case DT_SETTING_ENUM:
        while (setting->names[length])
            length++;
        snprintf(text, DT_TEXT_MAX, "%s", setting->names[random_to(from, length)]);
        break;
    case DT_SETTING_TEXT:
        random_text(from, text);
        break;
    case DT_SETTING_SIZE:
        snprintf(text, DT_TEXT_MAX, "%" PRId64 "x%" PRId64,
                 random_integer(from, setting->min, setting->max),
                 random_integer(from, setting->min, setting->max));
        break;
    case DT_SETTING_LIST:
        (strcmp(setting->name, "layers") == 0 ? random_layers : random_augment)(from, text);
        break;
    }
    return text;
}

/* Sets every setting to a random value, or leaves it at its default. */
static inline dt_status random_config(uint32_t sample, dt_config *config, dt_error *error)
{
    dt_random_sequence from = dt_random_sequence_of(
        (dt_random_key){.seed = 20201122, .stream = DT_STREAM_TEST, .sample = sample});
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_status status = DT_OK;
    dt_config_defaults(config);
    for (size_t i = 0; i < count && status == DT_OK; i++) {
        char text[DT_TEXT_MAX];
        if (random_to(&from, 3))
            status =
                dt_config_set(config, &settings[i], random_value(&from, &settings[i], text), error);
    }
    return status;
}

/* The first setting in which the two differ, with both values printed; NULL: none. Reals are
 * compared by their bits. */
static inline const dt_setting *first_difference(const dt_config *a, const dt_config *b)
{
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        char x[DT_TEXT_MAX], y[DT_TEXT_MAX];
        size_t offset = settings[i].offset;
        bool same =
            strcmp(dt_config_get(a, &settings[i], x), dt_config_get(b, &settings[i], y)) == 0;
        if (settings[i].type == DT_SETTING_REAL)
            same = same &&
                   memcmp((const char *)a + offset, (const char *)b + offset, sizeof(double)) == 0;
        if (!same) {
            printf("\n    %s: '%s' and '%s'\n", settings[i].name, x, y);
            return &settings[i];
        }
    }
    return NULL;
}

#endif
