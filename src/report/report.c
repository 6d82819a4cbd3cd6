#include "report/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "chart/scale.h"
#include "curves.h"
#include "file/atomic_file.h"
#include "parts.h"
#include "report/page.h"

static void add_tile(dt_markup *to, const char *value, const char *word)
{
    dt_markup_add(to, "<div class=\"tile\"><b>%s</b><span>", value);
    dt_markup_text(to, word);
    dt_markup_add(to, "</span></div>");
}

static void add_number(dt_markup *to, dt_number number, double value, const char *word)
{
    char text[DT_NUMBER_SIZE];
    if (!isnan(value))
        add_tile(to, dt_number_text(number, value, text), word);
}

static double known(int64_t count)
{
    return count < 0 ? (double)NAN : (double)count;
}

/* Which accuracy is the result: of test, or else validation, or else training. */
static double headline(const report_run *run, const char **of)
{
    const report_result *result = &run->result;
    *of = isfinite(result->test_accuracy)  ? "test"
          : isfinite(result->val_accuracy) ? "validation"
                                           : "training";
    return isfinite(result->test_accuracy)  ? result->test_accuracy
           : isfinite(result->val_accuracy) ? result->val_accuracy
                                            : result->train_accuracy;
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
    const report_result *result = &run->result;
    char word[80];
    const char *of;
    headline(run, &of);
    dt_markup_add(to, "<div class=\"tiles\">");
    if (strcmp(of, "validation") != 0 && isfinite(result->val_accuracy)) {
        const dt_metrics_row *best = result->best_epoch > 0 ? &run->rows.best : NULL;
        snprintf(word, sizeof word, "best validation accuracy, epoch %" PRId64, result->best_epoch);
        add_number(to, DT_NUMBER_SHARE, best ? best->val_accuracy : result->val_accuracy,
                   best ? word : "validation accuracy");
    }
    add_number(to, DT_NUMBER_SHARE, strcmp(of, "training") ? result->train_accuracy : (double)NAN,
               "training accuracy, last epoch");
    add_number(to, DT_NUMBER_COUNT, known(result->epochs), "epochs");
    add_number(to, DT_NUMBER_COUNT, known(result->steps), "steps");
    add_number(to, DT_NUMBER_SECONDS, result->seconds, "of training");
    add_number(to, DT_NUMBER_COUNT, result->samples_per_second, "samples a second");
    if (result->ranks > 0) {
        snprintf(word, sizeof word, "%s on %d %s", result->ranks == 1 ? "rank" : "ranks",
                 result->hosts, result->hosts == 1 ? "host" : "hosts");
        add_number(to, DT_NUMBER_COUNT, result->ranks, word);
    }
    if (run->has_weights)
        add_number(to, DT_NUMBER_COUNT, (double)run->weights.parameter_count, "parameters");
    dt_markup_add(to, "</div>\n");
}

static void add_headline(dt_markup *to, const report_run *run)
{
    char text[DT_NUMBER_SIZE];
    const char *of;
    double accuracy = headline(run, &of);
    if (isfinite(accuracy))
        dt_markup_add(to, "<h1>%s of the %s images right</h1>\n",
                      dt_number_text(DT_NUMBER_SHARE, accuracy, text), of);
    else
        dt_markup_add(to, "<h1>No result yet</h1>\n");
}

static void add_notes(dt_markup *to, const report_run *run)
{
    for (int i = 0; i < run->note_count; i++) {
        dt_markup_add(to, "<p class=\"note warn\">");
        dt_markup_text(to, run->notes[i]);
        dt_markup_add(to, "</p>\n");
    }
}

/* The parts of a run that a comparison has not shown. */
static dt_status add_parts(dt_markup *to, const report_run *run, dt_error *error)
{
    dt_status status = dt_report_answers(to, run, error);
    if (!status)
        status = dt_report_mistakes(to, run, error);
    if (!status)
        status = dt_report_filters(to, run, error);
    if (!status)
        status = dt_report_tracked(to, run, error);
    if (!status)
        status = dt_report_time(to, run, error);
    return status ? status : dt_report_settings(to, run, error);
}

static dt_status add_curves(dt_markup *to, int count, const report_run *runs, dt_error *error)
{
    int64_t rows = 0;
    for (int i = 0; i < count; i++)
        rows += runs[i].rows.count;
    if (rows == 0)
        return DT_OK;
    dt_markup_add(to, "<section>\n<h2>Training</h2>\n");
    dt_status status = dt_report_curves(to, count, runs, error);
    dt_markup_add(to, "</section>\n");
    return status;
}

/* What was trained, on what, the numbers, and what is missing. */
static void add_summary(dt_markup *to, const report_run *run)
{
    dt_markup_add(to, "<p class=\"sub\">");
    add_network(to, run);
    dt_markup_add(to, run->result.data_source[0] ? ", on " : "");
    dt_markup_text(to, run->result.data_source);
    dt_markup_add(to, "</p>\n");
    add_tiles(to, run);
    add_notes(to, run);
}

static dt_status add_run(dt_markup *to, const report_run *run, dt_error *error)
{
    dt_page_begin(to, run->name);
    dt_markup_add(to, "<header>\n<p class=\"eyebrow\">dist-train · <span class=\"break\">");
    dt_markup_text(to, run->name);
    dt_markup_add(to, "</span> ");
    dt_report_chip(to, run);
    dt_markup_add(to, "</p>\n");
    add_headline(to, run);
    add_summary(to, run);
    dt_markup_add(to, "</header>\n");
    dt_status status = add_curves(to, 1, run, error);
    if (!status)
        status = add_parts(to, run, error);
    dt_page_end(to);
    return status;
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

static dt_status add_detail(dt_markup *to, const report_run *run, bool open, dt_error *error)
{
    dt_markup_add(to, "<details class=\"run\" id=\"run-%s\"%s><summary>", run->key,
                  open ? " open" : "");
    dt_markup_add(to, "<span class=\"key c%d\">%s</span> ", run->colour, run->key);
    dt_markup_text(to, run->name);
    dt_markup_add(to, "</summary>\n");
    add_summary(to, run);
    dt_status status = add_parts(to, run, error);
    dt_markup_add(to, "</details>\n");
    return status;
}

static dt_status add_runs(dt_markup *to, int count, const report_run *runs, dt_error *error)
{
    char title[40], text[DT_NUMBER_SIZE];
    const char *of;
    int best = best_run(count, runs);
    double accuracy = headline(&runs[best], &of);
    snprintf(title, sizeof title, "%d runs compared", count);
    dt_page_begin(to, title);
    dt_markup_add(to, "<header>\n<p class=\"eyebrow\">dist-train</p>\n<h1>%s</h1>\n", title);
    if (isfinite(accuracy)) {
        dt_markup_add(to, "<p class=\"sub\">Best: <span class=\"key c%d\">%s</span> ",
                      runs[best].colour, runs[best].key);
        dt_markup_text(to, runs[best].name);
        dt_markup_add(to, " with %s of the %s images right.</p>\n",
                      dt_number_text(DT_NUMBER_SHARE, accuracy, text), of);
    }
    dt_markup_add(to, "</header>\n");
    dt_status status = dt_report_comparison(to, count, runs, error);
    if (!status)
        status = add_curves(to, count, runs, error);
    dt_markup_add(to, "<section>\n<h2>Each run</h2>\n");
    for (int i = 0; i < count && !status; i++)
        status = add_detail(to, &runs[i], i == best, error);
    dt_markup_add(to, "</section>\n");
    dt_page_end(to);
    return status;
}

static void name_runs(int count, report_run *runs)
{
    for (int i = 0; i < count; i++) {
        runs[i].colour = i % 8;
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
        status = dt_report_run_open(paths[i], &runs[i], error);
    if (!status) {
        name_runs(count, runs);
        status = count == 1 ? add_run(&page, runs, error) : add_runs(&page, count, runs, error);
    }
    if (!status)
        status = dt_markup_status(&page, error);
    if (!status)
        status = dt_atomic_write(path, page.text, page.length, error);
    for (int i = 0; i < count; i++)
        dt_report_run_close(&runs[i]);
    dt_free(runs);
    dt_markup_destroy(&page);
    return status;
}
