#include "pictures.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "chart/scale.h"
#include "parts.h"

enum { MISTAKES_MOST = 40 };

dt_status dt_report_image(dt_markup *to, const dt_raster *raster, const char *class,
                          const char *text, dt_error *error)
{
    void *png;
    size_t size;
    dt_status status = dt_image_encode_png(raster, &png, &size, error);
    if (status)
        return status;
    dt_markup_add(to, "<img class=\"%s\" width=\"%d\" height=\"%d\" alt=\"", class, raster->width,
                  raster->height);
    dt_markup_text(to, text);
    dt_markup_add(to, "\" src=\"data:image/png;base64,");
    dt_markup_base64(to, png, size);
    dt_markup_add(to, "\">");
    dt_free(png);
    return DT_OK;
}

/* Image formats know 1, 3 and 4 channels: of others the first is shown. */
static dt_status add_image(dt_markup *to, dt_shape shape, const uint8_t *pixels, const char *text,
                           dt_error *error)
{
    int channels = shape.channels;
    size_t count = (size_t)shape.height * (size_t)shape.width;
    dt_raster raster = {shape.height, shape.width, channels, pixels, NULL};
    if (channels == 1 || channels == 3 || channels == 4)
        return dt_report_image(to, &raster, "digit", text, error);
    uint8_t *first = dt_calloc(count, 1, error);
    if (!first)
        return error->status;
    for (size_t i = 0; i < count; i++)
        first[i] = pixels[i * (size_t)channels];
    raster.channels = 1;
    raster.pixels = first;
    dt_status status = dt_report_image(to, &raster, "digit", text, error);
    dt_free(first);
    return status;
}

static void write_answer(int64_t answer, int classes, char text[24])
{
    snprintf(text, 24, answer < classes ? "%" PRId64 : "no answer", answer);
}

/* A probability, which is neither quite 0 nor quite 1. */
static const char *probability(float value, char text[DT_NUMBER_SIZE])
{
    return value < 5e-5F      ? "&lt; 0.01 %"
           : value > 0.99995F ? "&gt; 99.99 %"
                              : dt_number_text(DT_NUMBER_SHARE, (double)value, text);
}

static void add_score(dt_markup *to, const dt_gallery *gallery, int64_t i, int classes,
                      report_score score)
{
    char first[DT_NUMBER_SIZE], second[DT_NUMBER_SIZE];
    const float *probabilities = gallery->probabilities + (size_t)i * (size_t)classes;
    int64_t answer = gallery->answers[i], label = gallery->labels[i];
    if (score != REPORT_PROBABILITIES)
        dt_markup_add(to, "%s %.3g", score == REPORT_NORM ? "norm" : "margin",
                      (double)gallery->scores[i]);
    else if (answer < classes)
        dt_markup_add(to, "%" PRId64 ": %s<br>%" PRId64 ": %s", answer,
                      probability(probabilities[answer], first), label,
                      probability(probabilities[label], second));
}

dt_status dt_report_gallery(dt_markup *to, const report_run *run, const dt_gallery *gallery,
                            report_score score, int64_t most, dt_error *error)
{
    const dt_insight *insight = &run->insight;
    size_t size = (size_t)dt_shape_size(insight->shape);
    dt_status status = DT_OK;
    dt_markup_add(to, "<div class=\"cards\">\n");
    for (int64_t i = 0; i < gallery->count && i < most && !status; i++) {
        char text[120], answer[24];
        write_answer(gallery->answers[i], insight->classes, answer);
        snprintf(text, sizeof text, "image %" PRId64 ": label %" PRId64 ", answer %s",
                 gallery->samples[i], gallery->labels[i], answer);
        dt_markup_add(to, "<figure class=\"card\" title=\"%s\">", text);
        status = add_image(to, insight->shape, gallery->pixels + (size_t)i * size, text, error);
        dt_markup_add(to, "<figcaption><b>%" PRId64 " → %s</b><br>", gallery->labels[i], answer);
        add_score(to, gallery, i, insight->classes, score);
        dt_markup_add(to, "</figcaption></figure>\n");
    }
    dt_markup_add(to, "</div>\n");
    return status;
}

dt_status dt_report_mistakes(dt_markup *to, const report_run *run, dt_error *error)
{
    const dt_gallery *mistakes = &run->insight.mistakes;
    if (!run->has_insight || mistakes->count == 0)
        return DT_OK;
    dt_markup_add(to,
                  "<section>\n<h2>Worst mistakes</h2>\n<p>The %s images with the largest loss. "
                  "Label → answer, with the probabilities of both.</p>\n",
                  run->insight.test.samples > 0 ? "test" : "validation");
    dt_status status =
        dt_report_gallery(to, run, mistakes, REPORT_PROBABILITIES, MISTAKES_MOST, error);
    dt_markup_add(to, "</section>\n");
    return status;
}
