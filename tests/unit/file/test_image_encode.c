#include <CUnit/CUnit.h>
#include <string.h>

#include "base/memory.h"
#include "decoder.h"
#include "draw.h"

CU_SuiteInfo dt_suite_image_encode(void);

enum { SIDE = 40 };

static void a_grey_picture_comes_back(void)
{
    static uint8_t pixels[SIDE * SIDE];
    for (uint32_t round = 0; round < 60; round++) {
        dt_random_sequence random = draw_begin(round);
        dt_raster raster = {draw_int(&random, 1, SIDE), draw_int(&random, 1, SIDE), 1, pixels,
                            NULL};
        size_t count = (size_t)raster.height * (size_t)raster.width, size;
        for (size_t i = 0; i < count; i++)
            pixels[i] = (uint8_t)draw_int(&random, 0, 255);
        void *bytes;
        dt_image image;
        dt_error error = {0};
        CU_ASSERT_EQUAL_FATAL(dt_image_encode_png(&raster, &bytes, &size, &error), DT_OK);
        CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, size, 1, &image, &error), DT_OK);
        CU_ASSERT_TRUE(image.height == raster.height && image.width == raster.width);
        CU_ASSERT_EQUAL(memcmp(image.pixels, pixels, count), 0);
        dt_free(image.pixels);
        dt_free(bytes);
    }
}

/* Colours as numbers, as RGB and as RGBA are the same picture; half transparent black over white is
 * grey. */
static void colours_are_those_of_the_list(void)
{
    static const uint8_t colours[256][4] = {
        {100, 100, 100, 255}, {255, 0, 0, 255}, {0, 0, 255, 255}, {0, 0, 0, 128}};
    static const uint8_t numbers[8] = {0, 1, 2, 3, 0, 1, 2, 0}, gray[4] = {100, 76, 29, 127};
    uint8_t rgba[8 * 4], rgb[8 * 3];
    for (int i = 0; i < 8; i++) {
        memcpy(rgba + 4 * i, colours[numbers[i]], 4);
        memcpy(rgb + 3 * i, colours[numbers[i]], 3);
    }
    const dt_raster rasters[] = {
        {2, 4, 1, numbers, colours}, {2, 4, 4, rgba, NULL}, {2, 4, 3, rgb, NULL}};
    for (int i = 0; i < 3; i++) {
        void *bytes;
        size_t size;
        dt_image image;
        dt_error error = {0};
        CU_ASSERT_EQUAL_FATAL(dt_image_encode_png(&rasters[i], &bytes, &size, &error), DT_OK);
        CU_ASSERT_EQUAL_FATAL(dt_image_decode(decoder, bytes, size, 1, &image, &error), DT_OK);
        for (int j = 0; j < 8; j++)
            if (rasters[i].channels != 3 || numbers[j] != 3)
                CU_ASSERT_EQUAL(image.pixels[j], gray[numbers[j]]);
        dt_free(image.pixels);
        dt_free(bytes);
    }
}

static void a_lack_of_memory_is_an_error(void)
{
    static const uint8_t pixels[4];
    dt_raster raster = {2, 2, 1, pixels, NULL};
    void *bytes;
    size_t size;
    dt_error error = {0};
    dt_memory_fail_at(1);
    CU_ASSERT_EQUAL(dt_image_encode_png(&raster, &bytes, &size, &error), DT_ERR_INTERNAL);
    dt_memory_fail_at(0);
    CU_ASSERT_PTR_NULL(bytes);
}

static CU_TestInfo tests[] = {
    {"a grey picture comes back", a_grey_picture_comes_back},
    {"colours are those of the list", colours_are_those_of_the_list},
    {"a lack of memory is an error", a_lack_of_memory_is_an_error},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_image_encode(void)
{
    return (CU_SuiteInfo){.pName = "image_encode",
                          .pInitFunc = begin_decoder,
                          .pCleanupFunc = end_decoder,
                          .pTests = tests};
}
