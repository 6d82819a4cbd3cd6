#include "run/insight.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/record.h"
#include "insight_check.h"
#include "nn/metrics.h"

#define FORMAT DT_INSIGHT_FORMAT "1"

/* A file larger than this many bytes is not read. */
#define SIZE_MAX_READ ((size_t)1 << 32)

/* What arrays have. */
enum { ANSWERS, COUNTS, PICTURES, PIXELS, CLASSES, RANKS, PHASES, TRACKED, DRAWN, SPANS, SIZES };

#define ROW(name, kind, record, member, ...)                                                       \
    {                                                                                              \
        DT_FIELD(kind, name, record, member), __VA_ARGS__                                          \
    }

static const dt_field root_fields[] = {
    ROW("classes", INT, dt_insight, classes, .least = 1, .most = 256),
    ROW("class_names", TEXT, dt_insight, class_names, .optional = true),
    ROW("height", INT, dt_insight, shape.height, .least = 1, .most = 4096),
    ROW("width", INT, dt_insight, shape.width, .least = 1, .most = 4096),
    ROW("channels", INT, dt_insight, shape.channels, .least = 1, .most = 4),
    ROW("epoch", INTEGER, dt_insight, epoch, .least = 0, .most = INT64_MAX),
    ROW("step", INTEGER, dt_insight, step, .least = 0, .most = INT64_MAX),
};

static const dt_field answers_fields[] = {
    ROW("counts", WHOLE, dt_answers, counts, .least = 0, .most = 1 << 24, .rank = 1,
        .sizes = {COUNTS}),
    ROW("samples", INTEGER, dt_answers, samples, .least = 1, .most = INT64_MAX),
    {DT_FIELD(REAL, "loss", dt_answers, loss)},
};

#define LIST(record, member, size)                                                                 \
    ROW(#member, LIST, record, member, .least = 0, .most = INT64_MAX, .rank = 1, .sizes = {size})
#define IMAGES(record, size)                                                                       \
    ROW("pixels", BYTES, record, pixels, .least = 0, .most = 255, .rank = 2,                       \
        .sizes = {size, PIXELS})

static const dt_field gallery_fields[] = {
    IMAGES(dt_gallery, PICTURES),
    ROW("probabilities", FLOATS, dt_gallery, probabilities, .rank = 2,
        .sizes = {PICTURES, CLASSES}),
    ROW("scores", FLOATS, dt_gallery, scores, .rank = 1, .sizes = {PICTURES}),
    LIST(dt_gallery, samples, PICTURES),
    LIST(dt_gallery, labels, PICTURES),
    LIST(dt_gallery, answers, PICTURES),
};

static const dt_field drawn_fields[] = {
    IMAGES(dt_drawn, DRAWN),
    LIST(dt_drawn, samples, DRAWN),
    LIST(dt_drawn, labels, DRAWN),
    LIST(dt_drawn, epochs, DRAWN),
};

static const dt_field time_fields[] = {
    ROW("seconds", DOUBLES, dt_insight, phase_seconds, .rank = 2, .sizes = {RANKS, PHASES}),
};

static const dt_field tracked_fields[] = {
    ROW("gradient_norms", FLOATS, dt_insight, gradient_norms, .rank = 1, .sizes = {TRACKED}),
    ROW("margins", FLOATS, dt_insight, margins, .rank = 1, .sizes = {TRACKED}),
};

#define SPAN_NUMBERS(name, member)                                                                 \
    ROW(name, WHOLE, dt_excerpt, member, .least = 0, .most = 1 << 24, .rank = 1, .sizes = {SPANS})
#define SPAN_TIMES(name, member) ROW(name, DOUBLES, dt_excerpt, member, .rank = 1, .sizes = {SPANS})

static const dt_field timeline_fields[] = {
    SPAN_NUMBERS("ranks", ranks),
    SPAN_NUMBERS("phases", phases),
    SPAN_TIMES("begins", begins),
    SPAN_TIMES("ends", ends),
    ROW("step", INTEGER, dt_excerpt, step, .least = 1, .most = INT64_MAX),
    ROW("steps", INTEGER, dt_excerpt, steps, .least = 0, .most = INT64_MAX),
    ROW("all_steps", INTEGER, dt_excerpt, all_steps, .least = 1, .most = INT64_MAX),
    {DT_FIELD(REAL, "median", dt_excerpt, median)},
};

/* A group that is there where there is something to say. */
typedef struct section {
    const char *group;
    size_t offset; /* in dt_insight, of the struct that has its fields */
    size_t count;  /* in that, an int64_t: how much there is; 0: no such group */
    int size;      /* whose count that is; ANSWERS: a field's */
    const dt_field *fields;
    size_t field_count;
} section;

#define SECTION(group, record, member, count, size, fields)                                        \
    {                                                                                              \
        group, member, offsetof(record, count), size, fields, sizeof fields / sizeof *fields       \
    }
#define ANSWERS_OF(part)                                                                           \
    SECTION("/answers/" #part, dt_answers, offsetof(dt_insight, part), samples, ANSWERS,           \
            answers_fields)
#define GALLERY(part)                                                                              \
    SECTION("/" #part, dt_gallery, offsetof(dt_insight, part), count, PICTURES, gallery_fields)

static const section sections[] = {
    ANSWERS_OF(test),
    ANSWERS_OF(val),
    GALLERY(mistakes),
    GALLERY(hardest),
    GALLERY(doubtful),
    SECTION("/tracked", dt_insight, 0, tracked, TRACKED, tracked_fields),
    SECTION("/augmented", dt_drawn, offsetof(dt_insight, augmented), count, DRAWN, drawn_fields),
    SECTION("/timeline", dt_excerpt, offsetof(dt_insight, timeline), count, SPANS, timeline_fields),
};

enum { SECTIONS = sizeof sections / sizeof *sections };

/* An insight with all that is needed to read and write it. */
typedef struct work {
    dt_insight *insight;
    dt_size sizes[SIZES];
    dt_record root, time, sections[SECTIONS];
    int64_t *counts[SECTIONS];
} work;

/* What follows from the fields of the root. */
static void set_sizes(work *self)
{
    const dt_insight *insight = self->insight;
    const dt_size sizes[SIZES] = {
        [ANSWERS] = {"samples", 0, INT64_MAX},
        [COUNTS] = {"counts", (int64_t)dt_metrics_size(insight->classes), 0},
        [PICTURES] = {"pictures", 0, DT_GALLERY_MAX},
        [PIXELS] = {"pixels", dt_shape_size(insight->shape), 0},
        [CLASSES] = {"classes", insight->classes, 0},
        [RANKS] = {"ranks", insight->ranks, INT_MAX},
        [PHASES] = {"phases", DT_PHASES, 0},
        [TRACKED] = {"samples", 0, INT64_MAX},
        [DRAWN] = {"pictures", 0, DT_GALLERY_MAX},
        [SPANS] = {"spans", 0, DT_EXCERPT_RANKS * DT_EXCERPT_SPANS},
    };
    memcpy(self->sizes, sizes, sizeof sizes);
}

static void begin(work *self, dt_insight *insight)
{
    self->insight = insight;
    self->root = (dt_record){root_fields, sizeof root_fields / sizeof *root_fields, insight, "",
                             self->sizes};
    self->time = (dt_record){time_fields, 1, insight, "/time", self->sizes};
    for (int i = 0; i < SECTIONS; i++) {
        char *part = (char *)insight + sections[i].offset;
        self->sections[i] = (dt_record){sections[i].fields, sections[i].field_count, part,
                                        sections[i].group, self->sizes};
        self->counts[i] = (int64_t *)(part + sections[i].count);
    }
    set_sizes(self);
}

static dt_status check_section(work *self, int i, dt_error *error)
{
    const dt_record *record = &self->sections[i];
    dt_size *size = &self->sizes[sections[i].size];
    int classes = self->insight->classes;
    size->count = *self->counts[i];
    if (size->count < 0 || size->count > size->most)
        return dt_fail(error, DT_ERR_DATA, "%s: expected 0 to %" PRId64 " %s, found %" PRId64,
                       record->group, size->most, size->of, size->count);
    dt_status status = size->count > 0 ? dt_record_check(record, error) : DT_OK;
    if (!status && size->count > 0 && sections[i].size == ANSWERS)
        status = insight_check_answers(record->group, record->at, classes, error);
    if (!status && sections[i].size == PICTURES)
        status = insight_check_gallery(record->group, record->at, classes, error);
    return status;
}

/* What holds for every insight, to be written or just read. */
static dt_status check(work *self, dt_error *error)
{
    dt_status status = dt_record_check(&self->root, error);
    for (int i = 0; i < SECTIONS && !status; i++)
        status = check_section(self, i, error);
    return status ? status : insight_check_rest(self->insight, error);
}

static dt_status add_facts(dt_hdf5_image *image, const dt_insight *insight, dt_error *error)
{
    const char *names[DT_FACTS_MAX];
    if (insight->fact_count == 0)
        return DT_OK;
    dt_status status = dt_hdf5_image_add_group(image, "/facts", error);
    for (int i = 0; !status && i < insight->fact_count; i++) {
        dt_attribute fact = dt_attribute_text(insight->facts[i].name, insight->facts[i].value);
        names[i] = insight->facts[i].name;
        status = dt_hdf5_image_add_attribute(image, "/facts", &fact, error);
    }
    dt_attribute order = dt_attribute_texts("facts", (size_t)insight->fact_count, names);
    return status ? status : dt_hdf5_image_add_attribute(image, "/", &order, error);
}

static dt_status add_time(const work *self, dt_hdf5_image *image, dt_error *error)
{
    const dt_insight *insight = self->insight;
    dt_attribute phases = dt_attribute_texts("phases", DT_PHASES, dt_phase_names);
    dt_text lines = {.grows = true};
    if (insight->ranks == 0)
        return DT_OK;
    for (int r = 0; r < insight->ranks; r++)
        dt_text_add(&lines, "%s%s", r > 0 ? "\n" : "", insight->hosts[r]);
    dt_status status = dt_text_status(&lines, error);
    if (!status)
        status = dt_record_to_hdf5(&self->time, image, error);
    if (!status)
        status = dt_hdf5_image_add_attribute(image, "/time", &phases, error);
    if (!status)
        status = dt_hdf5_image_add_text(image, "/time/hosts", lines.text, lines.length, error);
    dt_free(lines.text);
    return status;
}

static dt_status add_content(work *self, dt_hdf5_image *image, dt_error *error)
{
    dt_attribute format = dt_attribute_text("format", FORMAT);
    dt_status status = dt_hdf5_image_add_attribute(image, "/", &format, error);
    if (!status)
        status = dt_record_to_hdf5(&self->root, image, error);
    if (!status)
        status = add_facts(image, self->insight, error);
    for (int i = 0; i < SECTIONS && !status; i++) {
        self->sizes[sections[i].size].count = *self->counts[i];
        if (*self->counts[i] > 0)
            status = dt_record_to_hdf5(&self->sections[i], image, error);
    }
    return status ? status : add_time(self, image, error);
}

dt_status dt_insight_write(const char *path, const dt_insight *insight, dt_error *error)
{
    work self;
    dt_error own = {0};
    dt_hdf5_image *image = NULL;
    void *bytes = NULL;
    size_t size;
    begin(&self, (dt_insight *)insight);
    dt_status status = check(&self, &own) ? DT_ERR_INTERNAL : DT_OK;
    if (!status)
        status = dt_hdf5_image_create(&image, &own);
    if (!status)
        status = add_content(&self, image, &own);
    if (!status)
        status = dt_hdf5_image_finish(image, &bytes, &size, &own);
    if (status)
        dt_fail(error, status, "%s: %s", path, own.message);
    else
        status = dt_atomic_write(path, bytes, size, error);
    dt_free(bytes);
    dt_hdf5_image_destroy(image);
    return status;
}

static dt_status read_format(const dt_hdf5_reader *reader, dt_error *error)
{
    char *text;
    dt_status status = dt_hdf5_reader_text_attribute(reader, "/", "format", &text, error);
    if (!status && strcmp(text, FORMAT) != 0)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute format of /: expected '" FORMAT "', found '%.60s'", text);
    dt_free(text);
    return status;
}

static dt_status read_facts(const dt_hdf5_reader *reader, dt_insight *out, dt_error *error)
{
    char **names;
    size_t count;
    if (!dt_hdf5_reader_has_attribute(reader, "/", "facts"))
        return DT_OK;
    dt_status status = dt_hdf5_reader_text_list(reader, "/", "facts", &names, &count, error);
    if (!status && count > DT_FACTS_MAX)
        status = dt_fail(error, DT_ERR_DATA, "attribute facts of /: expected at most %d, found %zu",
                         DT_FACTS_MAX, count);
    if (!status && !(out->facts = dt_calloc(count, sizeof *out->facts, error)))
        status = DT_ERR_INTERNAL;
    for (size_t i = 0; !status && i < count; i++) {
        dt_fact *fact = &out->facts[out->fact_count++];
        fact->name = dt_strdup(names[i], error);
        status = fact->name ? dt_hdf5_reader_text_attribute(reader, "/facts", names[i],
                                                            &fact->value, error)
                            : DT_ERR_INTERNAL;
    }
    dt_free(names);
    return status;
}

static dt_status read_phases(const dt_hdf5_reader *reader, dt_error *error)
{
    char **names;
    size_t count;
    dt_status status = dt_hdf5_reader_text_list(reader, "/time", "phases", &names, &count, error);
    bool same = !status && count == DT_PHASES;
    for (size_t i = 0; same && i < count; i++)
        same = strcmp(names[i], dt_phase_names[i]) == 0;
    if (!status && !same)
        status = dt_fail(error, DT_ERR_DATA,
                         "attribute phases of /time: expected %d names from %s on, found %zu "
                         "from %.40s on",
                         DT_PHASES, dt_phase_names[0], count, count > 0 ? names[0] : "none");
    dt_free(names);
    return status;
}

static dt_status read_time(work *self, const dt_hdf5_reader *reader, dt_error *error)
{
    dt_insight *out = self->insight;
    char *text = NULL;
    size_t length;
    dt_status status = read_phases(reader, error);
    self->sizes[RANKS].count = -1;
    if (!status)
        status = dt_record_of_hdf5(&self->time, reader, error);
    if (!status)
        status = dt_hdf5_reader_text(reader, "/time/hosts", &text, &length, error);
    int ranks = (int)self->sizes[RANKS].count;
    if (!status && !(out->hosts = dt_calloc((size_t)ranks, sizeof *out->hosts, error)))
        status = DT_ERR_INTERNAL;
    char *rest = text;
    while (!status && rest && out->ranks < ranks) {
        char *name = dt_strdup(strsep(&rest, "\n"), error);
        out->hosts[out->ranks] = name;
        out->ranks += name != NULL;
        status = name ? DT_OK : DT_ERR_INTERNAL;
    }
    if (!status && (rest || out->ranks < ranks))
        status = dt_fail(error, DT_ERR_DATA, "/time/hosts: expected %d lines, found %s", ranks,
                         rest ? "more" : "fewer");
    dt_free(text);
    return status;
}

static dt_status read_content(work *self, const dt_hdf5_reader *reader, dt_error *error)
{
    dt_status status = read_format(reader, error);
    if (!status)
        status = dt_record_of_hdf5(&self->root, reader, error);
    if (!status)
        status = read_facts(reader, self->insight, error);
    set_sizes(self);
    for (int i = 0; i < SECTIONS && !status; i++) {
        dt_size *size = &self->sizes[sections[i].size];
        if (!dt_hdf5_reader_has(reader, sections[i].group))
            continue;
        size->count = -1;
        status = dt_record_of_hdf5(&self->sections[i], reader, error);
        if (!status && sections[i].size != ANSWERS)
            *self->counts[i] = size->count;
    }
    if (!status && dt_hdf5_reader_has(reader, "/time"))
        status = read_time(self, reader, error);
    return status ? status : check(self, error);
}

dt_status dt_insight_decode(const void *bytes, size_t size, dt_insight *out, dt_error *error)
{
    work self;
    dt_hdf5_reader *reader;
    *out = (dt_insight){0};
    begin(&self, out);
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, error);
    if (status)
        return status;
    status = read_content(&self, reader, error);
    dt_hdf5_reader_destroy(reader);
    if (status)
        dt_insight_destroy(out);
    return status;
}

dt_status dt_insight_read(const char *path, dt_insight *out, dt_error *error)
{
    void *bytes;
    size_t size;
    *out = (dt_insight){0};
    dt_status status = dt_read_file(path, SIZE_MAX_READ, &bytes, &size, error);
    if (status)
        return status;
    status = dt_insight_decode(bytes, size, out, error);
    dt_free(bytes);
    return status && error ? dt_fail_in(error, "%s", path) : status;
}

void dt_insight_destroy(dt_insight *insight)
{
    work self;
    if (!insight)
        return;
    begin(&self, insight);
    for (int i = 0; i < SECTIONS; i++)
        dt_record_free(&self.sections[i]);
    dt_record_free(&self.root);
    dt_record_free(&self.time);
    for (int r = 0; insight->hosts && r < insight->ranks; r++)
        dt_free(insight->hosts[r]);
    dt_free(insight->hosts);
    for (int i = 0; insight->facts && i < insight->fact_count; i++) {
        dt_free(insight->facts[i].name);
        dt_free(insight->facts[i].value);
    }
    dt_free(insight->facts);
    *insight = (dt_insight){0};
}
