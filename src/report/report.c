#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "chart/chart.h"
#include "file/atomic_file.h"
#include "parts.h"
#include "report/page.h"

double report_known(int64_t count)
{
    return count < 0 ? (double)NAN : (double)count;
}

void report_key(dt_markup *to, const report_run *run)
{
    dt_markup_add(to, "<span class=\"key c%d\">%s</span>", run->colour, run->key);
}

/* A number in large, unless it is not known. */
static void add_tile(dt_markup *to, dt_number number, double value, const char *word)
{
    if (isnan(value))
        return;
    dt_markup_add(to, "<div class=\"tile\"><b>%s</b>", DT_NUMBER(number, value));
    dt_markup_around(to, "<span>", word, "</span></div>");
}

/* Which accuracy is the result: of test, or else validation, or else training. */
static double headline(const report_run *run, const char **of)
{
    const dt_summary *result = &run->result;
    const char *const names[] = {"test", "validation", "training"};
    const double values[] = {result->last.test_accuracy, result->last.val_accuracy,
                             result->last.train_accuracy};
    int i = 0;
    while (i < 2 && !isfinite(values[i]))
        i++;
    *of = names[i];
    return values[i];
}

static void add_network(dt_markup *to, const report_run *run)
{
    if (run->has_weights && run->weights.own) {
        dt_markup_text(to, run->weights.facts.architecture);
        return;
    }
    char layers[DT_LAYERS_TEXT];
    if (run->has_config)
        dt_markup_text(to, dt_layers_text(&run->config.layers, layers));
}

static void add_tiles(dt_markup *to, const report_run *run)
{
    const dt_summary *result = &run->result;
    char word[80];
    const char *of;
    headline(run, &of);
    dt_markup_add(to, "<div class=\"tiles\">");
    if (strcmp(of, "validation") != 0 && isfinite(result->last.val_accuracy)) {
        const dt_metrics_row *best = &run->rows.best;
        snprintf(word, sizeof word, "best validation accuracy, epoch %" PRId64, best->epoch);
        if (best->epoch > 0)
            add_tile(to, DT_NUMBER_SHARE, best->val_accuracy, word);
        else
            add_tile(to, DT_NUMBER_SHARE, result->last.val_accuracy, "validation accuracy");
    }
    add_tile(to, DT_NUMBER_SHARE,
             strcmp(of, "training") ? result->last.train_accuracy : (double)NAN,
             "training accuracy, last epoch");
    add_tile(to, DT_NUMBER_COUNT, report_known(result->last.epoch), "epochs");
    add_tile(to, DT_NUMBER_COUNT, report_known(result->last.step), "steps");
    add_tile(to, DT_NUMBER_SECONDS, result->last.seconds, "of training");
    add_tile(to, DT_NUMBER_COUNT, result->last.samples_per_second, "samples a second");
    if (result->ranks > 0) {
        snprintf(word, sizeof word, "%s on %d %s", result->ranks == 1 ? "rank" : "ranks",
                 result->hosts, result->hosts == 1 ? "host" : "hosts");
        add_tile(to, DT_NUMBER_COUNT, result->ranks, word);
    }
    if (run->has_weights)
        add_tile(to, DT_NUMBER_COUNT, (double)run->weights.parameter_count, "parameters");
    dt_markup_add(to, "</div>\n");
}

static void add_curves(dt_markup *to, int count, const report_run *runs)
{
    int64_t rows = 0;
    for (int i = 0; i < count; i++)
        rows += runs[i].rows.count;
    if (rows == 0)
        return;
    dt_markup_add(to, "<section>\n<h2>Training</h2>\n");
    report_curves(to, count, runs);
    dt_markup_add(to, "</section>\n");
}

/* What was trained, on what, the numbers, and what is missing. */
static void add_summary(dt_markup *to, const report_run *run)
{
    dt_markup_add(to, "<p class=\"sub\">");
    add_network(to, run);
    dt_markup_around(to, run->result.data_source ? ", on " : "", run->result.data_source, "</p>\n");
    add_tiles(to, run);
    if (run->notes.text)
        dt_markup_add(to, "%s", run->notes.text);
}

/* The parts of a run that a comparison has not shown. */
static void add_sections(dt_markup *to, const report_run *run)
{
    static report_section *const sections[] = {
        report_answers, report_mistakes, report_filters,  report_augmented,
        report_tracked, report_time,     report_timeline, report_settings};
    for (size_t i = 0; i < sizeof sections / sizeof *sections && !to->error.status; i++)
        sections[i](to, run);
}

static void add_run(dt_markup *to, const report_run *run)
{
    const char *of;
    double accuracy = headline(run, &of);
    dt_page_begin(to, run->name);
    dt_markup_around(to, "<header>\n<p class=\"eyebrow\">dist-train · <span class=\"break\">",
                     run->name, "</span> ");
    report_chip(to, run);
    if (isfinite(accuracy))
        dt_markup_add(to, "</p>\n<h1>%s of the %s images right</h1>\n",
                      DT_NUMBER(DT_NUMBER_SHARE, accuracy), of);
    else
        dt_markup_add(to, "</p>\n<h1>No result yet</h1>\n");
    add_summary(to, run);
    dt_markup_add(to, "</header>\n");
    add_curves(to, 1, run);
    add_sections(to, run);
    dt_page_end(to);
}

/* The run with the best result; of equal ones the first. */
static int best_run(int count, const report_run *runs)
{
    int best = 0;
    const char *of, *of_best;
    for (int i = 1; i < count; i++) {
        double value = headline(&runs[i], &of), most = headline(&runs[best], &of_best);
        if (strcmp(of, of_best) == 0 && isfinite(value) && !(value <= most))
            best = i;
    }
    return best;
}

static void add_detail(dt_markup *to, const report_run *run, bool open)
{
    dt_markup_add(to, "<details class=\"run\" id=\"run-%s\"%s><summary>", run->key,
                  open ? " open" : "");
    report_key(to, run);
    dt_markup_around(to, " ", run->name, "</summary>\n");
    add_summary(to, run);
    add_sections(to, run);
    dt_markup_add(to, "</details>\n");
}

static void add_runs(dt_markup *to, int count, const report_run *runs)
{
    char title[40];
    const char *of;
    int best = best_run(count, runs);
    double accuracy = headline(&runs[best], &of);
    snprintf(title, sizeof title, "%d runs compared", count);
    dt_page_begin(to, title);
    dt_markup_add(to, "<header>\n<p class=\"eyebrow\">dist-train</p>\n<h1>%s</h1>\n", title);
    if (isfinite(accuracy)) {
        dt_markup_add(to, "<p class=\"sub\">Best: ");
        report_key(to, &runs[best]);
        dt_markup_around(to, " ", runs[best].name, "");
        dt_markup_add(to, " with %s of the %s images right.</p>\n",
                      DT_NUMBER(DT_NUMBER_SHARE, accuracy), of);
    }
    dt_markup_add(to, "</header>\n");
    report_comparison(to, count, runs);
    add_curves(to, count, runs);
    dt_markup_add(to, "<section>\n<h2>Each run</h2>\n");
    for (int i = 0; i < count; i++)
        add_detail(to, &runs[i], i == best);
    dt_markup_add(to, "</section>\n");
    dt_page_end(to);
}

static void name_runs(int count, report_run *runs)
{
    for (int i = 0; i < count; i++) {
        runs[i].colour = i % DT_COLOURS;
        snprintf(runs[i].key, sizeof runs[i].key, i < 26 ? "%.0d%c" : "%d%c", i / 26, 'A' + i % 26);
        for (int j = 0; j < i; j++)
            if (strcmp(runs[i].name, runs[j].name) == 0) {
                snprintf(runs[i].name, sizeof runs[i].name, "%s", runs[i].path);
                break;
            }
    }
}

dt_status dt_report_write(int count, const char *const *paths, const char *path, dt_error *error)
{
    dt_markup page = {0};
    dt_status status = DT_OK;
    if (count < 1 || count > DT_REPORT_RUNS_MAX)
        return dt_fail(error, DT_ERR_USAGE, "report: expected 1 to %d runs, found %d",
                       DT_REPORT_RUNS_MAX, count);
    report_run *runs = dt_calloc((size_t)count, sizeof *runs, error);
    if (!runs)
        return error->status;
    for (int i = 0; i < count && !status; i++)
        status = report_run_open(paths[i], &runs[i], error);
    if (!status) {
        name_runs(count, runs);
        if (count == 1)
            add_run(&page, runs);
        else
            add_runs(&page, count, runs);
        status = dt_markup_status(&page, error);
    }
    if (!status)
        status = dt_atomic_write(path, page.text, page.length, error);
    for (int i = 0; i < count; i++)
        report_run_close(&runs[i]);
    dt_free(runs);
    dt_markup_destroy(&page);
    return status;
}
