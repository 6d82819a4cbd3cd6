#define _GNU_SOURCE /* memmem */
#include "run/content.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "file/hdf5_reader.h"
#include "run/insight.h"

static bool contains(const void *bytes, size_t size, const char *text)
{
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

static bool is_insight(const dt_hdf5_reader *reader)
{
    char *format;
    if (dt_hdf5_reader_text_attribute(reader, "/", "format", &format, NULL))
        return false;
    bool is = strncmp(format, DT_INSIGHT_FORMAT, strlen(DT_INSIGHT_FORMAT)) == 0;
    dt_free(format);
    return is;
}

dt_content dt_content_of(const void *bytes, size_t size)
{
    if (!dt_hdf5_is(bytes, size))
        return DT_CONTENT_OTHER;
    /* Names of attributes that stand in the file as they are, and in no other file of ours. */
    if (contains(bytes, size, "step_in_epoch") && contains(bytes, size, "parameter_hash"))
        return DT_CONTENT_CHECKPOINT;
    dt_hdf5_reader *reader;
    if (dt_hdf5_reader_open(bytes, size, &reader, NULL))
        return contains(bytes, size, "layer_names")       ? DT_CONTENT_WEIGHTS
               : contains(bytes, size, DT_INSIGHT_FORMAT) ? DT_CONTENT_INSIGHT
                                                          : DT_CONTENT_HDF5;
    dt_content content = DT_CONTENT_HDF5;
    if (dt_hdf5_reader_has_attribute(reader, "/", "layer_names") ||
        dt_hdf5_reader_has_attribute(reader, "/model_weights", "layer_names"))
        content = DT_CONTENT_WEIGHTS;
    else if (is_insight(reader))
        content = DT_CONTENT_INSIGHT;
    dt_hdf5_reader_destroy(reader);
    return content;
}
