#include <math.h>
#include <string.h>

#include "base/hash.h"
#include "chart/scale.h"
#include "parts.h"

/* A number of the results, for the table. */
typedef struct measure {
    const char *name;
    size_t offset; /* in dt_metrics_row: a double */
    dt_number number;
    int better; /* 1: larger, -1: smaller, 0: neither */
} measure;

static const measure measures[] = {
    {"test accuracy", offsetof(dt_metrics_row, test_accuracy), DT_NUMBER_SHARE, 1},
    {"val accuracy", offsetof(dt_metrics_row, val_accuracy), DT_NUMBER_SHARE, 1},
    {"test loss", offsetof(dt_metrics_row, test_loss), DT_NUMBER_PLAIN, -1},
    {"train loss", offsetof(dt_metrics_row, train_loss), DT_NUMBER_PLAIN, 0},
    {"time", offsetof(dt_metrics_row, seconds), DT_NUMBER_SECONDS, 0},
    {"samples/s", offsetof(dt_metrics_row, samples_per_second), DT_NUMBER_COUNT, 0},
};

#define MEASURE_COUNT (sizeof measures / sizeof *measures)

static double value_of(const report_run *run, const measure *of)
{
    return *(const double *)((const char *)&run->result.last + of->offset);
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

static void add_result(dt_markup *to, int count, const report_run *runs, int row)
{
    const report_run *run = &runs[row];
    const uint64_t hash_of = run->result.last.parameter_hash;
    char hash[DT_HASH_TEXT];
    dt_markup_add(to, "<tr><td>");
    report_key(to, run);
    dt_markup_add(to, "</td><td class=\"break\"><a href=\"#run-%s\">", run->key);
    dt_markup_around(to, "", run->name, "</a> ");
    report_chip(to, run);
    dt_markup_add(to, "</td>");
    for (size_t i = 0; i < MEASURE_COUNT; i++) {
        double value = value_of(run, &measures[i]);
        if (is_known(count, runs, &measures[i]))
            dt_markup_add(to, "<td class=\"n%s\">%s</td>",
                          value == best_of(count, runs, &measures[i]) ? " best" : "",
                          DT_NUMBER(measures[i].number, value));
    }
    dt_markup_add(to, "<td class=\"n\">%s</td><td class=\"n\">%s</td>",
                  DT_NUMBER(DT_NUMBER_COUNT, report_known(run->result.last.epoch)),
                  DT_NUMBER(DT_NUMBER_COUNT, report_known(run->result.ranks)));
    dt_markup_around(to, "<td class=\"mono\">", hash_of ? dt_hash_text(hash_of, hash) : NULL,
                     "</td></tr>\n");
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
                report_key(to, &runs[j]);
                dt_markup_add(to, "</th>");
            }
            dt_markup_add(to, "</tr></thead>\n<tbody>\n");
        }
        dt_markup_add(to, "<tr><th>%s</th>", settings[i].name);
        for (int j = 0; j < count; j++) {
            const dt_config *config = runs[j].has_config ? &runs[j].config : NULL;
            dt_markup_around(to, "<td class=\"mono\">",
                             config ? dt_config_get(config, &settings[i], text) : "–", "</td>");
        }
        dt_markup_add(to, "</tr>\n");
    }
    dt_markup_add(to, added ? "</tbody></table></div>\n"
                            : "<p>The settings of these runs are the same.</p>\n");
}

void report_comparison(dt_markup *to, int count, const report_run *runs)
{
    dt_markup_add(to, "<section>\n<h2>Results</h2>\n");
    add_results(to, count, runs);
    dt_markup_add(to, "</section>\n<section>\n<h2>Settings that differ</h2>\n");
    add_differences(to, count, runs);
    dt_markup_add(to, "</section>\n");
}
