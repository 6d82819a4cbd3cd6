#include <leptonica/allheaders.h>
#include <string.h>

#include "base/memory.h"
#include "file/image.h"

/* The colours of a raster: those behind the last that is used are left out. */
static PIXCMAP *make_colours(const dt_raster *raster)
{
    PIXCMAP *colours = pixcmapCreate(8);
    size_t count = (size_t)raster->height * (size_t)raster->width;
    int used = 0;
    for (size_t i = 0; i < count; i++)
        used = raster->pixels[i] >= used ? raster->pixels[i] + 1 : used;
    for (int i = 0; i < used && colours; i++) {
        const uint8_t *colour = raster->colours[i];
        pixcmapAddRGBA(colours, colour[0], colour[1], colour[2], colour[3]);
    }
    return colours;
}

static void put_pixel(PIX *picture, const dt_raster *raster, int y, int x)
{
    int channels = raster->channels;
    uint32_t *line = pixGetData(picture) + (size_t)y * (size_t)pixGetWpl(picture);
    const uint8_t *from =
        raster->pixels + ((size_t)y * (size_t)raster->width + (size_t)x) * (size_t)channels;
    if (channels == 1)
        SET_DATA_BYTE(line, x, from[0]);
    else
        line[x] = (uint32_t)from[0] << L_RED_SHIFT | (uint32_t)from[1] << L_GREEN_SHIFT |
                  (uint32_t)from[2] << L_BLUE_SHIFT |
                  (channels == 4 ? (uint32_t)from[3] << L_ALPHA_SHIFT : 0);
}

/* NULL: no memory. */
static PIX *make_picture(const dt_raster *raster)
{
    PIX *picture = pixCreate(raster->width, raster->height, raster->channels == 1 ? 8 : 32);
    if (!picture)
        return NULL;
    if (raster->channels > 1)
        pixSetSpp(picture, raster->channels);
    if (raster->colours)
        pixSetColormap(picture, make_colours(raster));
    for (int y = 0; y < raster->height; y++)
        for (int x = 0; x < raster->width; x++)
            put_pixel(picture, raster, y, x);
    return picture;
}

dt_status dt_image_encode_png(const dt_raster *raster, void **bytes, size_t *size, dt_error *error)
{
    l_uint8 *buffer = NULL;
    *bytes = NULL;
    *size = 0;
    setMsgSeverity(L_SEVERITY_NONE);
    PIX *picture = make_picture(raster);
    dt_status status = DT_OK;
    if (!picture || pixWriteMemPng(&buffer, size, picture, 0))
        status = dt_fail(error, DT_ERR_INTERNAL, "out of memory: a picture cannot be encoded");
    else if ((*bytes = dt_calloc(*size, 1, error)))
        memcpy(*bytes, buffer, *size);
    else
        status = DT_ERR_INTERNAL;
    lept_free(buffer);
    pixDestroy(&picture);
    return status;
}
