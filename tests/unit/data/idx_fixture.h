/* Small IDX files in a directory of their own, and what tests ask of them. */
#ifndef DT_TESTS_IDX_FIXTURE_H
#define DT_TESTS_IDX_FIXTURE_H

#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/idx_file.h"
#include "data/source.h"

#define BLOB_MAX 20000
#define KINDS    DT_IDX_KINDS
#define IMAGES   DT_IDX_IMAGES
#define LABELS   DT_IDX_LABELS
#define FILES    (DT_PARTS * KINDS)
#define TRAIN    "train-images-idx3-ubyte"

static const char *const names[DT_PARTS][KINDS] = {
    {TRAIN, "train-labels-idx1-ubyte"},
    {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
};
static const size_t headers[KINDS] = {16, 8};

typedef struct blob {
    size_t size;
    uint8_t bytes[BLOB_MAX];
} blob;

typedef struct fixture {
    char dir[64];
    dt_random_sequence random;
    int count[DT_PARTS], height, width;
    blob files[DT_PARTS][KINDS]; /* unpacked */
    blob packed, scratch;
    uint8_t images[BLOB_MAX], labels[BLOB_MAX];
    dt_source *source;
    dt_error error;
} fixture;

static inline uint32_t draw(fixture *f, uint32_t bound)
{
    uint32_t high = dt_random_next(&f->random);
    return dt_below(high, dt_random_next(&f->random), bound);
}

static inline void put(uint8_t *bytes, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void fill(fixture *f, int train, int test, int height, int width)
{
    f->count[DT_TRAIN] = train;
    f->count[DT_TEST] = test;
    f->height = height;
    f->width = width;
    for (int n = 0; n < FILES; n++) {
        int part = n / KINDS, kind = n % KINDS;
        blob *file = &f->files[part][kind];
        size_t items = (size_t)f->count[part] * (kind == IMAGES ? (size_t)(height * width) : 1);
        put(file->bytes, kind == IMAGES ? 2051 : 2049);
        put(file->bytes + 4, (uint32_t)f->count[part]);
        if (kind == IMAGES) {
            put(file->bytes + 8, (uint32_t)height);
            put(file->bytes + 12, (uint32_t)width);
        }
        file->size = headers[kind] + items;
        for (size_t i = headers[kind]; i < file->size; i++)
            file->bytes[i] = (uint8_t)draw(f, kind == IMAGES ? 256 : 10);
    }
}

static const blob *pack(fixture *f, const blob *plain)
{
    blob *packed = &f->packed;
    struct isal_zstream *stream = dt_calloc(1, sizeof *stream, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    isal_deflate_init(stream);
    stream->gzip_flag = IGZIP_GZIP;
    stream->end_of_stream = 1;
    stream->next_in = (uint8_t *)plain->bytes;
    stream->avail_in = (uint32_t)plain->size;
    stream->next_out = packed->bytes;
    stream->avail_out = BLOB_MAX;
    CU_ASSERT_EQUAL_FATAL(isal_deflate(stream), COMP_OK);
    packed->size = stream->total_out;
    dt_free(stream);
    return packed;
}

static inline void write_file(const fixture *f, const char *name, const char *ending,
                              const void *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s%s", f->dir, name, ending);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static inline void remove_file(const fixture *f, const char *name, const char *ending)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s%s", f->dir, name, ending);
    remove(path);
}

static inline void save(fixture *f, int part, int kind, bool gzip)
{
    const blob *file = &f->files[part][kind];
    const blob *saved = gzip ? pack(f, file) : file;
    write_file(f, names[part][kind], gzip ? ".gz" : "", saved->bytes, saved->size);
    remove_file(f, names[part][kind], gzip ? "" : ".gz");
}

static inline void save_all(fixture *f, bool gzip)
{
    for (int n = 0; n < FILES; n++)
        save(f, n / KINDS, n % KINDS, gzip);
}

static inline fixture *begin(uint32_t sample)
{
    fixture *f = dt_calloc(1, sizeof *f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/dt-idx-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(f->dir));
    f->random = dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST, .sample = sample});
    fill(f, 5, 3, 4, 3);
    return f;
}

static inline void end(fixture *f)
{
    dt_source_close(f->source);
    for (int n = 0; n < FILES; n++) {
        int part = n / KINDS, kind = n % KINDS;
        remove_file(f, names[part][kind], "");
        remove_file(f, names[part][kind], ".gz");
    }
    CU_ASSERT_EQUAL(rmdir(f->dir), 0);
    dt_free(f);
}

static inline dt_status open_source(fixture *f, const char *directory)
{
    dt_source_close(f->source);
    f->error = (dt_error){0};
    dt_status status = dt_source_open_idx(directory, &f->source, &f->error);
    if (!status)
        dt_classes_of_number(f->source, 10);
    return status;
}

static inline dt_status read_range(fixture *f, int part, int first, int count)
{
    size_t item = (size_t)(f->height * f->width);
    f->error = (dt_error){0};
    memset(f->images, 0xee, sizeof f->images);
    memset(f->labels, 0xee, sizeof f->labels);
    return dt_source_read(f->source, (dt_part)part, first, count, f->images + (size_t)first * item,
                          f->labels + first, &f->error);
}

/* The range just read is that of the files, and nothing beside it was written. */
static inline bool same(const fixture *f, int part, int first, int count)
{
    const uint8_t *const got[KINDS] = {f->images, f->labels};
    const size_t items[KINDS] = {(size_t)(f->height * f->width), 1};
    for (int kind = 0; kind < KINDS; kind++) {
        size_t from = (size_t)first * items[kind], to = (size_t)(first + count) * items[kind];
        for (size_t i = 0; i < BLOB_MAX - headers[kind]; i++) {
            bool inside = i >= from && i < to;
            if (got[kind][i] != (inside ? f->files[part][kind].bytes[headers[kind] + i] : 0xee))
                return false;
        }
    }
    return true;
}

/* Reads all of a part, a few samples at a time. */
static inline dt_status read_in_pieces(fixture *f, int part)
{
    dt_status status = DT_OK;
    for (int first = 0, count; first < f->count[part] && !status; first += count) {
        count = 1 + (int)draw(f, (uint32_t)(f->count[part] - first));
        status = read_range(f, part, first, count);
    }
    return status;
}

static inline bool reads_all(fixture *f)
{
    for (int part = 0; part < DT_PARTS; part++)
        if (read_range(f, part, 0, f->count[part]) != DT_OK || !same(f, part, 0, f->count[part]))
            return false;
    return true;
}

static inline dt_status open_and_read(fixture *f)
{
    dt_status status = open_source(f, f->dir);
    for (int part = 0; part < DT_PARTS && status == DT_OK; part++)
        status = read_range(f, part, 0, f->count[part]);
    return status;
}

/* The last error has this status and all of these words, in one line; words end with NULL. */
static inline void check_error(const fixture *f, int line, dt_status expected, ...)
{
    va_list words;
    va_start(words, expected);
    const char *message = f->error.message, *word;
    bool ok = f->error.status == expected && message[0] && !strchr(message, '\n');
    while ((word = va_arg(words, const char *)))
        if (!strstr(message, word)) {
            printf("\n    '%s' is missing", word);
            ok = false;
        }
    va_end(words);
    if (!ok)
        printf("\n    line %d: expected %d, found %d: %s\n", line, (int)expected,
               (int)f->error.status, message);
    CU_assertImplementation(ok, (unsigned)line, "the error", __FILE__, "", CU_FALSE);
}

#define EXPECT_OPEN_ERROR(f, status, ...)                                                          \
    do {                                                                                           \
        CU_ASSERT_EQUAL(open_source(f, (f)->dir), status);                                         \
        CU_ASSERT_PTR_NULL((f)->source);                                                           \
        check_error(f, __LINE__, status, __VA_ARGS__, NULL);                                       \
    } while (0)

#define EXPECT_READ_ERROR(f, part, status, ...)                                                    \
    do {                                                                                           \
        CU_ASSERT_EQUAL(open_source(f, (f)->dir), DT_OK);                                          \
        if ((f)->source) {                                                                         \
            CU_ASSERT_EQUAL(read_in_pieces(f, part), status);                                      \
            check_error(f, __LINE__, status, __VA_ARGS__, NULL);                                   \
        }                                                                                          \
    } while (0)

#endif
