#include "data/gunzip.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/memory.h"

#define CHUNK            65536
#define GZIP_WINDOW_BITS (16 + MAX_WBITS) /* zlib: 16 more means gzip headers and nothing else */
#define GZIP_FIRST_BYTE  0x1f

struct dt_gunzip {
    z_stream stream;
    int fd;
    const char *name;
    int64_t offset; /* in the file, of the next byte to be read */
    bool ended;
    uint8_t packed[CHUNK];
    uint8_t passed_over[CHUNK];
};

static voidpf allocate(voidpf opaque, uInt count, uInt size)
{
    (void)opaque;
    return dt_calloc(count, size, NULL);
}

static void release(voidpf opaque, voidpf block)
{
    (void)opaque;
    dt_free(block);
}

static dt_status refill(dt_gunzip *gunzip, dt_error *error)
{
    ssize_t got;
    do
        got = pread(gunzip->fd, gunzip->packed, CHUNK, gunzip->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return dt_fail(error, DT_ERR_IO, "%s: cannot read at byte %lld: %s", gunzip->name,
                       (long long)gunzip->offset, strerror(errno));
    gunzip->offset += got;
    gunzip->stream.next_in = gunzip->packed;
    gunzip->stream.avail_in = (uInt)got;
    return DT_OK;
}

static long long position(const dt_gunzip *gunzip)
{
    return (long long)(gunzip->offset - gunzip->stream.avail_in);
}

static dt_status fail_inflate(const dt_gunzip *gunzip, int code, dt_error *error)
{
    if (code == Z_MEM_ERROR)
        return dt_fail(error, DT_ERR_INTERNAL, "%s: out of memory while unpacking", gunzip->name);
    const char *reason = gunzip->stream.msg ? gunzip->stream.msg : zError(code);
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected sound gzip data, found damage before byte %lld: %s (zlib); "
                   "fetch the file again",
                   gunzip->name, position(gunzip), reason);
}

static dt_status end_member(dt_gunzip *gunzip, dt_error *error)
{
    z_stream *stream = &gunzip->stream;
    dt_status status = stream->avail_in == 0 ? refill(gunzip, error) : DT_OK;
    if (status != DT_OK)
        return status;
    if (stream->avail_in == 0) {
        gunzip->ended = true;
        return DT_OK;
    }
    if (*stream->next_in != GZIP_FIRST_BYTE)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected the end of the file after %lld bytes of gzip data, "
                       "found surplus bytes; fetch the file again",
                       gunzip->name, position(gunzip));
    int code = inflateReset(stream);
    return code == Z_OK ? DT_OK : fail_inflate(gunzip, code, error);
}

static dt_status inflate_some(dt_gunzip *gunzip, dt_error *error)
{
    z_stream *stream = &gunzip->stream;
    dt_status status = stream->avail_in == 0 ? refill(gunzip, error) : DT_OK;
    if (status != DT_OK)
        return status;
    if (stream->avail_in == 0)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected more gzip data, found the end of the file after %lld bytes "
                       "(truncated); fetch the file again",
                       gunzip->name, (long long)gunzip->offset);
    int code = inflate(stream, Z_NO_FLUSH);
    if (code == Z_STREAM_END)
        return end_member(gunzip, error);
    return code == Z_OK ? DT_OK : fail_inflate(gunzip, code, error);
}

dt_status dt_gunzip_open(int fd, const char *name, dt_gunzip **out, dt_error *error)
{
    *out = NULL;
    dt_gunzip *gunzip = dt_calloc(1, sizeof *gunzip, error);
    if (!gunzip)
        return DT_ERR_INTERNAL;
    gunzip->fd = fd;
    gunzip->name = name;
    gunzip->stream.zalloc = allocate;
    gunzip->stream.zfree = release;
    int code = inflateInit2(&gunzip->stream, GZIP_WINDOW_BITS);
    if (code != Z_OK) {
        dt_fail(error, DT_ERR_INTERNAL, "%s: cannot start zlib: %s", name, zError(code));
        dt_gunzip_close(gunzip);
        return DT_ERR_INTERNAL;
    }
    *out = gunzip;
    return DT_OK;
}

dt_status dt_gunzip_read(dt_gunzip *gunzip, uint8_t *bytes, int64_t size, int64_t *got,
                         dt_error *error)
{
    z_stream *stream = &gunzip->stream;
    *got = 0;
    while (*got < size && !gunzip->ended) {
        uInt room = size - *got < CHUNK ? (uInt)(size - *got) : CHUNK;
        stream->next_out = bytes ? bytes + *got : gunzip->passed_over;
        stream->avail_out = room;
        dt_status status = inflate_some(gunzip, error);
        if (status != DT_OK)
            return status;
        *got += room - stream->avail_out;
    }
    return DT_OK;
}

void dt_gunzip_close(dt_gunzip *gunzip)
{
    if (!gunzip)
        return;
    inflateEnd(&gunzip->stream);
    dt_free(gunzip);
}
