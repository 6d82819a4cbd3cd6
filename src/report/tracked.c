#include <math.h>
#include <stdlib.h>

#include "chart/chart.h"
#include "parts.h"
#include "pictures.h"

enum { SHOWN = 30 };

dt_status dt_report_tracked(dt_markup *to, const report_run *run, dt_error *error)
{
    const dt_insight *insight = &run->insight;
    size_t count = (size_t)insight->tracked;
    if (!run->has_insight || count == 0)
        return DT_OK;
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
    dt_status status = DT_OK;
    if (insight->doubtful.count > 0) {
        dt_markup_add(to, "<h3>Likely wrong labels</h3>\n<p>The smallest margins: label → what "
                          "the network answers after the training.</p>\n");
        status = dt_report_gallery(to, run, &insight->doubtful, REPORT_MARGIN, SHOWN, error);
    }
    if (!status && insight->hardest.count > 0) {
        dt_markup_add(to, "<h3>Hardest images</h3>\n<p>The largest gradient norms.</p>\n");
        status = dt_report_gallery(to, run, &insight->hardest, REPORT_NORM, SHOWN, error);
    }
    dt_markup_add(to, "</section>\n");
    return status;
}
