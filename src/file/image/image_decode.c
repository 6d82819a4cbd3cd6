#include "image_decode.h"

#include <leptonica/allheaders.h>
#include <libexif/exif-data.h>
#include <string.h>

#include "base/memory.h"

/* Bytes that say which kind a file is. */
enum { HEAD = 12 };

static int format_of(const void *bytes, size_t size)
{
    int format = IFF_UNKNOWN;
    if (size < HEAD)
        return IFF_UNKNOWN;
    setMsgSeverity(L_SEVERITY_NONE);
    findFileFormatBuffer(bytes, &format);
    switch (format) {
    case IFF_JFIF_JPEG:
    case IFF_PNG:
    case IFF_GIF:
    case IFF_BMP:
    case IFF_WEBP:
    case IFF_PNM:
        return format;
    default:
        return L_FORMAT_IS_TIFF(format) ? IFF_TIFF : IFF_UNKNOWN;
    }
}

bool dt_image_is_known(const void *bytes, size_t size)
{
    return format_of(bytes, size) != IFF_UNKNOWN;
}

typedef struct part {
    const uint8_t *bytes; /* of the file; NULL: it has no such part */
    size_t size;
} part;

static size_t read_count(const uint8_t *at, bool big)
{
    return big ? (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]
               : (size_t)at[3] << 24 | (size_t)at[2] << 16 | (size_t)at[1] << 8 | at[0];
}

/* What the first chunk of that name holds, of a PNG or a WebP. source: PNG, 5.3: size, name,
 * contents, check sum; RIFF, as WebP has it: name, size, contents, and a byte if they are odd. */
static part find_chunk(const void *file, size_t size, bool png, const char *name)
{
    enum { PNG_FIRST = 8, RIFF_FIRST = 12, FRONT = 8, CHECK_SUM = 4 };
    const uint8_t *bytes = file;
    for (size_t at = png ? PNG_FIRST : RIFF_FIRST; at < size && size - at >= FRONT;) {
        size_t left = size - at - FRONT, count = read_count(bytes + at + (png ? 0 : 4), png);
        if (count > left)
            break;
        if (memcmp(bytes + at + (png ? 4 : 0), name, 4) == 0)
            return (part){bytes + at + FRONT, count};
        at += FRONT + count + (png ? CHECK_SUM : count % 2);
    }
    return (part){NULL, 0};
}

static dt_status refuse(const void *bytes, size_t size, dt_error *error)
{
    if (format_of(bytes, size) == IFF_WEBP && find_chunk(bytes, size, false, "ANIM").bytes)
        return dt_fail(
            error, DT_ERR_DATA,
            "expected a picture, found a WebP that is animated; save one of its pictures");
    return dt_fail(error, DT_ERR_DATA,
                   "expected a whole picture, found one that is damaged, or of a kind that cannot "
                   "be decoded");
}

/* What a file says of its picture. */
typedef struct head {
    int format, height, width;
    bool grey; /* there are no colours */
} head;

/* Before memory is taken for pixels. */
static dt_status read_head(const void *bytes, size_t size, head *out, dt_error *error)
{
    int format, bits, samples, has_colours;
    *out = (head){.format = format_of(bytes, size)};
    if (out->format == IFF_UNKNOWN)
        return dt_fail(error, DT_ERR_DATA, "expected a picture, " DT_IMAGE_KINDS);
    if (pixReadHeaderMem(bytes, size, &format, &out->width, &out->height, &bits, &samples,
                         &has_colours) ||
        out->height < 1 || out->width < 1)
        return refuse(bytes, size, error);
    out->grey = samples <= 2 && !has_colours;
    if (out->height <= DT_IMAGE_SIDE_MAX && out->width <= DT_IMAGE_SIDE_MAX &&
        (int64_t)out->height * out->width <= DT_IMAGE_PIXELS_MAX)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "expected a picture of at most %d pixels a side and %d million in all, found "
                   "%d x %d",
                   DT_IMAGE_SIDE_MAX, DT_IMAGE_PIXELS_MAX >> 20, out->height, out->width);
}

/* What makes a picture upright. */
typedef struct turning {
    int quarters; /* clockwise, first */
    bool mirrored;
} turning;

/* The EXIF data of a file. A JPEG is searched for them by libexif itself; others have them as a
 * TIFF file is, alone or with a mark in front. Owned: exif_data_unref; NULL: there are none. */
static ExifData *find_exif(int format, const void *bytes, size_t size)
{
    static const uint8_t mark[] = {'E', 'x', 'i', 'f', 0, 0};
    part of = {bytes, size};
    if (format == IFF_PNG)
        of = find_chunk(bytes, size, true, "eXIf");
    else if (format == IFF_WEBP)
        of = find_chunk(bytes, size, false, "EXIF");
    else if (format != IFF_JFIF_JPEG && format != IFF_TIFF)
        of.bytes = NULL;
    if (!of.bytes || of.size > UINT32_MAX - sizeof mark)
        return NULL;
    if (format == IFF_JFIF_JPEG ||
        (of.size > sizeof mark && memcmp(of.bytes, mark, sizeof mark) == 0))
        return exif_data_new_from_data(of.bytes, (unsigned)of.size);
    uint8_t *marked = dt_calloc(sizeof mark + of.size, 1, NULL);
    if (!marked)
        return NULL;
    memcpy(marked, mark, sizeof mark);
    memcpy(marked + sizeof mark, of.bytes, of.size);
    ExifData *exif = exif_data_new_from_data(marked, (unsigned)(sizeof mark + of.size));
    dt_free(marked);
    return exif;
}

/* As EXIF says it; source: Exif 2.3, 4.6.4, tag 0x0112. */
static turning find_turning(int format, const void *bytes, size_t size)
{
    static const turning turns[] = {
        [2] = {0, true},  [3] = {2, false}, [4] = {2, true}, [5] = {1, true},
        [6] = {1, false}, [7] = {3, true},  [8] = {3, false}};
    ExifData *exif = find_exif(format, bytes, size);
    ExifEntry *entry =
        exif ? exif_content_get_entry(exif->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION) : NULL;
    unsigned said = entry && entry->format == EXIF_FORMAT_SHORT && entry->size >= 2
                        ? exif_get_short(entry->data, exif_data_get_byte_order(exif))
                        : 1;
    exif_data_unref(exif);
    return said < 2 || said > 8 ? turns[0] : turns[said];
}

static PIX *turn(PIX *picture, turning how)
{
    if (how.quarters == 0 && !how.mirrored)
        return picture;
    PIX *turned = pixRotateOrth(picture, how.quarters);
    pixDestroy(&picture);
    if (turned && how.mirrored)
        pixFlipLR(turned, turned);
    return turned;
}

/* NULL: damaged. */
static PIX *read_jpeg(const void *bytes, size_t size, int most)
{
    int reduction = 1, warnings = 0;
    while (reduction < 8 && most / (reduction * 2) >= DT_IMAGE_ENOUGH)
        reduction *= 2;
    PIX *picture = pixReadMemJpeg(bytes, size, 0, reduction, &warnings, 0);
    if (warnings > 0)
        pixDestroy(&picture);
    return picture;
}

/* A copy of a PNG in which a transparent colour (tRNS of grey or RGB) is unknown, so that it shows
 * as the colour that it is: Leptonica takes all of such a grey picture for transparent. NULL: there
 * is none. Owned: dt_free. Source: PNG, 5.3, 11.3.2.1. */
static uint8_t *without_key(const uint8_t *bytes, size_t size)
{
    enum { COLOUR_AT = 25, PALETTE = 3 };
    part key = find_chunk(bytes, size, true, "tRNS");
    if (!key.bytes || bytes[COLOUR_AT] == PALETTE)
        return NULL;
    uint8_t *copy = dt_calloc(size, 1, NULL);
    if (copy) {
        memcpy(copy, bytes, size);
        copy[key.bytes - bytes - 3] = 'r'; /* its check sum is now wrong: it is passed over */
    }
    return copy;
}

static PIX *read_png(const void *bytes, size_t size)
{
    uint8_t *other = without_key(bytes, size);
    PIX *picture = pixReadMemPng(other ? other : bytes, size);
    dt_free(other);
    return picture;
}

/* The picture with 8 bits of each of red, green, blue and alpha; *picture is destroyed. */
static PIX *to_colours(PIX *picture)
{
    PIX *flat = picture;
    if (picture && pixGetColormap(picture)) {
        flat = pixRemoveColormap(picture, REMOVE_CMAP_WITH_ALPHA);
        pixDestroy(&picture);
    }
    PIX *out = flat ? pixConvertTo32(flat) : NULL;
    if (out && pixGetSpp(flat) == 4)
        pixSetSpp(out, 4);
    pixDestroy(&flat);
    return out;
}

typedef struct colour {
    double red, green, blue, alpha; /* 0 to 255; alpha 0 to 1 */
} colour;

static colour colour_of(uint32_t pixel, bool transparent)
{
    return (colour){pixel >> L_RED_SHIFT & 255, pixel >> L_GREEN_SHIFT & 255,
                    pixel >> L_BLUE_SHIFT & 255,
                    transparent ? (pixel >> L_ALPHA_SHIFT & 255) / 255.0 : 1};
}

static double luma(colour of)
{
    return 0.299 * of.red + 0.587 * of.green + 0.114 * of.blue;
}

/* What stands behind a transparent picture: what shows it, weighed by how much of it is seen. */
static double find_behind(PIX *picture, bool transparent)
{
    double sum = 0, weight = 0;
    const uint32_t *data = pixGetData(picture);
    size_t count = transparent ? (size_t)pixGetHeight(picture) * (size_t)pixGetWpl(picture) : 0;
    for (size_t i = 0; i < count; i++) {
        colour seen = colour_of(data[i], transparent);
        sum += luma(seen) * seen.alpha;
        weight += seen.alpha;
    }
    return sum > 255.0 / 2 * weight ? 0 : 255;
}

/* The mean of the picture over times x times pixels, and what stands behind them. */
static colour mean_of(PIX *picture, int y, int x, int times, double behind)
{
    int height = pixGetHeight(picture), width = pixGetWidth(picture), count = 0;
    bool transparent = pixGetSpp(picture) == 4;
    colour sum = {0, 0, 0, 0};
    for (int i = y; i < y + times && i < height; i++) {
        const uint32_t *row = pixGetData(picture) + (size_t)i * (size_t)pixGetWpl(picture);
        for (int j = x; j < x + times && j < width; j++, count++) {
            colour seen = colour_of(row[j], transparent);
            double back = (1 - seen.alpha) * behind;
            sum.red += seen.alpha * seen.red + back;
            sum.green += seen.alpha * seen.green + back;
            sum.blue += seen.alpha * seen.blue + back;
        }
    }
    return (colour){sum.red / count, sum.green / count, sum.blue / count, 1};
}

/* As from mean_of, of single pixels behind which nothing is seen. */
static void copy_as_they_are(PIX *picture, dt_image *out)
{
    uint8_t *to = out->pixels;
    for (int y = 0; y < out->height; y++) {
        const uint32_t *row = pixGetData(picture) + (size_t)y * (size_t)pixGetWpl(picture);
        for (int x = 0; x < out->width; x++) {
            const uint8_t values[] = {(uint8_t)(row[x] >> L_RED_SHIFT),
                                      (uint8_t)(row[x] >> L_GREEN_SHIFT),
                                      (uint8_t)(row[x] >> L_BLUE_SHIFT)};
            if (out->channels == 1)
                *to++ = (uint8_t)(luma(colour_of(row[x], false)) + 0.5);
            for (int i = 0; i < 3 && out->channels == 3; i++)
                *to++ = values[i];
        }
    }
}

static dt_status copy_pixels(PIX *picture, dt_image *out, dt_error *error)
{
    int height = pixGetHeight(picture), width = pixGetWidth(picture);
    int most = height > width ? height : width;
    int times = most >= 2 * DT_IMAGE_ENOUGH ? most / DT_IMAGE_ENOUGH : 1;
    double behind = find_behind(picture, pixGetSpp(picture) == 4);
    out->height = (height + times - 1) / times;
    out->width = (width + times - 1) / times;
    out->pixels = dt_calloc((size_t)out->height * (size_t)out->width, (size_t)out->channels, error);
    if (!out->pixels)
        return DT_ERR_INTERNAL;
    uint8_t *to = out->pixels;
    if (times == 1 && pixGetSpp(picture) != 4) {
        copy_as_they_are(picture, out);
        return DT_OK;
    }
    for (int y = 0; y < height; y += times)
        for (int x = 0; x < width; x += times) {
            colour mean = mean_of(picture, y, x, times, behind);
            const double values[] = {mean.red, mean.green, mean.blue};
            for (int i = 0; i < out->channels; i++)
                *to++ = (uint8_t)((out->channels == 1 ? luma(mean) : values[i]) + 0.5);
        }
    return DT_OK;
}

dt_status image_decode_here(const void *bytes, size_t size, int channels, dt_image *out,
                            dt_error *error)
{
    head is;
    *out = (dt_image){.channels = channels};
    dt_status status = read_head(bytes, size, &is, error);
    if (status)
        return status;
    int longest = is.height > is.width ? is.height : is.width;
    PIX *picture = is.format == IFF_JFIF_JPEG ? read_jpeg(bytes, size, longest)
                   : is.format == IFF_PNG     ? read_png(bytes, size)
                                              : pixReadMem(bytes, size);
    if (picture && is.format != IFF_TIFF) /* Leptonica turns those itself */
        picture = turn(picture, find_turning(is.format, bytes, size));
    picture = to_colours(picture);
    if (!picture)
        return refuse(bytes, size, error);
    status = copy_pixels(picture, out, error);
    pixDestroy(&picture);
    return status;
}

/* The colours of a file that says nothing of them are those of its pixels. */
static dt_status find_channels(const void *bytes, size_t size, int *channels, dt_error *error)
{
    dt_image image;
    dt_status status = image_decode_here(bytes, size, 3, &image, error);
    *channels = 1;
    for (int64_t i = 0; !status && i < (int64_t)image.height * image.width; i++) {
        const uint8_t *pixel = image.pixels + 3 * i;
        if (pixel[0] != pixel[1] || pixel[0] != pixel[2])
            *channels = 3;
    }
    dt_free(image.pixels);
    return status;
}

dt_status image_look_here(const void *bytes, size_t size, bool closely, dt_image *out,
                          dt_error *error)
{
    head is;
    *out = (dt_image){0};
    dt_status status = read_head(bytes, size, &is, error);
    if (status)
        return status;
    bool across = find_turning(is.format, bytes, size).quarters % 2 == 1;
    *out =
        (dt_image){.height = across ? is.width : is.height, .width = across ? is.height : is.width};
    if (closely && is.grey)
        out->channels = 1;
    else if (closely)
        status = find_channels(bytes, size, &out->channels, error);
    return status;
}
