#include "cli/images.h"

#include <CUnit/CUnit.h>
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "decoder.h"
#include "draw.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_image(void);

enum { SIDE = 28 };

/* Adds a chunk to a PNG; returns the size with it. */
static size_t add_chunk(uint8_t *png, size_t at, const char *name, const void *data, size_t size)
{
    uint8_t head[8] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8),
                       (uint8_t)size};
    memcpy(head + 4, name, 4);
    memcpy(png + at, head, sizeof head);
    if (size > 0)
        memcpy(png + at + 8, data, size);
    uint32_t sum = crc32_gzip_refl(0, png + at + 4, size + 4);
    for (int i = 0; i < 4; i++)
        png[at + 8 + size + (size_t)i] = (uint8_t)(sum >> (24 - 8 * i));
    return at + size + 12;
}

static void pack(struct isal_zstream *zip, void *bytes, size_t size, bool last)
{
    zip->next_in = bytes;
    zip->avail_in = (uint32_t)size;
    zip->end_of_stream = last;
    CU_ASSERT_EQUAL_FATAL(isal_deflate(zip), COMP_OK);
    CU_ASSERT_EQUAL_FATAL(zip->avail_in, 0);
}

static struct isal_zstream *begin_packing(void *room, size_t size)
{
    static struct isal_zstream zip;
    isal_deflate_init(&zip);
    zip.gzip_flag = IGZIP_ZLIB;
    zip.next_out = room;
    zip.avail_out = (uint32_t)size;
    return &zip;
}

/* Kinds of PNG; source: PNG, 11.2.2. */
enum { GREY = 0, COLOURS = 2, GREY_ALPHA = 4, COLOURS_ALPHA = 6, DEPTH_AT = 24, COLOUR_AT = 25 };

/* The PNG of samples, of 16 bits if so with the high byte first; owned: dt_free. */
static void *encode(int height, int width, int color, int depth, const void *samples, size_t size,
                    size_t *length)
{
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10};
    uint8_t header[] = {0,
                        0,
                        (uint8_t)(width >> 8),
                        (uint8_t)width,
                        0,
                        0,
                        (uint8_t)(height >> 8),
                        (uint8_t)height,
                        (uint8_t)depth,
                        (uint8_t)color,
                        0,
                        0,
                        0};
    size_t room = 2 * size + 4096, row = size / (size_t)height;
    uint8_t *png = dt_calloc(room, 1, NULL), *packed = dt_calloc(room, 1, NULL), none = 0;
    CU_ASSERT_TRUE_FATAL(png && packed);
    struct isal_zstream *zip = begin_packing(packed, room);
    for (int y = 0; y < height; y++) {
        pack(zip, &none, 1, false);
        pack(zip, (uint8_t *)samples + (size_t)y * row, row, y + 1 == height);
    }
    memcpy(png, signature, sizeof signature);
    *length = add_chunk(png, sizeof signature, "IHDR", header, sizeof header);
    *length = add_chunk(png, *length, "IDAT", packed, zip->total_out);
    *length = add_chunk(png, *length, "IEND", NULL, 0);
    dt_free(packed);
    return png;
}

static void every_grey_of_a_png_comes_back(void)
{
    uint8_t grey[256], bits[2] = {0xaa, 0x0f};
    uint16_t deep[256];
    size_t length;
    dt_image image;
    for (int i = 0; i < 256; i++) {
        grey[i] = (uint8_t)i;
        deep[i] = (uint16_t)(i * 257) /* both bytes alike */;
    }
    void *bytes = encode(16, 16, GREY, 8, grey, sizeof grey, &length);
    CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, length, 1, &image, NULL), DT_OK);
    CU_ASSERT_TRUE(image.height == 16 && image.width == 16);
    CU_ASSERT_EQUAL(memcmp(image.pixels, grey, sizeof grey), 0);
    dt_free(image.pixels);
    dt_free(bytes);
    bytes = encode(8, 32, GREY, 16, deep, sizeof deep, &length);
    CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, length, 1, &image, NULL), DT_OK);
    CU_ASSERT_TRUE(image.height == 8 && image.width == 32);
    CU_ASSERT_EQUAL(memcmp(image.pixels, grey, sizeof grey), 0);
    dt_free(image.pixels);
    dt_free(bytes);
    bytes = encode(2, 8, GREY, 1, bits, sizeof bits, &length);
    CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, length, 1, &image, NULL), DT_OK);
    for (int i = 0; i < 16; i++)
        CU_ASSERT_EQUAL(image.pixels[i], i < 8 ? (i % 2 ? 0 : 255) : i < 12 ? 0 : 255);
    dt_free(image.pixels);
    dt_free(bytes);
    const uint8_t colours[] = {255, 0, 0, 0, 255, 0, 0, 0, 255};
    bytes = encode(1, 3, COLOURS, 8, colours, sizeof colours, &length);
    CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, length, 1, &image, NULL), DT_OK);
    CU_ASSERT_TRUE(image.pixels[0] == 76 && image.pixels[1] == 150 && image.pixels[2] == 29);
    dt_free(image.pixels);
    dt_free(bytes);
}

static void transparency_shows_the_ink(void)
{
    size_t length;
    dt_image image;
    for (int light = 0; light < 2; light++) {
        uint8_t samples[] = {light ? 255 : 0, 255, light ? 255 : 0, 0, light ? 255 : 0, 51};
        void *bytes = encode(1, 3, GREY_ALPHA, 8, samples, sizeof samples, &length);
        CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, length, 1, &image, NULL), DT_OK);
        uint8_t expected[] = {light ? 255 : 0, light ? 0 : 255, light ? 51 : 204};
        CU_ASSERT_EQUAL(memcmp(image.pixels, expected, 3), 0);
        dt_free(image.pixels);
        dt_free(bytes);
    }
}

static void damaged_and_hostile_files_are_refused(void)
{
    static uint8_t grey[40 * 40];
    size_t length;
    dt_image image;
    dt_error error = {0};
    dt_random_sequence random = draw_begin(9);
    for (size_t i = 0; i < sizeof grey; i++)
        grey[i] = (uint8_t)draw_int(&random, 0, 255);
    uint8_t *bytes = encode(40, 40, GREY, 8, grey, sizeof grey, &length);
    int accepted = 0;
    for (size_t cut = 0; cut < length - 4; cut++) /* the last 4 bytes say nothing of the picture */
        accepted += dt_image_decode(decoder, bytes, cut, 1, &image, &error) != DT_ERR_DATA;
    CU_ASSERT_EQUAL(accepted, 0);
    CU_ASSERT_PTR_NULL(image.pixels);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected a whole picture"));
    int wrong = 0;
    for (size_t i = 0; i < length; i++) {
        bytes[i] ^= (uint8_t)(1 << i % 8);
        if (dt_image_decode(decoder, bytes, length, 1, &image, NULL) == DT_OK)
            wrong += memcmp(image.pixels, grey, sizeof grey) != 0;
        dt_free(image.pixels);
        bytes[i] ^= (uint8_t)(1 << i % 8);
    }
    CU_ASSERT_EQUAL(wrong, 0);
    dt_free(bytes);

    /* 100,000 x 100,000 pixels in a few bytes, all check sums right: chunk, and IHDR's CRC. */
    static const uint8_t huge[64] = {0x89, 'P',  'N', 'G', 13,  10, 26, 10,   0,    0,    0,
                                     13,   'I',  'H', 'D', 'R', 0,  1,  0x86, 0xa0, 0,    1,
                                     0x86, 0xa0, 8,   0,   0,   0,  0,  0x8d, 0x39, 0x54, 0x14};
    dt_status status = dt_image_decode(decoder, huge, sizeof huge, 1, &image, &error);
    CU_ASSERT_EQUAL(status, DT_ERR_DATA);
    CU_ASSERT_STRING_EQUAL(
        error.message, "expected a picture of at most 16384 pixels a side and 64 million in all, "
                       "found 100000 x 100000");
}

/* KB that decoding takes, at the most, in its process; seen from one of its own. */
static long peak_of(const void *bytes, size_t size, bool has_ink)
{
    int ends[2];
    long peak = -1;
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct rusage before, after;
        uint8_t pixels[SIDE * SIDE];
        dt_image image;
        dt_image_decoder *own;
        dt_status status = dt_image_decoder_begin(&own, NULL);
        if (!status)
            dt_image_decode(own, "", 1, 1, &image, NULL);
        dt_image_decoder_rest(own);
        getrusage(RUSAGE_CHILDREN, &before);
        if (!status)
            status = dt_image_decode(own, bytes, size, 1, &image, NULL);
        dt_status ink = status ? status
                               : dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, SIDE,
                                              SIDE, pixels, NULL);
        dt_image_decoder_end(own);
        getrusage(RUSAGE_CHILDREN, &after);
        peak = status || (ink == DT_OK) != has_ink ? -1 : after.ru_maxrss - before.ru_maxrss;
        _exit(write(ends[1], &peak, sizeof peak) != sizeof peak);
    }
    close(ends[1]);
    CU_ASSERT_EQUAL(read(ends[0], &peak, sizeof peak), sizeof peak);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return peak;
}

/* A picture of kilobytes takes some bytes for each of its pixels, of whatever kind. */
static void a_small_file_takes_little_memory(void)
{
    enum { ROOM = 1 << 21, CHANNELS = 4, LARGE = 4096 };
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10};
    uint8_t *png = dt_calloc(ROOM, 1, NULL), *packed = dt_calloc(ROOM, 1, NULL);
    uint8_t *row = dt_calloc(1 + (size_t)LARGE * 2 * CHANNELS, 1, NULL);
    CU_ASSERT_TRUE_FATAL(png && packed && row);
    for (int kind = 0; kind < 3; kind++) { /* grey, RGBA of 16 bits, the same interlaced */
        static const uint8_t begins[][2] = {{0, 0}, {4, 0}, {0, 4}, {2, 0}, {0, 2}, {1, 0}, {0, 1}};
        static const uint8_t steps[][2] = {{8, 8}, {8, 8}, {4, 8}, {4, 4}, {2, 4}, {2, 2}, {1, 2}};
        uint8_t header[] = {0, 0, 16, 0, 0, 0, 16, 0, kind ? 16 : 8, kind ? 6 : 0, 0, 0, kind == 2};
        struct isal_zstream *zip = begin_packing(packed, ROOM);
        for (int pass = 0; pass < (kind == 2 ? 7 : 1); pass++) {
            size_t across = kind == 2 ? steps[pass][0] : 1, down = kind == 2 ? steps[pass][1] : 1;
            size_t left = kind == 2 ? begins[pass][0] : 0, top = kind == 2 ? begins[pass][1] : 0;
            size_t size = (LARGE - left + across - 1) / across * (kind ? 8 : 1);
            for (size_t y = top; y < LARGE; y += down) {
                memset(row + 1, y >= 1000 && y < 3000 ? 255 : 0, size);
                pack(zip, row, 1 + size, false);
            }
        }
        pack(zip, row, 0, true);
        memcpy(png, signature, sizeof signature);
        size_t size = add_chunk(png, sizeof signature, "IHDR", header, sizeof header);
        size = add_chunk(png, size, "IDAT", packed, zip->total_out);
        size = add_chunk(png, size, "IEND", NULL, 0);
        long peak = peak_of(png, size, false);
        CU_ASSERT_TRUE(peak > 8000 && peak < 400000);
    }
    dt_free(row);
    dt_free(packed);
    dt_free(png);
}

/* 64 MB in each of a few texts and a colour profile, before and behind the pixels. */
static void what_is_no_pixel_is_not_unpacked(void)
{
    enum { ROOM = 1 << 22, MEGABYTES = 64 };
    static uint8_t grey[SIDE * SIDE] = {[400] = 255};
    static const char *const names[] = {"iCCP", "zTXt", "zTXt", "iTXt"};
    uint8_t *png = dt_calloc(ROOM, 1, NULL), *zeros = dt_calloc(1 << 20, 1, NULL);
    uint8_t *packed = dt_calloc(ROOM, 1, NULL);
    CU_ASSERT_TRUE_FATAL(png && zeros && packed);
    size_t plain, size = 33; /* signature and IHDR */
    uint8_t *from = encode(SIDE, SIDE, GREY, 8, grey, sizeof grey, &plain);
    memcpy(png, from, size);
    memcpy(packed, "k\0\0", 3);
    struct isal_zstream *zip = begin_packing(packed + 3, ROOM - 3);
    for (int i = 0; i < MEGABYTES; i++)
        pack(zip, zeros, 1 << 20, i + 1 == MEGABYTES);
    for (int i = 0; i < 3; i++)
        size = add_chunk(png, size, names[i], packed, 3 + zip->total_out);
    memcpy(png + size, from + 33, plain - 33 - 12);
    size = add_chunk(png, size + plain - 33 - 12, names[3], packed, 3 + zip->total_out);
    size = add_chunk(png, size, "IEND", NULL, 0);
    long peak = peak_of(png, size, true);
    CU_ASSERT_TRUE(peak >= 0 && peak < 64000);
    dt_image image;
    CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, png, size, 1, &image, NULL), DT_OK);
    CU_ASSERT_EQUAL(memcmp(image.pixels, grey, sizeof grey), 0);
    dt_free(image.pixels);
    dt_free(from);
    dt_free(packed);
    dt_free(zeros);
    dt_free(png);
}

static void every_failed_allocation_is_survived(void)
{
    static uint8_t grey[40 * 40] = {[800] = 200};
    size_t length;
    void *bytes = encode(40, 40, GREY, 8, grey, sizeof grey, &length);
    FILE *file = fopen(scratch_path(folder, "a.png"), "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, length, file), length);
    fclose(file);
    dt_free(bytes);
    for (int many = 0; many < 2; many++) {
        const dt_images_form form = {{SIDE, SIDE, 1}, false,   dt_image_form_mnist,
                                     DT_WAY_AUTO,     decoder, many};
        dt_status status;
        long n = 0;
        do {
            dt_images images;
            dt_error error = {0};
            dt_memory_fail_at(++n);
            status = dt_images_read(scratch_path(folder, "a.png"), &form, &images, &error);
            dt_memory_fail_at(0);
            CU_ASSERT_EQUAL(status, error.status);
            CU_ASSERT_TRUE(status == DT_OK
                               ? images.count == 1 && images.several == many
                               : status == DT_ERR_INTERNAL && !images.pixels && !images.characters);
            dt_images_release(&images);
        } while (status != DT_OK && n < 100);
        CU_ASSERT_TRUE(status == DT_OK && n > 5);
    }
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(scratch_path(folder, name), "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static void idx_images_are_read_as_they_are(void)
{
    uint8_t idx[16 + 3 * 6] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 3};
    for (uint8_t i = 0; i < 18; i++)
        idx[16 + i] = (uint8_t)(10 * i);
    write_bytes("images", idx, sizeof idx);
    const char *path = scratch_path(folder, "images");
    dt_images images;
    dt_error error = {0};
    CU_ASSERT_EQUAL_FATAL(
        dt_images_read(
            path,
            &(dt_images_form){{2, 3, 1}, false, dt_image_form_mnist, DT_WAY_AUTO, decoder, false},
            &images, NULL),
        DT_OK);
    CU_ASSERT_TRUE(images.count == 3 && images.several);
    CU_ASSERT_EQUAL(memcmp(images.pixels, idx + 16, 18), 0);
    dt_free(images.pixels);
    static const struct {
        const char *name, *reason;
        size_t size;
        int height;
        dt_status status;
    } bad[] = {
        {"images", "expected images of 3 x 3, as the network takes them, found 2 x 3", 34, 3,
         DT_ERR_DATA},
        {"images", "expected 34 bytes (header and 3 images of 6), found 33", 33, 2, DT_ERR_DATA},
        {"images", "or IDX images, found something else", 2, 2, DT_ERR_DATA},
        {"images", "or IDX images, found something else", 0, 2, DT_ERR_DATA},
        {"missing", "cannot open: No such file", 0, 2, DT_ERR_NO_INPUT},
        {"", "expected a regular file, found a directory", 0, 2, DT_ERR_NO_INPUT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_bytes("images", idx, bad[i].size);
        path = scratch_path(folder, bad[i].name);
        CU_ASSERT_EQUAL(
            dt_images_read(
                path,
                &(dt_images_form){
                    {bad[i].height, 3, 1}, false, dt_image_form_mnist, DT_WAY_AUTO, decoder, false},
                &images, &error),
            bad[i].status);
        CU_ASSERT_PTR_NULL(images.pixels);
        if (!strstr(error.message, bad[i].reason) || !strstr(error.message, path))
            CU_FAIL(error.message);
    }
}

CU_SuiteInfo dt_suite_image(void)
{
    static CU_TestInfo tests[] = {
        {"every grey of a PNG comes back", every_grey_of_a_png_comes_back},
        {"transparency shows the ink", transparency_shows_the_ink},
        {"damaged and hostile files are refused", damaged_and_hostile_files_are_refused},
        {"a small file takes little memory", a_small_file_takes_little_memory},
        {"what is no pixel is not unpacked", what_is_no_pixel_is_not_unpacked},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        {"IDX images are read as they are", idx_images_are_read_as_they_are},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "image",
                          .pInitFunc = begin_decoder,
                          .pCleanupFunc = end_decoder,
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
