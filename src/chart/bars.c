#include "chart/bars.h"

#include <math.h>

#include "chart/chart.h"

static double total_of(size_t count, const double *seconds)
{
    double total = 0;
    for (size_t i = 0; i < count; i++)
        total += seconds[i];
    return total;
}

void dt_legend_add(dt_markup *to, size_t part_count, const dt_bar_part *parts, const double *most)
{
    dt_markup_add(to, "<p class=\"legend\">");
    for (size_t i = 0; i < part_count; i++) {
        if (!(most[i] > 0))
            continue;
        dt_markup_add(to,
                      "<span><svg class=\"swatch\" viewBox=\"0 0 1 1\">"
                      "<rect class=\"part%s c%d\" width=\"1\" height=\"1\"/></svg>",
                      parts[i].faint ? " faint" : "", parts[i].colour % DT_COLOURS);
        dt_markup_around(to, "", parts[i].name, "</span> ");
    }
    dt_markup_add(to, "</p>\n");
}

static void add_bar(dt_markup *to, size_t part_count, const dt_bar_part *parts, const dt_bar *bar,
                    double longest)
{
    double at = 0, total = total_of(part_count, bar->seconds);
    dt_markup_around(to, "<span class=\"whose\">", bar->label, "</span>");
    dt_markup_add(to, "<span class=\"much\">%s</span>", DT_NUMBER(DT_NUMBER_SECONDS, total));
    dt_markup_add(to, "<svg class=\"parts\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" "
                      "role=\"img\" aria-label=\"");
    for (size_t i = 0; i < part_count; i++)
        if (bar->seconds[i] > 0) {
            dt_markup_around(to, "", parts[i].name, " ");
            dt_markup_add(to, "%s; ", DT_NUMBER(DT_NUMBER_SECONDS, bar->seconds[i]));
        }
    dt_markup_add(to, "\">");
    for (size_t i = 0; i < part_count; i++) {
        double width = longest > 0 ? 1000 * bar->seconds[i] / longest : 0;
        if (width <= 0)
            continue;
        dt_markup_add(to, "<rect class=\"part c%d\" height=\"10\" x=\"%s\" width=\"%s\">",
                      parts[i].colour % DT_COLOURS, DT_PIXEL(at), DT_PIXEL(width));
        dt_markup_around(to, "<title>", parts[i].name, " ");
        dt_markup_add(to, "%s (%.1f %%)</title></rect>",
                      DT_NUMBER(DT_NUMBER_SECONDS, bar->seconds[i]), 100 * bar->seconds[i] / total);
        at += width;
    }
    dt_markup_add(to, "</svg>\n");
}

void dt_bars_add(dt_markup *to, size_t part_count, const dt_bar_part *parts, size_t bar_count,
                 const dt_bar *bars)
{
    double longest = 0, most[DT_BAR_PARTS_MOST] = {0};
    for (size_t i = 0; i < bar_count; i++) {
        longest = fmax(longest, total_of(part_count, bars[i].seconds));
        for (size_t j = 0; j < part_count; j++)
            most[j] = fmax(most[j], bars[i].seconds[j]);
    }
    dt_legend_add(to, part_count, parts, most);
    dt_markup_add(to, "<div class=\"bars\">\n");
    for (size_t i = 0; i < bar_count; i++)
        add_bar(to, part_count, parts, &bars[i], longest);
    dt_markup_add(to, "</div>\n");
}
