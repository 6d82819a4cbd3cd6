#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/trace.h"
#include "chart/bars.h"
#include "chart/scale.h"
#include "parts.h"

enum { BARS_MOST = 24, PARTS = 7 };

static const dt_bar_part part_list[PARTS] = {
    {.name = "compute", .colour = 0}, {.name = "reduction", .colour = 1},
    {.name = "waiting", .colour = 4}, {.name = "data", .colour = 2},
    {.name = "files", .colour = 3},   {.name = "evaluation", .colour = 5},
    {.name = "other", .colour = 6},
};
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
    double (*parts)[PARTS]; /* [ranks] */
    int count;
    dt_bar *bars; /* [ranks] */
} time_table;

static void choose_bar(time_table *self, const dt_insight *insight, int rank, const char *why)
{
    dt_bar *bar = &self->bars[self->count++];
    const char *host = insight->hosts[rank];
    bool names_host = rank == 0 || why[0] || strcmp(host, insight->hosts[rank - 1]) != 0;
    snprintf(bar->label, sizeof bar->label, "%srank %d%s%.40s", why, rank, names_host ? ", " : "",
             names_host ? host : "");
    bar->seconds = self->parts[rank];
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
    int ranks = insight->ranks;
    dt_markup_add(to,
                  "<div class=\"wide\"><table><thead><tr><th>seconds of %d ranks</th>"
                  "<th class=\"n\">smallest</th><th class=\"n\">median</th>"
                  "<th class=\"n\">largest</th><th>at</th></tr></thead>\n<tbody>\n",
                  ranks);
    for (int part = 0; part < PARTS; part++) {
        const int places[] = {0, ranks / 2, ranks - 1};
        int rank = 0;
        dt_markup_add(to, "<tr><td>%s</td>", part_list[part].name);
        for (int i = 0; i < 3; i++) {
            rank = rank_at(self, ranks, part, places[i]);
            dt_markup_add(to, "<td class=\"n\">%s</td>",
                          DT_NUMBER(DT_NUMBER_SECONDS, self->parts[rank][part]));
        }
        dt_markup_add(to, "<td>rank %d", rank);
        dt_markup_around(to, ", ", insight->hosts[rank], "</td></tr>\n");
    }
    dt_markup_add(to, "</tbody></table></div>\n");
}

static void choose_bars(time_table *self, const dt_insight *insight)
{
    int ranks = insight->ranks;
    for (int i = 0; ranks <= BARS_MOST && i < ranks; i++)
        choose_bar(self, insight, i, "");
    if (ranks <= BARS_MOST)
        return;
    choose_bar(self, insight, rank_at(self, ranks, 0, 0), "least compute: ");
    choose_bar(self, insight, rank_at(self, ranks, 0, ranks / 2), "median: ");
    choose_bar(self, insight, rank_at(self, ranks, 0, ranks - 1), "most compute: ");
    choose_bar(self, insight, rank_at(self, ranks, 2, ranks - 1), "most waiting: ");
}

static void add_ranks(dt_markup *to, const dt_insight *insight)
{
    size_t ranks = (size_t)insight->ranks;
    time_table self = {.parts = dt_calloc(ranks, sizeof *self.parts, &to->error)};
    self.bars = self.parts ? dt_calloc(ranks, sizeof *self.bars, &to->error) : NULL;
    if (self.bars) {
        for (int i = 0; i < insight->ranks; i++)
            sum_parts(insight, i, self.parts[i]);
        choose_bars(&self, insight);
        dt_bars_add(to, PARTS, part_list, (size_t)self.count, self.bars);
        if (insight->ranks > BARS_MOST)
            add_extremes(to, &self, insight);
    }
    dt_free(self.parts);
    dt_free(self.bars);
}

/* Of the rows of metrics.csv: seconds of the epochs, mean over the ranks. */
static void add_epochs(dt_markup *to, const report_run *run)
{
    double parts[PARTS] = {0};
    memcpy(parts, run->rows.seconds, sizeof run->rows.seconds);
    if (!(parts[0] + parts[1] + parts[2] + parts[3] > 0))
        return;
    const dt_bar bar = {"mean of the ranks", parts};
    dt_markup_add(to, "<section>\n<h2>Time</h2>\n<p>Of the epochs so far, from metrics.csv; "
                      "evaluations and files are not in it.</p>\n");
    dt_bars_add(to, PARTS, part_list, 1, &bar);
    dt_markup_add(to, "</section>\n");
}

void report_time(dt_markup *to, const report_run *run)
{
    if (!run->has_insight || run->insight.ranks == 0) {
        add_epochs(to, run);
        return;
    }
    dt_markup_add(
        to,
        "<section>\n<h2>Time</h2>\n<p>Where the seconds of each rank went%s. Waiting "
        "is for other ranks, in a reduction: what the others did longer. The start and what is "
        "written at the end are in it.</p>\n",
        run->has_summary && run->summary.resumed_from ? ", since the run went on from a checkpoint"
                                                      : "");
    add_ranks(to, &run->insight);
    dt_markup_add(to, "</section>\n");
}
