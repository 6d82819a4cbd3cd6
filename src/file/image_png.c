#include <spng.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "file/image.h"

/* Bytes of a chunk that the decoder may keep, and of all of them: only the palette and its
 * transparency come to it, beside the pixels. */
#define CHUNK_MOST ((size_t)1 << 20)

enum { SIGNATURE_SIZE = 8, CHUNK_HEAD = 8, CHUNK_EXTRA = 12 };

/* A PNG without the chunks that say nothing of its pixels. Those may unpack to much. */
typedef struct source {
    const uint8_t *bytes;
    size_t size, at;
    size_t end; /* of the signature or chunk that is being read */
} source;

static size_t big_endian(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

/* Of what begins at `at`, up to the end of the file. */
static size_t chunk_size(const source *self)
{
    size_t left = self->size - self->at;
    size_t whole = left >= CHUNK_HEAD ? CHUNK_EXTRA + big_endian(self->bytes + self->at) : left;
    return whole < left ? whole : left;
}

/* A chunk without which the picture is the same; source: PNG, 5.4: bit 5 of its name. */
static bool is_needless(const source *self, size_t size)
{
    const uint8_t *name = self->bytes + self->at + 4;
    return size >= CHUNK_EXTRA && (name[0] & 0x20) && memcmp(name, "tRNS", 4) != 0;
}

static int read_needed(spng_ctx *png, void *user, void *to, size_t length)
{
    (void)png;
    source *self = user;
    for (size_t done = 0; done < length;) {
        if (self->at == self->end) {
            size_t size = chunk_size(self);
            while (size > 0 && is_needless(self, size)) {
                self->at += size;
                size = chunk_size(self);
            }
            self->end = self->at + size;
            if (size == 0)
                return SPNG_IO_EOF;
        }
        size_t part = self->end - self->at < length - done ? self->end - self->at : length - done;
        memcpy((uint8_t *)to + done, self->bytes + self->at, part);
        self->at += part;
        done += part;
    }
    return SPNG_OK;
}

static dt_status refuse(int code, dt_error *error)
{
    return dt_fail(error, code == SPNG_EMEM ? DT_ERR_INTERNAL : DT_ERR_DATA,
                   "expected a whole PNG image, found one that cannot be decoded: %s",
                   spng_strerror(code));
}

/* Luma of a pixel of red, green, blue and alpha, 0 to 65535. */
static double luma(const uint16_t *pixel)
{
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

/* What the picture is, weighed by how much of it is seen: what stands behind it shows that. */
typedef struct light {
    double sum, weight;
} light;

static void weigh(const uint16_t *rgba, size_t count, light *to)
{
    for (size_t i = 0; i < count; i++) {
        to->sum += luma(rgba + 4 * i) * rgba[4 * i + 3];
        to->weight += rgba[4 * i + 3];
    }
}

/* rgba: [count][4]; gray: every step-th. */
static void flatten(const uint16_t *rgba, size_t count, double behind, uint8_t *gray, size_t step)
{
    for (size_t i = 0; i < count; i++) {
        double alpha = rgba[4 * i + 3] / 65535.0;
        double value = alpha * luma(rgba + 4 * i) + (1 - alpha) * behind;
        gray[i * step] = (uint8_t)(value / 257 + 0.5);
    }
}

/* A picture that is read from its beginning, row by row: no more of it is held than a row. */
typedef struct scan {
    source source;
    spng_ctx *png;
    struct spng_ihdr header;
    bool transparent;
    uint16_t *rgba; /* [width][4]: of a row, what a pass has of it */
} scan;

static void scan_close(scan *self)
{
    spng_ctx_free(self->png);
    dt_free(self->rgba);
    *self = (scan){0};
}

/* *out is always set: scan_close. */
static dt_status scan_open(const void *bytes, size_t size, scan *out, dt_error *error)
{
    *out = (scan){.source = {.bytes = bytes, .size = size}, .png = spng_ctx_new(0)};
    out->source.end = size < SIGNATURE_SIZE ? size : SIGNATURE_SIZE;
    if (!out->png)
        return dt_fail(error, DT_ERR_INTERNAL, "out of memory: no PNG decoder");
    int code = spng_set_image_limits(out->png, DT_IMAGE_SIDE_MAX, DT_IMAGE_SIDE_MAX);
    if (code == SPNG_OK)
        code = spng_set_chunk_limits(out->png, CHUNK_MOST, CHUNK_MOST);
    if (code == SPNG_OK)
        code = spng_set_png_stream(out->png, read_needed, &out->source);
    if (code == SPNG_OK)
        code = spng_get_ihdr(out->png, &out->header);
    if (code == SPNG_EUSER_WIDTH || code == SPNG_EUSER_HEIGHT)
        return dt_fail(error, DT_ERR_DATA, "expected a PNG of at most %d x %d pixels, found more",
                       DT_IMAGE_SIDE_MAX, DT_IMAGE_SIDE_MAX);
    if (code == SPNG_OK)
        code = spng_decode_image(out->png, NULL, 0, SPNG_FMT_RGBA16,
                                 SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);
    if (code != SPNG_OK)
        return refuse(code, error);
    struct spng_trns trns;
    out->transparent = (out->header.color_type & SPNG_COLOR_TYPE_GRAYSCALE_ALPHA) ==
                           SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                       spng_get_trns(out->png, &trns) == SPNG_OK;
    out->rgba = dt_calloc(out->header.width, 4 * sizeof *out->rgba, error);
    return out->rgba ? DT_OK : DT_ERR_INTERNAL;
}

/* All rows, to the end of the file: weighed, or where `gray` is given made grey. */
static dt_status scan_rows(scan *self, light *weight, double behind, uint8_t *gray, dt_error *error)
{
    /* source: PNG, 8.2: the columns of the passes of an interlaced picture. */
    static const size_t begins[] = {0, 4, 0, 2, 0, 1, 0}, steps[] = {8, 8, 4, 4, 2, 2, 1};
    size_t width = self->header.width;
    bool interlaced = self->header.interlace_method != 0;
    struct spng_row_info row;
    int code = spng_get_row_info(self->png, &row);
    while (code == SPNG_OK) {
        size_t begin = interlaced ? begins[row.pass] : 0, step = interlaced ? steps[row.pass] : 1;
        size_t count = (width - begin + step - 1) / step;
        code = spng_decode_scanline(self->png, self->rgba, count * 4 * sizeof *self->rgba);
        if (code != SPNG_OK && code != SPNG_EOI)
            break;
        if (gray)
            flatten(self->rgba, count, behind, gray + row.row_num * width + begin, step);
        else
            weigh(self->rgba, count, weight);
        if (code == SPNG_OK)
            code = spng_get_row_info(self->png, &row);
    }
    if (code == SPNG_EOI)
        code = spng_decode_chunks(self->png);
    return code == SPNG_OK ? DT_OK : refuse(code, error);
}

/* What stands behind a transparent picture only the whole of it says: it is read twice. */
static dt_status find_behind(const void *bytes, size_t size, double *behind, dt_error *error)
{
    scan rows;
    light weight = {0};
    dt_status status = scan_open(bytes, size, &rows, error);
    if (!status && rows.transparent)
        status = scan_rows(&rows, &weight, 0, NULL, error);
    *behind = weight.sum > 65535.0 / 2 * weight.weight ? 0 : 65535;
    scan_close(&rows);
    return status;
}

static dt_status decode(const void *bytes, size_t size, double behind, dt_image *out,
                        dt_error *error)
{
    scan rows;
    dt_status status = scan_open(bytes, size, &rows, error);
    if (!status) {
        out->height = (int)rows.header.height;
        out->width = (int)rows.header.width;
        out->pixels = dt_calloc(rows.header.height, rows.header.width, error);
        status = out->pixels ? scan_rows(&rows, NULL, behind, out->pixels, error) : DT_ERR_INTERNAL;
    }
    scan_close(&rows);
    return status;
}

dt_status dt_image_decode_png(const void *bytes, size_t size, dt_image *out, dt_error *error)
{
    double behind;
    *out = (dt_image){0};
    dt_status status = find_behind(bytes, size, &behind, error);
    if (!status)
        status = decode(bytes, size, behind, out, error);
    if (status) {
        dt_free(out->pixels);
        *out = (dt_image){0};
    }
    return status;
}

/* The colours of a raster: those behind the last that is used are left out. */
static int set_colours(spng_ctx *png, const dt_raster *raster)
{
    struct spng_plte palette = {0};
    struct spng_trns alphas = {0};
    size_t count = (size_t)raster->height * (size_t)raster->width;
    for (size_t i = 0; i < count; i++)
        if (raster->pixels[i] >= palette.n_entries)
            palette.n_entries = (uint32_t)raster->pixels[i] + 1;
    for (uint32_t i = 0; i < palette.n_entries; i++) {
        const uint8_t *colour = raster->colours[i];
        palette.entries[i] = (struct spng_plte_entry){colour[0], colour[1], colour[2], 0};
        alphas.type3_alpha[i] = colour[3];
    }
    alphas.n_type3_entries = palette.n_entries;
    int code = spng_set_plte(png, &palette);
    return code == SPNG_OK ? spng_set_trns(png, &alphas) : code;
}

static int encode(spng_ctx *png, const dt_raster *raster)
{
    static const uint8_t types[] = {[1] = SPNG_COLOR_TYPE_GRAYSCALE,
                                    [3] = SPNG_COLOR_TYPE_TRUECOLOR,
                                    [4] = SPNG_COLOR_TYPE_TRUECOLOR_ALPHA};
    struct spng_ihdr header = {.height = (uint32_t)raster->height,
                               .width = (uint32_t)raster->width,
                               .bit_depth = 8,
                               .color_type = raster->colours ? SPNG_COLOR_TYPE_INDEXED
                                                             : types[raster->channels]};
    size_t size = (size_t)raster->height * (size_t)raster->width * (size_t)raster->channels;
    int code = spng_set_ihdr(png, &header);
    if (code == SPNG_OK && raster->colours)
        code = set_colours(png, raster);
    if (code == SPNG_OK)
        code = spng_encode_image(png, raster->pixels, size, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    return code;
}

dt_status dt_image_encode_png(const dt_raster *raster, void **bytes, size_t *size, dt_error *error)
{
    *bytes = NULL;
    *size = 0;
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    if (!png)
        return dt_fail(error, DT_ERR_INTERNAL, "out of memory: no PNG encoder");
    int code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    if (code == SPNG_OK)
        code = encode(png, raster);
    void *buffer = code == SPNG_OK ? spng_get_png_buffer(png, size, &code) : NULL;
    dt_status status = DT_OK;
    if (!buffer)
        status =
            dt_fail(error, DT_ERR_INTERNAL, "a picture cannot be encoded: %s", spng_strerror(code));
    else if ((*bytes = dt_calloc(*size, 1, error)))
        memcpy(*bytes, buffer, *size);
    else
        status = DT_ERR_INTERNAL;
    free(buffer); /* of spng's allocator */
    spng_ctx_free(png);
    return status;
}
