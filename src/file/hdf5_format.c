#include "hdf5_format.h"

#include <stdio.h>
#include <string.h>

#define SIGNATURE       "\x89HDF\r\n\x1a\n"
#define SUPERBLOCK_SIZE 96
/* Bytes of all pieces of an object header together. */
#define HEADER_MAX ((size_t)4 << 20)

/* II.A: offsets in superblock version 0. */
enum { AT_VERSION = 8, AT_OFFSET_SIZE = 13, AT_LENGTH_SIZE = 14, AT_BASE = 24, AT_END = 40 };
enum { AT_ROOT_HEADER = 64 };

uint64_t hdf5_number(const uint8_t *bytes, int width)
{
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

bool hdf5_span(span file, uint64_t address, uint64_t size, span *out)
{
    if (address > file.size || size > file.size - address)
        return false;
    *out = (span){file.at + address, size};
    return true;
}

dt_status hdf5_read_superblock(span bytes, dt_hdf5_reader *reader, dt_error *error)
{
    if (bytes.size < SUPERBLOCK_SIZE || memcmp(bytes.at, SIGNATURE, sizeof SIGNATURE - 1) != 0)
        return dt_fail(error, DT_ERR_DATA, "expected an HDF5 file, found %s",
                       bytes.size == 0 ? "an empty one" : "something else");
    if (bytes.at[AT_VERSION] != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file with superblock version 0, found version %d; "
                       "h5repack --low=0 OLD NEW makes one",
                       bytes.at[AT_VERSION]);
    if (bytes.at[AT_OFFSET_SIZE] != 8 || bytes.at[AT_LENGTH_SIZE] != 8)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file with offsets and lengths of 8 bytes, found %d and %d",
                       bytes.at[AT_OFFSET_SIZE], bytes.at[AT_LENGTH_SIZE]);
    uint64_t base = hdf5_number(bytes.at + AT_BASE, 8), end = hdf5_number(bytes.at + AT_END, 8);
    if (base == 0 && end > bytes.size)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file of %llu bytes, as its head says, found the first %zu",
                       (unsigned long long)end, bytes.size);
    if (base != 0 || end < SUPERBLOCK_SIZE)
        return dt_fail(error, DT_ERR_DATA,
                       "expected an HDF5 file from byte 0 to at most %zu, found %llu to %llu",
                       bytes.size, (unsigned long long)base, (unsigned long long)end);
    reader->file = (span){bytes.at, end};
    reader->root = hdf5_number(bytes.at + AT_ROOT_HEADER, 8);
    return DT_OK;
}

/* IV.A.1.a: prefix of 16 bytes, then the first piece. */
dt_status hdf5_header(span file, uint64_t address, const char *label, header_pass *pass,
                      dt_error *error)
{
    *pass = (header_pass){.file = file, .label = label, .count = 1};
    span prefix;
    if (!hdf5_span(file, address, 16, &prefix))
        return dt_fail(error, DT_ERR_DATA, "%s: expected its header in the file, found it at %llu",
                       label, (unsigned long long)address);
    if (prefix.at[0] != 1)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected an object header of version 1, found something else (a newer "
                       "format, or damage)",
                       label);
    uint64_t size = hdf5_number(prefix.at + 8, 4);
    if (!hdf5_span(file, address + 16, size, &pass->pieces[0]))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a header within the file, found %llu "
                       "bytes of it at %llu",
                       label, (unsigned long long)size, (unsigned long long)address);
    return DT_OK;
}

static dt_status add_piece(header_pass *pass, span where, dt_error *error)
{
    if (where.size < 16 || pass->count == HEADER_PIECES ||
        !hdf5_span(pass->file, hdf5_number(where.at, 8), hdf5_number(where.at + 8, 8),
                   &pass->pieces[pass->count]))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a header in at most %d pieces within the file, found another",
                       pass->label, HEADER_PIECES);
    pass->count++;
    return DT_OK;
}

dt_status hdf5_next_message(header_pass *pass, message *out, bool *more, dt_error *error)
{
    for (;;) {
        /* What is too small for a message is a gap. */
        while (pass->left.size < 8) {
            if (pass->next == pass->count) {
                *more = false;
                return DT_OK;
            }
            pass->left = pass->pieces[pass->next++];
            pass->bytes += pass->left.size;
        }
        uint64_t size = hdf5_number(pass->left.at + 2, 2);
        if (size > pass->left.size - 8 || pass->bytes > HEADER_MAX)
            return dt_fail(
                error, DT_ERR_DATA,
                "%s: expected messages that fit into its header, found one of %llu bytes",
                pass->label, (unsigned long long)size);
        *out = (message){.type = (int)hdf5_number(pass->left.at, 2),
                         .shared = pass->left.at[4] & 2,
                         .body = {pass->left.at + 8, size}};
        pass->left = (span){pass->left.at + 8 + size, pass->left.size - 8 - size};
        if (out->type != MESSAGE_CONTINUATION) {
            *more = true;
            return DT_OK;
        }
        dt_status status = add_piece(pass, out->body, error);
        if (status)
            return status;
    }
}

/* IV.A.2.b */
dt_status hdf5_read_space(span body, const char *label, dataspace *out, dt_error *error)
{
    *out = (dataspace){0};
    int version = body.size >= 4 ? body.at[0] : 0;
    if (version != 1 && version != 2)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a shape of version 1 or 2, found %d",
                       label, version);
    size_t begin = version == 1 ? 8 : 4;
    out->rank = body.at[1];
    out->none = version == 2 && body.at[3] == 2;
    if (out->none)
        return DT_OK;
    if (out->rank > DT_HDF5_RANK_MAX)
        return dt_fail(error, DT_ERR_DATA, "%s: expected at most %d dimensions, found %d", label,
                       DT_HDF5_RANK_MAX, out->rank);
    if (body.size < begin + 8 * (size_t)out->rank)
        return dt_fail(error, DT_ERR_DATA, "%s: expected %d dimensions, found less", label,
                       out->rank);
    for (int i = 0; i < out->rank; i++)
        out->dims[i] = hdf5_number(body.at + begin + 8 * (size_t)i, 8);
    return DT_OK;
}

/* IV.A.2.d: class and version, 3 bytes of flags, size, properties. */
enum { CLASS_INTEGER = 0, CLASS_FLOAT = 1, CLASS_TEXT = 3, CLASS_VARIABLE = 9 };

static const struct {
    datatype_kind kind;
    uint8_t class;
    size_t size;
    uint8_t bytes[19]; /* behind class and version */
} plain_types[] = {
    {TYPE_FLOAT32,
     CLASS_FLOAT,
     19,
     {0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0}},
    {TYPE_FLOAT64,
     CLASS_FLOAT,
     19,
     {0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0}},
    {TYPE_INTEGER64, CLASS_INTEGER, 11, {0x08, 0, 0, 8, 0, 0, 0, 0, 0, 64, 0}},
};

static void describe_type(datatype *type, int class, uint8_t flags)
{
    unsigned long long bits = 8ull * type->width;
    const char *order = flags & 1 ? "big-endian " : "";
    if (class == CLASS_FLOAT)
        snprintf(type->text, sizeof type->text, "%s%llu-bit float", order, bits);
    else if (class == CLASS_INTEGER)
        snprintf(type->text, sizeof type->text, "%s%llu-bit %s integer", order, bits,
                 flags & 8 ? "signed" : "unsigned");
    else if (class == CLASS_TEXT || type->kind == TYPE_VARIABLE_TEXT)
        snprintf(type->text, sizeof type->text, "%s string",
                 class == CLASS_TEXT ? "fixed-length" : "variable-length");
    else
        snprintf(type->text, sizeof type->text, "a type of class %d", class);
}

dt_status hdf5_read_type(span body, const char *label, datatype *out, dt_error *error)
{
    *out = (datatype){.kind = TYPE_OTHER};
    if (body.size < 8 || hdf5_number(body.at + 4, 4) == 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected the type of its values, found none",
                       label);
    int class = body.at[0] & 0x0f;
    uint8_t flags = body.at[1];
    out->width = hdf5_number(body.at + 4, 4);
    for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++)
        if (class == plain_types[i].class && body.size > plain_types[i].size &&
            memcmp(body.at + 1, plain_types[i].bytes, plain_types[i].size) == 0)
            out->kind = plain_types[i].kind;
    if (class == CLASS_TEXT && (flags & 0x0f) <= PAD_SPACES) {
        out->kind = TYPE_TEXT;
        out->padding = flags & 0x0f;
    }
    /* Strings are sequences of single bytes. */
    if (class == CLASS_VARIABLE && (flags & 0x0f) == 1 && out->width == 16 && body.size >= 16 &&
        hdf5_number(body.at + 12, 4) == 1)
        out->kind = TYPE_VARIABLE_TEXT;
    describe_type(out, class, flags);
    return DT_OK;
}
