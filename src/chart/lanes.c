#include <math.h>

#include "chart/bars.h"
#include "chart/chart.h"
#include "plot.h"

enum { WIDTH = 1072, RIGHT = WIDTH - 20, LANE = 22, EVERY = 28, TICK_GAP = 90 };

static void add_axis(dt_markup *to, const dt_scale *x, double bottom)
{
    double ticks[DT_TICKS_MAX];
    char text[DT_NUMBER_SIZE];
    int count = dt_scale_ticks(x, TICK_GAP, ticks);
    for (int i = 0; i < count; i++) {
        const char *at = DT_PIXEL(dt_scale_pixel(x, ticks[i]));
        dt_markup_add(to,
                      "<path class=\"grid\" d=\"M%s 0V%s\"/><text class=\"tick\" "
                      "text-anchor=\"middle\" x=\"%s\" y=\"%s\">%s</text>\n",
                      at, DT_PIXEL(bottom + 4), at, DT_PIXEL(bottom + 20),
                      dt_scale_label(x, count, ticks, i, text));
    }
}

static void add_lane(dt_markup *to, const dt_bar_part *parts, const dt_lane *lane,
                     const dt_scale *x, double y)
{
    dt_markup_add(to, "<text class=\"name\" text-anchor=\"end\" x=\"%d\" y=\"%s\">", PLOT_LEFT - 8,
                  DT_PIXEL(y + 16));
    dt_markup_around(to, "", lane->label, "</text>\n");
    for (size_t i = 0; i < lane->count; i++) {
        const dt_lane_span *span = &lane->spans[i];
        const dt_bar_part *part = &parts[span->part];
        double begin = dt_scale_pixel(x, span->begin), end = dt_scale_pixel(x, span->end);
        dt_markup_add(to,
                      "<rect class=\"part%s c%d\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%d\">",
                      part->faint ? " faint" : "", part->colour % DT_COLOURS, DT_PIXEL(begin),
                      DT_PIXEL(y), DT_PIXEL(fmax(end - begin, 0.1)), LANE);
        dt_markup_around(to, "<title>", part->name, " ");
        dt_markup_add(to, "%s, from %s on</title></rect>\n",
                      DT_NUMBER(DT_NUMBER_SECONDS, span->end - span->begin),
                      DT_NUMBER(DT_NUMBER_SECONDS, span->begin));
    }
}

void dt_lanes_add(dt_markup *to, const char *name, size_t part_count, const dt_bar_part *parts,
                  size_t lane_count, const dt_lane *lanes, double seconds)
{
    double most[DT_BAR_PARTS_MOST] = {0}, bottom = EVERY * (double)lane_count;
    dt_scale x = dt_scale_make(DT_SCALE_LINEAR, DT_NUMBER_SECONDS, 0, seconds, PLOT_LEFT, RIGHT);
    x.low = 0;
    x.high = seconds;
    for (size_t i = 0; i < lane_count; i++)
        for (size_t j = 0; j < lanes[i].count; j++)
            most[lanes[i].spans[j].part] += lanes[i].spans[j].end - lanes[i].spans[j].begin;
    dt_legend_add(to, part_count, parts, most);
    dt_markup_add(to,
                  "<div class=\"wide\"><svg class=\"lanes\" viewBox=\"0 0 %d %s\" role=\"img\" "
                  "xmlns=\"http://www.w3.org/2000/svg\" aria-label=\"",
                  WIDTH, DT_PIXEL(bottom + 26));
    dt_markup_text(to, name);
    dt_markup_add(to, "\">\n");
    add_axis(to, &x, bottom);
    for (size_t i = 0; i < lane_count; i++)
        add_lane(to, parts, &lanes[i], &x, EVERY * (double)i);
    dt_markup_add(to, "</svg></div>\n");
}
