#include "data/source.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "data/glyphs.h"
#include "draw.h"

CU_SuiteInfo dt_suite_synthetic(void);

enum { SIDE = 28, PIXELS = SIDE * SIDE };

typedef struct batch {
    int count;
    uint8_t *images, *labels;
} batch;

static batch batch_of(int count)
{
    return (batch){count, dt_calloc((size_t)count, PIXELS, NULL),
                   dt_calloc((size_t)count, 1, NULL)};
}

static void batch_free(batch *b)
{
    dt_free(b->images);
    dt_free(b->labels);
}

static void read_into(batch *b, dt_source *source, dt_part part, int64_t first)
{
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_source_read(source, part, first, b->count, b->images, b->labels, &error),
                    DT_OK);
}

/* The first `count` samples of a part. */
static batch read_first(uint64_t seed, dt_part part, int count)
{
    dt_source *source = NULL;
    CU_ASSERT_EQUAL_FATAL(dt_source_open_synthetic(seed, &source, NULL), DT_OK);
    batch b = batch_of(count);
    read_into(&b, source, part, 0);
    dt_source_close(source);
    return b;
}

static bool same(const batch *a, const batch *b)
{
    return memcmp(a->images, b->images, (size_t)a->count * PIXELS) == 0 &&
           memcmp(a->labels, b->labels, (size_t)a->count) == 0;
}

static void test_facts(void)
{
    dt_source *source = NULL;
    CU_ASSERT_EQUAL_FATAL(dt_source_open_synthetic(1, &source, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(source->name, "synthetic digits");
    CU_ASSERT_EQUAL(source->shape.height, SIDE);
    CU_ASSERT_EQUAL(source->shape.width, SIDE);
    CU_ASSERT_EQUAL(source->shape.channels, 1);
    CU_ASSERT_EQUAL(source->classes, 10);
    CU_ASSERT_EQUAL(source->count[DT_TRAIN], 60000);
    CU_ASSERT_EQUAL(source->count[DT_TEST], 10000);
    CU_ASSERT_FALSE(source->sequential);
    dt_source_close(source);
}

static void test_same_seed_same_bytes(void)
{
    batch a = read_first(7, DT_TRAIN, 301), b = read_first(7, DT_TRAIN, 301);
    CU_ASSERT_TRUE(same(&a, &b));
    batch_free(&a);
    batch_free(&b);
}

/* A range holds the samples that are read one by one, in any order, and nothing is written beyond
 * it; the ends of the parts and empty ranges are among the ranges. */
static void test_ranges(void)
{
    dt_source *source = NULL;
    CU_ASSERT_EQUAL_FATAL(dt_source_open_synthetic(3, &source, NULL), DT_OK);
    dt_random_sequence random = draw_begin(1);
    batch range = batch_of(41), single = batch_of(1);
    for (int trial = 0; trial < 24; trial++) {
        dt_part part = trial % 2 ? DT_TEST : DT_TRAIN;
        int count = draw_int(&random, 0, 40), last = (int)source->count[part] - count;
        int first = trial < 2 ? last : trial < 4 ? 0 : draw_int(&random, 0, last);
        memset(range.images, 0xA5, (size_t)range.count * PIXELS);
        memset(range.labels, 0xA5, (size_t)range.count);
        CU_ASSERT_EQUAL(
            dt_source_read(source, part, first, count, range.images, range.labels, NULL), DT_OK);
        bool good = range.labels[count] == 0xA5 && range.images[count * PIXELS] == 0xA5;
        for (int i = count - 1; i >= 0; i--) {
            read_into(&single, source, part, first + i);
            good &= single.labels[0] == range.labels[i];
            good &= memcmp(single.images, range.images + i * PIXELS, PIXELS) == 0;
        }
        CU_ASSERT_TRUE(good);
    }
    batch_free(&range);
    batch_free(&single);
    dt_source_close(source);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* No image comes twice, in a part, in the other part, or under another seed, and the labels of
 * each are another sequence. */
static void test_all_samples_differ(void)
{
    enum { SETS = 5, EACH = 300 };
    static const uint64_t seeds[SETS] = {1, 1, 2, 0, (uint64_t)1 << 32 | 1};
    static const dt_part parts[SETS] = {DT_TRAIN, DT_TEST, DT_TRAIN, DT_TRAIN, DT_TRAIN};
    uint64_t hashes[SETS * EACH], label_hashes[SETS];
    for (int k = 0; k < SETS; k++) {
        batch b = read_first(seeds[k], parts[k], EACH);
        label_hashes[k] = dt_hash(b.labels, EACH);
        for (int i = 0; i < EACH; i++)
            hashes[k * EACH + i] = dt_hash(b.images + i * PIXELS, PIXELS);
        batch_free(&b);
    }
    qsort(hashes, SETS * EACH, sizeof *hashes, compare_hashes);
    qsort(label_hashes, SETS, sizeof *label_hashes, compare_hashes);
    int twice = 0;
    for (int i = 1; i < SETS * EACH; i++)
        twice += hashes[i] == hashes[i - 1];
    for (int k = 1; k < SETS; k++)
        twice += label_hashes[k] == label_hashes[k - 1];
    CU_ASSERT_EQUAL(twice, 0);
}

/* Ten classes of equal probability: chi-squared with 9 degrees of freedom below its 0.999 quantile.
 * One that is all too small would be a cycle, not chance. */
static void test_label_balance(void)
{
    enum { COUNT = 4000 };
    for (int part = 0; part < DT_PARTS; part++) {
        batch b = read_first(1, (dt_part)part, COUNT);
        int seen[256] = {0};
        for (int i = 0; i < COUNT; i++)
            seen[b.labels[i]]++;
        double chi = 0, expected = COUNT / 10.0;
        int labelled = 0;
        for (int c = 0; c < 10; c++) {
            chi += (seen[c] - expected) * (seen[c] - expected) / expected;
            labelled += seen[c];
        }
        CU_ASSERT_EQUAL(labelled, COUNT);
        CU_ASSERT(chi > 0.9 && chi < 27.9);
        batch_free(&b);
    }
}

/* The frame of MNIST: at most 20 x 20 pixels with ink, their centre of mass at pixel (14, 14), and
 * a stroke that is dark somewhere. */
static bool framed(const uint8_t *image)
{
    int left = SIDE, right = -1, top = SIDE, bottom = -1, darkest = 0;
    double mass = 0, mean_x = 0, mean_y = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            int value = image[y * SIDE + x];
            if (value == 0)
                continue;
            left = x < left ? x : left;
            right = x > right ? x : right;
            top = y < top ? y : top;
            bottom = y > bottom ? y : bottom;
            darkest = value > darkest ? value : darkest;
            mass += value;
            mean_x += value * x;
            mean_y += value * y;
        }
    int width = right - left + 1, height = bottom - top + 1;
    return width <= 20 && height <= 20 && (width >= 15 || height >= 15) && darkest >= 128 &&
           fabs(mean_x / mass - 14) < 2 && fabs(mean_y / mass - 14) < 2;
}

/* MNIST has 80.9 % zeros, mean 0.1307 and standard deviation 0.3081 (of 1): a network's
 * normalisation must suit both. */
static void test_like_mnist(void)
{
    enum { COUNT = 2000 };
    batch b = read_first(1, DT_TEST, COUNT);
    double zeros = 0, sum = 0, squares = 0, size = (double)COUNT * PIXELS;
    int unframed = 0;
    for (int i = 0; i < COUNT; i++)
        unframed += !framed(b.images + i * PIXELS);
    for (int i = 0; i < COUNT * PIXELS; i++) {
        double value = b.images[i] / 255.0;
        zeros += value == 0;
        sum += value;
        squares += value * value;
    }
    double mean = sum / size, deviation = sqrt(squares / size - mean * mean);
    CU_ASSERT_EQUAL(unframed, 0);
    CU_ASSERT_DOUBLE_EQUAL(zeros / size, 0.81, 0.02);
    CU_ASSERT_DOUBLE_EQUAL(mean, 0.1307, 0.015);
    CU_ASSERT_DOUBLE_EQUAL(deviation, 0.3081, 0.025);
    batch_free(&b);
}

static float distance(const float *a, const uint8_t *b)
{
    float sum[16] = {0};
    for (int i = 0; i < PIXELS; i += 16)
        for (int k = 0; k < 16; k++) {
            float gap = a[i + k] - (float)b[i + k];
            sum[k] += gap * gap;
        }
    float total = 0;
    for (int k = 0; k < 16; k++)
        total += sum[k];
    return total;
}

/* Index of the row of points[count][PIXELS] that is nearest to an image. */
static int nearest(const float *points, int count, const uint8_t *image)
{
    int best = 0;
    float least = INFINITY;
    for (int k = 0; k < count; k++) {
        float d = distance(points + k * PIXELS, image);
        if (d < least) {
            least = d;
            best = k;
        }
    }
    return best;
}

/* What makes the digits a test of a network: the means of the classes, a linear classifier, do not
 * tell them apart, yet they are there to be learnt: the nearest of the training samples, which
 * draws no straight borders, does far better. MNIST, from so few samples: 79 % and 90 %. */
static void test_difficulty(void)
{
    enum { TRAIN = 2000, TEST = 300 };
    batch train = read_first(1, DT_TRAIN, TRAIN), test = read_first(1, DT_TEST, TEST);
    float *samples = dt_calloc((size_t)TRAIN * PIXELS, sizeof *samples, NULL);
    float *means = dt_calloc(10 * PIXELS, sizeof *means, NULL);
    int count[10] = {0}, by_mean = 0, by_neighbour = 0;
    for (int i = 0; i < TRAIN; i++)
        count[train.labels[i]]++;
    for (int i = 0; i < TRAIN; i++)
        for (int p = 0; p < PIXELS; p++) {
            int label = train.labels[i];
            samples[i * PIXELS + p] = train.images[i * PIXELS + p];
            means[label * PIXELS + p] += samples[i * PIXELS + p] / (float)count[label];
        }
    for (int i = 0; i < TEST; i++) {
        const uint8_t *image = test.images + i * PIXELS;
        by_mean += nearest(means, 10, image) == test.labels[i];
        by_neighbour += train.labels[nearest(samples, TRAIN, image)] == test.labels[i];
    }
    double mean_accuracy = (double)by_mean / TEST, accuracy = (double)by_neighbour / TEST;
    CU_ASSERT(mean_accuracy > 0.65 && mean_accuracy < 0.88);
    CU_ASSERT(accuracy > 0.88 && accuracy < 0.99);
    dt_free(samples);
    dt_free(means);
    batch_free(&train);
    batch_free(&test);
}

static bool form_is_good(const dt_glyph *form)
{
    bool good = form->count >= 2 && form->count <= DT_GLYPH_POINTS_MAX;
    for (int i = 0; good && i < form->count; i++) {
        const dt_glyph_point *p = &form->point[i];
        bool ends = i + 1 == form->count || p[1].pen == DT_PEN_DOWN;
        good &= p->x <= 100 && p->y <= 100 && p->pen <= DT_PEN_CORNER;
        good &= i > 0 || p->pen == DT_PEN_DOWN;
        good &= !ends || p->pen == DT_PEN_SMOOTH; /* a stroke has length; its end is no corner */
    }
    return good;
}

static void test_forms(void)
{
    for (int digit = 0; digit < DT_GLYPH_DIGITS; digit++) {
        int count = 0, weights = 0;
        const dt_glyph *form = dt_glyph_forms(digit, &count);
        CU_ASSERT(count >= 2);
        for (int i = 0; i < count; i++) {
            CU_ASSERT_TRUE(form_is_good(&form[i]));
            CU_ASSERT(form[i].weight > 0);
            weights += form[i].weight;
        }
        CU_ASSERT_EQUAL(weights, 100);
    }
}

static void test_no_memory(void)
{
    for (int n = 1; n <= 2; n++) {
        dt_source *source = NULL;
        dt_error error = {0};
        dt_memory_fail_at(n);
        CU_ASSERT_EQUAL(dt_source_open_synthetic(1, &source, &error), DT_ERR_INTERNAL);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "memory"));
        CU_ASSERT_PTR_NULL(source);
    }
}

CU_SuiteInfo dt_suite_synthetic(void)
{
    static CU_TestInfo tests[] = {
        {"what the source says of itself", test_facts},
        {"same seed, same bytes", test_same_seed_same_bytes},
        {"a range is its samples", test_ranges},
        {"seed, part and index make another sample", test_all_samples_differ},
        {"classes are equally likely", test_label_balance},
        {"framed and inked like MNIST", test_like_mnist},
        {"a network's task, not a linear one", test_difficulty},
        {"forms of the digits", test_forms},
        {"no memory", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "synthetic", .pTests = tests};
}
