#include "data/idx_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/gunzip.h"

#define SIDE_MAX     4096
#define HEAD_MAX     20
#define FOUND_MAX    160
#define DEFLATE_MOST 1032 /* bytes that one byte of deflate data can become, at most */

static const char *const kind_names[DT_IDX_KINDS] = {"images", "labels"};
static const uint32_t kind_magic[DT_IDX_KINDS] = {0x00000803, 0x00000801};
static const uint32_t magic_of_channels = 0x00000804;

/* Whether this is how a file of the kind begins. */
static bool is_magic(dt_idx_kind kind, uint32_t magic)
{
    return magic == kind_magic[kind] || (kind == DT_IDX_IMAGES && magic == magic_of_channels);
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
    return (int64_t)file->height * file->width * file->channels;
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

static const char *type_name(uint8_t type)
{
    static const char *const names[] = {
        [0x08] = "unsigned bytes",  [0x09] = "signed bytes",  [0x0b] = "16-bit integers",
        [0x0c] = "32-bit integers", [0x0d] = "32-bit floats", [0x0e] = "64-bit floats",
    };
    return type < sizeof names / sizeof *names ? names[type] : NULL;
}

static bool is_markup(const uint8_t *head, int64_t got)
{
    int64_t i = 0;
    while (i < got && isspace(head[i]))
        i++;
    return i < got && head[i] == '<';
}

/* What the data seems to be that begins with head[got]; head is zero beyond. */
static const char *describe(const dt_idx_file *file, const uint8_t head[HEAD_MAX], int64_t got,
                            char text[FOUND_MAX])
{
    uint32_t magic = big_endian(head);
    if (got == 0)
        snprintf(text, FOUND_MAX, "no data; fetch the file again");
    else if (head[0] == 0x1f && head[1] == 0x8b)
        snprintf(text, FOUND_MAX, "gzip data; %s",
                 file->gzip ? "the file is packed twice: unpack it once"
                            : "is .gz missing at the end of the file's name?");
    else if (is_markup(head, got))
        snprintf(text, FOUND_MAX, "a web page (a failed download?); fetch the file again");
    else if (got < 4)
        snprintf(text, FOUND_MAX, "%d bytes (truncated); fetch the file again", (int)got);
    else if (magic >> 16 == 0 && type_name(head[2]) && head[3] > 0)
        snprintf(text, FOUND_MAX, "IDX data of %s in %d dimension%s (magic %u)", type_name(head[2]),
                 head[3], head[3] == 1 ? "" : "s", magic);
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
                   kind_names[file->kind], kind_magic[file->kind], describe(file, head, got, found),
                   swapped ? "; are the images and the labels file swapped?" : "");
}

static dt_status read_head(const dt_idx_file *file, uint8_t head[HEAD_MAX], int64_t *got,
                           dt_error *error)
{
    int64_t header = file->kind == DT_IDX_IMAGES ? HEAD_MAX : header_of(kind_magic[file->kind]);
    dt_status status = read_raw(file, 0, head, header, got, error);
    if (status || !file->gzip)
        return status;
    if (head[0] != 0x1f || head[1] != 0x8b) {
        char found[FOUND_MAX];
        bool unpacked = is_magic(file->kind, big_endian(head));
        return dt_fail(error, DT_ERR_DATA, "%s: expected gzip data, found %s%s", file->shown,
                       describe(file, head, *got, found),
                       unpacked ? "; it is unpacked: remove .gz from its name" : "");
    }
    dt_gunzip *gunzip;
    status = dt_gunzip_open(file->fd, file->shown, &gunzip, error);
    if (status)
        return status;
    memset(head, 0, HEAD_MAX);
    status = dt_gunzip_read(gunzip, head, header, got, error);
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
    uint32_t height = file->kind == DT_IDX_IMAGES ? big_endian(head + 8) : 1;
    uint32_t width = file->kind == DT_IDX_IMAGES ? big_endian(head + 12) : 1;
    uint32_t channels = big_endian(head) == magic_of_channels ? big_endian(head + 16) : 1;
    if (file->count == 0)
        return dt_fail(error, DT_ERR_DATA, "%s: expected 1 or more %s, found 0", file->shown,
                       kind_names[file->kind]);
    if (height < 1 || height > SIDE_MAX || width < 1 || width > SIDE_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected images of 1 x 1 to %d x %d pixels, found %u x %u", file->shown,
                       SIDE_MAX, SIDE_MAX, height, width);
    if (channels != 1 && channels != 3)
        return dt_fail(error, DT_ERR_DATA, "%s: expected images with 1 or 3 channels, found %u",
                       file->shown, channels);
    file->header = header_of(big_endian(head));
    file->channels = (int)channels;
    file->height = (int)height;
    file->width = (int)width;
    return check_size(file, error);
}

/* path has room for ".gz", and names the file in the end. *missing: there is neither. */
static dt_status find_file(dt_idx_file *file, char *path, bool *missing, dt_error *error)
{
    dt_status status = dt_file_open(path, DT_OPEN_READ, &file->fd, error);
    file->gzip = status && errno == ENOENT;
    if (file->gzip)
        status = dt_file_open(strcat(path, ".gz"), DT_OPEN_READ, &file->fd, error);
    *missing = status && errno == ENOENT;
    return status;
}

/* An open file. */
static dt_status examine(dt_idx_file *file, dt_error *error)
{
    dt_status status = dt_file_size(file->fd, file->shown, &file->disk_size, error);
    return status ? status : read_header(file, error);
}

dt_status dt_idx_open(const char *directory, const char *name, dt_idx_kind kind, dt_idx_file *file,
                      dt_error *error)
{
    *file = (dt_idx_file){.fd = -1, .kind = kind};
    size_t size = strlen(directory) + strlen(name) + sizeof "/.gz";
    char *path = dt_calloc(size, 1, error);
    if (!path)
        return DT_ERR_INTERNAL;
    snprintf(path, size, "%s/%s", directory, name);
    bool missing;
    dt_status status = find_file(file, path, &missing, error);
    dt_idx_show(path, file->shown, sizeof file->shown);
    dt_free(path);
    if (!status)
        return examine(file, error);

    char shown[DT_IDX_SHOWN];
    dt_idx_show(directory, shown, sizeof shown);
    if (missing)
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "%s: expected %s or %s.gz there, found neither; to get MNIST: "
                       "scripts/get-mnist.sh %s",
                       shown, name, name, shown);
    return status;
}

dt_status dt_idx_open_descriptor(int fd, const char *name, dt_idx_kind kind, dt_idx_file *file,
                                 dt_error *error)
{
    *file = (dt_idx_file){.fd = fd, .kind = kind};
    dt_idx_show(name, file->shown, sizeof file->shown);
    uint8_t head[2] = {0};
    int64_t got;
    dt_status status = read_raw(file, 0, head, sizeof head, &got, error);
    file->gzip = head[0] == 0x1f && head[1] == 0x8b;
    return status ? status : examine(file, error);
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

void dt_idx_close(dt_idx_file *file)
{
    end_stream(file);
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}
