#include <spng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/image.h"

/* Bytes of a chunk, and of all that are kept: more than any picture that is small enough has. */
#define CHUNK_MOST ((size_t)1 << 28)

static dt_status refuse(int code, dt_error *error)
{
    return dt_fail(error, code == SPNG_EMEM ? DT_ERR_INTERNAL : DT_ERR_DATA,
                   "expected a whole PNG image, found one that cannot be decoded: %s",
                   spng_strerror(code));
}

static dt_status read_header(spng_ctx *png, dt_image *out, dt_error *error)
{
    struct spng_ihdr header;
    int code = spng_get_ihdr(png, &header);
    if (code == SPNG_EUSER_WIDTH || code == SPNG_EUSER_HEIGHT)
        return dt_fail(error, DT_ERR_DATA, "expected a PNG of at most %d x %d pixels, found more",
                       DT_IMAGE_SIDE_MAX, DT_IMAGE_SIDE_MAX);
    if (code != SPNG_OK)
        return refuse(code, error);
    out->height = (int)header.height;
    out->width = (int)header.width;
    return DT_OK;
}

/* Luma of a pixel of red, green, blue and alpha, 0 to 65535. */
static double luma(const uint16_t *pixel)
{
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

/* rgba: [count][4]. */
static void flatten(const uint16_t *rgba, size_t count, uint8_t *gray)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < count; i++) {
        sum += luma(rgba + 4 * i) * rgba[4 * i + 3];
        weight += rgba[4 * i + 3];
    }
    double behind = sum > 65535.0 / 2 * weight ? 0 : 65535;
    for (size_t i = 0; i < count; i++) {
        double alpha = rgba[4 * i + 3] / 65535.0;
        double value = alpha * luma(rgba + 4 * i) + (1 - alpha) * behind;
        gray[i] = (uint8_t)(value / 257 + 0.5);
    }
}

static dt_status decode(spng_ctx *png, dt_image *out, dt_error *error)
{
    dt_status status = read_header(png, out, error);
    if (status != DT_OK)
        return status;
    size_t count = (size_t)out->height * (size_t)out->width;
    uint16_t *rgba = dt_calloc(count, 4 * sizeof *rgba, error);
    out->pixels = rgba ? dt_calloc(count, 1, error) : NULL;
    if (out->pixels) {
        int code = spng_decode_image(png, rgba, count * 4 * sizeof *rgba, SPNG_FMT_RGBA16,
                                     SPNG_DECODE_TRNS);
        if (code == SPNG_OK)
            code = spng_decode_chunks(png); /* to the end of the file */
        if (code == SPNG_OK)
            flatten(rgba, count, out->pixels);
        else
            status = refuse(code, error);
    } else {
        status = DT_ERR_INTERNAL;
    }
    dt_free(rgba);
    return status;
}

dt_status dt_image_decode_png(const void *bytes, size_t size, dt_image *out, dt_error *error)
{
    *out = (dt_image){0};
    spng_ctx *png = spng_ctx_new(0);
    if (!png)
        return dt_fail(error, DT_ERR_INTERNAL, "out of memory: no PNG decoder");
    dt_status status;
    int code = spng_set_image_limits(png, DT_IMAGE_SIDE_MAX, DT_IMAGE_SIDE_MAX);
    if (code == SPNG_OK)
        code = spng_set_chunk_limits(png, CHUNK_MOST, CHUNK_MOST);
    if (code == SPNG_OK)
        code = spng_set_png_buffer(png, bytes, size);
    status = code == SPNG_OK ? decode(png, out, error) : refuse(code, error);
    spng_ctx_free(png);
    if (status != DT_OK) {
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
