#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "hdf5_format.h"

#define LABEL_SIZE 400
/* All strings of an attribute together, bytes; heap objects that are looked at for them. */
#define TEXT_SIZE_MAX ((uint64_t)1 << 20)
#define WORK_MAX      ((size_t)1 << 24)

typedef struct attribute {
    char label[LABEL_SIZE];
    datatype type;
    dataspace space;
    span values;
    size_t count;
} attribute;

static uint64_t rounded(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

/* The parts of an attribute message, IV.A.2.m: name, type, shape, values. False: not well-formed.
 * In version 1 the first three are padded to multiples of 8. */
static bool split(span body, span parts[4])
{
    int version = body.size >= 8 ? body.at[0] : 0;
    if (version < 1 || version > 3 || (version > 1 && body.at[1] != 0))
        return false;
    uint64_t at = version == 3 ? 9 : 8;
    for (int i = 0; i < 3; i++) {
        uint64_t size = hdf5_number(body.at + 2 + 2 * i, 2);
        if (!hdf5_span(body, at, size, &parts[i]))
            return false;
        at += version == 1 ? rounded(size) : size;
    }
    return at <= body.size && hdf5_span(body, at, body.size - at, &parts[3]) &&
           memchr(parts[0].at, '\0', parts[0].size);
}

static dt_status find_parts(const dt_hdf5_reader *reader, const char *object, const char *name,
                            span parts[4], bool *found, dt_error *error)
{
    header_pass pass;
    message next;
    bool more;
    *found = false;
    size_t index = hdf5_find(reader, object);
    bool root = strcmp(object, "/") == 0;
    if (index == reader->count && !root)
        return DT_OK;
    dt_status status = hdf5_header(reader->file, root ? reader->root : reader->headers[index],
                                   object, &pass, error);
    while (!status && !*found && !(status = hdf5_next_message(&pass, &next, &more, error)) &&
           more) {
        if (next.type != MESSAGE_ATTRIBUTE)
            continue;
        if (next.shared || !split(next.body, parts))
            return dt_fail(error, DT_ERR_DATA, "%s: expected well-formed attributes, found another",
                           object);
        *found = strcmp((const char *)parts[0].at, name) == 0;
    }
    return status;
}

bool dt_hdf5_reader_has_attribute(const dt_hdf5_reader *reader, const char *object,
                                  const char *name)
{
    span parts[4];
    bool found;
    return !find_parts(reader, object, name, parts, &found, NULL) && found;
}

static dt_status check_extent(attribute *self, bool list, dt_error *error)
{
    if (self->space.none || self->space.rank != (list ? 1 : 0))
        return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", self->label,
                       list ? "a one-dimensional list" : "one value",
                       self->space.none        ? "no value"
                       : self->space.rank == 0 ? "one value"
                                               : "an array of another shape");
    uint64_t count = list ? self->space.dims[0] : 1;
    if (count > self->values.size / self->type.width)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected values within the attribute (%zu bytes), found %llu of %zu "
                       "bytes each",
                       self->label, self->values.size, (unsigned long long)count, self->type.width);
    self->count = count;
    return DT_OK;
}

static dt_status find_attribute(const dt_hdf5_reader *reader, const char *object, const char *name,
                                bool list, attribute *self, dt_error *error)
{
    *self = (attribute){.count = 0};
    snprintf(self->label, sizeof self->label, "attribute %s of %s", name, object);
    span parts[4];
    bool found;
    dt_status status = find_parts(reader, object, name, parts, &found, error);
    if (!status && !found)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected one, found none", self->label);
    if (!status)
        status = hdf5_read_type(parts[1], self->label, &self->type, error);
    if (!status)
        status = hdf5_read_space(parts[2], self->label, &self->space, error);
    if (status)
        return status;
    self->values = parts[3];
    return check_extent(self, list, error);
}

static dt_status check_type(const attribute *self, datatype_kind kind, dt_error *error)
{
    if (self->type.kind == kind)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA, "%s: expected a little-endian 64-bit %s, found %s",
                   self->label, kind == TYPE_FLOAT64 ? "float" : "signed integer", self->type.text);
}

dt_status dt_hdf5_reader_integer(const dt_hdf5_reader *reader, const char *object, const char *name,
                                 int64_t *value, dt_error *error)
{
    attribute found;
    dt_status status = find_attribute(reader, object, name, false, &found, error);
    if (!status)
        status = check_type(&found, TYPE_INTEGER64, error);
    if (!status)
        *value = (int64_t)hdf5_number(found.values.at, 8);
    return status;
}

dt_status dt_hdf5_reader_real(const dt_hdf5_reader *reader, const char *object, const char *name,
                              double *value, dt_error *error)
{
    attribute found;
    dt_status status = find_attribute(reader, object, name, false, &found, error);
    if (!status)
        status = check_type(&found, TYPE_FLOAT64, error);
    if (!status) {
        uint64_t bits = hdf5_number(found.values.at, 8);
        memcpy(value, &bits, sizeof *value);
    }
    return status;
}

dt_status dt_hdf5_reader_integers(const dt_hdf5_reader *reader, const char *object,
                                  const char *name, size_t most, int64_t *values, size_t *count,
                                  dt_error *error)
{
    attribute found;
    dt_status status = find_attribute(reader, object, name, true, &found, error);
    if (!status)
        status = check_type(&found, TYPE_INTEGER64, error);
    if (!status && found.count > most)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected at most %zu values, found %zu",
                         found.label, most, found.count);
    if (status)
        return status;
    for (size_t i = 0; i < found.count; i++)
        values[i] = (int64_t)hdf5_number(found.values.at + 8 * i, 8);
    *count = found.count;
    return DT_OK;
}

static dt_status bad_heap(const attribute *self, const char *found, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected variable-length strings in a well-formed heap, found %s",
                   self->label, found);
}

/* The object `index` of the global heap at `address`, III.E: objects of a header of 16 bytes and a
 * size rounded up to 8; number 0 is what is left. */
static dt_status find_in_heap(const dt_hdf5_reader *reader, const attribute *self, uint64_t address,
                              uint64_t index, size_t *work, span *out, dt_error *error)
{
    span header, heap;
    if (!hdf5_span(reader->file, address, 16, &header) || memcmp(header.at, "GCOL\1", 5) != 0)
        return bad_heap(self, "none where it should be", error);
    uint64_t size = hdf5_number(header.at + 8, 8);
    if (size < 16 || !hdf5_span(reader->file, address, size, &heap))
        return bad_heap(self, "one beyond the end of the file", error);
    uint64_t at = 16;
    while (heap.size - at >= 16 && ++*work < WORK_MAX) {
        uint64_t number = hdf5_number(heap.at + at, 2);
        uint64_t length = hdf5_number(heap.at + at + 8, 8);
        if (number == 0)
            break;
        if (!hdf5_span(heap, at + 16, length, out) || rounded(length) > heap.size - at - 16)
            return bad_heap(self, "an object beyond the end of its heap", error);
        if (number == index)
            return DT_OK;
        at += 16 + rounded(length);
    }
    return bad_heap(self, "a string that is not in its heap", error);
}

/* A string's reference, IV.B: length, address of the heap, number in it; no heap: an empty one. */
static dt_status find_variable(const dt_hdf5_reader *reader, const attribute *self, span *texts,
                               dt_error *error)
{
    size_t work = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->count; i++) {
        const uint8_t *reference = self->values.at + 16 * i;
        uint64_t length = hdf5_number(reference, 4), address = hdf5_number(reference + 4, 8);
        texts[i] = (span){(const uint8_t *)"", 0};
        if (address == 0)
            continue;
        dt_status status = find_in_heap(reader, self, address, hdf5_number(reference + 12, 4),
                                        &work, &texts[i], error);
        if (status)
            return status;
        if (texts[i].size != length)
            return bad_heap(self, "a string and a heap that differ about its length", error);
        bytes += length;
        if (bytes > TEXT_SIZE_MAX)
            return bad_heap(self, "more than a megabyte of them", error);
        texts[i].size = strnlen((const char *)texts[i].at, length);
    }
    return DT_OK;
}

static void find_fixed(const attribute *self, span *texts)
{
    for (size_t i = 0; i < self->count; i++) {
        const uint8_t *at = self->values.at + i * self->type.width;
        size_t length = strnlen((const char *)at, self->type.width);
        while (self->type.padding == PAD_SPACES && length > 0 && at[length - 1] == ' ')
            length--;
        texts[i] = (span){at, length};
    }
}

/* One block: the pointers, then zero-terminated copies. NULL: no memory. */
static char **pack(const span *texts, size_t count, dt_error *error)
{
    size_t size = count * sizeof(char *);
    for (size_t i = 0; i < count; i++)
        size += texts[i].size + 1;
    char **block = dt_calloc(size, 1, error);
    char *end = (char *)(block + count);
    for (size_t i = 0; block && i < count; i++) {
        block[i] = end;
        memcpy(end, texts[i].at, texts[i].size);
        end += texts[i].size + 1;
    }
    return block;
}

static dt_status read_texts(const dt_hdf5_reader *reader, const char *object, const char *name,
                            bool list, char ***texts, size_t *count, dt_error *error)
{
    attribute found;
    dt_status status = find_attribute(reader, object, name, list, &found, error);
    if (status)
        return status;
    bool empty = list && found.count == 0; /* NumPy makes floats of it */
    if (!empty && found.type.kind != TYPE_TEXT && found.type.kind != TYPE_VARIABLE_TEXT)
        return dt_fail(error, DT_ERR_DATA, "%s: expected %s, found %s", found.label,
                       list ? "strings" : "a string", found.type.text);
    span *spans = dt_calloc(found.count, sizeof *spans, error);
    if (!spans)
        return DT_ERR_INTERNAL;
    if (found.type.kind == TYPE_VARIABLE_TEXT)
        status = find_variable(reader, &found, spans, error);
    else
        find_fixed(&found, spans);
    if (!status && !(*texts = pack(spans, found.count, error)))
        status = DT_ERR_INTERNAL;
    if (!status)
        *count = found.count;
    dt_free(spans);
    return status;
}

dt_status dt_hdf5_reader_text_list(const dt_hdf5_reader *reader, const char *object,
                                   const char *name, char ***texts, size_t *count, dt_error *error)
{
    *texts = NULL;
    *count = 0;
    return read_texts(reader, object, name, true, texts, count, error);
}

dt_status dt_hdf5_reader_text_attribute(const dt_hdf5_reader *reader, const char *object,
                                        const char *name, char **text, dt_error *error)
{
    *text = NULL;
    char **texts = NULL;
    size_t count;
    dt_status status = read_texts(reader, object, name, false, &texts, &count, error);
    if (!status && !(*text = dt_strdup(texts[0], error)))
        status = DT_ERR_INTERNAL;
    dt_free(texts);
    return status;
}
