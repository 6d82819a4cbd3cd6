/* Unpacks a gzip file from front to back with buffers of fixed size, by ISA-L's inflate (twice as
 * fast as zlib's; as streams, which libdeflate does not do).
 *
 * Stricter than zlib's gzread, which hands out data that is not gzip as it is and ignores what
 * follows the last member: here every byte of the file must belong to a whole, undamaged member, or
 * be one of the zeros that fill the file up behind the last one. Several members one after the
 * other are one stream (RFC 1952). Not collective. */
#ifndef DT_DATA_GUNZIP_H
#define DT_DATA_GUNZIP_H

#include <stdint.h>

#include "base/status.h"

typedef struct dt_gunzip dt_gunzip;

/* Starts at the first byte of the open file `fd` (read with pread, its offset is not used).
 * fd and name (for messages) stay the caller's and must outlive *out: dt_gunzip_close.
 * Errors: DT_ERR_INTERNAL when there is no memory; *out is then NULL. */
dt_status dt_gunzip_open(int fd, const char *name, dt_gunzip **out, dt_error *error);

/* Unpacks the next `size` bytes into bytes[size], or passes over them when bytes is NULL.
 * *got is `size`, or less when the stream has ended, and then the whole file has been proven good
 * (check sums, lengths, no surplus bytes). Undefined bytes of `bytes` may be written on an error.
 * Errors: DT_ERR_DATA for damaged, cut off or surplus data; DT_ERR_IO; DT_ERR_INTERNAL. */
dt_status dt_gunzip_read(dt_gunzip *gunzip, uint8_t *bytes, int64_t size, int64_t *got,
                         dt_error *error);

/* Ends it; NULL is allowed. */
void dt_gunzip_close(dt_gunzip *gunzip);

#endif
