#include "weights_facts.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/class_names.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "file/json.h"
#include "file/record.h"

#define HASH_NAME DT_WEIGHTS_PREFIX "parameter_hash"

#define ROW(name, kind, ...)                                                                       \
    {                                                                                              \
        DT_FIELD(kind, DT_WEIGHTS_PREFIX #name, dt_weights_facts, name), __VA_ARGS__               \
    }
#define NEEDED(name, kind)   ROW(name, kind, .optional = false)
#define OPTIONAL(name, kind) ROW(name, kind, .optional = true)
#define OLD(name, kind)      ROW(name, kind, .optional = true, .old = true)

static const dt_field fields[] = {
    OPTIONAL(version, TEXT),
    NEEDED(architecture, TEXT),
    NEEDED(input_shape, SHAPE),
    NEEDED(input_scale, REAL),
    NEEDED(input_shift, REAL),
    NEEDED(classes, INTEGER),
    OPTIONAL(layers, TEXT),
    OLD(activation, TEXT),
    OLD(output_activation, TEXT),
    NEEDED(loss, TEXT),
    OPTIONAL(class_names, TEXT),
    OPTIONAL(data_source, TEXT),
    OPTIONAL(epoch, INTEGER),
    OPTIONAL(step, INTEGER),
    OPTIONAL(samples, INTEGER),
    OPTIONAL(val_accuracy, REAL),
    OPTIONAL(test_accuracy, REAL),
    OPTIONAL(config, TEXT),
    OPTIONAL(ink_background, INTEGER),
    OPTIONAL(ink_extent, REAL),
    OPTIONAL(ink_centre, TEXT),
    OPTIONAL(ink_middle_y, REAL),
    OPTIONAL(ink_middle_x, REAL),
};

_Static_assert(sizeof fields / sizeof *fields == DT_WEIGHTS_FACTS, "facts");

static dt_record record_of(const dt_weights_facts *facts)
{
    return (dt_record){fields, DT_WEIGHTS_FACTS, (dt_weights_facts *)facts, "", NULL};
}

/* Texts that are not known become "". */
static dt_status fill_texts(const dt_record *record, dt_error *error)
{
    for (size_t i = 0; i < record->count; i++) {
        char **text = dt_record_member(record, &fields[i]);
        if (fields[i].kind == DT_FIELD_TEXT && !*text && !(*text = dt_strdup("", error)))
            return DT_ERR_INTERNAL;
    }
    return DT_OK;
}

dt_status dt_weights_facts_unknown(dt_weights_facts *out, dt_error *error)
{
    const dt_record record = record_of(out);
    *out = (dt_weights_facts){0};
    dt_record_clear(&record);
    return fill_texts(&record, error);
}

static dt_status check_shape(const int64_t shape[3], dt_error *error)
{
    const int64_t most = 1 << 24;
    if (shape[0] <= most && shape[1] <= most && shape[2] <= most && shape[0] * shape[1] <= most &&
        shape[0] * shape[1] * shape[2] <= most)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected images of at most %" PRId64 " values, found the input_shape %" PRId64
                   " x %" PRId64 " x %" PRId64,
                   most, shape[0], shape[1], shape[2]);
}

static bool is_share(double value)
{
    return value >= 0 && value <= 1;
}

static dt_status check_form(const dt_weights_facts *facts, dt_error *error)
{
    if (isnan(facts->ink_extent) ||
        (is_share(facts->ink_extent) && facts->ink_extent > 0 && is_share(facts->ink_middle_y) &&
         is_share(facts->ink_middle_x)))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "attributes ink_extent, ink_middle_y and ink_middle_x: expected shares of an "
                   "image, from 0 to 1, found %g, %g, %g",
                   facts->ink_extent, facts->ink_middle_y, facts->ink_middle_x);
}

dt_image_form dt_weights_form(const dt_weights_facts *facts)
{
    dt_image_form form = {(int)facts->ink_background,
                          facts->ink_extent,
                          strcmp(facts->ink_centre, "box") != 0,
                          {facts->ink_middle_y, facts->ink_middle_x}};
    return isnan(facts->ink_extent) ? dt_image_form_mnist : form;
}

void dt_weights_set_form(dt_weights_facts *facts, const dt_image_form *form)
{
    facts->ink_background = form->background;
    facts->ink_extent = form->extent;
    facts->ink_centre = form->by_mass ? "mass" : "box";
    facts->ink_middle_y = form->middle[0];
    facts->ink_middle_x = form->middle[1];
}

static dt_status check(const dt_weights_facts *facts, dt_error *error)
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
    dt_status status = check_form(facts, error);
    if (!status)
        status = check_shape(shape, error);
    if (!status && facts->classes <= DT_CLASSES_MAX)
        status = dt_class_names_check(facts->class_names, (int)facts->classes, error);
    return status;
}

/* Expects that `text` is the hash of the parameters. */
static dt_status check_hash(const char *text, uint64_t hash, dt_error *error)
{
    char found[DT_HASH_TEXT];
    if (strcmp(text, dt_hash_text(hash, found)) == 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected parameters of the hash %.40s, as attribute " HASH_NAME
                   " says, found %s: the file is damaged or was edited",
                   text, found);
}

size_t dt_weights_attributes(const dt_weights_facts *facts, dt_attribute out[DT_WEIGHTS_FACTS])
{
    const dt_record record = record_of(facts);
    size_t count = 0;
    for (size_t i = 0; i < DT_WEIGHTS_FACTS; i++) {
        const char *const *text = dt_record_member(&record, &fields[i]);
        bool numbers = text == &facts->class_names && !facts->class_names[0];
        if (fields[i].old || numbers) /* a file without names has the numbers */
            continue;
        out[count] = dt_field_attribute(&record, &fields[i], NULL);
        out[count++].name += sizeof DT_WEIGHTS_PREFIX - 1;
    }
    return count;
}

dt_status weights_facts_of_hdf5(const dt_hdf5_reader *reader, dt_weights_file *to, dt_error *error)
{
    char *hash;
    const dt_record record = record_of(&to->facts);
    to->own = dt_hdf5_reader_has_attribute(reader, "/", HASH_NAME);
    if (!to->own)
        return DT_OK;
    dt_record_clear(&record);
    dt_status status = dt_hdf5_reader_text_attribute(reader, "/", HASH_NAME, &hash, error);
    if (!status)
        status = check_hash(hash, to->parameter_hash, error);
    dt_free(hash);
    if (!status)
        status = dt_record_of_hdf5(&record, reader, error);
    if (!status)
        status = fill_texts(&record, error);
    return status ? status : check(&to->facts, error);
}

static bool is_missing(const dt_field *field, const void *member)
{
    return (field->kind == DT_FIELD_TEXT && !**(char *const *)member) ||
           (field->kind == DT_FIELD_INTEGER && *(const int64_t *)member == -1) ||
           (field->kind == DT_FIELD_REAL && isnan(*(const double *)member));
}

/* The names as the metadata of others have them: {"0": "cat", "1": "dog"}.
 * source: https://huggingface.co/docs/transformers, PretrainedConfig */
static dt_status add_labels(const dt_weights_facts *facts, dt_bundle *to, dt_error *error)
{
    dt_text json = {.grows = true};
    for (int i = 0; i < facts->classes; i++) {
        char name[DT_CLASS_NAME];
        dt_text_add(&json, "%s\"%d\": ", i > 0 ? ", " : "{", i);
        dt_json_add_text(&json, dt_class_name(facts->class_names, i, name));
    }
    dt_text_add(&json, "}");
    dt_status status = dt_text_status(&json, error);
    if (!status)
        status = dt_bundle_add_text(to, "id2label", json.text, error);
    dt_free(json.text);
    return status;
}

dt_status weights_facts_to_texts(const dt_weights_file *file, dt_bundle *to, dt_error *error)
{
    char hash[DT_HASH_TEXT];
    const dt_record record = record_of(&file->facts);
    dt_status status =
        dt_bundle_add_text(to, HASH_NAME, dt_hash_text(file->parameter_hash, hash), error);
    for (size_t i = 0; i < DT_WEIGHTS_FACTS && !status; i++) {
        const dt_field *field = &fields[i];
        if (field->old || (field->optional && is_missing(field, dt_record_member(&record, field))))
            continue;
        char *text = dt_field_to_text(&record, field, error);
        status = text ? dt_bundle_add_text(to, field->name, text, error) : DT_ERR_INTERNAL;
        dt_free(text);
    }
    return status || !file->facts.class_names[0] ? status : add_labels(&file->facts, to, error);
}

static dt_status read_text(const dt_hdf5_reader *reader, const char *name, dt_bundle *to,
                           dt_error *error)
{
    char *text = NULL;
    if (!dt_hdf5_reader_has_attribute(reader, "/", name))
        return DT_OK;
    dt_status status = dt_hdf5_reader_text_attribute(reader, "/", name, &text, error);
    if (!status)
        status = dt_bundle_add_text(to, name, text, error);
    dt_free(text);
    return status;
}

dt_status weights_facts_read_texts(const dt_hdf5_reader *reader, dt_bundle *to, dt_error *error)
{
    dt_status status = read_text(reader, HASH_NAME, to, error);
    for (size_t i = 0; i < DT_WEIGHTS_FACTS && !status; i++)
        status = read_text(reader, fields[i].name, to, error);
    return status;
}

dt_status weights_facts_of_texts(const dt_bundle *from, dt_weights_file *to, dt_error *error)
{
    const dt_record record = record_of(&to->facts);
    dt_status status = DT_OK;
    to->own = dt_bundle_text(from, HASH_NAME) != NULL;
    if (!to->own)
        return DT_OK;
    dt_record_clear(&record);
    for (size_t i = 0; i < DT_WEIGHTS_FACTS && !status; i++) {
        const char *text = dt_bundle_text(from, fields[i].name);
        if (text || !fields[i].optional)
            status = dt_field_of_text(&record, &fields[i], text, error);
    }
    if (!status)
        status = fill_texts(&record, error);
    return status ? status : check(&to->facts, error);
}

dt_status weights_facts_check_hash(const dt_bundle *from, const dt_weights_file *file,
                                   dt_error *error)
{
    const char *hash = dt_bundle_text(from, HASH_NAME);
    return hash ? check_hash(hash, file->parameter_hash, error) : DT_OK;
}

void dt_weights_facts_destroy(dt_weights_facts *facts)
{
    const dt_record record = record_of(facts);
    dt_record_free(&record);
}
