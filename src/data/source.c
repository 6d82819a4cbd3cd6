#include "data/source.h"

#include <string.h>

#include "base/memory.h"

/* Of the labels that data sets have, the class is looked up. */
enum { TABLE = 256 };

static dt_status refuse_label(const dt_source *source, dt_part part, int64_t sample, int32_t label,
                              dt_error *error)
{
    char list[DT_CLASSES_LISTED];
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected labels %s, found %d at sample %lld (the first is 0)",
                   source->place[part], dt_class_list(source->class_names, source->classes, list),
                   (int)label, (long long)sample);
}

/* Labels of the data become numbers of classes. */
static dt_status sort_labels(const dt_source *source, dt_part part, int64_t first, int64_t count,
                             const int32_t *found, uint8_t *labels, dt_error *error)
{
    int16_t table[TABLE];
    for (int i = 0; i < TABLE; i++)
        table[i] = -1;
    for (int i = 0; i < source->classes; i++)
        if (source->label_of[i] >= 0 && source->label_of[i] < TABLE)
            table[source->label_of[i]] = (int16_t)i;
    for (int64_t i = 0; i < count; i++) {
        int class = found[i] >= 0 && found[i] < TABLE ? table[found[i]] : -1;
        for (int j = 0; class < 0 && j < source->classes; j++)
            class = source->label_of[j] == found[i] ? j : -1;
        if (class < 0)
            return refuse_label(source, part, first + i, found[i], error);
        labels[i] = (uint8_t) class;
    }
    return DT_OK;
}

void dt_transpose(dt_shape shape, const uint8_t *image, uint8_t *transposed)
{
    size_t channels = (size_t)shape.channels;
    for (int y = 0; y < shape.height; y++)
        for (int x = 0; x < shape.width; x++, image += channels)
            memcpy(transposed + (size_t)(x * shape.height + y) * channels, image, channels);
}

/* The shape is that of the images upright. */
static dt_status turn(const dt_source *source, int64_t count, uint8_t *images, dt_error *error)
{
    const dt_shape stored = {source->shape.width, source->shape.height, source->shape.channels};
    size_t size = (size_t)dt_shape_size(stored);
    uint8_t *image = dt_calloc(size, 1, error);
    for (int64_t i = 0; i < count && image; i++) {
        memcpy(image, images + (size_t)i * size, size);
        dt_transpose(stored, image, images + (size_t)i * size);
    }
    dt_free(image);
    return image ? DT_OK : DT_ERR_INTERNAL;
}

dt_status dt_source_read(dt_source *source, dt_part part, int64_t first, int64_t count,
                         uint8_t *images, uint8_t *labels, dt_error *error)
{
    if (part < DT_TRAIN || part >= DT_PARTS)
        return dt_fail(error, DT_ERR_INTERNAL, "%s: expected part 0 to %d, found %d", source->name,
                       DT_PARTS - 1, (int)part);
    int64_t samples = source->count[part];
    if (first < 0 || count < 0 || first > samples || count > samples - first)
        return dt_fail(error, DT_ERR_INTERNAL,
                       "%s: expected a range within %lld samples, found %lld from sample %lld on",
                       source->name, (long long)samples, (long long)count, (long long)first);
    if (count == 0)
        return DT_OK;
    int32_t *found = dt_calloc((size_t)count, sizeof *found, error);
    if (!found)
        return DT_ERR_INTERNAL;
    dt_status status = source->read(source, part, first, count, images, found, error);
    if (!status)
        status = sort_labels(source, part, first, count, found, labels, error);
    dt_free(found);
    if (!status && source->transposed)
        status = turn(source, count, images, error);
    return status;
}

void dt_classes_of_number(dt_source *source, int classes)
{
    source->classes = classes;
    dt_free(source->class_names);
    source->class_names = NULL;
    for (int i = 0; i < classes; i++)
        source->label_of[i] = i;
}

void dt_source_transpose(dt_source *source)
{
    dt_shape shape = source->shape;
    source->shape.height = shape.width;
    source->shape.width = shape.height;
    source->transposed = !source->transposed;
}

void dt_source_release(dt_source *source)
{
    if (source->release)
        source->release(source);
}

void dt_source_close(dt_source *source)
{
    if (!source)
        return;
    dt_free(source->class_names);
    source->close(source);
}
