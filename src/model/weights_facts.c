#include "weights_facts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"

#define ROW(name, kind, ...)                                                                       \
    {                                                                                              \
        DT_WEIGHTS_PREFIX #name, kind, offsetof(dt_weights_facts, name), __VA_ARGS__               \
    }
#define NEEDED(name, kind)   ROW(name, kind, .optional = false)
#define OPTIONAL(name, kind) ROW(name, kind, .optional = true)
#define OLD(name, kind)      ROW(name, kind, .optional = true, .old = true)

const fact weights_facts[] = {
    OPTIONAL(version, FACT_TEXT),      NEEDED(architecture, FACT_TEXT),
    NEEDED(input_shape, FACT_SHAPE),   NEEDED(input_scale, FACT_REAL),
    NEEDED(input_shift, FACT_REAL),    NEEDED(classes, FACT_INTEGER),
    OPTIONAL(layers, FACT_TEXT),       OLD(activation, FACT_TEXT),
    OLD(output_activation, FACT_TEXT), NEEDED(loss, FACT_TEXT),
    OPTIONAL(data_source, FACT_TEXT),  OPTIONAL(epoch, FACT_INTEGER),
    OPTIONAL(step, FACT_INTEGER),      OPTIONAL(samples, FACT_INTEGER),
    OPTIONAL(val_accuracy, FACT_REAL), OPTIONAL(test_accuracy, FACT_REAL),
    OPTIONAL(config, FACT_TEXT),
};

_Static_assert(sizeof weights_facts / sizeof *weights_facts == DT_WEIGHTS_FACTS, "facts");

dt_status weights_fact_missing(const fact *what, void *value, dt_error *error)
{
    if (what->kind == FACT_TEXT)
        return (*(char **)value = dt_strdup("", error)) ? DT_OK : DT_ERR_INTERNAL;
    if (what->kind == FACT_INTEGER)
        *(int64_t *)value = -1;
    else
        *(double *)value = (double)NAN;
    return DT_OK;
}

dt_status weights_facts_check(const dt_weights_facts *facts, dt_error *error)
{
    const int64_t *shape = facts->input_shape;
    if (shape[0] < 1 || shape[1] < 1 || shape[2] < 1)
        return dt_fail(error, DT_ERR_DATA,
                       "attribute " DT_WEIGHTS_PREFIX "input_shape of /: expected height, width "
                       "and channels, found %" PRId64 ", %" PRId64 ", %" PRId64,
                       shape[0], shape[1], shape[2]);
    if (!isfinite(facts->input_scale) || !isfinite(facts->input_shift))
        return dt_fail(error, DT_ERR_DATA,
                       "attributes input_scale and input_shift: expected finite numbers, found "
                       "%g and %g",
                       facts->input_scale, facts->input_shift);
    return DT_OK;
}

dt_status weights_hash_check(const char *text, uint64_t hash, dt_error *error)
{
    char found[DT_HASH_TEXT];
    if (strcmp(text, dt_hash_text(hash, found)) == 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected parameters of the hash %.40s, as attribute " DT_WEIGHTS_PREFIX
                   "parameter_hash says, found %s: the file is damaged or was edited",
                   text, found);
}

size_t dt_weights_attributes(const dt_weights_facts *facts, dt_attribute out[DT_WEIGHTS_FACTS])
{
    size_t count = 0;
    for (size_t i = 0; i < DT_WEIGHTS_FACTS; i++) {
        if (weights_facts[i].old)
            continue;
        const char *name = weights_facts[i].name + sizeof DT_WEIGHTS_PREFIX - 1;
        const void *value = (const char *)facts + weights_facts[i].offset;
        switch (weights_facts[i].kind) {
        case FACT_TEXT:
            out[count++] = dt_attribute_text(name, *(char *const *)value);
            break;
        case FACT_INTEGER:
            out[count++] = dt_attribute_integer(name, *(const int64_t *)value);
            break;
        case FACT_REAL:
            out[count++] = dt_attribute_real(name, *(const double *)value);
            break;
        case FACT_SHAPE:
            out[count++] = dt_attribute_integers(name, 3, value);
            break;
        }
    }
    return count;
}

void dt_weights_facts_destroy(dt_weights_facts *facts)
{
    for (size_t i = 0; i < DT_WEIGHTS_FACTS; i++)
        if (weights_facts[i].kind == FACT_TEXT)
            dt_free(*(char **)((char *)facts + weights_facts[i].offset));
    *facts = (dt_weights_facts){0};
}
