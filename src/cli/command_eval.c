#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/class_names.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "commands.h"
#include "file/atomic_file.h"
#include "file/json.h"
#include "train/examine.h"
#include "train/model.h"

/* Classes up to which the confusion matrix is printed. */
enum { MATRIX_MAX = 20, NAME_MOST = 24 };

/* All that a result is written with. */
typedef struct result {
    const char *weights, *data, *subset, *class_names;
    char hash[DT_HASH_TEXT];
    dt_examination found;
} result;

/* Writes the whole of a result into `out`. */
typedef void (*writer)(const result *result, dt_text *out);

/* A ratio for people; "-" for 0 / 0. */
static char *ratio_text(double ratio, char text[16])
{
    snprintf(text, 16, isnan(ratio) ? "-" : "%.4f", ratio);
    return text;
}

/* Columns for the longest name, at least 5. */
static int name_width(const result *self)
{
    size_t width = 5;
    char name[DT_CLASS_NAME];
    for (int i = 0; i < self->found.classes; i++) {
        size_t length = strlen(dt_class_name(self->class_names, i, name));
        width = length > width ? length : width;
    }
    return width < NAME_MOST ? (int)width : NAME_MOST;
}

static void print_classes(const result *self)
{
    const dt_examination *found = &self->found;
    int width = name_width(self);
    dt_say("%*s %8s %10s %8s %8s", width, "class", "samples", "precision", "recall", "f1");
    for (int i = 0; i < found->classes; i++) {
        dt_class_metrics of = dt_metrics_of_class(found->classes, found->counts, i);
        char text[3][16], name[DT_CLASS_NAME];
        dt_say("%*.*s %8" PRId64 " %10s %8s %8s", width, NAME_MOST,
               dt_class_name(self->class_names, i, name), of.samples,
               ratio_text(of.precision, text[0]), ratio_text(of.recall, text[1]),
               ratio_text(of.f1, text[2]));
    }
}

static int64_t without_answer(const dt_examination *found)
{
    int64_t count = 0;
    for (int i = 0; i < found->classes; i++)
        count += found->counts[dt_metrics_at(found->classes, i, found->classes)];
    return count;
}

static void print_matrix(const result *self)
{
    const dt_examination *found = &self->found;
    int width = name_width(self);
    char line[NAME_MOST * (MATRIX_MAX + 2)], name[DT_CLASS_NAME];
    dt_text text = {.text = line, .size = sizeof line};
    dt_text_add(&text, "%*s", width, "");
    for (int j = 0; j < found->classes; j++)
        dt_text_add(&text, " %6.6s", dt_class_name(self->class_names, j, name));
    dt_say("confusion matrix: rows are labels, columns are answers");
    dt_say("%s", line);
    for (int i = 0; i < found->classes; i++) {
        text.length = 0;
        dt_text_add(&text, "%*.*s", width, NAME_MOST, dt_class_name(self->class_names, i, name));
        for (int j = 0; j < found->classes; j++)
            dt_text_add(&text, " %6" PRId64, found->counts[dt_metrics_at(found->classes, i, j)]);
        dt_say("%s", line);
    }
}

static void print(const result *self)
{
    const dt_examination *found = &self->found;
    int64_t correct = dt_metrics_correct(found->classes, found->counts);
    int64_t top2 = found->counts[dt_metrics_top2(found->classes)];
    double samples = (double)found->samples;
    dt_say("%s (parameter_hash %s) on %s, %s: %" PRId64 " samples", self->weights, self->hash,
           self->data, self->subset, found->samples);
    dt_say("loss %.6f accuracy %.4f (%" PRId64 ") top-2 %.4f (%" PRId64 ")", found->loss,
           (double)correct / samples, correct, (double)top2 / samples, top2);
    dt_say("%s", "");
    print_classes(self);
    dt_say("%s", "");
    if (found->classes <= MATRIX_MAX)
        print_matrix(self);
    else
        dt_say("%d classes: the confusion matrix is in the files of --csv and --json",
               found->classes);
    if (without_answer(found) > 0)
        dt_say("%" PRId64 " samples have no answer: an output is not a number",
               without_answer(found));
}

static void add_csv_ratio(dt_text *out, double ratio)
{
    if (isnan(ratio))
        dt_text_add(out, ",");
    else
        dt_text_add(out, ",%.9g", ratio);
}

/* In quotation marks where CSV needs them. source: RFC 4180 */
static void add_csv_name(const result *self, dt_text *out, const char *before, const char *prefix,
                         int class)
{
    char name[DT_CLASS_NAME];
    bool plain = !strpbrk(dt_class_name(self->class_names, class, name), ",\"\r\n");
    dt_text_add(out, "%s%s%s", before, plain ? "" : "\"", prefix);
    for (const char *at = name; *at; at++)
        dt_text_add(out, "%s%c", *at == '"' ? "\"" : "", *at);
    dt_text_add(out, "%s", plain ? "" : "\"");
}

static void write_csv(const result *self, dt_text *out)
{
    const dt_examination *found = &self->found;
    dt_text_add(out, "class,samples,answered,correct,precision,recall,f1");
    for (int j = 0; j < found->classes; j++)
        add_csv_name(self, out, ",", "as_", j);
    dt_text_add(out, ",without_answer\n");
    for (int i = 0; i < found->classes; i++) {
        dt_class_metrics of = dt_metrics_of_class(found->classes, found->counts, i);
        add_csv_name(self, out, "", "", i);
        dt_text_add(out, ",%" PRId64 ",%" PRId64 ",%" PRId64, of.samples, of.answered, of.correct);
        add_csv_ratio(out, of.precision);
        add_csv_ratio(out, of.recall);
        add_csv_ratio(out, of.f1);
        for (int j = 0; j <= found->classes; j++)
            dt_text_add(out, ",%" PRId64, found->counts[dt_metrics_at(found->classes, i, j)]);
        dt_text_add(out, "\n");
    }
}

static void add_json_class(dt_text *out, const char *names, int class, const dt_class_metrics *of)
{
    dt_text_add(out, "    {\"class\": ");
    dt_json_add_class(out, names, class);
    dt_text_add(out,
                ", \"samples\": %" PRId64 ", \"answered\": %" PRId64 ", \"correct\": %" PRId64
                ", \"precision\": ",
                of->samples, of->answered, of->correct);
    dt_json_add_real(out, of->precision);
    dt_text_add(out, ", \"recall\": ");
    dt_json_add_real(out, of->recall);
    dt_text_add(out, ", \"f1\": ");
    dt_json_add_real(out, of->f1);
    dt_text_add(out, "}");
}

static void add_json_text(dt_text *out, const char *key, const char *value)
{
    dt_text_add(out, "  \"%s\": ", key);
    dt_json_add_text(out, value);
    dt_text_add(out, ",\n");
}

static void add_json_share(dt_text *out, const char *key, int64_t count, int64_t samples)
{
    dt_text_add(out, "  \"%s\": ", key);
    dt_json_add_real(out, (double)count / (double)samples);
    dt_text_add(out, ",\n");
}

static void write_json(const result *self, dt_text *out)
{
    const dt_examination *found = &self->found;
    int classes = found->classes;
    dt_text_add(out, "{\n");
    add_json_text(out, "weights", self->weights);
    add_json_text(out, "parameter_hash", self->hash);
    add_json_text(out, "data", self->data);
    add_json_text(out, "split", self->subset);
    dt_text_add(out, "  \"samples\": %" PRId64 ",\n  \"loss\": ", found->samples);
    dt_json_add_real(out, found->loss);
    dt_text_add(out, ",\n");
    int64_t correct = dt_metrics_correct(classes, found->counts);
    int64_t top2 = found->counts[dt_metrics_top2(classes)];
    dt_text_add(out, "  \"correct\": %" PRId64 ",\n", correct);
    add_json_share(out, "accuracy", correct, found->samples);
    dt_text_add(out, "  \"top2\": %" PRId64 ",\n", top2);
    add_json_share(out, "top2_accuracy", top2, found->samples);
    dt_text_add(out, "  \"without_answer\": %" PRId64 ",\n  \"classes\": [\n",
                without_answer(found));
    for (int i = 0; i < classes; i++) {
        dt_class_metrics of = dt_metrics_of_class(classes, found->counts, i);
        add_json_class(out, self->class_names, i, &of);
        dt_text_add(out, i + 1 < classes ? ",\n" : "\n");
    }
    dt_text_add(out, "  ],\n  \"confusion\": [\n");
    for (int i = 0; i < classes; i++)
        for (int j = 0; j < classes; j++)
            dt_text_add(out, "%s%" PRId64 "%s", j == 0 ? "    [" : ", ",
                        found->counts[dt_metrics_at(classes, i, j)],
                        j + 1 < classes   ? ""
                        : i + 1 < classes ? "],\n"
                                          : "]\n");
    dt_text_add(out, "  ]\n}\n");
}

static dt_status write_file(const result *self, writer write, const char *path, dt_error *error)
{
    if (path[0] == '\0')
        return DT_OK;
    dt_text text = {0};
    write(self, &text);
    text = (dt_text){.size = text.length + 1};
    text.text = dt_calloc(text.size, 1, error);
    if (!text.text)
        return error->status;
    write(self, &text);
    dt_status status = dt_atomic_write(path, text.text, text.length, error);
    dt_free(text.text);
    return status;
}

/* Rank 0 reads the file; all get the settings and the network. */
static dt_status open_model(dt_comm *comm, const dt_invocation *invocation, dt_subset_kind kind,
                            dt_model *model, dt_session **out, dt_error *error)
{
    dt_config config;
    dt_status status = DT_OK;
    if (dt_comm_rank(comm) == 0)
        status = dt_model_read(invocation->weights_path, &invocation->config, model, error);
    status = dt_comm_agree(comm, status, error);
    if (!status)
        status = dt_session_settle(comm, &model->config, &config, error);
    if (status)
        return status;
    dt_comm_broadcast(comm, &model->spec, sizeof model->spec);
    return dt_session_open_model(comm, &config, model, kind, out, error);
}

dt_status command_eval(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    bool voice = dt_comm_rank(comm) == 0;
    dt_subset_kind kind = DT_SUBSET_TRAIN;
    while (strcmp(invocation->subset, dt_subset_names[kind]) != 0)
        kind++;
    dt_model model = {0};
    dt_session *run = NULL;
    result self = {.weights = invocation->weights_path, .subset = dt_subset_names[kind]};
    dt_status status = open_model(comm, invocation, kind, &model, &run, error);
    if (!status)
        status = dt_examine(run, kind, &self.found, error);
    if (!status && voice) {
        self.data = run->source->name;
        self.class_names = run->source->class_names;
        dt_hash_text(model.file.parameter_hash, self.hash);
        print(&self);
        status = write_file(&self, write_csv, invocation->csv_path, error);
        if (!status)
            status = write_file(&self, write_json, invocation->json_path, error);
    }
    status = dt_comm_agree(comm, status, error);
    dt_examination_destroy(&self.found);
    dt_session_close(run);
    dt_model_destroy(&model);
    return status;
}
