#include "data/idx_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "data/gunzip.h"

#define SIDE_MAX       4096
#define QMNIST_COLUMNS 8 /* the first is the class */
#define HEAD_MAX       20
#define FOUND_MAX      160
#define DEFLATE_MOST   1032 /* bytes that one byte of deflate data can become, at most */

static const char *const kind_names[DT_IDX_KINDS] = {"images", "labels"};
static const uint32_t kind_magic[DT_IDX_KINDS] = {0x00000803, 0x00000801};
static const uint32_t magic_of_channels = 0x00000804;

/* Types of the values in a file, by the third byte of its magic; a size for integers alone. */
static const struct {
    const char *name;
    int size;
} types[] = {
    [0x08] = {"unsigned bytes", 1},  [0x09] = {"signed bytes", 1},  [0x0b] = {"16-bit integers", 2},
    [0x0c] = {"32-bit integers", 4}, [0x0d] = {"32-bit floats", 0}, [0x0e] = {"64-bit floats", 0},
};

static uint8_t type_of(uint32_t magic)
{
    return (uint8_t)(magic >> 8);
}

static bool is_type(uint32_t magic)
{
    uint8_t type = type_of(magic);
    return magic >> 16 == 0 && type < sizeof types / sizeof *types && types[type].name;
}

/* Whether this is how a file of the kind begins. */
static bool is_magic(dt_idx_kind kind, uint32_t magic)
{
    int dimensions = magic & 0xff;
    if (kind == DT_IDX_IMAGES)
        return magic == kind_magic[kind] || magic == magic_of_channels;
    return is_type(magic) && types[type_of(magic)].size > 0 && (dimensions == 1 || dimensions == 2);
}

/* Bytes before the values. */
static int64_t header_of(uint32_t magic)
{
    return 4 + 4 * (int64_t)(magic & 0xff);
}

char *dt_idx_show(const char *path, char *shown, size_t size)
{
    size_t length = strlen(path);
    const char *tail = path;
    if (length >= size) {
        tail = path + length - (size - 4);
        while (((unsigned char)*tail & 0xc0) == 0x80)
            tail++;
    }
    snprintf(shown, size, "%s%s", tail == path ? "" : "...", tail);
    return shown;
}

static int64_t item_size(const dt_idx_file *file)
{
    return (int64_t)file->height * file->width * file->channels * file->value_size;
}

static int64_t whole_size(const dt_idx_file *file)
{
    return file->header + file->count * item_size(file);
}

static dt_status read_raw(const dt_idx_file *file, int64_t offset, uint8_t *bytes, int64_t size,
                          int64_t *got, dt_error *error)
{
    size_t count;
    bool read = dt_read_at(file->fd, bytes, (size_t)size, offset, &count);
    *got = (int64_t)count;
    return read ? DT_OK
                : dt_fail(error, DT_ERR_IO, "%s: cannot read at byte %lld: %m", file->shown,
                          (long long)(offset + *got));
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_markup(const uint8_t *head, int64_t got)
{
    int64_t i = 0;
    while (i < got && isspace(head[i]))
        i++;
    return i < got && head[i] == '<';
}

/* What the data seems to be that begins with head[got]; head is zero beyond. */
static const char *describe(const uint8_t head[HEAD_MAX], int64_t got, char text[FOUND_MAX])
{
    uint32_t magic = big_endian(head);
    if (got == 0)
        snprintf(text, FOUND_MAX, "no data; fetch the file again");
    else if (head[0] == 0x1f && head[1] == 0x8b)
        snprintf(text, FOUND_MAX, "gzip data; the file is packed twice: unpack it once");
    else if (is_markup(head, got))
        snprintf(text, FOUND_MAX, "a web page (a failed download?); fetch the file again");
    else if (got < 4)
        snprintf(text, FOUND_MAX, "%d bytes (truncated); fetch the file again", (int)got);
    else if (is_type(magic) && head[3] > 0)
        snprintf(text, FOUND_MAX, "IDX data of %s in %d dimension%s (magic %u)",
                 types[head[2]].name, head[3], head[3] == 1 ? "" : "s", magic);
    else
        snprintf(text, FOUND_MAX, "data that begins with the bytes %02x %02x %02x %02x", head[0],
                 head[1], head[2], head[3]);
    return text;
}

static dt_status check_magic(const dt_idx_file *file, const uint8_t head[HEAD_MAX], int64_t got,
                             dt_error *error)
{
    uint32_t magic = big_endian(head);
    char found[FOUND_MAX];
    if (is_magic(file->kind, magic) && got < header_of(magic))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected an IDX header of %lld bytes, found %lld bytes (truncated); "
                       "fetch the file again",
                       file->shown, (long long)header_of(magic), (long long)got);
    if (is_magic(file->kind, magic))
        return DT_OK;
    bool swapped = is_magic(file->kind == DT_IDX_IMAGES ? DT_IDX_LABELS : DT_IDX_IMAGES, magic);
    return dt_fail(error, DT_ERR_DATA, "%s: expected IDX %s (magic %u), found %s%s", file->shown,
                   kind_names[file->kind], kind_magic[file->kind], describe(head, got, found),
                   swapped ? "; are the images and the labels file swapped?" : "");
}

/* The header, or of what is none the first HEAD_MAX bytes. */
static dt_status read_head(const dt_idx_file *file, uint8_t head[HEAD_MAX], int64_t *got,
                           dt_error *error)
{
    enum { MAGIC = 4 };
    dt_gunzip *gunzip = NULL;
    dt_status status = DT_OK;
    int64_t more = 0, end = MAGIC;
    *got = 0;
    if (file->gzip)
        status = dt_gunzip_open(file->fd, file->shown, &gunzip, error);
    for (int64_t at = 0; !status && at < end; at += MAGIC) {
        int64_t size = at == 0 ? MAGIC : end - MAGIC;
        status = gunzip ? dt_gunzip_read(gunzip, head + at, size, &more, error)
                        : read_raw(file, at, head + at, size, &more, error);
        *got += more;
        if (at > 0)
            break;
        uint32_t magic = big_endian(head);
        end = is_magic(file->kind, magic) ? header_of(magic) : HEAD_MAX;
    }
    dt_gunzip_close(gunzip);
    return status;
}

static dt_status check_size(const dt_idx_file *file, dt_error *error)
{
    int64_t expected = whole_size(file), found = file->disk_size;
    if (file->gzip && found < expected / DEFLATE_MOST)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected gzip data of %lld bytes, as the header says, found a file of "
                       "%lld bytes, which cannot hold them (truncated); fetch the file again",
                       file->shown, (long long)expected, (long long)found);
    if (!file->gzip && found != expected)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %lld bytes (header and %lld %s of %lld), found %lld (%s); "
                       "fetch the file again",
                       file->shown, (long long)expected, (long long)file->count,
                       kind_names[file->kind], (long long)item_size(file), (long long)found,
                       found < expected ? "truncated" : "surplus bytes");
    return DT_OK;
}

static dt_status take_image(dt_idx_file *file, const uint8_t head[HEAD_MAX], dt_error *error)
{
    uint32_t height = big_endian(head + 8), width = big_endian(head + 12);
    uint32_t channels = big_endian(head) == magic_of_channels ? big_endian(head + 16) : 1;
    if (height < 1 || height > SIDE_MAX || width < 1 || width > SIDE_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected images of 1 x 1 to %d x %d pixels, found %u x %u", file->shown,
                       SIDE_MAX, SIDE_MAX, height, width);
    if (channels != 1 && channels != 3)
        return dt_fail(error, DT_ERR_DATA, "%s: expected images with 1 or 3 channels, found %u",
                       file->shown, channels);
    file->channels = (int)channels;
    file->height = (int)height;
    file->width = (int)width;
    return DT_OK;
}

static dt_status take_label(dt_idx_file *file, const uint8_t head[HEAD_MAX], dt_error *error)
{
    uint32_t columns = (big_endian(head) & 0xff) == 2 ? big_endian(head + 8) : 1;
    if (columns != 1 && columns != QMNIST_COLUMNS)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected one number a label, or %d as QMNIST has them, found %u",
                       file->shown, QMNIST_COLUMNS, columns);
    file->height = file->channels = 1;
    file->width = (int)columns;
    return DT_OK;
}

static dt_status read_header(dt_idx_file *file, dt_error *error)
{
    uint8_t head[HEAD_MAX] = {0};
    int64_t got;
    dt_status status = read_head(file, head, &got, error);
    if (!status)
        status = check_magic(file, head, got, error);
    if (status)
        return status;

    file->count = big_endian(head + 4);
    if (file->count == 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected 1 or more %s, found 0", file->shown,
                       kind_names[file->kind]);
    file->header = header_of(big_endian(head));
    file->value_size = types[head[2]].size;
    file->is_signed = type_of(big_endian(head)) != 0x08;
    status =
        file->kind == DT_IDX_IMAGES ? take_image(file, head, error) : take_label(file, head, error);
    return status ? status : check_size(file, error);
}

/* An open file, whose content says whether it is packed. */
static dt_status examine(dt_idx_file *file, dt_error *error)
{
    uint8_t head[2] = {0};
    int64_t got;
    dt_status status = read_raw(file, 0, head, sizeof head, &got, error);
    file->gzip = head[0] == 0x1f && head[1] == 0x8b;
    if (!status)
        status = dt_file_size(file->fd, file->shown, &file->disk_size, error);
    return status ? status : read_header(file, error);
}

dt_status dt_idx_open(const char *path, dt_idx_kind kind, dt_idx_file *file, dt_error *error)
{
    *file = (dt_idx_file){.fd = -1, .kind = kind};
    dt_idx_show(path, file->shown, sizeof file->shown);
    dt_status status = dt_file_open(path, DT_OPEN_READ, &file->fd, error);
    return status ? status : examine(file, error);
}

dt_status dt_idx_open_descriptor(int fd, const char *name, dt_idx_kind kind, dt_idx_file *file,
                                 dt_error *error)
{
    *file = (dt_idx_file){.fd = fd, .kind = kind};
    dt_idx_show(name, file->shown, sizeof file->shown);
    return examine(file, error);
}

static void end_stream(dt_idx_file *file)
{
    dt_gunzip_close(file->stream);
    file->stream = NULL;
    file->position = 0;
}

/* Goes on in the stream: `size` bytes, which are passed over when there is no place for them. */
static dt_status read_on(dt_idx_file *file, uint8_t *bytes, int64_t size, dt_error *error)
{
    int64_t got = 0;
    dt_status status = dt_gunzip_read(file->stream, bytes, size, &got, error);
    file->position += got;
    return status;
}

/* Damage often makes the data longer before the check sum betrays it: surplus is passed over, as
 * much again as is expected. */
static dt_status check_end(dt_idx_file *file, dt_error *error)
{
    int64_t expected = whole_size(file);
    dt_status status = DT_OK;
    if (file->position == expected)
        status = read_on(file, NULL, expected, error);
    int64_t found = file->position;
    if (!status && found != expected)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %lld unpacked bytes, as the header says, found %s%lld (%s); "
                       "fetch the file again",
                       file->shown, (long long)expected, found == 2 * expected ? "at least " : "",
                       (long long)found, found < expected ? "truncated" : "surplus bytes");
    return status;
}

static dt_status read_gzip(dt_idx_file *file, int64_t offset, uint8_t *bytes, int64_t size,
                           dt_error *error)
{
    int64_t end = offset + size;
    dt_status status = DT_OK;
    if (file->stream && file->position > offset)
        end_stream(file);
    if (!file->stream)
        status = dt_gunzip_open(file->fd, file->shown, &file->stream, error);
    if (!status)
        status = read_on(file, NULL, offset - file->position, error);
    if (!status)
        status = read_on(file, bytes, size, error);
    bool ends = end == whole_size(file) || file->position < end;
    if (!status && ends)
        status = check_end(file, error);
    if (status || ends)
        end_stream(file);
    return status;
}

dt_status dt_idx_read(dt_idx_file *file, int64_t first, int64_t count, uint8_t *bytes,
                      dt_error *error)
{
    int64_t offset = file->header + first * item_size(file);
    int64_t size = count * item_size(file), got;
    if (file->gzip)
        return read_gzip(file, offset, bytes, size, error);
    dt_status status = read_raw(file, offset, bytes, size, &got, error);
    if (!status && got < size)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected %lld bytes, found the end at byte %lld: the file has become "
                       "shorter since it was opened",
                       file->shown, (long long)whole_size(file), (long long)(offset + got));
    return status;
}

size_t dt_idx_item(const dt_idx_file *file)
{
    return (size_t)item_size(file);
}

int32_t dt_idx_label(const dt_idx_file *file, const uint8_t *item)
{
    uint32_t value = 0;
    for (int i = 0; i < file->value_size; i++)
        value = value << 8 | item[i];
    int unused = 32 - 8 * file->value_size;
    return file->is_signed ? (int32_t)(value << unused) >> unused : (int32_t)value;
}

void dt_idx_close(dt_idx_file *file)
{
    end_stream(file);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
