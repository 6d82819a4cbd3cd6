#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_child.h"

/* Bits of the exponent of bfloat16, which half precision has 5 of. */
enum { BFLOAT16_EXPONENT = 8 };

static wire_type number_type(hid_t type, H5T_class_t class, char text[WIRE_TYPE_SIZE])
{
    size_t bits = 8 * H5Tget_size(type), sign, exponent_at, exponent = 0, mantissa_at, mantissa;
    const char *order = bits > 8 && H5Tget_order(type) == H5T_ORDER_BE ? "big-endian " : "";
    if (class == H5T_INTEGER) {
        snprintf(text, WIRE_TYPE_SIZE, "%s%zu-bit %s integer", order, bits,
                 H5Tget_sign(type) == H5T_SGN_NONE ? "unsigned" : "signed");
        return WIRE_INTEGER;
    }
    H5Tget_fields(type, &sign, &exponent_at, &exponent, &mantissa_at, &mantissa);
    snprintf(text, WIRE_TYPE_SIZE, "%s%zu-bit float%s", order, bits,
             bits == 16 && exponent == BFLOAT16_EXPONENT ? " (bfloat16)" : "");
    return WIRE_FLOAT;
}

bool child_is_opaque_bfloat16(hid_t type)
{
    return H5Tget_class(type) == H5T_OPAQUE && H5Tget_size(type) == 2;
}

static bool is_boolean(hid_t type)
{
    int8_t no = -1, yes = -1;
    return H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2 &&
           H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 &&
           no == 0 && yes == 1;
}

wire_type child_type(hid_t type, char text[WIRE_TYPE_SIZE])
{
    static const char *const names[] = {
        [H5T_TIME] = "times",           [H5T_BITFIELD] = "a bit field",
        [H5T_OPAQUE] = "opaque",        [H5T_COMPOUND] = "a compound",
        [H5T_REFERENCE] = "references", [H5T_ENUM] = "an enumeration",
        [H5T_VLEN] = "lists",           [H5T_ARRAY] = "arrays",
    };
    H5T_class_t class = H5Tget_class(type);
    if (child_is_opaque_bfloat16(type)) {
        snprintf(text, WIRE_TYPE_SIZE, "16-bit float (bfloat16)");
        return WIRE_FLOAT;
    }
    if (class == H5T_INTEGER || class == H5T_FLOAT)
        return number_type(type, class, text);
    if (is_boolean(type)) {
        snprintf(text, WIRE_TYPE_SIZE, "booleans");
        return WIRE_BOOLEAN;
    }
    bool variable = class == H5T_STRING && H5Tis_variable_str(type) > 0;
    if (class == H5T_STRING)
        snprintf(text, WIRE_TYPE_SIZE, "%s string", variable ? "variable-length" : "fixed-length");
    else
        snprintf(text, WIRE_TYPE_SIZE, "%s",
                 class >= 0 && (size_t) class < sizeof names / sizeof *names && names[class]
                     ? names[class]
                     : "a type of another kind");
    return variable ? WIRE_VARIABLE_TEXT : class == H5T_STRING ? WIRE_TEXT : WIRE_OTHER;
}

static void look_at_shape(hid_t space, wire_object *out)
{
    hsize_t shape[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    if (rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL) {
        snprintf(out->note, sizeof out->note, "no shape");
    } else if (rank > DT_HDF5_RANK_MAX) {
        snprintf(out->note, sizeof out->note, "%d dimensions, more than %d", rank,
                 DT_HDF5_RANK_MAX);
    } else {
        out->rank = rank;
        for (int i = 0; i < rank; i++)
            out->shape[i] = shape[i];
    }
}

static void look_at_filters(hid_t creation, wire_object *out)
{
    int count = H5Pget_nfilters(creation);
    out->packed = count > 0;
    for (int i = 0; i < count; i++) {
        unsigned flags, config;
        size_t values = 0;
        char name[32] = "";
        H5Z_filter_t id = H5Pget_filter2(creation, (unsigned)i, &flags, &values, NULL,
                                         sizeof name - 1, name, &config);
        if (id < 0 || H5Zfilter_avail(id) <= 0)
            snprintf(out->note, sizeof out->note, "the filter %s (%d), which HDF5 has not here",
                     name[0] ? name : "of no name", (int)id);
    }
}

/* All chunks that the shape needs are there. */
static void look_at_chunks(hid_t dataset, hid_t creation, wire_object *out)
{
    hsize_t chunk[DT_HDF5_RANK_MAX], needed = 1, found = 0;
    if (out->note[0] != '\0')
        return;
    int rank = H5Pget_chunk(creation, DT_HDF5_RANK_MAX, chunk);
    bool good = rank == out->rank && rank > 0;
    for (int i = 0; good && i < rank; i++)
        good = chunk[i] > 0 &&
               !__builtin_mul_overflow(
                   needed, out->shape[i] / chunk[i] + (out->shape[i] % chunk[i] != 0), &needed);
    hid_t all = H5Dget_space(dataset);
    if (!good || H5Dget_num_chunks(dataset, all, &found) < 0 || found < needed)
        snprintf(out->note, sizeof out->note, "%llu of %llu chunks", (unsigned long long)found,
                 (unsigned long long)needed);
    H5Sclose(all);
    out->chunk_rows = good ? chunk[0] : 1;
}

static void look_at_storage(hid_t dataset, hid_t type, wire_object *out)
{
    hid_t creation = H5Dget_create_plist(dataset);
    H5D_layout_t layout = H5Pget_layout(creation);
    out->chunk_rows = 1;
    out->stored = H5Dget_storage_size(dataset);
    look_at_filters(creation, out);
    if (H5Pget_external_count(creation) > 0)
        snprintf(out->note, sizeof out->note, "values in another file");
    else if (layout == H5D_CHUNKED)
        look_at_chunks(dataset, creation, out);
    else if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT)
        snprintf(out->note, sizeof out->note, "values of other datasets (virtual)");
    bool as_it_is = H5Tequal(type, H5T_NATIVE_FLOAT) > 0 || H5Tequal(type, H5T_NATIVE_UCHAR) > 0;
    if (layout == H5D_CONTIGUOUS && out->note[0] == '\0' && as_it_is)
        out->offset = H5Dget_offset(dataset);
    if (out->offset == HADDR_UNDEF)
        out->offset = WIRE_NOWHERE;
    H5Pclose(creation);
}

void child_look_at(hid_t dataset, wire_object *out)
{
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    if (type < 0 || space < 0)
        child_give_up("%.200s: expected a type and a shape, found damage", out->object.path);
    out->kind = child_type(type, out->type);
    out->width = H5Tget_size(type);
    out->padding = out->kind == WIRE_TEXT && H5Tget_strpad(type) == H5T_STR_SPACEPAD ? ' ' : '\0';
    look_at_shape(space, out);
    look_at_storage(dataset, type, out);
    H5Sclose(space);
    H5Tclose(type);
}

/* Texts of fixed length, each with a 0 behind it and without its padding; the size of all. */
static size_t cut_texts(const char *texts, size_t count, size_t width, bool spaces, char *out)
{
    char *end = out;
    for (size_t i = 0; i < count; i++) {
        size_t length = strnlen(texts + i * width, width);
        while (spaces && length > 0 && texts[i * width + length - 1] == ' ')
            length--;
        memcpy(end, texts + i * width, length);
        end += length + 1;
    }
    return (size_t)(end - out);
}

static size_t copy_texts(char *const *texts, size_t count, char *out)
{
    char *end = out;
    for (size_t i = 0; i < count; i++)
        end = stpcpy(end, texts[i] ? texts[i] : "") + 1;
    return (size_t)(end - out);
}

/* The values of `size` bytes each, read as `memory`; NULL: they cannot be. */
static void *read_values(hid_t attribute, hid_t memory, size_t count, size_t size)
{
    static uint64_t all;
    uint64_t bytes = 0;
    if (__builtin_mul_overflow(count, size, &bytes) || (all += bytes) > WIRE_CONTENT_MAX)
        child_give_up("expected at most %d MB of attributes, found more",
                      (int)(WIRE_CONTENT_MAX >> 20));
    void *values = calloc(bytes + 1, 1);
    if (!values || (count > 0 && H5Aread(attribute, memory, values) < 0))
        return NULL;
    return values;
}

/* The values as they are said: malloc'd, *size bytes; NULL: they cannot be read. */
static char *pack_values(hid_t attribute, hid_t type, const wire_attribute *told, size_t *size)
{
    size_t count = told->count, width = H5Tget_size(type);
    *size = 8 * count;
    if (told->kind == WIRE_INTEGER)
        return read_values(attribute, H5T_NATIVE_INT64, count, 8);
    if (told->kind == WIRE_FLOAT)
        return read_values(attribute, H5T_NATIVE_DOUBLE, count, 8);
    bool variable = H5Tis_variable_str(type) > 0;
    char *read = read_values(attribute, type, count, width);
    if (!read)
        return NULL;
    uint64_t room = count * (width + 1);
    char **texts = (char **)read;
    if (variable) {
        room = count;
        for (size_t i = 0; i < count; i++)
            room += texts[i] ? strlen(texts[i]) : 0;
    }
    if (room > WIRE_CONTENT_MAX)
        child_give_up("expected at most %d MB of attributes, found more",
                      (int)(WIRE_CONTENT_MAX >> 20));
    char *out = calloc(room + 1, 1);
    if (!out)
        child_give_up("out of memory");
    *size = variable ? copy_texts(texts, count, out)
                     : cut_texts(read, count, width, H5Tget_strpad(type) == H5T_STR_SPACEPAD, out);
    for (size_t i = 0; variable && i < count; i++)
        free(texts[i]);
    free(read);
    return out;
}

static herr_t say_attribute(hid_t object, const char *name, const H5A_info_t *info, void *number)
{
    (void)info;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    hid_t type = attribute < 0 ? attribute : H5Aget_type(attribute);
    hid_t space = attribute < 0 ? attribute : H5Aget_space(attribute);
    if (type < 0 || space < 0)
        return -1;
    wire_attribute out = {.object = *(uint64_t *)number, .name_size = strlen(name) + 1};
    wire_type kind = child_type(type, out.type);
    if (child_is_opaque_bfloat16(type) || kind == WIRE_BOOLEAN)
        kind = WIRE_OTHER;
    hssize_t count = H5Sget_simple_extent_npoints(space);
    out.kind = kind == WIRE_VARIABLE_TEXT ? WIRE_TEXT : kind;
    out.rank =
        H5Sget_simple_extent_type(space) == H5S_NULL ? -1 : H5Sget_simple_extent_ndims(space);
    out.count = count > 0 && out.rank >= 0 ? (uint64_t)count : 0;
    size_t size = 0;
    char *values = out.kind == WIRE_OTHER ? NULL : pack_values(attribute, type, &out, &size);
    if (!values && out.kind != WIRE_OTHER)
        return -1;
    char *rest = malloc(out.name_size + size);
    if (!rest)
        child_give_up("out of memory");
    memcpy(rest, name, out.name_size);
    if (size > 0)
        memcpy(rest + out.name_size, values, size);
    child_say(WIRE_ATTRIBUTE, &out, sizeof out, rest, out.name_size + size);
    free(rest);
    free(values);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return 0;
}

void child_say_attributes(hid_t object, uint64_t number, const char *path)
{
    if (H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, say_attribute, &number) < 0)
        child_give_up("%.200s: expected attributes that can be read, found another", path);
}
