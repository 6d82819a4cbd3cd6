#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

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

static dt_status make_picture(const dt_heat_map *map, void **png, size_t *size, dt_error *error)
{
    int classes = map->classes;
    uint8_t colours[256][4];
    make_colours(colours);
    uint8_t *pixels = dt_calloc((size_t)classes * (size_t)classes, 1, error);
    if (!pixels)
        return error->status;
    for (int row = 0; row < classes; row++) {
        int64_t total = 0;
        for (int column = 0; column < classes; column++)
            total += map->counts[row * classes + column];
        for (int column = 0; column < classes; column++) {
            double strength = dt_heat_strength(map->counts[row * classes + column], total);
            pixels[row * classes + column] =
                (uint8_t)(lround(127 * strength) + (row == column ? 128 : 0));
        }
    }
    dt_raster raster = {classes, classes, 1, pixels, colours};
    dt_status status = dt_image_encode_png(&raster, png, size, error);
    dt_free(pixels);
    return status;
}

static dt_status add_map(dt_markup *to, int classes, const dt_answers *answers, dt_error *error)
{
    int64_t *counts = dt_calloc((size_t)classes * (size_t)classes, sizeof *counts, error);
    if (!counts)
        return error->status;
    for (int row = 0; row < classes; row++)
        for (int column = 0; column < classes; column++)
            counts[row * classes + column] = answers->counts[dt_metrics_at(classes, row, column)];
    dt_heat_map map = {.name = "Confusion matrix",
                       .row_name = "label",
                       .column_name = "answer",
                       .classes = classes,
                       .counts = counts};
    void *png = NULL;
    dt_status status = DT_OK;
    if (classes > DT_HEAT_CELLS_MAX)
        status = make_picture(&map, &png, &map.png_size, error);
    map.png = png;
    if (!status)
        dt_heat_map_add(to, &map);
    dt_free(png);
    dt_free(counts);
    return status;
}

static void add_share(dt_markup *to, double share)
{
    char text[DT_NUMBER_SIZE];
    dt_markup_add(to, "<td class=\"n\">%s</td>", dt_number_text(DT_NUMBER_SHARE, share, text));
}

static void add_classes(dt_markup *to, int classes, const dt_answers *answers)
{
    bool folded = classes > DT_HEAT_CELLS_MAX;
    if (folded)
        dt_markup_add(to, "<details><summary>All %d classes</summary>\n", classes);
    dt_markup_add(to, "<div class=\"wide\"><table>\n<thead><tr><th class=\"n\">class</th>"
                      "<th class=\"n\">samples</th><th class=\"n\">wrong</th>"
                      "<th class=\"n\">precision</th><th class=\"n\">recall</th>"
                      "<th class=\"n\">F1</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < classes; i++) {
        dt_class_metrics of = dt_metrics_of_class(classes, answers->counts, i);
        dt_markup_add(to,
                      "<tr><td class=\"n\">%d</td><td class=\"n\">%" PRId64
                      "</td><td class=\"n\">%" PRId64 "</td>",
                      i, of.samples, of.samples - of.correct);
        add_share(to, of.precision);
        add_share(to, of.recall);
        add_share(to, of.f1);
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

static dt_status add_confusions(dt_markup *to, int classes, const dt_answers *answers,
                                dt_error *error)
{
    size_t count = 0;
    confusion *all = dt_calloc((size_t)classes * (size_t)classes, sizeof *all, error);
    if (!all)
        return error->status;
    for (int label = 0; label < classes; label++)
        for (int answer = 0; answer < classes; answer++) {
            int64_t here = answers->counts[dt_metrics_at(classes, label, answer)];
            if (label != answer && here > 0)
                all[count++] = (confusion){label, answer, here};
        }
    qsort(all, count, sizeof *all, by_count);
    if (count > 0)
        dt_markup_add(to, "<p>Most frequent: ");
    for (size_t i = 0; i < count && i < CONFUSIONS_MOST; i++)
        dt_markup_add(to, "%s%d taken for %d (%" PRId64 ")", i > 0 ? ", " : "", all[i].label,
                      all[i].answer, all[i].count);
    dt_markup_add(to, count > 0 ? ".</p>\n" : "");
    dt_free(all);
    return DT_OK;
}

dt_status dt_report_answers(dt_markup *to, const report_run *run, dt_error *error)
{
    const char *name;
    const dt_answers *answers = answers_of(run, &name);
    int classes = run->insight.classes;
    if (!run->has_insight || answers->samples == 0)
        return DT_OK;
    char text[DT_NUMBER_SIZE], share[DT_NUMBER_SIZE], top2[DT_NUMBER_SIZE];
    int64_t correct = dt_metrics_correct(classes, answers->counts);
    double samples = (double)answers->samples;
    dt_markup_add(
        to, "<section>\n<h2>Answers</h2>\n<p>After epoch %" PRId64 ", step %" PRId64 ": %s of ",
        run->insight.epoch, run->insight.step,
        dt_number_text(DT_NUMBER_COUNT, samples - (double)correct, text));
    dt_markup_add(to,
                  "%s %s images wrong; %s right, %s with the second answer. A colour is a share of "
                  "its row, on a logarithmic scale: one in 10,000 can be seen.</p>\n",
                  dt_number_text(DT_NUMBER_COUNT, samples, text), name,
                  dt_number_text(DT_NUMBER_SHARE, (double)correct / samples, share),
                  dt_number_text(DT_NUMBER_SHARE,
                                 (double)answers->counts[dt_metrics_top2(classes)] / samples,
                                 top2));
    dt_markup_add(to, "<div class=\"%s\"><div>\n", classes <= SIDE_BY_SIDE_MOST ? "sides" : "");
    dt_status status = add_map(to, classes, answers, error);
    dt_markup_add(to, "</div>\n<div>\n");
    if (!status)
        status = add_confusions(to, classes, answers, error);
    add_classes(to, classes, answers);
    dt_markup_add(to, "</div></div>\n</section>\n");
    return status;
}
