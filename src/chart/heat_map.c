#include "chart/heat_map.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

#include "base/class_names.h"
#include "base/utf8.h"
#include "chart/scale.h"

enum { LEFT = 54, TOP = 46 };

double dt_heat_strength(int64_t count, int64_t total)
{
    if (count <= 0 || total <= 0)
        return 0;
    double share = (double)count / (double)total;
    return fmax(0.05, 1 + log10(fmin(1, share)) / 4);
}

int64_t dt_heat_total(const dt_heat_map *map, int row)
{
    int64_t total = 0;
    for (int column = 0; column < map->classes; column++)
        total += map->counts[row * map->stride + column];
    return total;
}

/* Side of a cell, in pixels: counts have room from 12 classes down. */
static double cell_side(int classes)
{
    return classes <= 12 ? 44 : classes <= DT_HEAT_CELLS_MAX ? 22 : fmax(2, 640.0 / classes);
}

static void add_cell(dt_markup *to, const dt_heat_map *map, int row, int column, int64_t total)
{
    int64_t count = map->counts[row * map->stride + column];
    double side = cell_side(map->classes), strength = dt_heat_strength(count, total);
    if (count == 0)
        return;
    char name[DT_CLASS_NAME];
    dt_markup_add(to, "<g><title>%s ", map->row_name);
    dt_markup_around(to, "", dt_class_name(map->class_names, row, name), ", ");
    dt_markup_add(to, "%s ", map->column_name);
    dt_markup_around(to, "", dt_class_name(map->class_names, column, name), ": ");
    dt_markup_add(to, "%" PRId64 " of %" PRId64 " (%.2f %%)</title>", count, total,
                  100.0 * (double)count / (double)total);
    dt_markup_add(to,
                  "<rect class=\"%s\" fill-opacity=\"%.2f\" x=\"%.2f\" y=\"%.2f\" "
                  "width=\"%.2f\" height=\"%.2f\"/>",
                  row == column ? "right" : "wrong", strength, LEFT + column * side + 0.5,
                  TOP + row * side + 0.5, side - 1, side - 1);
    if (map->classes <= 12)
        dt_markup_add(to,
                      "<text class=\"count%s\" text-anchor=\"middle\" x=\"%.2f\" "
                      "y=\"%.2f\">%" PRId64 "</text>",
                      strength > 0.6 ? " strong" : "", LEFT + (column + 0.5) * side,
                      TOP + (row + 0.5) * side + 4.5, count);
    dt_markup_add(to, "</g>\n");
}

static void add_cells(dt_markup *to, const dt_heat_map *map)
{
    for (int row = 0; row < map->classes; row++) {
        int64_t total = dt_heat_total(map, row);
        for (int column = 0; column < map->classes; column++)
            add_cell(to, map, row, column, total);
    }
}

/* Leaves the first characters of a name that has more. */
static void cut(char *name, int most)
{
    const char *at = name;
    for (int i = 0; *at && i < most; i++)
        dt_utf8_next(&at);
    name[at - name] = '\0';
}

static void add_axes(dt_markup *to, const dt_heat_map *map)
{
    double side = cell_side(map->classes), whole = side * map->classes;
    int every = (int)fmax(1, dt_round_up((map->classes > 100 ? 32 : 20) / side));
    dt_markup_add(to, "<rect class=\"frame\" x=\"%d\" y=\"%d\" width=\"%.2f\" height=\"%.2f\"/>",
                  LEFT, TOP, whole, whole);
    for (int i = 0; i < map->classes; i += every) {
        double at = (i + 0.5) * side;
        char name[DT_CLASS_NAME];
        cut(dt_class_name(map->class_names, i, name), map->classes <= 12 ? 6 : 3);
        dt_markup_add(to, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.2f\" y=\"%d\">",
                      LEFT + at, TOP - 7);
        dt_markup_around(to, "", name, "</text>");
        dt_markup_add(to, "<text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.2f\">", LEFT - 8,
                      TOP + at + 4.5);
        dt_markup_around(to, "", name, "</text>\n");
    }
    dt_markup_add(to,
                  "<text class=\"name\" text-anchor=\"middle\" x=\"%.2f\" y=\"15\">%s</text>"
                  "<text class=\"name\" text-anchor=\"middle\" "
                  "transform=\"translate(15 %.2f) rotate(-90)\">%s</text>\n",
                  LEFT + whole / 2, map->column_name, TOP + whole / 2, map->row_name);
}

void dt_heat_map_add(dt_markup *to, const dt_heat_map *map)
{
    double whole = cell_side(map->classes) * map->classes;
    dt_markup_add(to,
                  "<div class=\"wide\"><svg class=\"heat%s\" viewBox=\"0 0 %.0f %.0f\" "
                  "xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"",
                  map->classes > 12 ? " large" : "", LEFT + whole + 4, TOP + whole + 4);
    dt_markup_text(to, map->name);
    dt_markup_add(to, "\">\n");
    add_axes(to, map);
    if (map->classes <= DT_HEAT_CELLS_MAX) {
        add_cells(to, map);
    } else {
        dt_markup_add(to,
                      "<image x=\"%d\" y=\"%d\" width=\"%.2f\" height=\"%.2f\" "
                      "href=\"data:image/png;base64,",
                      LEFT, TOP, whole, whole);
        dt_markup_base64(to, map->png, map->png_size);
        dt_markup_add(to, "\"/>\n");
    }
    dt_markup_add(to, "</svg></div>\n");
}
