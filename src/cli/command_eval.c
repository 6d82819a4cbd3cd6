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
#include "train/ensemble.h"
#include "train/examine.h"
#include "train/model.h"

/* Classes up to which the confusion matrix is printed. */
enum { MATRIX_MAX = 20, NAME_MOST = 24 };

/* A network, and how good it is alone. */
typedef struct member {
    const char *weights;
    char hash[DT_HASH_TEXT];
    double loss;
    int64_t correct;
} member;

/* All that a result is written with. */
typedef struct result {
    const char *data, *subset, *class_names;
    int count; /* of networks, whose probabilities are averaged if they are several */
    member *members;
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

static void print_members(const result *self)
{
    double samples = (double)self->found.samples;
    for (int i = 0; i < self->count; i++) {
        const member *it = &self->members[i];
        dt_say("%s (parameter_hash %s): loss %.6f accuracy %.4f (%" PRId64 ")", it->weights,
               it->hash, it->loss, (double)it->correct / samples, it->correct);
    }
    dt_say("mean probabilities of these %d on %s, %s: %" PRId64 " samples", self->count, self->data,
           self->subset, self->found.samples);
}

static void print(const result *self)
{
    const dt_examination *found = &self->found;
    int64_t correct = dt_metrics_correct(found->classes, found->counts);
    int64_t top2 = found->counts[dt_metrics_top2(found->classes)];
    double samples = (double)found->samples;
    if (self->count > 1)
        print_members(self);
    else
        dt_say("%s (parameter_hash %s) on %s, %s: %" PRId64 " samples", self->members->weights,
               self->members->hash, self->data, self->subset, found->samples);
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

/* One is a text, as always; several are lists. */
static void add_json_networks(dt_text *out, const result *self)
{
    const char *keys[] = {"weights", "parameter_hash"};
    for (int k = 0; k < 2; k++) {
        dt_text_add(out, "  \"%s\": %s", keys[k], self->count > 1 ? "[" : "");
        for (int i = 0; i < self->count; i++) {
            dt_text_add(out, "%s", i > 0 ? ", " : "");
            dt_json_add_text(out, k ? self->members[i].hash : self->members[i].weights);
        }
        dt_text_add(out, "%s,\n", self->count > 1 ? "]" : "");
    }
}

static void write_json(const result *self, dt_text *out)
{
    const dt_examination *found = &self->found;
    int classes = found->classes;
    dt_text_add(out, "{\n");
    add_json_networks(out, self);
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

/* What an evaluation works with. */
typedef struct evaluation {
    dt_comm *comm;
    const dt_invocation *invocation;
    dt_subset_kind kind;
    dt_model first, last; /* networks: the first; of several, the one that was read last */
    dt_session *run;      /* NULL until the first is read */
    double *sums;         /* of their probabilities, if there are several */
    result result;
} evaluation;

/* Rank 0 reads the file `path`; all get its settings and network. */
static dt_status open_model(evaluation *self, const char *path, dt_error *error)
{
    const char *const paths[] = {self->invocation->weights_path, path};
    dt_model *model = self->run ? &self->last : &self->first;
    dt_config config;
    dt_status status = DT_OK;
    dt_model_destroy(model);
    if (dt_comm_rank(self->comm) == 0) {
        status = dt_model_read(path, &self->invocation->config, model, error);
        if (!status && model != &self->first)
            status = dt_ensemble_check(&self->first, model, self->kind, paths, error);
    }
    status = dt_comm_agree(self->comm, status, error);
    if (!status && !self->run)
        status = dt_session_settle(self->comm, &model->config, &config, error);
    if (status)
        return status;
    dt_comm_broadcast(self->comm, &model->spec, sizeof model->spec);
    return self->run
               ? dt_session_take_model(self->run, model, error)
               : dt_session_open_model(self->comm, &config, model, self->kind, &self->run, error);
}

/* One network of the result. */
static dt_status examine(evaluation *self, member *it, dt_error *error)
{
    result *to = &self->result;
    dt_examination_destroy(&to->found);
    dt_status status = open_model(self, it->weights, error);
    const dt_model *model = it == to->members ? &self->first : &self->last;
    dt_hash_text(model->file.parameter_hash, it->hash);
    if (!status)
        status = dt_examine(self->run, self->kind, &to->found, error);
    if (status)
        return status;
    it->loss = to->found.loss;
    it->correct = dt_metrics_correct(to->found.classes, to->found.counts);
    if (to->count == 1)
        return DT_OK;
    size_t held = (size_t)self->run->dataset->subsets[self->kind].held.count;
    if (!self->sums)
        self->sums = dt_calloc(held * (size_t)to->found.classes, sizeof *self->sums, error);
    status = dt_comm_agree(self->comm, self->sums ? DT_OK : DT_ERR_INTERNAL, error);
    if (!status)
        dt_ensemble_add(self->run, self->kind, self->sums);
    return status;
}

/* All networks, one after the other. */
static dt_status examine_all(evaluation *self, dt_error *error)
{
    result *to = &self->result;
    to->members = dt_calloc((size_t)to->count, sizeof *to->members, error);
    dt_status status = dt_comm_agree(self->comm, to->members ? DT_OK : DT_ERR_INTERNAL, error);
    for (int i = 0; i < to->count && !status; i++) {
        const char *const *more = self->invocation->files; /* of rank 0, which reads them */
        to->members[i].weights = i > 0 && more ? more[i - 1] : self->invocation->weights_path;
        status = examine(self, &to->members[i], error);
    }
    if (status || to->count == 1)
        return status;
    dt_examination_destroy(&to->found);
    return dt_ensemble_examine(self->run, self->kind, to->count, self->sums, &to->found, error);
}

static dt_status tell(result *self, const dt_session *run, const dt_invocation *invocation,
                      dt_error *error)
{
    self->data = run->source->name;
    self->class_names = run->source->class_names;
    print(self);
    dt_status status = write_file(self, write_csv, invocation->csv_path, error);
    return status ? status : write_file(self, write_json, invocation->json_path, error);
}

dt_status command_eval(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    evaluation self = {.comm = comm,
                       .invocation = invocation,
                       .result.count = 1 + invocation->file_count,
                       .result.subset = invocation->subset};
    while (strcmp(invocation->subset, dt_subset_names[self.kind]) != 0)
        self.kind++;
    dt_status status = examine_all(&self, error);
    if (!status && dt_comm_rank(comm) == 0)
        status = tell(&self.result, self.run, invocation, error);
    status = dt_comm_agree(comm, status, error);
    dt_examination_destroy(&self.result.found);
    dt_session_close(self.run);
    dt_model_destroy(&self.first);
    dt_model_destroy(&self.last);
    dt_free(self.sums);
    dt_free(self.result.members);
    return status;
}
