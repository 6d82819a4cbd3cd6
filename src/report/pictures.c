#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/class_names.h"
#include "base/memory.h"
#include "chart/chart.h"
#include "parts.h"

enum { MISTAKES_MOST = 40, SAMPLES_MOST = 30 };

/* What the cards of a gallery say beside label and answer. */
typedef enum shown_score {
    PROBABILITIES, /* of the answer and of the label */
    NORM,
    MARGIN
} shown_score;

void report_image(dt_markup *to, const dt_raster *raster, const char *class, const char *text)
{
    void *png;
    size_t size;
    if (dt_image_encode_png(raster, &png, &size, &to->error))
        return;
    dt_markup_add(to, "<img class=\"%s\" width=\"%d\" height=\"%d\"", class, raster->width,
                  raster->height);
    dt_markup_around(to, " alt=\"", text, "\" src=\"data:image/png;base64,");
    dt_markup_base64(to, png, size);
    dt_markup_add(to, "\">");
    dt_free(png);
}

/* Image formats know 1, 3 and 4 channels: of others the first is shown. */
static void add_image(dt_markup *to, dt_shape shape, const uint8_t *pixels, const char *text)
{
    int channels = shape.channels;
    bool whole = channels == 1 || channels == 3 || channels == 4;
    size_t count = (size_t)shape.height * (size_t)shape.width;
    uint8_t *first = whole ? NULL : dt_calloc(count, 1, &to->error);
    for (size_t i = 0; first && i < count; i++)
        first[i] = pixels[i * (size_t)channels];
    dt_raster raster = {shape.height, shape.width, whole ? channels : 1, whole ? pixels : first,
                        NULL};
    if (whole || first)
        report_image(to, &raster, "digit", text);
    dt_free(first);
}

static char *write_answer(const dt_insight *insight, int64_t answer, char text[DT_CLASS_NAME])
{
    if (answer < insight->classes)
        return dt_class_name(insight->class_names, (int)answer, text);
    snprintf(text, DT_CLASS_NAME, "no answer");
    return text;
}

/* A probability, which is neither quite 0 nor quite 1. */
static const char *probability(float value, char text[DT_NUMBER_SIZE])
{
    return value < 5e-5F      ? "&lt; 0.01 %"
           : value > 0.99995F ? "&gt; 99.99 %"
                              : dt_number_text(DT_NUMBER_SHARE, (double)value, text);
}

static void add_score(dt_markup *to, const dt_insight *insight, const dt_gallery *gallery,
                      int64_t i, shown_score score)
{
    int classes = insight->classes;
    char name[DT_CLASS_NAME];
    char first[DT_NUMBER_SIZE], second[DT_NUMBER_SIZE];
    const float *probabilities = gallery->probabilities + (size_t)i * (size_t)classes;
    int64_t answer = gallery->answers[i], label = gallery->labels[i];
    if (score != PROBABILITIES)
        dt_markup_add(to, "%s %.3g", score == NORM ? "norm" : "margin", (double)gallery->scores[i]);
    else if (answer < classes) {
        dt_markup_text(to, write_answer(insight, answer, name));
        dt_markup_add(to, ": %s<br>", probability(probabilities[answer], first));
        dt_markup_text(to, write_answer(insight, label, name));
        dt_markup_add(to, ": %s", probability(probabilities[label], second));
    }
}

/* Cards of the first `most` samples of a gallery. */
static void add_gallery(dt_markup *to, const report_run *run, const dt_gallery *gallery,
                        shown_score score, int64_t most)
{
    const dt_insight *insight = &run->insight;
    size_t size = (size_t)dt_shape_size(insight->shape);
    dt_markup_add(to, "<div class=\"cards\">\n");
    for (int64_t i = 0; i < gallery->count && i < most; i++) {
        char text[2 * DT_CLASS_NAME + 60], answer[DT_CLASS_NAME], label[DT_CLASS_NAME];
        write_answer(insight, gallery->answers[i], answer);
        write_answer(insight, gallery->labels[i], label);
        snprintf(text, sizeof text, "image %" PRId64 ": label %s, answer %s", gallery->samples[i],
                 label, answer);
        dt_markup_around(to, "<figure class=\"card\" title=\"", text, "\">");
        add_image(to, insight->shape, gallery->pixels + (size_t)i * size, text);
        dt_markup_around(to, "<figcaption><b>", label, " → ");
        dt_markup_around(to, "", answer, "</b><br>");
        add_score(to, insight, gallery, i, score);
        dt_markup_add(to, "</figcaption></figure>\n");
    }
    dt_markup_add(to, "</div>\n");
}

void report_mistakes(dt_markup *to, const report_run *run)
{
    const dt_gallery *mistakes = &run->insight.mistakes;
    if (!run->has_insight || mistakes->count == 0)
        return;
    dt_markup_add(to,
                  "<section>\n<h2>Worst mistakes</h2>\n<p>The %s images with the largest loss. "
                  "Label → answer, with the probabilities of both.</p>\n",
                  run->insight.test.samples > 0 ? "test" : "validation");
    add_gallery(to, run, mistakes, PROBABILITIES, MISTAKES_MOST);
    dt_markup_add(to, "</section>\n");
}

static int64_t last_epoch(const dt_drawn *drawn)
{
    int64_t last = 0;
    for (int64_t i = 0; i < drawn->count; i++)
        last = drawn->epochs[i] > last ? drawn->epochs[i] : last;
    return last;
}

/* Below the names of the columns a row for each image. */
static void add_drawn(dt_markup *to, const dt_insight *insight)
{
    const dt_drawn *drawn = &insight->augmented;
    size_t size = (size_t)dt_shape_size(insight->shape);
    int64_t last = last_epoch(drawn);
    dt_markup_add(to,
                  "<div class=\"wide\"><div class=\"cards\" style=\"grid-template-columns:"
                  "repeat(%" PRId64 ",minmax(56px,92px))\">\n<span class=\"note\">as it is</span>",
                  last + 1);
    for (int64_t epoch = 1; epoch <= last; epoch++)
        dt_markup_add(to, "<span class=\"note\">epoch %" PRId64 "</span>", epoch);
    for (int64_t i = 0; i < drawn->count; i++) {
        char text[DT_CLASS_NAME + 80], label[DT_CLASS_NAME], when[40] = "as it is";
        if (drawn->epochs[i] > 0)
            snprintf(when, sizeof when, "in epoch %" PRId64, drawn->epochs[i]);
        snprintf(text, sizeof text, "image %" PRId64 ": label %s, %s", drawn->samples[i],
                 dt_class_name(insight->class_names, (int)drawn->labels[i], label), when);
        dt_markup_add(to, "\n<figure class=\"card\"%s",
                      drawn->epochs[i] > 0 ? "" : " style=\"grid-column:1\"");
        dt_markup_around(to, " title=\"", text, "\">");
        add_image(to, insight->shape, drawn->pixels + (size_t)i * size, text);
        dt_markup_add(to, "</figure>");
    }
    dt_markup_add(to, "\n</div></div>\n");
}

void report_augmented(dt_markup *to, const report_run *run)
{
    const dt_drawn *drawn = &run->insight.augmented;
    char list[DT_AUGMENT_TEXT] = "augmentation";
    int64_t came_to = run->result.last.epoch;
    if (!run->has_insight || drawn->count == 0)
        return;
    if (run->has_config && dt_augment_is_some(&run->config.augment))
        dt_augment_text(&run->config.augment, list);
    dt_markup_around(to,
                     "<section>\n<h2>Augmentation</h2>\n<p>A few training images, and what <b>",
                     list, "</b> makes of them, anew in each epoch.");
    if (came_to > 0 && came_to < last_epoch(drawn))
        dt_markup_add(to,
                      " The run came to epoch %" PRId64 "; later epochs show what it would draw "
                      "next.",
                      came_to);
    dt_markup_add(to, "</p>\n");
    add_drawn(to, &run->insight);
    dt_markup_add(to, "</section>\n");
}

void report_tracked(dt_markup *to, const report_run *run)
{
    const dt_insight *insight = &run->insight;
    size_t count = (size_t)insight->tracked;
    if (!run->has_insight || count == 0)
        return;
    dt_markup_add(
        to, "<section>\n<h2>Training images, one by one</h2>\n"
            "<p>The <b>gradient norm</b> of an image says how strongly it alone pulls at "
            "the parameters; the <b>margin</b> is the output of its label less the "
            "largest of the others, so below zero the network answers otherwise. Both are "
            "means over the epochs, of what was met in training.</p>\n"
            "<div class=\"charts\">\n<figure><figcaption><b>Gradient norms</b> images by norm; the "
            "first bar has all smaller ones</figcaption>\n");
    dt_histogram norms = {"Gradient norms",
                          "gradient norm",
                          DT_NUMBER_PLAIN,
                          0,
                          count,
                          insight->gradient_norms,
                          true};
    dt_histogram margins = {"Margins",        "margin", DT_NUMBER_PLAIN, 2, count,
                            insight->margins, false};
    dt_histogram_add(to, &norms);
    dt_markup_add(to, "</figure>\n<figure><figcaption><b>Margins</b> images by "
                      "margin</figcaption>\n");
    dt_histogram_add(to, &margins);
    dt_markup_add(to, "</figure>\n</div>\n");
    if (insight->doubtful.count > 0) {
        dt_markup_add(to, "<h3>Likely wrong labels</h3>\n<p>The smallest margins: label → what "
                          "the network answers after the training.</p>\n");
        add_gallery(to, run, &insight->doubtful, MARGIN, SAMPLES_MOST);
    }
    if (insight->hardest.count > 0) {
        dt_markup_add(to, "<h3>Hardest images</h3>\n<p>The largest gradient norms.</p>\n");
        add_gallery(to, run, &insight->hardest, NORM, SAMPLES_MOST);
    }
    dt_markup_add(to, "</section>\n");
}
