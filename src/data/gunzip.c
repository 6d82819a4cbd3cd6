#include "data/gunzip.h"

#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define CHUNK               65536
#define GZIP_FIRST_BYTE     0x1f
#define GZIP_RESERVED_FLAGS 0xe0

struct dt_gunzip {
    struct inflate_state stream;
    struct isal_gzip_header header; /* of the member that is being read */
    bool in_header;
    int fd;
    const char *name;
    int64_t offset; /* in the file, of the next byte to be read */
    bool padded;    /* zeros have begun, behind the last member */
    bool ended;
    uint8_t packed[CHUNK];
    uint8_t passed_over[CHUNK];
};

static void begin_member(dt_gunzip *gunzip)
{
    isal_inflate_reset(&gunzip->stream);
    isal_gzip_header_init(&gunzip->header);
    gunzip->in_header = true;
}

static dt_status refill(dt_gunzip *gunzip, dt_error *error)
{
    size_t got;
    if (!dt_read_at(gunzip->fd, gunzip->packed, CHUNK, gunzip->offset, &got))
        return dt_fail(error, DT_ERR_IO, "%s: cannot read at byte %lld: %m", gunzip->name,
                       (long long)gunzip->offset);
    gunzip->offset += (int64_t)got;
    gunzip->stream.next_in = gunzip->packed;
    gunzip->stream.avail_in = (uint32_t)got;
    return DT_OK;
}

static long long position(const dt_gunzip *gunzip)
{
    return (long long)(gunzip->offset - gunzip->stream.avail_in);
}

static const char *reason_of(int code)
{
    switch (code) {
    case ISAL_INVALID_BLOCK:
        return "invalid block";
    case ISAL_INVALID_SYMBOL:
        return "invalid code";
    case ISAL_INVALID_LOOKBACK:
        return "reference to before the first byte";
    case ISAL_INVALID_WRAPPER:
        return "incorrect header check";
    case ISAL_UNSUPPORTED_METHOD:
        return "unknown compression method or flags";
    case ISAL_INCORRECT_CHECKSUM:
        return "incorrect data or length check";
    }
    return "no way on";
}

static dt_status fail_inflate(const dt_gunzip *gunzip, int code, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected sound gzip data, found damage before byte %lld: %s; "
                   "fetch the file again",
                   gunzip->name, position(gunzip), reason_of(code));
}

/* Some programs fill up the last block of a tape or a disk: gzip passes over that too. */
static dt_status pass_zeros(dt_gunzip *gunzip, dt_error *error)
{
    struct inflate_state *stream = &gunzip->stream;
    dt_status status = DT_OK;
    gunzip->padded = true;
    while (!status && stream->avail_in > 0 && *stream->next_in == 0) {
        stream->next_in++;
        if (--stream->avail_in == 0)
            status = refill(gunzip, error);
    }
    return status;
}

static dt_status end_member(dt_gunzip *gunzip, dt_error *error)
{
    const struct inflate_state *stream = &gunzip->stream;
    dt_status status = stream->avail_in == 0 ? refill(gunzip, error) : DT_OK;
    if (status)
        return status;
    if (stream->avail_in > 0 && *stream->next_in == 0)
        status = pass_zeros(gunzip, error);
    if (status)
        return status;
    if (stream->avail_in == 0) {
        gunzip->ended = true;
        return DT_OK;
    }
    if (gunzip->padded || *stream->next_in != GZIP_FIRST_BYTE)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected the end of the file after %lld bytes of gzip data, "
                       "found surplus bytes; fetch the file again",
                       gunzip->name, position(gunzip));
    begin_member(gunzip);
    return DT_OK;
}

static int decode(dt_gunzip *gunzip)
{
    if (!gunzip->in_header)
        return isal_inflate(&gunzip->stream);
    int code = isal_read_gzip_header(&gunzip->stream, &gunzip->header);
    gunzip->in_header = code == ISAL_END_INPUT;
    if (gunzip->in_header)
        return ISAL_DECOMP_OK;
    return gunzip->header.flags & GZIP_RESERVED_FLAGS ? ISAL_UNSUPPORTED_METHOD : code;
}

static dt_status inflate_some(dt_gunzip *gunzip, dt_error *error)
{
    const struct inflate_state *stream = &gunzip->stream;
    dt_status status = stream->avail_in == 0 ? refill(gunzip, error) : DT_OK;
    if (status)
        return status;
    uint32_t in = stream->avail_in, room = stream->avail_out;
    int code = decode(gunzip);
    if (code != ISAL_DECOMP_OK)
        return fail_inflate(gunzip, code, error);
    if (stream->block_state == ISAL_BLOCK_FINISH)
        return end_member(gunzip, error);
    /* ISA-L holds back unpacked data: a file that has ended is truncated when no more come. And
     * there is damage on which it stands still without a word. */
    if (stream->avail_in != in || stream->avail_out != room)
        return DT_OK;
    if (in > 0)
        return fail_inflate(gunzip, code, error);
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected more gzip data, found the end of the file after %lld bytes "
                   "(truncated); fetch the file again",
                   gunzip->name, (long long)gunzip->offset);
}

dt_status dt_gunzip_open(int fd, const char *name, dt_gunzip **out, dt_error *error)
{
    *out = NULL;
    dt_gunzip *gunzip = dt_calloc(1, sizeof *gunzip, error);
    if (!gunzip)
        return DT_ERR_INTERNAL;
    gunzip->fd = fd;
    gunzip->name = name;
    isal_inflate_init(&gunzip->stream);
    /* The header is read apart: isal_inflate forgets the first half of one that is cut in two. */
    gunzip->stream.crc_flag = ISAL_GZIP_NO_HDR_VER;
    begin_member(gunzip);
    *out = gunzip;
    return DT_OK;
}

dt_status dt_gunzip_read(dt_gunzip *gunzip, uint8_t *bytes, int64_t size, int64_t *got,
                         dt_error *error)
{
    struct inflate_state *stream = &gunzip->stream;
    *got = 0;
    while (*got < size && !gunzip->ended) {
        uint32_t room = size - *got < CHUNK ? (uint32_t)(size - *got) : CHUNK;
        stream->next_out = bytes ? bytes + *got : gunzip->passed_over;
        stream->avail_out = room;
        dt_status status = inflate_some(gunzip, error);
        if (status)
            return status;
        *got += room - stream->avail_out;
    }
    return DT_OK;
}

void dt_gunzip_close(dt_gunzip *gunzip)
{
    dt_free(gunzip);
}
