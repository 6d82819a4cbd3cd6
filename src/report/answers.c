#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/class_names.h"
#include "base/memory.h"
#include "chart/heat_map.h"
#include "chart/scale.h"
#include "file/image.h"
#include "nn/metrics.h"
#include "parts.h"

/* Confusions that are named; classes up to which matrix and table have room side by side. */
enum { CONFUSIONS_MOST = 12, SIDE_BY_SIDE_MOST = 12 };

/* The answers that are shown: of test, or else of validation. */
static const dt_answers *answers_of(const report_run *run, const char **name)
{
    const dt_insight *insight = &run->insight;
    *name = insight->test.samples > 0 ? "test" : "validation";
    return insight->test.samples > 0 ? &insight->test : &insight->val;
}

/* The colours of the picture: alpha is how strong; 0 to 127 for mistakes, from 128 on for right
 * answers. */
static void make_colours(uint8_t colours[256][4])
{
    for (int i = 0; i < 256; i++) {
        bool right = i >= 128;
        colours[i][0] = right ? 0x1f : 0xe0;
        colours[i][1] = right ? 0x86 : 0x6a;
        colours[i][2] = right ? 0xc8 : 0x1c;
        colours[i][3] = (uint8_t)(2 * (i % 128));
    }
}

static void make_picture(dt_markup *to, dt_heat_map *map, void **png)
{
    int classes = map->classes;
    uint8_t colours[256][4];
    uint8_t *pixels = dt_calloc((size_t)classes * (size_t)classes, 1, &to->error);
    if (!pixels)
        return;
    make_colours(colours);
    for (int row = 0; row < classes; row++) {
        int64_t total = dt_heat_total(map, row);
        for (int column = 0; column < classes; column++) {
            double strength = dt_heat_strength(map->counts[row * map->stride + column], total);
            pixels[row * classes + column] =
                (uint8_t)(lround(127 * strength) + (row == column ? 128 : 0));
        }
    }
    dt_raster raster = {classes, classes, 1, pixels, colours};
    dt_image_encode_png(&raster, png, &map->png_size, &to->error);
    dt_free(pixels);
}

static void add_map(dt_markup *to, const dt_insight *insight, const dt_answers *answers)
{
    int classes = insight->classes;
    void *png = NULL;
    dt_heat_map map = {.name = "Confusion matrix",
                       .row_name = "label",
                       .column_name = "answer",
                       .classes = classes,
                       .class_names = insight->class_names,
                       .counts = answers->counts,
                       .stride = (int)dt_metrics_at(classes, 1, 0)};
    if (classes > DT_HEAT_CELLS_MAX)
        make_picture(to, &map, &png);
    map.png = png;
    if (!to->error.status)
        dt_heat_map_add(to, &map);
    dt_free(png);
}

static void add_classes(dt_markup *to, const dt_insight *insight, const dt_answers *answers)
{
    int classes = insight->classes;
    bool folded = classes > DT_HEAT_CELLS_MAX;
    if (folded)
        dt_markup_add(to, "<details><summary>All %d classes</summary>\n", classes);
    dt_markup_add(to, "<div class=\"wide\"><table>\n<thead><tr><th class=\"n\">class</th>"
                      "<th class=\"n\">samples</th><th class=\"n\">wrong</th>"
                      "<th class=\"n\">precision</th><th class=\"n\">recall</th>"
                      "<th class=\"n\">F1</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < classes; i++) {
        dt_class_metrics of = dt_metrics_of_class(classes, answers->counts, i);
        char name[DT_CLASS_NAME];
        dt_markup_around(to, "<tr><td class=\"n\">", dt_class_name(insight->class_names, i, name),
                         "</td>");
        dt_markup_add(to, "<td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64 "</td>",
                      of.samples, of.samples - of.correct);
        const double shares[] = {of.precision, of.recall, of.f1};
        for (int j = 0; j < 3; j++)
            dt_markup_add(to, "<td class=\"n\">%s</td>", DT_NUMBER(DT_NUMBER_SHARE, shares[j]));
        dt_markup_add(to, "</tr>\n");
    }
    dt_markup_add(to, "</tbody></table></div>\n%s", folded ? "</details>\n" : "");
}

typedef struct confusion {
    int label, answer;
    int64_t count;
} confusion;

static int by_count(const void *a, const void *b)
{
    const confusion *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return x->label != y->label ? (x->label > y->label) - (x->label < y->label)
                                : (x->answer > y->answer) - (x->answer < y->answer);
}

static void add_confusions(dt_markup *to, const dt_insight *insight, const dt_answers *answers)
{
    int classes = insight->classes;
    size_t count = 0;
    confusion *all = dt_calloc((size_t)classes * (size_t)classes, sizeof *all, &to->error);
    if (!all)
        return;
    for (int label = 0; label < classes; label++)
        for (int answer = 0; answer < classes; answer++) {
            int64_t here = answers->counts[dt_metrics_at(classes, label, answer)];
            if (label != answer && here > 0)
                all[count++] = (confusion){label, answer, here};
        }
    qsort(all, count, sizeof *all, by_count);
    if (count > 0)
        dt_markup_add(to, "<p>Most frequent: ");
    for (size_t i = 0; i < count && i < CONFUSIONS_MOST; i++) {
        char name[DT_CLASS_NAME];
        const char *names = insight->class_names;
        dt_markup_around(to, i > 0 ? ", " : "", dt_class_name(names, all[i].label, name), "");
        dt_markup_around(to, " taken for ", dt_class_name(names, all[i].answer, name), "");
        dt_markup_add(to, " (%" PRId64 ")", all[i].count);
    }
    dt_markup_add(to, count > 0 ? ".</p>\n" : "");
    dt_free(all);
}

void report_answers(dt_markup *to, const report_run *run)
{
    const char *name;
    const dt_answers *answers = answers_of(run, &name);
    int classes = run->insight.classes;
    if (!run->has_insight || answers->samples == 0)
        return;
    double samples = (double)answers->samples;
    double correct = (double)dt_metrics_correct(classes, answers->counts);
    double top2 = (double)answers->counts[dt_metrics_top2(classes)];
    dt_markup_add(
        to,
        "<section>\n<h2>Answers</h2>\n<p>After epoch %" PRId64 ", step %" PRId64
        ": %s of %s %s images wrong; %s right, %s with the second answer. A colour is a "
        "share of its row, on a logarithmic scale: one in 10,000 can be seen.</p>\n",
        run->insight.epoch, run->insight.step, DT_NUMBER(DT_NUMBER_COUNT, samples - correct),
        DT_NUMBER(DT_NUMBER_COUNT, samples), name, DT_NUMBER(DT_NUMBER_SHARE, correct / samples),
        DT_NUMBER(DT_NUMBER_SHARE, top2 / samples));
    dt_markup_add(to, "<div class=\"%s\"><div>\n", classes <= SIDE_BY_SIDE_MOST ? "sides" : "");
    add_map(to, &run->insight, answers);
    dt_markup_add(to, "</div>\n<div>\n");
    add_confusions(to, &run->insight, answers);
    add_classes(to, &run->insight, answers);
    dt_markup_add(to, "</div></div>\n</section>\n");
}
