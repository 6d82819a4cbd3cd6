#include <CUnit/CUnit.h>
#include <leptonica/allheaders.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "decoder.h"

CU_SuiteInfo dt_suite_image_kinds(void);

enum { HEIGHT = 48, WIDTH = 80 };

/* Three areas of one colour, no two sides of the picture alike. */
static const uint8_t *colour_at(int y, int x)
{
    static const uint8_t colours[][3] = {{255, 255, 255}, {200, 40, 40}, {16, 32, 160}};
    return colours[y < HEIGHT / 2 ? x < WIDTH / 4 : 2 * (x > WIDTH / 2)];
}

static PIX *draw_areas(void)
{
    PIX *out = pixCreate(WIDTH, HEIGHT, 32);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            const uint8_t *colour = colour_at(y, x);
            pixSetRGBPixel(out, x, y, colour[0], colour[1], colour[2]);
        }
    return out;
}

/* Owned: lept_free. */
static uint8_t *encode(int format, size_t *size)
{
    uint8_t *bytes = NULL;
    PIX *picture = draw_areas();
    if (format == IFF_GIF) {
        PIX *few = pixConvertRGBToColormap(picture, 0);
        pixDestroy(&picture);
        picture = few;
    }
    CU_ASSERT_EQUAL_FATAL(pixWriteMem(&bytes, size, picture, format), 0);
    pixDestroy(&picture);
    return bytes;
}

/* Whether a pixel is a colour, as nearly as JPEG keeps it away from edges. */
static bool is_near(const uint8_t *pixel, const uint8_t *colour, int channels)
{
    if (channels == 1)
        return abs(*pixel -
                   (int)(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] + 0.5)) <= 6;
    return abs(pixel[0] - colour[0]) <= 12 && abs(pixel[1] - colour[1]) <= 12 &&
           abs(pixel[2] - colour[2]) <= 12;
}

static bool is_inside_an_area(int y, int x)
{
    return abs(y - HEIGHT / 2) > 9 && abs(x - WIDTH / 2) > 9 && abs(x - WIDTH / 4) > 9;
}

/* What a picture says of itself is what comes out. */
static void look_at(const void *bytes, size_t size, const dt_image *image)
{
    for (int closely = 0; closely < 2; closely++) {
        dt_image seen;
        CU_ASSERT_EQUAL(dt_image_look(decoder, bytes, size, closely, &seen, NULL), DT_OK);
        CU_ASSERT_TRUE(seen.height == image->height && seen.width == image->width && !seen.pixels);
        CU_ASSERT_EQUAL(seen.channels, closely ? 3 : 0);
    }
}

/* Grey is what has no colours, whatever the file could have. */
static void a_look_finds_out_whether_a_picture_is_grey(void)
{
    static const int formats[] = {IFF_JFIF_JPEG, IFF_PNG, IFF_BMP, IFF_TIFF_LZW, IFF_PNM};
    for (size_t i = 0; i < 3 * sizeof formats / sizeof *formats; i++) {
        PIX *picture = pixCreate(WIDTH, HEIGHT, i % 3 ? 32 : 8);
        uint8_t *bytes = NULL;
        size_t size;
        dt_image seen;
        CU_ASSERT_PTR_NOT_NULL_FATAL(picture);
        pixSetAllArbitrary(picture, i % 3 ? 0x50505000 : 0x50);
        for (int y = 0; y < 16 && i % 3 == 2; y++)
            for (int x = 0; x < 16; x++)
                pixSetRGBPixel(picture, x, y, 200, 20, 20);
        CU_ASSERT_EQUAL_FATAL(pixWriteMem(&bytes, &size, picture, formats[i / 3]), 0);
        CU_ASSERT_EQUAL(dt_image_look(decoder, bytes, size, true, &seen, NULL), DT_OK);
        CU_ASSERT_EQUAL(seen.channels, i % 3 == 2 ? 3 : 1);
        lept_free(bytes);
        pixDestroy(&picture);
    }
}

static void every_kind_is_read_by_its_content(void)
{
    static const int formats[] = {IFF_JFIF_JPEG, IFF_PNG, IFF_GIF,      IFF_BMP, IFF_WEBP,
                                  IFF_TIFF_LZW,  IFF_PNM, IFF_TIFF_ZIP, IFF_TIFF};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (int channels = 1; channels <= 3; channels += 2) {
            size_t size;
            dt_image image;
            dt_error error = {0};
            uint8_t *bytes = encode(formats[i], &size);
            CU_ASSERT_TRUE(dt_image_is_known(bytes, size));
            if (dt_image_decode(decoder, bytes, size, channels, &image, &error))
                CU_FAIL_FATAL(error.message);
            CU_ASSERT_TRUE(image.height == HEIGHT && image.width == WIDTH &&
                           image.channels == channels);
            look_at(bytes, size, &image);
            int wrong = 0;
            for (int y = 0; y < HEIGHT; y++)
                for (int x = 0; x < WIDTH; x++)
                    wrong += is_inside_an_area(y, x) &&
                             !is_near(image.pixels + (y * WIDTH + x) * channels, colour_at(y, x),
                                      channels);
            CU_ASSERT_EQUAL(wrong, 0);
            dt_free(image.pixels);
            for (size_t cut = 0; cut < size; cut += size / 8 + 1)
                if (dt_image_decode(decoder, bytes, cut, channels, &image, NULL) == DT_OK) {
                    CU_FAIL("a part of a file is a picture");
                    dt_free(image.pixels);
                }
            lept_free(bytes);
        }
}

/* What liblzma, of some versions, unpacks only when it has been set up. Source: TIFF 6.0, section
 * 2; the compression is libtiff's. */
static void a_library_that_must_be_set_up_is(void)
{
    enum { SIZE = 8, SHORT = 3, HEAD = 8, FIELDS = 8, XZ_AT = HEAD + 2 + 12 * FIELDS + 4 };
    static const char xz[] = /* 32 bytes of 10, 32 of 200 */
        "\xfd"
        "7zXZ\0\0\1i\"\xde"
        "6\2\0!\1\x16\0\0\0t/\xe5\xa3\xe0\0?\0\t]\0\5n\x16\xc8\xdb"
        "\xfc\x9d\xc3@\0\0\0\0\xbb\xb3\xe8\xb1\0\1!@X\xe1\xc5\xda\x90"
        "B\x99\r\1\0\0\0\0\1YZ";
    /* Width, height, bits, compression, black is 0, strip, rows, bytes. */
    static const uint16_t fields[FIELDS][2] = {
        {256, SIZE}, {257, SIZE},  {258, 8},    {259, 34925},
        {262, 1},    {273, XZ_AT}, {278, SIZE}, {279, sizeof xz - 1}};
    uint8_t file[XZ_AT + sizeof xz] = {'I', 'I', 42, 0, HEAD, 0, 0, 0, FIELDS};
    for (int i = 0; i < FIELDS; i++) {
        const uint16_t field[] = {fields[i][0], SHORT, 1, 0, fields[i][1], 0};
        for (int j = 0; j < 12; j++)
            file[HEAD + 2 + 12 * i + j] = (uint8_t)(field[j / 2] >> 8 * (j % 2));
    }
    memcpy(file + XZ_AT, xz, sizeof xz - 1);
    dt_image image;
    dt_error error = {0};
    if (dt_image_decode(decoder, file, sizeof file - 1, 1, &image, &error))
        CU_FAIL_FATAL(error.message);
    CU_ASSERT_TRUE(image.height == SIZE && image.width == SIZE);
    CU_ASSERT_TRUE(image.pixels[0] == 10 && image.pixels[SIZE * SIZE - 1] == 200);
    dt_free(image.pixels);
}

/* A TIFF file of one field, the orientation; source: TIFF 6.0, section 2. */
enum { EXIF_SIZE = 26 };
static void write_exif(uint8_t *to, int orientation, bool little)
{
    const uint16_t words[EXIF_SIZE / 2] = {little ? 0x4949 : 0x4d4d,
                                           42,
                                           little ? 8 : 0,
                                           little ? 0 : 8,
                                           1,
                                           0x112,
                                           3,
                                           little ? 1 : 0,
                                           little ? 0 : 1,
                                           (uint16_t)orientation};
    for (int i = 0; i < EXIF_SIZE; i++)
        to[i] = (uint8_t)(words[i / 2] >> 8 * ((i % 2 == 0) != little));
}

/* The file with that orientation: in an APP1 segment of a JPEG, a chunk eXIf of a PNG, EXIF of a
 * WebP. source: Exif 2.3, 4.5.2; PNG, extensions, eXIf; WebP container, 2.7. Owned: dt_free. */
static uint8_t *add_exif(const uint8_t *file, size_t *size, int format, int orientation,
                         bool little)
{
    static const struct {
        int format;
        size_t at; /* 0: the end */
        size_t front, behind;
        char head[11];
    } ways[] = {{IFF_JFIF_JPEG, 2, 10, 0,
                 "\xff\xe1\0\x22"
                 "Exif\0"},
                {IFF_PNG, 33, 8, 4,
                 "\0\0\0\x1a"
                 "eXIf"},
                {IFF_WEBP, 0, 8, 0, "EXIF\x1a\0\0"}};
    size_t i = 0;
    while (ways[i].format != format)
        i++;
    size_t at = ways[i].at ? ways[i].at : *size;
    size_t added = ways[i].front + EXIF_SIZE + ways[i].behind;
    uint8_t *out = dt_calloc(*size + added, 1, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    memcpy(out, file, at);
    memcpy(out + at, ways[i].head, ways[i].front);
    write_exif(out + at + ways[i].front, orientation, little);
    memcpy(out + at + added, file + at, *size - at);
    *size += added;
    for (int byte = 0; format == IFF_WEBP && byte < 4; byte++)
        out[4 + byte] = (uint8_t)((*size - 8) >> 8 * byte);
    return out;
}

/* Where a pixel of the stored picture comes to; source: Exif 2.3, 4.6.4, Orientation. */
static void place(int orientation, int y, int x, int *row, int *column)
{
    const int down = HEIGHT - 1 - y, across = WIDTH - 1 - x;
    const int rows[] = {y, y, y, down, down, x, x, across, across};
    const int columns[] = {x, x, across, across, x, y, down, down, y};
    *row = rows[orientation];
    *column = columns[orientation];
}

static void expect_upright(int format, int orientation, bool little)
{
    size_t size;
    dt_image image;
    uint8_t *file = encode(format, &size);
    uint8_t *bytes = add_exif(file, &size, format, orientation, little);
    int turned = orientation > 8 ? 0 : orientation, wrong = 0;
    bool across = turned > 4;
    CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, size, 1, &image, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(image.height, across ? WIDTH : HEIGHT);
    CU_ASSERT_EQUAL_FATAL(image.width, across ? HEIGHT : WIDTH);
    look_at(bytes, size, &image);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            int row, column;
            place(turned, y, x, &row, &column);
            wrong += is_inside_an_area(y, x) &&
                     !is_near(image.pixels + row * image.width + column, colour_at(y, x), 1);
        }
    CU_ASSERT_EQUAL(wrong, 0);
    dt_free(image.pixels);
    dt_free(bytes);
    lept_free(file);
}

static void a_photograph_is_turned_upright(void)
{
    static const int formats[] = {IFF_JFIF_JPEG, IFF_PNG, IFF_WEBP};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        for (int orientation = 0; orientation <= 9; orientation++)
            for (int little = 0; little < 2; little++)
                expect_upright(formats[i], orientation, little);
}

/* source: WebP container, 2.7: a head of 8 x 8 pixels that says so, and the chunk ANIM. */
static void a_webp_that_is_animated_is_named(void)
{
    static const char file[] = "RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\2\0\0\0\7\0\0\7\0\0"
                               "ANIM\6\0\0\0\xff\xff\xff\xff\0\0";
    dt_image image;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_image_decode(decoder, file, sizeof file - 1, 1, &image, &error),
                    DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "a WebP that is animated"));
}

/* A large picture becomes smaller, by the same part down and across. */
static void a_large_picture_is_made_smaller(void)
{
    for (int i = 0; i < 2; i++) {
        PIX *picture = pixCreate(6000, 4000, 8);
        uint8_t *bytes = NULL;
        size_t size;
        dt_image image;
        CU_ASSERT_PTR_NOT_NULL_FATAL(picture);
        pixSetAllArbitrary(picture, 200);
        CU_ASSERT_EQUAL_FATAL(pixWriteMem(&bytes, &size, picture, i ? IFF_PNG : IFF_JFIF_JPEG), 0);
        CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, size, 1, &image, NULL), DT_OK);
        CU_ASSERT_TRUE(image.width >= DT_IMAGE_ENOUGH && image.width < 2 * DT_IMAGE_ENOUGH);
        CU_ASSERT_TRUE(abs(image.width * 2 - image.height * 3) <= 3);
        CU_ASSERT_TRUE(image.pixels[image.width * image.height - 1] == 200);
        dt_free(image.pixels);
        lept_free(bytes);
        pixDestroy(&picture);
    }
}

/* Any damage is a picture or one line, never the end of this process. */
static void damage_is_an_error(void)
{
    static const int formats[] = {IFF_JFIF_JPEG, IFF_GIF, IFF_BMP, IFF_WEBP, IFF_TIFF_LZW, IFF_PNM};
    unsigned state = 1;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        size_t size;
        uint8_t *bytes = encode(formats[i], &size);
        for (int round = 0; round < 120; round++) {
            dt_image image;
            dt_error error = {0};
            state = state * 1103515245 + 12345;
            size_t at = round < 60 ? (size_t)round % size : (state >> 8) % size;
            uint8_t kept = bytes[at];
            bytes[at] ^= (uint8_t)(1 + (state >> 4) % 255);
            dt_status status = dt_image_decode(decoder, bytes, size, 3, &image, &error);
            CU_ASSERT_TRUE(status == DT_OK ? image.pixels != NULL
                                           : status == DT_ERR_DATA && !image.pixels &&
                                                 !strchr(error.message, '\n'));
            dt_free(image.pixels);
            bytes[at] = kept;
        }
        lept_free(bytes);
    }
}

CU_SuiteInfo dt_suite_image_kinds(void)
{
    static CU_TestInfo tests[] = {
        {"every kind is read by its content", every_kind_is_read_by_its_content},
        {"a library that must be set up is", a_library_that_must_be_set_up_is},
        {"a look finds out whether a picture is grey", a_look_finds_out_whether_a_picture_is_grey},
        {"a photograph is turned upright", a_photograph_is_turned_upright},
        {"a WebP that is animated is named", a_webp_that_is_animated_is_named},
        {"a large picture is made smaller", a_large_picture_is_made_smaller},
        {"damage is an error", damage_is_an_error},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "image_kinds",
                          .pInitFunc = begin_decoder,
                          .pCleanupFunc = end_decoder,
                          .pTests = tests};
}
