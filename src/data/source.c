#include "data/source.h"

#include "base/memory.h"

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
    for (int64_t i = 0; i < count && !status; i++) {
        labels[i] = (uint8_t)found[i];
        if (found[i] < 0 || found[i] >= source->classes)
            status = dt_fail(
                error, DT_ERR_DATA,
                "%s: expected labels 0 to %d, found %d at sample %lld (the first is 0)",
                source->place[part], source->classes - 1, (int)found[i], (long long)(first + i));
    }
    dt_free(found);
    return status;
}

void dt_source_close(dt_source *source)
{
    if (source)
        source->close(source);
}
