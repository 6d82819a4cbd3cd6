#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "chart/chart.h"
#include "chart/scale.h"
#include "parts.h"

/* A number of the results, for the table. */
typedef struct measure {
    const char *name;
    size_t offset; /* in report_result: a double */
    dt_number number;
    int better; /* 1: larger, -1: smaller, 0: neither */
} measure;

static const measure measures[] = {
    {"test accuracy", offsetof(report_result, test_accuracy), DT_NUMBER_SHARE, 1},
    {"val accuracy", offsetof(report_result, val_accuracy), DT_NUMBER_SHARE, 1},
    {"test loss", offsetof(report_result, test_loss), DT_NUMBER_PLAIN, -1},
    {"train loss", offsetof(report_result, train_loss), DT_NUMBER_PLAIN, 0},
    {"time", offsetof(report_result, seconds), DT_NUMBER_SECONDS, 0},
    {"samples/s", offsetof(report_result, samples_per_second), DT_NUMBER_COUNT, 0},
};

#define MEASURE_COUNT (sizeof measures / sizeof *measures)

static double value_of(const report_run *run, const measure *of)
{
    return *(const double *)((const char *)&run->result + of->offset);
}

static double best_of(int count, const report_run *runs, const measure *of)
{
    double best = (double)NAN;
    for (int i = 0; i < count; i++) {
        double value = value_of(&runs[i], of);
        if (of->better && isfinite(value) && !(value * of->better <= best * of->better))
            best = value;
    }
    return best;
}

static bool is_known(int count, const report_run *runs, const measure *of)
{
    for (int i = 0; i < count; i++)
        if (isfinite(value_of(&runs[i], of)))
            return true;
    return false;
}

static double known(int64_t count)
{
    return count < 0 ? (double)NAN : (double)count;
}

static void add_key(dt_markup *to, const report_run *run)
{
    dt_markup_add(to, "<span class=\"key c%d\">%s</span>", run->colour % DT_COLOURS, run->key);
}

static void add_result(dt_markup *to, int count, const report_run *runs, int row)
{
    const report_run *run = &runs[row];
    char text[DT_NUMBER_SIZE];
    dt_markup_add(to, "<tr><td>");
    add_key(to, run);
    dt_markup_add(to, "</td><td class=\"break\"><a href=\"#run-%s\">", run->key);
    dt_markup_text(to, run->name);
    dt_markup_add(to, "</a> ");
    dt_report_chip(to, run);
    dt_markup_add(to, "</td>");
    for (size_t i = 0; i < MEASURE_COUNT; i++) {
        double value = value_of(run, &measures[i]);
        if (is_known(count, runs, &measures[i]))
            dt_markup_add(to, "<td class=\"n%s\">%s</td>",
                          value == best_of(count, runs, &measures[i]) ? " best" : "",
                          dt_number_text(measures[i].number, value, text));
    }
    dt_markup_add(to, "<td class=\"n\">%s</td>",
                  dt_number_text(DT_NUMBER_COUNT, known(run->result.epochs), text));
    dt_markup_add(to, "<td class=\"n\">%s</td><td class=\"mono\">",
                  dt_number_text(DT_NUMBER_COUNT, known(run->result.ranks), text));
    dt_markup_text(to, run->result.parameter_hash);
    dt_markup_add(to, "</td></tr>\n");
}

static void add_results(dt_markup *to, int count, const report_run *runs)
{
    dt_markup_add(to, "<div class=\"wide\"><table>\n<thead><tr><th></th><th>run</th>");
    for (size_t i = 0; i < MEASURE_COUNT; i++)
        if (is_known(count, runs, &measures[i]))
            dt_markup_add(to, "<th class=\"n\">%s</th>", measures[i].name);
    dt_markup_add(to, "<th class=\"n\">epochs</th><th class=\"n\">ranks</th>"
                      "<th>parameter_hash</th></tr></thead>\n<tbody>\n");
    for (int i = 0; i < count; i++)
        add_result(to, count, runs, i);
    dt_markup_add(to, "</tbody></table></div>\n");
}

/* Whether the runs with settings do not agree on one. */
static bool differs(int count, const report_run *runs, const dt_setting *setting)
{
    char first[DT_TEXT_MAX], text[DT_TEXT_MAX];
    bool some = false;
    for (int i = 0; i < count; i++) {
        if (!runs[i].has_config)
            continue;
        dt_config_get(&runs[i].config, setting, text);
        if (some && strcmp(first, text) != 0)
            return true;
        memcpy(first, text, sizeof first);
        some = true;
    }
    return false;
}

static void add_differences(dt_markup *to, int count, const report_run *runs)
{
    size_t setting_count;
    const dt_setting *settings = dt_settings(&setting_count);
    char text[DT_TEXT_MAX];
    int added = 0;
    for (size_t i = 0; i < setting_count; i++) {
        if (!differs(count, runs, &settings[i]))
            continue;
        if (added++ == 0) {
            dt_markup_add(to, "<div class=\"wide\"><table>\n<thead><tr><th>setting</th>");
            for (int j = 0; j < count; j++) {
                dt_markup_add(to, "<th>");
                add_key(to, &runs[j]);
                dt_markup_add(to, "</th>");
            }
            dt_markup_add(to, "</tr></thead>\n<tbody>\n");
        }
        dt_markup_add(to, "<tr><th>%s</th>", settings[i].name);
        for (int j = 0; j < count; j++) {
            dt_markup_add(to, "<td class=\"mono\">");
            dt_markup_text(
                to, runs[j].has_config ? dt_config_get(&runs[j].config, &settings[i], text) : "–");
            dt_markup_add(to, "</td>");
        }
        dt_markup_add(to, "</tr>\n");
    }
    dt_markup_add(to, added ? "</tbody></table></div>\n"
                            : "<p>The settings of these runs are the same.</p>\n");
}

dt_status dt_report_comparison(dt_markup *to, int count, const report_run *runs, dt_error *error)
{
    (void)error;
    dt_markup_add(to, "<section>\n<h2>Results</h2>\n");
    add_results(to, count, runs);
    dt_markup_add(to, "</section>\n<section>\n<h2>Settings that differ</h2>\n");
    add_differences(to, count, runs);
    dt_markup_add(to, "</section>\n");
    return DT_OK;
}
