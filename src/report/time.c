#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/trace.h"
#include "chart/bars.h"
#include "chart/scale.h"
#include "parts.h"

enum { BARS_MOST = 24, PARTS = 7 };

static const char *const part_names[PARTS] = {"compute", "reduction",  "waiting", "data",
                                              "files",   "evaluation", "other"};
static const int part_colours[PARTS] = {0, 1, 4, 2, 3, 5, 6};
static const int part_of[DT_PHASES] = {
    [DT_PHASE_FORWARD] = 0, [DT_PHASE_BACKWARD] = 0, [DT_PHASE_UPDATE] = 0,
    [DT_PHASE_REDUCE] = 1,  [DT_PHASE_WAIT] = 2,     [DT_PHASE_GATHER] = 3,
    [DT_PHASE_SAVE] = 4,    [DT_PHASE_EVALUATE] = 5, [DT_PHASE_OTHER] = 6};

/* [PARTS] of a rank. */
static void sum_parts(const dt_insight *insight, int rank, double *parts)
{
    memset(parts, 0, PARTS * sizeof *parts);
    for (int i = 0; i < DT_PHASES; i++)
        parts[part_of[i]] += insight->phase_seconds[(size_t)rank * DT_PHASES + (size_t)i];
}

typedef struct time_table {
    int count;
    double (*parts)[PARTS]; /* [ranks] */
    dt_bar *bars;
    char (*labels)[80], (*notes)[DT_NUMBER_SIZE];
} time_table;

static void release(time_table *self)
{
    dt_free(self->parts);
    dt_free(self->bars);
    dt_free(self->labels);
    dt_free(self->notes);
}

static dt_status allocate(time_table *self, int ranks, dt_error *error)
{
    size_t count = (size_t)ranks;
    self->parts = dt_calloc(count, sizeof *self->parts, error);
    self->bars = self->parts ? dt_calloc(count, sizeof *self->bars, error) : NULL;
    self->labels = self->bars ? dt_calloc(count, sizeof *self->labels, error) : NULL;
    self->notes = self->labels ? dt_calloc(count, sizeof *self->notes, error) : NULL;
    return self->notes ? DT_OK : DT_ERR_INTERNAL;
}

static void add_bar(time_table *self, const dt_insight *insight, int rank, const char *why)
{
    double total = 0;
    int at = self->count++;
    for (int i = 0; i < PARTS; i++)
        total += self->parts[rank][i];
    bool names_host =
        rank == 0 || why[0] || strcmp(insight->hosts[rank], insight->hosts[rank - 1]) != 0;
    snprintf(self->labels[at], sizeof self->labels[at], "%srank %d%s%.40s", why, rank,
             names_host ? ", " : "", names_host ? insight->hosts[rank] : "");
    dt_number_text(DT_NUMBER_SECONDS, total, self->notes[at]);
    self->bars[at] = (dt_bar){self->labels[at], self->notes[at], self->parts[rank]};
}

/* The rank whose part is the `place`-th smallest. */
static int rank_at(const time_table *self, int ranks, int part, int place)
{
    for (int rank = 0; rank < ranks; rank++) {
        int before = 0;
        for (int i = 0; i < ranks; i++)
            before += self->parts[i][part] < self->parts[rank][part] ||
                      (self->parts[i][part] == self->parts[rank][part] && i < rank);
        if (before == place)
            return rank;
    }
    return 0;
}

static void add_extremes(dt_markup *to, const time_table *self, const dt_insight *insight)
{
    char text[DT_NUMBER_SIZE];
    int ranks = insight->ranks;
    dt_markup_add(to,
                  "<div class=\"wide\"><table><thead><tr><th>seconds of %d ranks</th>"
                  "<th class=\"n\">smallest</th><th class=\"n\">median</th>"
                  "<th class=\"n\">largest</th><th>at</th></tr></thead>\n<tbody>\n",
                  ranks);
    for (int part = 0; part < PARTS; part++) {
        const int places[] = {0, ranks / 2, ranks - 1};
        int rank = 0;
        dt_markup_add(to, "<tr><td>%s</td>", part_names[part]);
        for (int i = 0; i < 3; i++) {
            rank = rank_at(self, ranks, part, places[i]);
            dt_markup_add(to, "<td class=\"n\">%s</td>",
                          dt_number_text(DT_NUMBER_SECONDS, self->parts[rank][part], text));
        }
        dt_markup_add(to, "<td>rank %d, ", rank);
        dt_markup_text(to, insight->hosts[rank]);
        dt_markup_add(to, "</td></tr>\n");
    }
    dt_markup_add(to, "</tbody></table></div>\n");
}

static void choose_bars(time_table *self, const dt_insight *insight)
{
    int ranks = insight->ranks;
    for (int i = 0; ranks <= BARS_MOST && i < ranks; i++)
        add_bar(self, insight, i, "");
    if (ranks <= BARS_MOST)
        return;
    add_bar(self, insight, rank_at(self, ranks, 0, 0), "least compute: ");
    add_bar(self, insight, rank_at(self, ranks, 0, ranks / 2), "median: ");
    add_bar(self, insight, rank_at(self, ranks, 0, ranks - 1), "most compute: ");
    add_bar(self, insight, rank_at(self, ranks, 2, ranks - 1), "most waiting: ");
}

static dt_status add_ranks(dt_markup *to, const dt_insight *insight, dt_error *error)
{
    time_table self = {0};
    dt_status status = allocate(&self, insight->ranks, error);
    if (!status) {
        for (int i = 0; i < insight->ranks; i++)
            sum_parts(insight, i, self.parts[i]);
        choose_bars(&self, insight);
        dt_bars_add(to, PARTS, part_names, part_colours, (size_t)self.count, self.bars);
        if (insight->ranks > BARS_MOST)
            add_extremes(to, &self, insight);
    }
    release(&self);
    return status;
}

/* Of the rows of metrics.csv: seconds of the epochs, mean over the ranks. */
static void add_epochs(dt_markup *to, const report_run *run)
{
    double parts[PARTS] = {0};
    memcpy(parts, run->rows.seconds, sizeof run->rows.seconds);
    char text[DT_NUMBER_SIZE];
    double total = parts[0] + parts[1] + parts[2] + parts[3];
    if (!(total > 0))
        return;
    dt_bar bar = {"mean of the ranks", dt_number_text(DT_NUMBER_SECONDS, total, text), parts};
    dt_markup_add(to, "<section>\n<h2>Time</h2>\n<p>Of the epochs so far, from metrics.csv; "
                      "evaluations and files are not in it.</p>\n");
    dt_bars_add(to, PARTS, part_names, part_colours, 1, &bar);
    dt_markup_add(to, "</section>\n");
}

dt_status dt_report_time(dt_markup *to, const report_run *run, dt_error *error)
{
    const dt_insight *insight = &run->insight;
    if (!run->has_insight || insight->ranks == 0) {
        add_epochs(to, run);
        return DT_OK;
    }
    dt_markup_add(to,
                  "<section>\n<h2>Time</h2>\n<p>Where the seconds of each rank went%s. Waiting "
                  "is for other ranks, in a reduction: what the others did longer.</p>\n",
                  run->has_summary && run->summary.summary.resumed_from
                      ? ", since the run went on from a checkpoint"
                      : "");
    dt_status status = add_ranks(to, insight, error);
    dt_markup_add(to, "</section>\n");
    return status;
}
