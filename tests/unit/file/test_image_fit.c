#include "file/image_fit.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "draw.h"

CU_SuiteInfo dt_suite_image_fit(void);

enum { SIDE = 28, MARGIN_MOST = 40 };

/* A random image in MNIST's form: a box whose larger side is 20, some 255, no empty edge, with its
 * centre of mass at 14, 14, rounded. */
static void draw_digit(dt_random_sequence *random, uint8_t pixels[SIDE][SIDE])
{
    int height = draw_int(random, 0, 1) ? 20 : draw_int(random, 8, 20);
    int width = height < 20 ? 20 : draw_int(random, 8, 20);
    uint8_t box[20][20] = {{0}};
    double sum = 0, sum_y = 0, sum_x = 0;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            bool stroke = y == height / 2 || x == width / 2;
            box[y][x] = stroke                   ? 255
                        : draw_int(random, 0, 2) ? 0
                                                 : (uint8_t)draw_int(random, 16, 255);
            sum += box[y][x];
            sum_y += box[y][x] * y;
            sum_x += box[y][x] * x;
        }
    int top = (int)(14.5 - sum_y / sum), left = (int)(14.5 - sum_x / sum);
    top = top > SIDE - height ? SIDE - height : top;
    left = left > SIDE - width ? SIDE - width : left;
    memset(pixels, 0, SIDE * SIDE);
    for (int y = 0; y < height; y++)
        memcpy(&pixels[top + y][left], box[y], (size_t)width);
}

/* The digit with each pixel `times` times as high and wide, in a frame. Owned: dt_free. */
static dt_image enlarge(const uint8_t digit[SIDE][SIDE], int times, int top, int left, bool inverse)
{
    dt_image out = {.height = SIDE * times + top, .width = SIDE * times + left, .channels = 1};
    out.pixels = dt_calloc((size_t)out.height * (size_t)out.width, 1, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(out.pixels);
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++) {
            bool frame = y < top || x < left;
            uint8_t value = frame ? 0 : digit[(y - top) / times][(x - left) / times];
            out.pixels[y * out.width + x] = inverse ? 255 - value : value;
        }
    return out;
}

static void every_view_of_a_digit_is_that_digit(void)
{
    for (uint32_t sample = 0; sample < 60; sample++) {
        dt_random_sequence random = draw_begin(sample);
        uint8_t digit[SIDE][SIDE], found[SIDE][SIDE];
        draw_digit(&random, digit);
        for (int times = 1; times <= 5; times++) {
            bool framed = times > 1 && draw_int(&random, 0, 1);
            int top = framed ? draw_int(&random, 0, MARGIN_MOST) : 0;
            int left = framed ? draw_int(&random, 0, MARGIN_MOST) : 0;
            dt_image image = enlarge(digit, times, top, left, draw_int(&random, 0, 1));
            CU_ASSERT_EQUAL(dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, SIDE, SIDE,
                                         found[0], NULL),
                            DT_OK);
            CU_ASSERT_EQUAL(memcmp(found, digit, sizeof digit), 0);
            dt_free(image.pixels);
        }
    }
}

static void a_digit_out_of_place_is_put_in_its_place(void)
{
    for (uint32_t sample = 0; sample < 60; sample++) {
        dt_random_sequence random = draw_begin(sample);
        uint8_t digit[SIDE][SIDE], moved[SIDE][SIDE] = {{0}}, found[SIDE][SIDE];
        draw_digit(&random, digit);
        int shift = draw_int(&random, 0, 1) ? 2 : -2;
        for (int y = 2; y < SIDE - 2; y++)
            memcpy(moved[y + shift], digit[y], SIDE);
        dt_image image = {SIDE, SIDE, 1, moved[0]};
        for (int i = 0; i < SIDE; i++)
            for (int y = 0; y < 2; y++)
                if (digit[y][i] || digit[SIDE - 1 - y][i])
                    image.pixels = NULL; /* does not fit */
        if (!image.pixels)
            continue;
        CU_ASSERT_EQUAL(
            dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, SIDE, SIDE, found[0], NULL),
            DT_OK);
        CU_ASSERT_EQUAL(memcmp(found, digit, sizeof digit), 0);
    }
}

static void noise_of_the_paper_is_no_ink(void)
{
    dt_random_sequence random = draw_begin(3);
    enum { HEIGHT = 150, WIDTH = 90 };
    static uint8_t paper[HEIGHT][WIDTH];
    uint8_t found[SIDE][SIDE];
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            bool ink = y >= 30 && y < 130 && x >= 40 && x < 50;
            paper[y][x] = (uint8_t)(ink ? 60 : draw_int(&random, 195, 205));
        }
    dt_image image = {HEIGHT, WIDTH, 1, paper[0]};
    CU_ASSERT_EQUAL(
        dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, SIDE, SIDE, found[0], NULL),
        DT_OK);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            bool ink = y >= 5 && y < 25 && x >= 14 && x < 16;
            CU_ASSERT_TRUE(ink ? found[y][x] > 240 : found[y][x] == 0);
        }
}

static void what_is_normal_stays_as_it_is(void)
{
    static const int sizes[][2] = {{28, 28}, {56, 56}, {14, 14}, {40, 20}, {1, 1}, {3, 40}};
    uint8_t digit[SIDE][SIDE], once[56 * 56], twice[56 * 56];
    for (uint32_t sample = 0; sample < 20; sample++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            dt_random_sequence random = draw_begin(sample);
            draw_digit(&random, digit);
            dt_image image = enlarge(digit, 3, 0, 0, true);
            int height = sizes[i][0], width = sizes[i][1];
            CU_ASSERT_EQUAL(
                dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, height, width, once, NULL),
                DT_OK);
            dt_free(image.pixels);
            CU_ASSERT_PTR_NOT_NULL(memchr(once, 255, (size_t)(height * width)));
            image = (dt_image){height, width, 1, once};
            if (height < 14 || width < 14)
                continue; /* no border to know the background by */
            CU_ASSERT_EQUAL(
                dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_AUTO, height, width, twice, NULL),
                DT_OK);
            CU_ASSERT_EQUAL(memcmp(once, twice, (size_t)(height * width)), 0);
        }

    uint8_t found[SIDE * SIDE];
    dt_image image;
    uint8_t dot = 7;
    dt_error error = {0};
    image = (dt_image){1, 1, 1, &dot};
    CU_ASSERT_EQUAL(
        dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, SIDE, SIDE, found, &error),
        DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "found nothing that stands out from grey 7"));
}

/* Own size: light on dark as it is, dark on light as ink; a form that is dark on light the other
 * way round. */
static void a_picture_of_the_size_is_taken_as_it_is(void)
{
    static const dt_image_form dark = {255, 20.0 / 28, true, {0.5, 0.5}};
    static const dt_image_form full = {0, 1, false, {0.5, 0.5}};
    const dt_image_form *forms[] = {&dt_image_form_mnist, &dark, &full};
    static const bool own[3][2] = {{true, false}, {false, true}, {true, false}};
    uint8_t digit[SIDE][SIDE] = {{0}}, inverse[SIDE][SIDE], found[SIDE][SIDE];
    for (int y = 2; y < 10; y++)
        memset(digit[y] + 3, 5 * y, 4); /* neither in the middle nor full */
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            inverse[y][x] = (uint8_t)(255 - digit[y][x]);
    const dt_image pictures[] = {{SIDE, SIDE, 1, digit[0]}, {SIDE, SIDE, 1, inverse[0]}};
    for (int form = 0; form < 3; form++)
        for (int picture = 0; picture < 2; picture++)
            for (int way = DT_WAY_AUTO; way <= DT_WAY_NONE; way++) {
                bool as_it_is =
                    way == DT_WAY_NONE || (way == DT_WAY_AUTO && own[form][picture]);
                CU_ASSERT_EQUAL(dt_image_fit(&pictures[picture], forms[form], (dt_image_way)way,
                                             SIDE, SIDE, found[0], NULL),
                                DT_OK);
                CU_ASSERT_EQUAL(memcmp(found, pictures[picture].pixels, sizeof found) == 0,
                                as_it_is);
                CU_ASSERT_EQUAL(found[0][0],
                                as_it_is ? pictures[picture].pixels[0] : forms[form]->background);
            }
}

/* What fills its frame may have ink on most of its border; of the other way, it is reversed. */
static void a_picture_may_fill_its_frame(void)
{
    static const dt_image_form full[] = {{0, 1, false, {0.5, 0.5}}, {255, 1, false, {0.5, 0.5}}};
    uint8_t shapes[2][2][SIDE][SIDE], found[SIDE][SIDE];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            shapes[0][0][y][x] = x > 0 ? 200 : 0;
            shapes[0][1][y][x] = x > 8 && x < 16 ? 200 : 0;
            for (int shape = 0; shape < 2; shape++)
                shapes[1][shape][y][x] = (uint8_t)(255 - shapes[0][shape][y][x]);
        }
    for (int way = 0; way < 2; way++)
        for (int shape = 0; shape < 2; shape++)
            for (int form = 0; form < 2; form++) {
                const dt_image image = {SIDE, SIDE, 1, shapes[way][shape][0]};
                if (shape == 0 && form != way)
                    continue;
                CU_ASSERT_EQUAL(
                    dt_image_fit(&image, &full[form], DT_WAY_AUTO, SIDE, SIDE, found[0], NULL),
                    DT_OK);
                CU_ASSERT_EQUAL(memcmp(found, shapes[form][shape], sizeof found), 0);
            }
}

/* The box and the middle are those of the form. */
static void the_form_says_where_the_ink_comes_to(void)
{
    static uint8_t paper[90][60];
    uint8_t found[20][30];
    memset(paper, 200, sizeof paper);
    for (int y = 20; y < 60; y++)
        memset(paper[y] + 20, 30, y < 40 ? 20 : 10); /* heavier above and to the left */
    dt_image image = {90, 60, 1, paper[0]};
    for (int by_mass = 0; by_mass < 2; by_mass++)
        for (int extent = 10; extent <= 20; extent += 5) {
            dt_image_form form = {0, extent / 20.0, by_mass, {0.4, 0.6}};
            double sum = 0, sum_y = 0, sum_x = 0;
            int top = 20, left = 30, bottom = -1, right = -1;
            CU_ASSERT_EQUAL(dt_image_fit(&image, &form, DT_WAY_AUTO, 20, 30, found[0], NULL),
                            DT_OK);
            for (int y = 0; y < 20; y++)
                for (int x = 0; x < 30; x++) {
                    top = found[y][x] && y < top ? y : top;
                    left = found[y][x] && x < left ? x : left;
                    bottom = found[y][x] ? y : bottom;
                    right = found[y][x] && x > right ? x : right;
                    sum += found[y][x];
                    sum_y += found[y][x] * y;
                    sum_x += found[y][x] * x;
                }
            CU_ASSERT_EQUAL(bottom - top + 1, extent);
            double middle_y = by_mass ? sum_y / sum : (top + bottom) / 2.0;
            double middle_x = by_mass ? sum_x / sum : (left + right) / 2.0;
            CU_ASSERT_TRUE(extent == 20 || fabs(middle_y - 0.4 * 20) <= 1);
            CU_ASSERT_TRUE(fabs(middle_x - 0.6 * 30) <= 1);
        }
}

enum { LINES = 2, ACROSS = 4, CHARACTERS = LINES * ACROSS, TIMES = 3 };

/* Lines of digits that rise, each with a point behind it, which is no character. Owned: dt_free. */
static dt_image write_lines(uint8_t digits[CHARACTERS][SIDE][SIDE], bool inverse)
{
    enum { HEIGHT = LINES * 40 * TIMES, WIDTH = (ACROSS * 30 + 10) * TIMES };
    dt_image out = {HEIGHT, WIDTH, 1, dt_calloc((size_t)HEIGHT * WIDTH, 1, NULL)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(out.pixels);
    for (int i = 0; i < CHARACTERS; i++) {
        dt_image one = enlarge((const uint8_t(*)[SIDE])digits[i], TIMES, 0, 0, false);
        int top = (i / ACROSS * 40 + 10 - 2 * (i % ACROSS)) * TIMES;
        int left = (i % ACROSS * 30 + 5) * TIMES;
        for (int y = 0; y < one.height; y++)
            for (int x = 0; x < one.width; x++)
                out.pixels[(top + y) * WIDTH + left + x] |= one.pixels[y * one.width + x];
        for (int y = 23 * TIMES; y < 25 * TIMES; y++)
            memset(out.pixels + (top + y) * WIDTH + left + 28 * TIMES, 255, 2 * TIMES);
        dt_free(one.pixels);
    }
    for (int i = 0; i < HEIGHT * WIDTH && inverse; i++)
        out.pixels[i] = 255 - out.pixels[i];
    return out;
}

static bool is_wide(const uint8_t digit[SIDE][SIDE])
{
    int rows = 0, columns = 0;
    for (int i = 0; i < SIDE; i++) {
        bool row = false, column = false;
        for (int j = 0; j < SIDE; j++) {
            row |= digit[i][j] > 0;
            column |= digit[j][i] > 0;
        }
        rows += row;
        columns += column;
    }
    return columns > 1.5 * rows;
}

static void many_characters_are_each_itself_in_the_order_of_reading(void)
{
    for (uint32_t sample = 0; sample < 30; sample++) {
        dt_random_sequence random = draw_begin(sample);
        uint8_t digits[CHARACTERS][SIDE][SIDE];
        dt_image_characters found;
        for (int i = 0; i < CHARACTERS; i++)
            draw_digit(&random, digits[i]);
        dt_image image = write_lines(digits, sample % 2);
        CU_ASSERT_EQUAL_FATAL(
            dt_image_fit_many(&image, &dt_image_form_mnist, SIDE, SIDE, &found, NULL), DT_OK);
        CU_ASSERT_EQUAL_FATAL(found.count, CHARACTERS);
        CU_ASSERT_EQUAL(memcmp(found.pixels, digits, sizeof digits), 0);
        for (int i = 0; i < CHARACTERS; i++) {
            CU_ASSERT_EQUAL(found.characters[i].line, i / ACROSS);
            CU_ASSERT_EQUAL(found.characters[i].wide, is_wide((const uint8_t(*)[SIDE])digits[i]));
        }
        dt_free(image.pixels);
        dt_free(found.pixels);
        dt_free(found.characters);
    }
}

static void colours_are_scaled_as_a_whole(void)
{
    static const uint8_t wide[2][4][3] = {{{0, 10, 20}, {20, 30, 40}, {200, 0, 0}, {100, 0, 0}},
                                          {{0, 10, 20}, {20, 30, 40}, {200, 0, 0}, {100, 0, 8}}};
    static const uint8_t expected[1][2][3] = {{{10, 20, 30}, {150, 0, 2}}};
    uint8_t found[2][4][3];
    dt_image image = {2, 4, 3, (uint8_t *)wide};
    dt_error error = {0};
    for (int way = DT_WAY_AUTO; way <= DT_WAY_NONE; way += 2) {
        CU_ASSERT_EQUAL(
            dt_image_fit(&image, &dt_image_form_mnist, (dt_image_way)way, 1, 2, found[0][0], NULL),
            DT_OK);
        CU_ASSERT_EQUAL(memcmp(found, expected, sizeof expected), 0);
        CU_ASSERT_EQUAL(
            dt_image_fit(&image, &dt_image_form_mnist, (dt_image_way)way, 2, 4, found[0][0], NULL),
            DT_OK);
        CU_ASSERT_EQUAL(memcmp(found, wide, sizeof wide), 0);
    }
    CU_ASSERT_EQUAL(
        dt_image_fit(&image, &dt_image_form_mnist, DT_WAY_MNIST, 1, 2, found[0][0], &error),
        DT_ERR_DATA);
}

CU_SuiteInfo dt_suite_image_fit(void)
{
    static CU_TestInfo tests[] = {
        {"every view of a digit is that digit", every_view_of_a_digit_is_that_digit},
        {"a digit out of place is put in its place", a_digit_out_of_place_is_put_in_its_place},
        {"noise of the paper is no ink", noise_of_the_paper_is_no_ink},
        {"what is normal stays as it is", what_is_normal_stays_as_it_is},
        {"a picture of the size is taken as it is", a_picture_of_the_size_is_taken_as_it_is},
        {"a picture may fill its frame", a_picture_may_fill_its_frame},
        {"the form says where the ink comes to", the_form_says_where_the_ink_comes_to},
        {"many characters are each itself, in the order of reading",
         many_characters_are_each_itself_in_the_order_of_reading},
        {"colours are scaled as a whole", colours_are_scaled_as_a_whole},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "image_fit", .pTests = tests};
}
