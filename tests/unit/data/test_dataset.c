#include "data/dataset.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "draw.h"

CU_SuiteInfo dt_suite_dataset(void);

enum { PIXELS = 6, POOL = 900 };

/* A source whose sample n of the pool is known, which notes what is read of it. */
typedef struct fake {
    dt_source source;
    int64_t first[DT_PARTS], end[DT_PARTS]; /* the range of samples that was read of each part */
    int reads, fail_at;                     /* that read fails; 0: none */
} fake;

static uint8_t pixel_of(int64_t pooled, int place)
{
    return (uint8_t)(pooled >> place ^ 37 * place);
}

static uint8_t label_of(int64_t pooled)
{
    return (uint8_t)(pooled * pooled % 7);
}

static dt_status fake_read(dt_source *source, dt_part part, int64_t first, int64_t count,
                           uint8_t *images, int32_t *labels, dt_error *error)
{
    fake *self = (fake *)source;
    if (++self->reads == self->fail_at)
        return dt_fail(error, DT_ERR_IO, "the fake fails");
    self->first[part] = first < self->first[part] ? first : self->first[part];
    self->end[part] = first + count > self->end[part] ? first + count : self->end[part];
    for (int64_t i = 0; i < count; i++) {
        int64_t pooled = first + i + (part == DT_TEST ? source->count[DT_TRAIN] : 0);
        for (int j = 0; j < PIXELS; j++)
            images[i * PIXELS + j] = pixel_of(pooled, j);
        labels[i] = label_of(pooled);
    }
    return DT_OK;
}

static fake fake_of(int64_t train, int64_t test)
{
    fake of = {
        .source = {.name = "fake", .shape = {3, 2, 1}, .count = {train, test}, .read = fake_read},
        .first = {INT64_MAX, INT64_MAX}};
    dt_classes_of_number(&of.source, 7);
    return of;
}

static void share(dt_dataset *dataset, int64_t parts, dt_range own)
{
    for (int i = 0; i < DT_SUBSETS; i++)
        dataset->subsets[i].held = dt_partition_parts(dataset->subsets[i].count, parts, own);
}

static dt_status load(dt_dataset *dataset, fake *from, int parts, dt_range own, dt_error *error)
{
    share(dataset, parts, own);
    dt_status status = dt_dataset_hold(dataset, PIXELS, error);
    return status ? status : dt_dataset_load(dataset, &from->source, error);
}

static dt_dataset *create(fake *from, const dt_dataset_spec *spec)
{
    dt_dataset *dataset = NULL;
    dt_error error = {.status = DT_OK};
    CU_ASSERT_EQUAL_FATAL(dt_dataset_create(&from->source, spec, &dataset, &error), DT_OK);
    CU_ASSERT_EQUAL(error.status, DT_OK);
    return dataset;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

typedef struct sizes {
    int64_t train, test;                 /* of the source */
    int64_t limited_train, limited_test; /* that are used of it */
} sizes;

/* Counts and limits; val_fraction leaves both at least one sample. */
static dt_dataset_spec draw_spec(sizes *s, dt_random_sequence *random)
{
    dt_dataset_spec spec = {.split = (dt_split)draw_int(random, 0, 1),
                            .seed = dt_random_next(random)};
    s->train = draw_int(random, 1, draw_int(random, 0, 1) ? 20 : 600);
    s->test = draw_int(random, 1, draw_int(random, 0, 1) ? 20 : 300);
    if (draw_int(random, 0, 1))
        spec.train_limit = draw_int(random, 1, 700);
    if (draw_int(random, 0, 1))
        spec.test_limit = draw_int(random, 1, 400);
    s->limited_train = spec.train_limit ? least(s->train, spec.train_limit) : s->train;
    s->limited_test = spec.test_limit ? least(s->test, spec.test_limit) : s->test;
    int64_t pool = s->limited_train + (spec.split == DT_SPLIT_RANDOM ? s->limited_test : 0);
    if (pool > 1 && draw_int(random, 0, 2))
        spec.val_fraction = draw_int(random, 1, (int)pool - 1) / (double)pool;
    return spec;
}

static int64_t validation_count(const dt_dataset_spec *spec, const sizes *s)
{
    int64_t pool = s->limited_train + (spec->split == DT_SPLIT_RANDOM ? s->limited_test : 0);
    double exact = spec->val_fraction * (double)pool;
    int64_t count = (int64_t)exact;
    return count + (exact - (double)count >= 0.5);
}

/* Counts `members` in seen[]; they must be ascending and in the pool. */
static int mark(const dt_subset *subset, int64_t pool, unsigned char *seen)
{
    for (int64_t i = 0; i < subset->count; i++) {
        if (subset->members[i] < 0 || subset->members[i] >= pool ||
            (i > 0 && subset->members[i] <= subset->members[i - 1]))
            return 0;
        seen[subset->members[i]]++;
    }
    return 1;
}

/* Subsets are disjoint; together they are the first samples of both parts. */
static void test_members(void)
{
    dt_random_sequence random = draw_begin(120);
    for (int round = 0; round < 500; round++) {
        sizes s;
        dt_dataset_spec spec = draw_spec(&s, &random);
        fake source = fake_of(s.train, s.test);
        dt_dataset *dataset = create(&source, &spec);
        unsigned char seen[POOL] = {0};
        int good = 1, standard = spec.split == DT_SPLIT_STANDARD;
        for (int i = 0; i < DT_SUBSETS; i++)
            good &= mark(&dataset->subsets[i], s.train + s.test, seen);
        for (int64_t i = 0; i < s.train + s.test; i++)
            good &= seen[i] == (i < s.train ? i < s.limited_train : i - s.train < s.limited_test);
        CU_ASSERT_TRUE(good);
        const dt_subset *test = &dataset->subsets[DT_SUBSET_TEST];
        CU_ASSERT_EQUAL(test->count, standard ? s.limited_test : 0);
        for (int64_t i = 0; i < test->count; i++)
            good &= test->members[i] == s.train + i;
        CU_ASSERT_TRUE(good);
        CU_ASSERT_EQUAL(dataset->subsets[DT_SUBSET_VAL].count, validation_count(&spec, &s));
        CU_ASSERT_EQUAL(source.reads, 0);
        dt_dataset_destroy(dataset);
    }
}

/* With the same seed the same validation samples, with another one others; rounding. */
static void test_validation(void)
{
    dt_dataset_spec spec = {.val_fraction = 0.25, .seed = 1};
    fake source = fake_of(200, 50);
    dt_dataset *a = create(&source, &spec), *b = create(&source, &spec);
    spec.seed = 2;
    dt_dataset *c = create(&source, &spec);
    size_t size = 50 * sizeof(int32_t);
    CU_ASSERT_EQUAL_FATAL(a->subsets[DT_SUBSET_VAL].count, 50);
    CU_ASSERT_EQUAL(a->subsets[DT_SUBSET_TRAIN].count, 150);
    const int32_t *members = a->subsets[DT_SUBSET_VAL].members;
    CU_ASSERT_EQUAL(memcmp(members, b->subsets[DT_SUBSET_VAL].members, size), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(members, c->subsets[DT_SUBSET_VAL].members, size), 0);
    dt_dataset_destroy(a);
    dt_dataset_destroy(b);
    dt_dataset_destroy(c);
    static const struct {
        double fraction;
        int64_t count;
    } rounded[] = {{0.0025, 1}, {0.0074, 1}, {0.0076, 2}, {0.9974, 199}, {0, 0}};
    for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++) {
        spec.val_fraction = rounded[i].fraction;
        a = create(&source, &spec);
        CU_ASSERT_EQUAL(a->subsets[DT_SUBSET_VAL].count, rounded[i].count);
        dt_dataset_destroy(a);
    }
}

/* What is held of a subset is as it is in the source; held follows the positions before. */
static int holds(const dt_subset *subset, int64_t *next)
{
    if (subset->held.first != *next || subset->held.count < 0 ||
        subset->held.first + subset->held.count > subset->count)
        return 0;
    for (int64_t i = 0; i < subset->held.count; i++) {
        int64_t pooled = subset->members[subset->held.first + i];
        if (subset->labels[i] != label_of(pooled))
            return 0;
        for (int j = 0; j < PIXELS; j++)
            if (subset->images[i * PIXELS + j] != pixel_of(pooled, j))
                return 0;
    }
    *next += subset->held.count;
    return 1;
}

/* Nothing was read before the first member that is held or behind the last, part for part. */
static int read_no_more(const fake *source, const dt_dataset *dataset)
{
    int64_t first[DT_PARTS] = {INT64_MAX, INT64_MAX}, end[DT_PARTS] = {0};
    for (int s = 0; s < DT_SUBSETS; s++) {
        const dt_subset *subset = &dataset->subsets[s];
        for (int64_t i = subset->held.first; i < subset->held.first + subset->held.count; i++) {
            int64_t train = source->source.count[DT_TRAIN], member = subset->members[i];
            int part = member < train ? DT_TRAIN : DT_TEST;
            member -= part == DT_TEST ? train : 0;
            first[part] = least(first[part], member);
            end[part] = member + 1 > end[part] ? member + 1 : end[part];
        }
    }
    return memcmp(first, source->first, sizeof first) == 0 &&
           memcmp(end, source->end, sizeof end) == 0;
}

/* A rank with the parts `own` of each subset. */
/* The shards of any number of ranks are all samples, each once, the right images and labels. */
static void test_shards(void)
{
    dt_random_sequence random = draw_begin(121);
    for (int round = 0; round < 150; round++) {
        sizes s;
        dt_dataset_spec spec = draw_spec(&s, &random);
        int parts = draw_int(&random, 1, draw_int(&random, 0, 3) ? 12 : 800);
        int ranks = draw_int(&random, 1, 9), good = 1;
        int64_t next[DT_SUBSETS] = {0};
        dt_dataset *dataset = NULL;
        for (int r = 0; r < ranks; r++) {
            fake source = fake_of(s.train, s.test);
            dt_range own = dt_partition(parts, ranks, r);
            dataset = create(&source, &spec);
            CU_ASSERT_EQUAL(load(dataset, &source, parts, own, NULL), DT_OK);
            for (int i = 0; i < DT_SUBSETS; i++) {
                const dt_subset *subset = &dataset->subsets[i];
                dt_range held = dt_partition_parts(subset->count, parts, own);
                good &= subset->count == 0 || holds(subset, &next[i]);
                good &= subset->count == 0 || subset->held.count == held.count;
                if (r == ranks - 1)
                    good &= next[i] == subset->count;
            }
            good &= read_no_more(&source, dataset);
            dt_dataset_destroy(dataset);
        }
        CU_ASSERT_TRUE(good);
        if (!good)
            printf("%s, %d + %d, %d parts, %d ranks\n", dt_split_names[spec.split], (int)s.train,
                   (int)s.test, parts, ranks);
    }
}

static void test_keep_only(void)
{
    const dt_dataset_spec spec = {.val_fraction = 0.3, .seed = 3};
    for (int kind = 0; kind < DT_SUBSETS; kind++) {
        fake source = fake_of(60, 20), whole_source = fake_of(60, 20);
        dt_dataset *dataset = create(&source, &spec), *whole = create(&whole_source, &spec);
        dt_dataset_keep_only(dataset, (dt_subset_kind)kind);
        CU_ASSERT_EQUAL(load(dataset, &source, 1, (dt_range){0, 1}, NULL), DT_OK);
        CU_ASSERT_EQUAL(load(whole, &whole_source, 1, (dt_range){0, 1}, NULL), DT_OK);
        const dt_subset *kept = &dataset->subsets[kind], *same = &whole->subsets[kind];
        CU_ASSERT_TRUE(kept->count > 0 && kept->count == same->count);
        CU_ASSERT_EQUAL(memcmp(kept->labels, same->labels, (size_t)kept->count), 0);
        for (int i = 0; i < DT_SUBSETS; i++)
            CU_ASSERT_TRUE(i == kind ||
                           (dataset->subsets[i].count == 0 && dataset->subsets[i].images == NULL));
        CU_ASSERT_TRUE(read_no_more(&source, dataset));
        dt_dataset_destroy(dataset);
        dt_dataset_destroy(whole);
    }
}

/* A subset whose place was given is read there, and nowhere else; the place stays the caller's. */
static void test_place(void)
{
    fake source = fake_of(60, 20), other = fake_of(60, 20);
    const dt_dataset_spec spec = {.val_fraction = 0.5, .seed = 3};
    dt_dataset *dataset = create(&source, &spec), *own = create(&other, &spec);
    uint8_t images[30 * PIXELS], labels[30];
    dt_subset *train = &dataset->subsets[DT_SUBSET_TRAIN];
    dt_subset_place(train, images, labels);
    CU_ASSERT_EQUAL(load(dataset, &source, 1, (dt_range){0, 1}, NULL), DT_OK);
    CU_ASSERT_EQUAL(load(own, &other, 1, (dt_range){0, 1}, NULL), DT_OK);
    CU_ASSERT_PTR_EQUAL(train->images, images);
    CU_ASSERT_PTR_EQUAL(train->labels, labels);
    CU_ASSERT_EQUAL(train->held.count, 30);
    CU_ASSERT_EQUAL(memcmp(images, own->subsets[DT_SUBSET_TRAIN].images, sizeof images), 0);
    CU_ASSERT_EQUAL(memcmp(labels, own->subsets[DT_SUBSET_TRAIN].labels, sizeof labels), 0);
    dt_dataset_destroy(dataset);
    dt_dataset_destroy(own);
    dt_dataset_destroy(NULL);
}

/* What is taken out of pieces of any size is what is read whole. */
static void test_pieces(void)
{
    dt_random_sequence random = draw_begin(122);
    for (int round = 0; round < 100; round++) {
        sizes s;
        dt_dataset_spec spec = draw_spec(&s, &random);
        fake source = fake_of(s.train, s.test);
        const dt_range own = dt_partition(3, 2, round % 2);
        dt_dataset *pieces = create(&source, &spec), *whole = create(&source, &spec);
        CU_ASSERT_EQUAL_FATAL(load(whole, &source, 3, own, NULL), DT_OK);
        share(pieces, 3, own);
        CU_ASSERT_EQUAL_FATAL(dt_dataset_hold(pieces, PIXELS, NULL), DT_OK);
        for (dt_part part = 0; part < DT_PARTS; part++)
            for (int64_t first = 0, count; first < source.source.count[part]; first += count) {
                uint8_t images[POOL * PIXELS], labels[POOL];
                int64_t left = source.source.count[part] - first;
                count = draw_int(&random, 1, (int)left);
                dt_source_read(&source.source, part, first, count, images, labels, NULL);
                dt_dataset_take(pieces, &source.source, part, first, count, images, labels);
            }
        CU_ASSERT_EQUAL(dt_dataset_fingerprint(pieces, PIXELS),
                        dt_dataset_fingerprint(whole, PIXELS));
        dt_dataset_destroy(pieces);
        dt_dataset_destroy(whole);
    }
    CU_ASSERT_EQUAL(dt_dataset_piece(1), (4 << 20) / 2);
    CU_ASSERT_EQUAL(dt_dataset_piece((size_t)1 << 24), 1);
}

/* Fractions that leave one side empty, by the message's own numbers. */
static void test_no_samples_left(void)
{
    static const struct {
        double fraction;
        const char *words;
    } wrong[] = {{0.001, "0.001 of 40 samples leaves 40 for training and 0 for validation"},
                 {0.999, "0.999 of 40 samples leaves 0 for training and 40 for validation"},
                 {1, "1 of 40 samples leaves 0 for training and 40 for validation"}};
    fake source = fake_of(60, 20);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        dt_dataset_spec spec = {.val_fraction = wrong[i].fraction, .train_limit = 40};
        dt_dataset *dataset = NULL;
        dt_error error = {.status = DT_OK};
        CU_ASSERT_EQUAL(dt_dataset_create(&source.source, &spec, &dataset, &error), DT_ERR_CONFIG);
        CU_ASSERT_EQUAL(error.status, DT_ERR_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.message, wrong[i].words));
        CU_ASSERT_PTR_NULL(dataset);
    }
}

/* An error of any read is the error of the load; what was loaded so far is freed with the rest. */
static void test_read_errors(void)
{
    dt_dataset_spec spec = {.split = DT_SPLIT_RANDOM, .val_fraction = 0.3, .seed = 4};
    int fail_at = 0;
    dt_status status = DT_ERR_IO;
    while (status && fail_at < 20) {
        dt_error error = {.status = DT_OK};
        fake source = fake_of(60, 20);
        source.fail_at = ++fail_at;
        dt_dataset *dataset = create(&source, &spec);
        status = load(dataset, &source, 3, (dt_range){0, 3}, &error);
        CU_ASSERT_EQUAL(error.status, status);
        if (status) {
            CU_ASSERT_EQUAL(status, DT_ERR_IO);
            CU_ASSERT_STRING_EQUAL(error.message, "the fake fails");
        }
        dt_dataset_destroy(dataset);
    }
    CU_ASSERT_EQUAL(fail_at, 3); /* two parts, then none fails */
}

static void test_no_memory(void)
{
    dt_dataset_spec spec = {.val_fraction = 0.3, .seed = 4};
    dt_status status = DT_ERR_INTERNAL;
    int failures = -1;
    while (status == DT_ERR_INTERNAL && failures < 100) {
        fake source = fake_of(60, 20);
        dt_dataset *dataset = NULL;
        dt_error error = {.status = DT_OK};
        dt_memory_fail_at(++failures + 1);
        status = dt_dataset_create(&source.source, &spec, &dataset, &error);
        CU_ASSERT_EQUAL(dataset == NULL, status != DT_OK);
        if (!status)
            status = load(dataset, &source, 2, (dt_range){0, 1}, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(error.status, status);
        dt_dataset_destroy(dataset);
    }
    CU_ASSERT_EQUAL(status, DT_OK);
    CU_ASSERT(failures >= 12); /* a set, numbers, members of three; images and labels of three; a
                                  piece */
}

CU_SuiteInfo dt_suite_dataset(void)
{
    static CU_TestInfo tests[] = {
        {"subsets: disjoint, covering, ascending", test_members},
        {"validation samples: seed and rounding", test_validation},
        {"shards of any number of ranks are the whole", test_shards},
        {"only one subset is kept", test_keep_only},
        {"a subset in a place that is given", test_place},
        {"pieces of any size", test_pieces},
        {"no samples left", test_no_samples_left},
        {"every read may fail", test_read_errors},
        {"every allocation may fail", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "dataset", .pTests = tests};
}
