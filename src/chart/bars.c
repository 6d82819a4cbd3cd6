#include "chart/bars.h"

#include <math.h>
#include <stdbool.h>

#include "chart/chart.h"

static double total_of(size_t count, const double *parts)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i];
    return total;
}

static void add_legend(dt_markup *to, size_t part_count, const char *const *names,
                       const int *colours, size_t bar_count, const dt_bar *bars)
{
    dt_markup_add(to, "<p class=\"legend\">");
    for (size_t i = 0; i < part_count; i++) {
        bool there = false;
        for (size_t j = 0; j < bar_count; j++)
            there |= bars[j].parts[i] > 0;
        if (!there)
            continue;
        dt_markup_add(to,
                      "<span><svg class=\"swatch\" viewBox=\"0 0 1 1\">"
                      "<rect class=\"part c%d\" width=\"1\" height=\"1\"/></svg>",
                      colours[i] % DT_COLOURS);
        dt_markup_text(to, names[i]);
        dt_markup_add(to, "</span> ");
    }
    dt_markup_add(to, "</p>\n");
}

static void add_parts(dt_markup *to, size_t part_count, const char *const *names,
                      const int *colours, const dt_bar *bar, double longest)
{
    double at = 0, total = total_of(part_count, bar->parts);
    char text[DT_NUMBER_SIZE];
    dt_markup_add(to, "<svg class=\"parts\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
                      "role=\"img\" aria-label=\"");
    for (size_t i = 0; i < part_count; i++)
        if (bar->parts[i] > 0) {
            dt_markup_text(to, names[i]);
            dt_markup_add(to, " %s; ", dt_number_text(DT_NUMBER_SECONDS, bar->parts[i], text));
        }
    dt_markup_add(to, "\">");
    for (size_t i = 0; i < part_count; i++) {
        double width = longest > 0 ? 1000 * bar->parts[i] / longest : 0;
        if (width <= 0)
            continue;
        dt_markup_add(to, "<rect class=\"part c%d\" height=\"10\" x=\"", colours[i] % DT_COLOURS);
        dt_markup_pixel(to, at);
        dt_markup_add(to, "\" width=\"");
        dt_markup_pixel(to, width);
        dt_markup_add(to, "\"><title>");
        dt_markup_text(to, names[i]);
        dt_markup_add(to, " %s (%.1f %%)</title></rect>",
                      dt_number_text(DT_NUMBER_SECONDS, bar->parts[i], text),
                      100 * bar->parts[i] / total);
        at += width;
    }
    dt_markup_add(to, "</svg>");
}

void dt_bars_add(dt_markup *to, size_t part_count, const char *const *part_names,
                 const int *colours, size_t bar_count, const dt_bar *bars)
{
    double longest = 0;
    for (size_t i = 0; i < bar_count; i++)
        longest = fmax(longest, total_of(part_count, bars[i].parts));
    add_legend(to, part_count, part_names, colours, bar_count, bars);
    dt_markup_add(to, "<div class=\"bars\">\n");
    for (size_t i = 0; i < bar_count; i++) {
        dt_markup_add(to, "<span class=\"whose\">");
        dt_markup_text(to, bars[i].label);
        dt_markup_add(to, "</span><span class=\"much\">");
        dt_markup_text(to, bars[i].note ? bars[i].note : "");
        dt_markup_add(to, "</span>");
        add_parts(to, part_count, part_names, colours, &bars[i], longest);
        dt_markup_add(to, "\n");
    }
    dt_markup_add(to, "</div>\n");
}
