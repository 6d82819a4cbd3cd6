#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/memory.h"
#include "base/trace.h"
#include "chart/bars.h"
#include "chart/scale.h"
#include "parts.h"

enum { PARTS = 7, WAITING = 4 };

/* In the colours of the bars of report_time, where compute is one part; no colour there means
 * another phase here. */
static const dt_bar_part part_list[PARTS] = {
    {.name = "forward", .colour = 0},
    {.name = "backward", .colour = 7},
    {.name = "update", .colour = 0, .faint = true},
    {.name = "reduction", .colour = 1},
    {.name = "waiting", .colour = 4},
    {.name = "data", .colour = 2},
    {.name = "other", .colour = 6},
};
static const int part_of[DT_PHASES] = {
    [DT_PHASE_FORWARD] = 0, [DT_PHASE_BACKWARD] = 1,   [DT_PHASE_UPDATE] = 2,
    [DT_PHASE_REDUCE] = 3,  [DT_PHASE_WAIT] = WAITING, [DT_PHASE_GATHER] = 5,
    [DT_PHASE_SAVE] = 6,    [DT_PHASE_EVALUATE] = 6,   [DT_PHASE_OTHER] = 6};

/* What is drawn: lanes of the ranks, and the seconds of their parts. */
typedef struct drawing {
    size_t count;
    dt_lane *lanes;         /* [count] */
    double (*parts)[PARTS]; /* [count] */
    dt_lane_span *spans;
    double seconds; /* of the excerpt */
} drawing;

static size_t count_ranks(const dt_excerpt *of)
{
    int64_t most = 0;
    for (int64_t i = 0; i < of->count; i++)
        most = of->ranks[i] > most ? of->ranks[i] : most;
    return (size_t)most + 1;
}

static void fill(drawing *self, const dt_excerpt *from)
{
    size_t place = 0;
    for (size_t rank = 0; rank < self->count; rank++) {
        dt_lane *lane = &self->lanes[rank];
        snprintf(lane->label, sizeof lane->label, "rank %d", (int)rank);
        lane->spans = self->spans + place;
        for (int64_t i = 0; i < from->count; i++) {
            if (from->ranks[i] != (int64_t)rank)
                continue;
            dt_lane_span span = {from->begins[i], from->ends[i], part_of[from->phases[i]]};
            self->spans[place++] = span;
            lane->count++;
            self->parts[rank][span.part] += span.end - span.begin;
            self->seconds = fmax(self->seconds, span.end);
        }
    }
}

static void add_text(dt_markup *to, const drawing *self, const dt_excerpt *of, int ranks)
{
    size_t least = 0, most = 0;
    for (size_t i = 0; i < self->count; i++) {
        least = self->parts[i][WAITING] < self->parts[least][WAITING] ? i : least;
        most = self->parts[i][WAITING] > self->parts[most][WAITING] ? i : most;
    }
    dt_markup_add(to, "<p>What ");
    if (self->count < (size_t)ranks)
        dt_markup_add(to, "the first %zu of %s ranks", self->count,
                      DT_NUMBER(DT_NUMBER_COUNT, ranks));
    else
        dt_markup_add(to, self->count == 1 ? "the rank" : "each rank");
    dt_markup_add(to, " did in ");
    if (of->steps == 0)
        dt_markup_add(to, "the beginning of step %" PRId64, of->step);
    else if (of->steps == 1)
        dt_markup_add(to, "step %" PRId64, of->step);
    else
        dt_markup_add(to, "steps %" PRId64 " to %" PRId64, of->step, of->step + of->steps - 1);
    dt_markup_add(to, " of the %s that the timeline has. A step takes %s (median).",
                  DT_NUMBER(DT_NUMBER_COUNT, (double)of->all_steps),
                  DT_NUMBER(DT_NUMBER_SECONDS, of->median));
    if (self->count > 1)
        dt_markup_add(to,
                      " Ranks wait, for others or for their turn on a processor, from %.1f %% "
                      "(rank %zu) to %.1f %% (rank %zu) of these steps.",
                      100 * self->parts[least][WAITING] / self->seconds, least,
                      100 * self->parts[most][WAITING] / self->seconds, most);
    dt_markup_add(to, "</p>\n");
}

static bool is_there(const drawing *self, int part)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->parts[i][part] > 0)
            return true;
    return false;
}

static void add_shares(dt_markup *to, const drawing *self)
{
    dt_markup_add(to, "<div class=\"wide\"><table><thead><tr><th>share of the time</th>");
    for (int part = 0; part < PARTS; part++)
        if (is_there(self, part))
            dt_markup_add(to, "<th class=\"n\">%s</th>", part_list[part].name);
    dt_markup_add(to, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < self->count; i++) {
        dt_markup_add(to, "<tr><td>%s</td>", self->lanes[i].label);
        for (int part = 0; part < PARTS; part++)
            if (is_there(self, part))
                dt_markup_add(to, "<td class=\"n\">%.1f %%</td>",
                              100 * self->parts[i][part] / self->seconds);
        dt_markup_add(to, "</tr>\n");
    }
    dt_markup_add(to, "</tbody></table></div>\n");
}

void report_timeline(dt_markup *to, const report_run *run)
{
    const dt_excerpt *from = &run->insight.timeline;
    if (!run->has_insight || from->count == 0)
        return;
    drawing self = {.count = count_ranks(from)};
    self.lanes = dt_calloc(self.count, sizeof *self.lanes, &to->error);
    self.parts = self.lanes ? dt_calloc(self.count, sizeof *self.parts, &to->error) : NULL;
    self.spans = self.parts ? dt_calloc((size_t)from->count, sizeof *self.spans, &to->error) : NULL;
    if (self.spans)
        fill(&self, from);
    if (self.seconds > 0) {
        dt_markup_add(to, "<section>\n<h2>Timeline</h2>\n");
        add_text(to, &self, from, run->insight.ranks);
        dt_lanes_add(to, "What each rank did when", PARTS, part_list, self.count, self.lanes,
                     self.seconds);
        add_shares(to, &self);
        dt_markup_add(to, "</section>\n");
    }
    dt_free(self.lanes);
    dt_free(self.parts);
    dt_free(self.spans);
}
