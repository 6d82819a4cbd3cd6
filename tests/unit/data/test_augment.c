#include "data/augment.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "draw.h"

CU_SuiteInfo dt_suite_augment(void);

enum { MOST = 40 * 40 * 3 };

/* A picture without edges, so that half a unit of a pixel's place is little of its value. */
static void fill(dt_shape shape, uint8_t *image)
{
    for (int y = 0; y < shape.height; y++)
        for (int x = 0; x < shape.width; x++)
            for (int c = 0; c < shape.channels; c++)
                *image++ = (uint8_t)(120 + 60 * sin(0.3 * x + c) + 60 * cos(0.2 * y - 0.1 * x));
}

static dt_augmenter *augmenter(const char *text, dt_shape shape, uint64_t seed)
{
    dt_augment augment;
    dt_augmenter *out = NULL;
    dt_error error = {0};
    if (dt_augment_parse(text, &augment, &error) ||
        dt_augmenter_create(&augment, shape, seed, &out, &error))
        CU_FAIL_FATAL("no augmenter");
    return out;
}

static void draw_once(const char *text, dt_shape shape, uint32_t place, const uint8_t *from,
                      uint8_t *to)
{
    dt_augmenter *self = augmenter(text, shape, 1);
    dt_augmenter_draw(self, 0, place, from, to);
    dt_augmenter_destroy(self);
}

static const dt_shape shapes[] = {{28, 28, 1}, {17, 40, 3}, {1, 12, 1}, {2, 600, 1}, {33, 1, 2}};

/* An item of the kind whose amounts are all `share` of their range, or at least. */
static void write_item(int kind, double share, char text[DT_AUGMENT_TEXT])
{
    const dt_augment_row *row = &dt_augment_rows[kind];
    dt_text out = {.text = text, .size = DT_AUGMENT_TEXT};
    dt_text_add(&out, "%s", row->name);
    for (int i = 0; i < row->argument_count; i++) {
        const dt_argument *argument = &row->arguments[i];
        double most = fmin(argument->max, 8);
        dt_text_add(&out, " %.17g", argument->min + share * (most - argument->min));
    }
}

static void test_list(void)
{
    static const char *const good[][2] = {
        {"none", "none"},
        {"shift 2,rotate 10", "rotate 10, shift 2"},
        {" flip ,\terase 0.25", "flip, erase 0.25"},
        {"elastic 4 34, scale 1e-1", "scale 0.1, elastic 4 34"},
    };
    static const char *const bad[][2] = {
        {"shft 2", "did you mean 'shift'?"},
        {"shift", "expected a number from 0 to 128 for pixels"},
        {"shift -1", "expected a number from 0 to 128 for pixels"},
        {"shift 2, flip, shift 2", "augmentation 3, 'shift 2': expected each kind once"},
        {"flip 0.5", "expected a comma or the end, found '0.5'"},
        {"flip,", "augmentation 2, '': expected scale, "},
        {"none, flip", "augmentation 1, 'none': expected scale, "},
    };
    char text[DT_AUGMENT_TEXT];
    dt_augment augment;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        dt_error error = {0};
        CU_ASSERT_EQUAL(dt_augment_parse(good[i][0], &augment, &error), DT_OK);
        CU_ASSERT_STRING_EQUAL(dt_augment_text(&augment, text), good[i][1]);
        CU_ASSERT_EQUAL(dt_augment_is_some(&augment), i > 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dt_error error = {0};
        dt_augment before = augment;
        CU_ASSERT_EQUAL(dt_augment_parse(bad[i][0], &augment, &error), DT_ERR_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, bad[i][1]));
        CU_ASSERT_EQUAL(memcmp(&before, &augment, sizeof before), 0);
    }
}

/* An image is a function of seed, epoch and place alone, and of each of them. */
static void test_pure(void)
{
    static uint8_t image[MOST], first[MOST], other[MOST];
    for (int kind = 0; kind < DT_AUGMENT_KINDS; kind++) {
        char text[DT_AUGMENT_TEXT];
        size_t size = (size_t)dt_shape_size(shapes[0]);
        int changes[3] = {0};
        write_item(kind, 0.9, text);
        fill(shapes[0], image);
        dt_augmenter *one = augmenter(text, shapes[0], 1), *two = augmenter(text, shapes[0], 2);
        for (uint32_t place = 0; place < 20; place++) {
            dt_augmenter_draw(one, 3, place, image, first);
            dt_augmenter_draw(one, 4, place, image, other);
            changes[0] += memcmp(first, other, size) != 0;
            dt_augmenter_draw(one, 3, place + 1, image, other);
            changes[1] += memcmp(first, other, size) != 0;
            dt_augmenter_draw(two, 3, place, image, other);
            changes[2] += memcmp(first, other, size) != 0;
            dt_augmenter_draw(one, 3, place, image, other);
            CU_ASSERT_EQUAL(memcmp(first, other, size), 0);
        }
        for (int i = 0; i < 3; i++)
            CU_ASSERT(changes[i] >= 4); /* flip: of two, about ten */
        dt_augmenter_destroy(one);
        dt_augmenter_destroy(two);
    }
}

/* Whatever an image has is moved by nothing when the amounts are 0. */
static void test_nothing(void)
{
    static uint8_t image[MOST], drawn[MOST];
    static const char *const lists[] = {"none", "scale 0, shear 0, rotate 0, shift 0", "erase 0",
                                        "elastic 3 0"};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
            fill(shapes[s], image);
            draw_once(lists[i], shapes[s], 7, image, drawn);
            CU_ASSERT_EQUAL(memcmp(image, drawn, (size_t)dt_shape_size(shapes[s])), 0);
        }
}

/* The value of the image at a place between its pixels; 0 beyond it. */
static double sample(dt_shape shape, const uint8_t *image, double y, double x, int channel)
{
    double sum = 0;
    for (int dy = 0; dy < 2; dy++)
        for (int dx = 0; dx < 2; dx++) {
            double row = floor(y) + dy, column = floor(x) + dx;
            double weight = (1 - fabs(y - row)) * (1 - fabs(x - column));
            if (row >= 0 && row < shape.height && column >= 0 && column < shape.width)
                sum += weight *
                       image[((int)row * shape.width + (int)column) * shape.channels + channel];
        }
    return sum;
}

/* What was drawn is the image after scaling, slanting, turning and moving by some amounts within
 * the limits: found by the draws of the header's words, computed the other way round, from the old
 * place to the new one. */
static void test_geometry(void)
{
    static uint8_t image[MOST], drawn[MOST];
    const double pi = 3.14159265358979323846;
    const dt_shape shape = {31, 25, 3};
    fill(shape, image);
    for (uint32_t place = 0; place < 30; place++) {
        dt_random_key key = {1, DT_STREAM_AUGMENT, 0, 0, place};
        dt_random_block move = dt_random_at(&key, 0), form = dt_random_at(&key, 1);
        double angle = 30 * pi / 180 * (2 * dt_uniform(form.word[0]) - 1);
        double size = 1 + 0.3 * (2 * dt_uniform(form.word[1]) - 1);
        double slant = 0.4 * (2 * dt_uniform(form.word[2]) - 1);
        double right = 5 * (2 * dt_uniform(move.word[0]) - 1);
        double down = 5 * (2 * dt_uniform(move.word[1]) - 1);
        draw_once("scale 0.3, shear 0.4, rotate 30, shift 5", shape, place, image, drawn);
        double worst = 0;
        for (int y = 0; y < shape.height; y++)
            for (int x = 0; x < shape.width; x++) {
                /* Solve size * R(angle) * (1 slant; 0 1) * old = new - centre - move. */
                double nx = x - 12 - right, ny = y - 15 - down;
                double ux = (cos(angle) * nx + sin(angle) * ny) / size;
                double uy = (cos(angle) * ny - sin(angle) * nx) / size;
                ux -= slant * uy;
                for (int c = 0; c < shape.channels; c++) {
                    double expected = sample(shape, image, uy + 15, ux + 12, c);
                    double found = drawn[(y * shape.width + x) * shape.channels + c];
                    worst = fmax(worst, fabs(found - expected));
                }
            }
        CU_ASSERT(worst <= 0.52);
    }
}

/* The mean square of the displacements is that of smoothed noise: alpha^2 / 3 by a normal
 * distribution of twice the variance at its centre, 1 / (4 pi sigma^2), but near the edges. */
static void test_elastic(void)
{
    static uint8_t image[MOST], drawn[MOST];
    const dt_shape shape = {40, 40, 1};
    const double sigma = 3, alpha = 30;
    double squares = 0;
    int count = 0;
    for (int y = 0; y < 40; y++) /* a pixel's value tells where it comes from */
        for (int x = 0; x < 40; x++)
            image[y * 40 + x] = (uint8_t)(6 * x);
    dt_augmenter *self = augmenter("elastic 3 30", shape, 1);
    for (uint32_t place = 0; place < 200; place++) {
        dt_augmenter_draw(self, 0, place, image, drawn);
        for (int y = 10; y < 30; y++)
            for (int x = 10; x < 30; x++, count++)
                squares += pow((drawn[y * 40 + x] - 6.0 * x) / 6, 2);
    }
    dt_augmenter_destroy(self);
    double expected = alpha * alpha / 3 / (4 * 3.14159265358979323846 * sigma * sigma);
    CU_ASSERT_DOUBLE_EQUAL(squares / count / expected, 1, 0.1);
}

static void test_flip_and_erase(void)
{
    static uint8_t image[MOST], drawn[MOST];
    const dt_shape shape = {19, 23, 3};
    int flipped = 0;
    memset(image, 200, sizeof image);
    for (uint32_t place = 0; place < 50; place++) {
        int first_row = 99, last_row = -1, first = 99, last = -1, erased = 0;
        draw_once("erase 1", shape, place, image, drawn);
        for (int i = 0; i < 19 * 23; i++) {
            const uint8_t *pixel = drawn + 3 * i;
            CU_ASSERT((pixel[0] == 0 || pixel[0] == 200) && pixel[1] == pixel[0] &&
                      pixel[2] == pixel[0]);
            if (pixel[0])
                continue;
            erased++;
            first_row = i / 23 < first_row ? i / 23 : first_row;
            last_row = i / 23 > last_row ? i / 23 : last_row;
            first = i % 23 < first ? i % 23 : first;
            last = i % 23 > last ? i % 23 : last;
        }
        CU_ASSERT(erased > 0 && erased <= 0.36 * 19 * 23);
        CU_ASSERT_EQUAL(erased, (last_row - first_row + 1) * (last - first + 1));
    }
    fill(shape, image);
    for (uint32_t place = 0; place < 100; place++) {
        draw_once("flip", shape, place, image, drawn);
        bool as_before = memcmp(image, drawn, (size_t)dt_shape_size(shape)) == 0;
        flipped += !as_before;
        for (int i = 0; i < 19 * 23 * 3; i++) {
            int pixel = i / 3, mirrored = pixel / 23 * 23 + 22 - pixel % 23;
            CU_ASSERT_EQUAL(drawn[i], image[as_before ? i : 3 * mirrored + i % 3]);
        }
    }
    CU_ASSERT(flipped > 30 && flipped < 70);
}

static void test_no_memory(void)
{
    dt_augment augment;
    dt_augmenter *out = NULL;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_augment_parse("elastic 4 34", &augment, &error), DT_OK);
    for (int n = 1; n <= 10; n++) {
        dt_memory_fail_at(n);
        CU_ASSERT_EQUAL(dt_augmenter_create(&augment, shapes[0], 1, &out, &error), DT_ERR_INTERNAL);
        dt_memory_fail_at(0);
        CU_ASSERT_PTR_NULL(out);
    }
}

CU_SuiteInfo dt_suite_augment(void)
{
    static CU_TestInfo tests[] = {
        {"lists, read and written", test_list},
        {"a function of seed, epoch and place", test_pure},
        {"amounts of 0", test_nothing},
        {"scaled, slanted, turned and moved", test_geometry},
        {"elastic displacements", test_elastic},
        {"flipped and erased", test_flip_and_erase},
        {"no memory", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "augment", .pTests = tests};
}
