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

/* The JPEG with an Exif segment behind its start; source: Exif 2.3, 4.5.2. Owned: dt_free. */
static uint8_t *add_exif(const uint8_t *jpeg, size_t *size, int orientation, bool little)
{
    uint8_t little_exif[] = {0xff,
                             0xe1,
                             0,
                             34,
                             'E',
                             'x',
                             'i',
                             'f',
                             0,
                             0,
                             'I',
                             'I',
                             42,
                             0,
                             8,
                             0,
                             0,
                             0,
                             1,
                             0,
                             0x12,
                             1,
                             3,
                             0,
                             1,
                             0,
                             0,
                             0,
                             (uint8_t)orientation,
                             0,
                             0,
                             0,
                             0,
                             0,
                             0,
                             0};
    uint8_t big_exif[] = {0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                          'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                          1,    0x12, 0, 3,  0,   0,   0,   1,   0, (uint8_t)orientation,
                          0,    0,    0, 0,  0,   0};
    uint8_t *out = dt_calloc(*size + sizeof big_exif, 1, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    memcpy(out, jpeg, 2);
    memcpy(out + 2, little ? little_exif : big_exif, sizeof big_exif);
    memcpy(out + 2 + sizeof big_exif, jpeg + 2, *size - 2);
    *size += sizeof big_exif;
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

static void a_photograph_is_turned_upright(void)
{
    for (int orientation = 0; orientation <= 9; orientation++)
        for (int little = 0; little < 2; little++) {
            size_t size;
            dt_image image;
            uint8_t *jpeg = encode(IFF_JFIF_JPEG, &size);
            uint8_t *bytes = add_exif(jpeg, &size, orientation, little);
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
                    wrong +=
                        is_inside_an_area(y, x) &&
                        !is_near(image.pixels + row * image.width + column, colour_at(y, x), 1);
                }
            CU_ASSERT_EQUAL(wrong, 0);
            dt_free(image.pixels);
            dt_free(bytes);
            lept_free(jpeg);
        }
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
        {"a large picture is made smaller", a_large_picture_is_made_smaller},
        {"damage is an error", damage_is_an_error},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "image_kinds",
                          .pInitFunc = begin_decoder,
                          .pCleanupFunc = end_decoder,
                          .pTests = tests};
}
