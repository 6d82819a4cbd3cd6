#define _GNU_SOURCE /* memmem */
#include "base/memory.h"
#include "base/trace.h"
#include "draw.h"
#include "hdf5_check.h"
#include "nn/metrics.h"
#include "run/content.h"
#include "run/insight.h"
#include "scratch_folder.h"

#include <math.h>

CU_SuiteInfo dt_suite_insight(void);

static const char *h5(void)
{
    return scratch_path(folder, "insight.h5");
}

static void *room(size_t count, size_t size)
{
    void *block = dt_calloc(count, size, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    return block;
}

static char *text_of(dt_random_sequence *random, const char *prefix)
{
    char text[64];
    snprintf(text, sizeof text, "%s %d h\xc3\xb6he", prefix, draw_int(random, 0, 1000000));
    return dt_strdup(text, NULL);
}

static float *draw_floats(dt_random_sequence *random, size_t count)
{
    float *values = room(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = draw_int(random, 0, 9) == 0 ? NAN : (float)draw_real(random, -5, 5);
    return values;
}

static dt_answers draw_answers(dt_random_sequence *random, int classes)
{
    size_t top2 = dt_metrics_top2(classes);
    dt_answers answers = {.loss = draw_real(random, 0, 3),
                          .counts = room(top2 + 1, sizeof(int64_t))};
    for (size_t i = 0; i < top2; i++)
        answers.samples += answers.counts[i] =
            draw_int(random, 0, 3) ? draw_int(random, 0, 99) : 1 << 24;
    answers.counts[top2] = draw_int(random, 0, 1000);
    return answers;
}

static dt_gallery draw_gallery(dt_random_sequence *random, int64_t count, const dt_insight *of)
{
    size_t n = (size_t)count, pixels = n * (size_t)dt_shape_size(of->shape);
    dt_gallery gallery = {.count = count,
                          .pixels = room(pixels, 1),
                          .samples = room(n, sizeof(int64_t)),
                          .labels = room(n, sizeof(int64_t)),
                          .answers = room(n, sizeof(int64_t)),
                          .probabilities = draw_floats(random, n * (size_t)of->classes),
                          .scores = draw_floats(random, n)};
    for (size_t i = 0; i < pixels; i++)
        gallery.pixels[i] = (uint8_t)draw_int(random, 0, 255);
    for (size_t i = 0; i < n; i++) {
        gallery.samples[i] = draw_int(random, 0, 59999);
        gallery.labels[i] = draw_int(random, 0, of->classes - 1);
        gallery.answers[i] = draw_int(random, 0, of->classes);
    }
    return gallery;
}

static void draw_time(dt_random_sequence *random, int ranks, dt_insight *out)
{
    size_t count = (size_t)ranks * DT_PHASES;
    out->ranks = ranks;
    out->hosts = room((size_t)ranks, sizeof *out->hosts);
    out->phase_seconds = room(count, sizeof *out->phase_seconds);
    for (int r = 0; r < ranks; r++)
        out->hosts[r] = text_of(random, "node");
    for (size_t i = 0; i < count; i++)
        out->phase_seconds[i] = (double)(float)draw_real(random, 0, 1e4);
}

static void draw_timeline(dt_random_sequence *random, int count, dt_insight *out)
{
    size_t n = (size_t)count;
    int ranks = out->ranks < DT_EXCERPT_RANKS ? out->ranks : DT_EXCERPT_RANKS;
    out->timeline = (dt_excerpt){.step = draw_int(random, 1, 99),
                                 .steps = draw_int(random, 0, 3),
                                 .all_steps = draw_int(random, 102, 999),
                                 .median = draw_real(random, 0, 1),
                                 .count = count,
                                 .ranks = room(n, sizeof(int64_t)),
                                 .phases = room(n, sizeof(int64_t)),
                                 .begins = room(n, sizeof(double)),
                                 .ends = room(n, sizeof(double))};
    for (size_t i = 0; i < n; i++) {
        out->timeline.ranks[i] = draw_int(random, 0, ranks - 1);
        out->timeline.phases[i] = draw_int(random, 0, DT_PHASES - 1);
        out->timeline.begins[i] = (double)(float)draw_real(random, 0, 1);
        out->timeline.ends[i] = (double)(float)draw_real(random, 1, 2);
    }
}

/* Rows of an image each. */
static void draw_drawn(dt_random_sequence *random, int64_t count, dt_insight *out)
{
    size_t n = (size_t)count, pixels = n * (size_t)dt_shape_size(out->shape);
    dt_drawn *drawn = &out->augmented;
    *drawn = (dt_drawn){.count = count,
                        .pixels = room(pixels, 1),
                        .samples = room(n, sizeof(int64_t)),
                        .labels = room(n, sizeof(int64_t)),
                        .epochs = room(n, sizeof(int64_t))};
    for (size_t i = 0; i < pixels; i++)
        drawn->pixels[i] = (uint8_t)draw_int(random, 0, 255);
    for (size_t i = 0; i < n; i++) {
        bool begins = i == 0 || draw_int(random, 0, 4) == 0;
        drawn->epochs[i] = begins ? 0 : drawn->epochs[i - 1] + 1;
        drawn->samples[i] = begins ? draw_int(random, 0, 59999) : drawn->samples[i - 1];
        drawn->labels[i] = begins ? draw_int(random, 0, out->classes - 1) : drawn->labels[i - 1];
    }
}

static void draw_facts(dt_random_sequence *random, int count, dt_insight *out)
{
    out->fact_count = count;
    out->facts = room((size_t)count, sizeof *out->facts);
    for (int i = 0; i < count; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "%c fact %d", 'z' - i % 26, i);
        out->facts[i].name = text_of(random, prefix);
        out->facts[i].value = i % 5 ? text_of(random, "value") : dt_strdup("", NULL);
    }
}

/* Drawn by `number`; parts are left out now and then. */
static dt_insight draw_insight(uint32_t number)
{
    dt_random_sequence sequence = draw_begin(number), *random = &sequence;
    dt_insight it = {
        .shape = {draw_int(random, 1, 9), draw_int(random, 1, 9), draw_int(random, 1, 4)},
        .classes = draw_int(random, 1, 12),
        .epoch = draw_int(random, 0, 100),
        .step = INT64_MAX - draw_int(random, 0, 100)};
    if (draw_int(random, 0, 3))
        it.test = draw_answers(random, it.classes);
    if (draw_int(random, 0, 1))
        it.val = draw_answers(random, it.classes);
    dt_gallery *const galleries[] = {&it.mistakes, &it.hardest, &it.doubtful};
    for (int i = 0; i < 3; i++)
        if (draw_int(random, 0, 2))
            *galleries[i] = draw_gallery(random, draw_int(random, 1, DT_GALLERY_MAX), &it);
    if (draw_int(random, 0, 1)) {
        it.tracked = draw_int(random, 1, 500);
        it.gradient_norms = draw_floats(random, (size_t)it.tracked);
        it.margins = draw_floats(random, (size_t)it.tracked);
    }
    if (draw_int(random, 0, 3))
        draw_time(random, draw_int(random, 1, 20), &it);
    if (it.ranks > 0 && draw_int(random, 0, 1))
        draw_timeline(random, draw_int(random, 1, 300), &it);
    if (draw_int(random, 0, 1))
        draw_drawn(random, draw_int(random, 1, DT_GALLERY_MAX), &it);
    if (draw_int(random, 0, 3))
        draw_facts(random, draw_int(random, 1, DT_FACTS_MAX), &it);
    return it;
}

static bool same(const void *a, const void *b, size_t count, size_t size)
{
    return count == 0 || (a && b && memcmp(a, b, count * size) == 0);
}

static bool same_answers(const dt_answers *a, const dt_answers *b, int classes)
{
    return a->samples == b->samples && a->loss == b->loss &&
           same(a->counts, b->counts, a->samples ? dt_metrics_size(classes) : 0, sizeof *a->counts);
}

static bool same_gallery(const dt_gallery *a, const dt_gallery *b, const dt_insight *of)
{
    size_t n = (size_t)a->count, pixels = n * (size_t)dt_shape_size(of->shape);
    return a->count == b->count && same(a->pixels, b->pixels, pixels, 1) &&
           same(a->samples, b->samples, n, sizeof *a->samples) &&
           same(a->labels, b->labels, n, sizeof *a->labels) &&
           same(a->answers, b->answers, n, sizeof *a->answers) &&
           same(a->scores, b->scores, n, sizeof *a->scores) &&
           same(a->probabilities, b->probabilities, n * (size_t)of->classes,
                sizeof *a->probabilities);
}

static bool same_drawn(const dt_drawn *a, const dt_drawn *b, const dt_insight *of)
{
    size_t n = (size_t)a->count, pixels = n * (size_t)dt_shape_size(of->shape);
    return a->count == b->count && same(a->pixels, b->pixels, pixels, 1) &&
           same(a->samples, b->samples, n, sizeof *a->samples) &&
           same(a->labels, b->labels, n, sizeof *a->labels) &&
           same(a->epochs, b->epochs, n, sizeof *a->epochs);
}

static bool same_timeline(const dt_excerpt *a, const dt_excerpt *b)
{
    size_t n = (size_t)a->count;
    return a->count == b->count && a->step == b->step && a->steps == b->steps &&
           a->all_steps == b->all_steps && a->median == b->median &&
           same(a->ranks, b->ranks, n, sizeof *a->ranks) &&
           same(a->phases, b->phases, n, sizeof *a->phases) &&
           same(a->begins, b->begins, n, sizeof *a->begins) &&
           same(a->ends, b->ends, n, sizeof *a->ends);
}

static bool same_insight(const dt_insight *a, const dt_insight *b)
{
    bool equal =
        memcmp(&a->shape, &b->shape, sizeof a->shape) == 0 && a->classes == b->classes &&
        a->epoch == b->epoch && a->step == b->step &&
        same_answers(&a->test, &b->test, a->classes) &&
        same_answers(&a->val, &b->val, a->classes) && same_gallery(&a->mistakes, &b->mistakes, a) &&
        same_gallery(&a->hardest, &b->hardest, a) && same_gallery(&a->doubtful, &b->doubtful, a) &&
        a->tracked == b->tracked &&
        same(a->gradient_norms, b->gradient_norms, (size_t)a->tracked, sizeof(float)) &&
        same(a->margins, b->margins, (size_t)a->tracked, sizeof(float)) && a->ranks == b->ranks &&
        a->fact_count == b->fact_count && same_timeline(&a->timeline, &b->timeline) &&
        same_drawn(&a->augmented, &b->augmented, a) &&
        same(a->phase_seconds, b->phase_seconds, (size_t)a->ranks * DT_PHASES, sizeof(double));
    for (int r = 0; equal && r < a->ranks; r++)
        equal = strcmp(a->hosts[r], b->hosts[r]) == 0;
    for (int i = 0; equal && i < a->fact_count; i++)
        equal = strcmp(a->facts[i].name, b->facts[i].name) == 0 &&
                strcmp(a->facts[i].value, b->facts[i].value) == 0;
    return equal;
}

static void what_was_written_comes_back(void)
{
    id_mark before = mark_ids();
    for (uint32_t number = 0; number < 60; number++) {
        dt_insight drawn = draw_insight(number), found;
        dt_error error = {0};
        CU_ASSERT_EQUAL_FATAL(dt_insight_write(h5(), &drawn, &error), DT_OK);
        CU_ASSERT_EQUAL_FATAL(dt_insight_read(h5(), &found, &error), DT_OK);
        CU_ASSERT_TRUE(same_insight(&drawn, &found));
        size_t size, again;
        char *first = scratch_read(h5(), &size);
        CU_ASSERT_EQUAL(dt_insight_write(h5(), &found, NULL), DT_OK);
        CU_ASSERT_TRUE(scratch_holds(h5(), first, size));
        CU_ASSERT_EQUAL(dt_content_of(first, size), DT_CONTENT_INSIGHT);
        free(first);
        first = scratch_read(h5(), &again);
        CU_ASSERT_EQUAL(size, again);
        free(first);
        dt_insight_destroy(&drawn);
        dt_insight_destroy(&found);
        dt_insight_destroy(&found);
    }
    dt_insight_destroy(NULL);
    assert_no_open_ids_since(before);
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
}

/* With everything in it, and small. */
static dt_insight whole(void)
{
    dt_random_sequence sequence = draw_begin(1000), *random = &sequence;
    dt_insight it = {.shape = {2, 3, 1}, .classes = 2, .epoch = 5, .step = 70};
    it.test = draw_answers(random, it.classes);
    it.val = draw_answers(random, it.classes);
    it.mistakes = draw_gallery(random, 2, &it);
    it.hardest = draw_gallery(random, 1, &it);
    it.doubtful = draw_gallery(random, 1, &it);
    it.tracked = 3;
    it.gradient_norms = draw_floats(random, 3);
    it.margins = draw_floats(random, 3);
    draw_time(random, 2, &it);
    draw_timeline(random, 4, &it);
    draw_drawn(random, 3, &it);
    for (int i = 0; i < 3; i++) { /* of one image */
        it.augmented.samples[i] = 7;
        it.augmented.labels[i] = 1;
        it.augmented.epochs[i] = i;
    }
    draw_facts(random, 3, &it);
    return it;
}

static void h5py_finds_it_where_the_header_says(void)
{
    dt_insight it = whole();
    CU_ASSERT_EQUAL_FATAL(dt_insight_write(h5(), &it, NULL), DT_OK);
    hid_t file = H5Fopen(h5(), H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    const char *names[DT_FACTS_MAX];
    for (int i = 0; i < it.fact_count; i++) {
        names[i] = it.facts[i].name;
        assert_texts(file, "/facts", names[i], -1, (const char *const *)&it.facts[i].value);
    }
    assert_texts(file, "/", "facts", it.fact_count, names);
    assert_text(file, "format", "dist-train insight 1");
    assert_texts(file, "/time", "phases", DT_PHASES, dt_phase_names);
    int64_t step = 0;
    read_number(file, "step", H5T_STD_I64LE, H5T_NATIVE_INT64, 1, &step);
    CU_ASSERT_EQUAL(step, 70);
    const dt_tensor scores = {.rank = 1, .shape = {2}};
    assert_dataset(file, "/mistakes/scores", &scores, it.mistakes.scores);
    const dt_tensor norms = {.rank = 1, .shape = {3}};
    assert_dataset(file, "/tracked/gradient_norms", &norms, it.gradient_norms);
    float pixels[2 * 6], drawn_pixels[3 * 6];
    for (int i = 0; i < 12; i++)
        pixels[i] = it.mistakes.pixels[i];
    const dt_tensor shape = {.rank = 2, .shape = {2, 6}};
    assert_dataset(file, "/mistakes/pixels", &shape, pixels);
    const dt_tensor drawn = {.rank = 2, .shape = {3, 6}};
    for (int i = 0; i < 18; i++)
        drawn_pixels[i] = it.augmented.pixels[i];
    assert_dataset(file, "/augmented/pixels", &drawn, drawn_pixels);
    CU_ASSERT_EQUAL(attribute_count(file, "/augmented"), 3);
    CU_ASSERT_EQUAL(link_count(file, "/"), 9);
    CU_ASSERT_EQUAL(link_count(file, "/answers"), 2);
    CU_ASSERT_EQUAL(attribute_count(file, "/mistakes"), 3);
    H5Fclose(file);
    dt_insight_destroy(&it);
}

static void assert_not_written(const dt_insight *insight, const char *reason)
{
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_insight_write(h5(), insight, &error), DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, h5()));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_TRUE(scratch_holds_text(h5(), "old"));
}

static void what_makes_no_sense_is_not_written(void)
{
    scratch_write(h5(), "old");
    dt_insight it = whole();
    it.test.samples++;
    assert_not_written(&it, "/answers/test: expected counts of ");
    it.test.samples--;
    int64_t count = it.val.counts[0];
    it.val.counts[0] = (1 << 24) + 1;
    assert_not_written(&it, "/answers/val/counts: expected 0 to 16777216, found 16777217");
    it.val.counts[0] = count;
    it.mistakes.labels[1] = 2;
    assert_not_written(&it, "labels of /mistakes: expected 0 to 1, found 2");
    it.mistakes.labels[1] = 1;
    it.hardest.answers[0] = 3;
    assert_not_written(&it, "answers of /hardest: expected 0 to 2, found 3");
    it.hardest.answers[0] = 2;
    it.doubtful.samples[0] = -1;
    assert_not_written(&it, "samples of /doubtful: expected 0 or more, found -1");
    it.doubtful.samples[0] = 0;
    it.hosts[1][1] = '\n';
    assert_not_written(&it, "expected a name of one line");
    it.hosts[1][1] = '?';
    it.phase_seconds[3] = (double)NAN;
    assert_not_written(&it, "/time/seconds: expected 0 or more, found nan of rank 0");
    it.phase_seconds[3] = 0;
    it.timeline.ranks[1] = 2;
    assert_not_written(&it, "and ranks below 2, found phase");
    it.timeline.ranks[1] = 0;
    it.timeline.phases[2] = DT_PHASES;
    assert_not_written(&it,
                       "/timeline: expected phases below 9 and ranks below 2, found phase 9 of");
    it.timeline.phases[2] = 0;
    it.timeline.begins[0] = 3;
    assert_not_written(&it, "/timeline: expected spans of time from 0 on, found 3 to");
    it.timeline.begins[0] = 0;
    it.timeline.steps = it.timeline.all_steps - it.timeline.step + 2;
    assert_not_written(&it, "steps, found");
    it.timeline.steps = 0;
    it.timeline.median = (double)INFINITY;
    assert_not_written(&it, "of inf seconds");
    it.timeline.median = 0;
    int64_t *const must_follow[] = {it.augmented.samples, it.augmented.labels, it.augmented.epochs};
    for (int i = 0; i < 3; i++) {
        must_follow[i][2] ^= 1;
        assert_not_written(&it, "/augmented: expected each image as it is, then epochs from 1 on");
        must_follow[i][2] ^= 1;
    }
    it.augmented.epochs[0] = 1;
    assert_not_written(&it, "found epoch 1 of sample ");
    it.augmented.epochs[0] = 0;
    it.augmented.labels[0] = it.augmented.labels[1] = it.augmented.labels[2] = 2;
    assert_not_written(&it, "labels of /augmented: expected 0 to 1, found 2");
    it.augmented.labels[0] = it.augmented.labels[1] = it.augmented.labels[2] = 0;
    it.augmented.count = DT_GALLERY_MAX + 1;
    assert_not_written(&it, "/augmented: expected 0 to 100 pictures, found 101");
    it.augmented.count = 3;
    it.facts[1].name[0] = '\0';
    assert_not_written(&it, "/facts: expected names");
    it.facts[1].name[0] = 'a';
    it.classes = 257;
    assert_not_written(&it, "classes of /: expected 1 to 256, found 257");
    it.classes = 2;
    CU_ASSERT_EQUAL(dt_insight_write(h5(), &it, NULL), DT_OK);
    dt_insight_destroy(&it);
}

/* The file `bytes` with `to` for the first `from` is refused for this reason. */
static void assert_refused(const char *bytes, size_t size, const void *from, const void *to,
                           size_t length, const char *reason)
{
    char *copy = malloc(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    memcpy(copy, bytes, size);
    char *at = memmem(copy, size, from, length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    memcpy(at, to, length);
    dt_insight found;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_insight_decode(copy, size, &found, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_PTR_NULL(found.facts);
    free(copy);
}

static void a_damaged_file_is_refused(void)
{
    dt_insight it = whole();
    it.test.counts[0] = 77;
    it.test.samples = 77;
    for (size_t i = 1; i < dt_metrics_top2(2); i++)
        it.test.counts[i] = 0;
    memset(it.mistakes.pixels, 99, 12);
    memset(it.augmented.pixels, 98, 18);
    CU_ASSERT_EQUAL_FATAL(dt_insight_write(h5(), &it, NULL), DT_OK);
    size_t size;
    char *bytes = scratch_read(h5(), &size);
    assert_refused(bytes, size, "insight 1", "insight 2", 9,
                   "expected 'dist-train insight 1', found 'dist-train insight 2'");
    assert_refused(bytes, size, "gather", "gahter", 6, "attribute phases of /time: expected ");
    assert_refused(bytes, size, "classes", "classen", 7, "attribute classes of /: expected one");
    const float counts[] = {77, 76, 77.5F, -77, 0x1p25F, NAN};
    assert_refused(bytes, size, &counts[0], &counts[1], 4, "expected counts of 77 samples");
    for (int i = 2; i < 6; i++)
        assert_refused(bytes, size, &counts[0], &counts[i], 4,
                       "/answers/test/counts: expected whole numbers from 0 to 16777216");
    const float pixels[] = {99, 256, 98};
    assert_refused(bytes, size, &pixels[0], &pixels[1], 4,
                   "/mistakes/pixels: expected whole numbers from 0 to 255, found 256");
    assert_refused(bytes, size, &pixels[2], &pixels[1], 4,
                   "/augmented/pixels: expected whole numbers from 0 to 255, found 256");
    char *line = strdup(it.hosts[0]);
    line[0] = '\n';
    assert_refused(bytes, size, it.hosts[0], line, strlen(line), "/time/hosts: expected 2 lines");
    free(line);
    free(bytes);
    dt_insight_destroy(&it);
}

/* Whatever becomes of its bytes: an answer, and no crash. */
static void no_byte_of_a_file_is_trusted(void)
{
    dt_insight it = whole(), found;
    CU_ASSERT_EQUAL_FATAL(dt_insight_write(h5(), &it, NULL), DT_OK);
    size_t size, refused = 0;
    char *bytes = scratch_read(h5(), &size);
    for (size_t i = 0; i < size; i += size / 40)
        for (int bit = 0; bit < 8; bit += 7) {
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
            dt_error error = {0};
            dt_status status = dt_insight_decode(bytes, size, &found, &error);
            CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_DATA);
            refused += status != DT_OK;
            dt_insight_destroy(&found);
            bytes[i] = (char)(bytes[i] ^ (1 << bit));
        }
    CU_ASSERT_TRUE(refused > 5);
    for (size_t cut = 0; cut < size; cut += size / 20)
        CU_ASSERT_EQUAL(dt_insight_decode(bytes, cut, &found, NULL), DT_ERR_DATA);
    free(bytes);
    dt_insight_destroy(&it);
}

static void errors_name_the_file(void)
{
    dt_insight it = {.shape = {1, 1, 1}, .classes = 1}, found = {.ranks = 9};
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_insight_read(h5(), &found, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "insight.h5"));
    CU_ASSERT_EQUAL(found.ranks, 0);
    scratch_write(h5(), "no HDF5");
    CU_ASSERT_EQUAL(dt_insight_read(h5(), &found, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "insight.h5"));
    scratch_limit_files(1000);
    CU_ASSERT_EQUAL(dt_insight_write(h5(), &it, &error), DT_ERR_IO);
    scratch_limit_files(RLIM_INFINITY);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "insight.h5: cannot write"));
    CU_ASSERT_TRUE(scratch_holds_text(h5(), "no HDF5"));
    CU_ASSERT_EQUAL(dt_insight_write(h5(), &it, &error), DT_OK);
    CU_ASSERT_EQUAL(dt_insight_read(h5(), &found, &error), DT_OK);
    CU_ASSERT_TRUE(same_insight(&it, &found));
    dt_insight_destroy(&found);
}

static void every_failed_allocation_is_survived(void)
{
    dt_insight it = whole(), found;
    id_mark before = mark_ids();
    for (int reading = 0; reading < 2; reading++) {
        dt_status status;
        long n = 0;
        do {
            dt_error error = {0};
            dt_memory_fail_at(++n);
            status = reading ? dt_insight_read(h5(), &found, &error)
                             : dt_insight_write(h5(), &it, &error);
            dt_memory_fail_at(0);
            CU_ASSERT_EQUAL(status, error.status);
            CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
            CU_ASSERT_TRUE(status == DT_OK || !reading || !found.facts);
            assert_no_open_ids_since(before);
        } while (status != DT_OK && n < 1000);
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT_TRUE(n > 10);
    }
    CU_ASSERT_TRUE(same_insight(&it, &found));
    dt_insight_destroy(&found);
    dt_insight_destroy(&it);
}

CU_SuiteInfo dt_suite_insight(void)
{
    static CU_TestInfo tests[] = {
        {"what was written comes back", what_was_written_comes_back},
        {"h5py finds it where the header says", h5py_finds_it_where_the_header_says},
        {"what makes no sense is not written", what_makes_no_sense_is_not_written},
        {"a damaged file is refused", a_damaged_file_is_refused},
        {"no byte of a file is trusted", no_byte_of_a_file_is_trusted},
        {"errors name the file", errors_name_the_file},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "insight",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
