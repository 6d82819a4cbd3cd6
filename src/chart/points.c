#include "chart/points.h"

#include <math.h>
#include <stdbool.h>

#include "base/memory.h"

enum { FIRST_ROOM = 64, POINTS_A_GROUP = 4 };

static void merge(dt_points_group *to, const dt_points_group *next)
{
    if (next->finite > 0 && (to->finite == 0 || next->low.y < to->low.y))
        to->low = next->low;
    if (next->finite > 0 && (to->finite == 0 || next->high.y > to->high.y))
        to->high = next->high;
    to->last = next->last;
    to->sum += next->sum;
    to->count += next->count;
    to->finite += next->finite;
}

/* Groups become twice as wide. */
static void merge_pairs(dt_points *self)
{
    size_t count = self->group_count / 2;
    for (size_t i = 0; i < count; i++) {
        self->groups[i] = self->groups[2 * i];
        merge(&self->groups[i], &self->groups[2 * i + 1]);
    }
    self->group_count = count;
    self->width *= 2;
}

static dt_status make_room(dt_points *self, dt_error *error)
{
    if (self->group_count < self->room)
        return DT_OK;
    if (self->room == DT_POINTS_MAX) {
        merge_pairs(self);
        return DT_OK;
    }
    size_t room = self->room > 0 ? 2 * self->room : FIRST_ROOM;
    dt_points_group *groups = dt_resize(self->groups, room * sizeof *groups, error);
    if (!groups)
        return DT_ERR_INTERNAL;
    self->groups = groups;
    self->room = room;
    self->width = self->width > 0 ? self->width : 1;
    return DT_OK;
}

dt_status dt_points_add(dt_points *self, const dt_place *place, double y, dt_error *error)
{
    const dt_point point = {*place, y, self->count};
    const bool finite = isfinite(y);
    dt_points_group *last = self->groups ? &self->groups[self->group_count - 1] : NULL;
    if (!last || last->count == self->width) {
        dt_status status = make_room(self, error);
        if (status)
            return status;
        last = &self->groups[self->group_count++];
        *last = (dt_points_group){0};
    }
    if (finite && self->finite++ == 0)
        self->first = point;
    self->count++;
    if (finite && (last->finite == 0 || y < last->low.y))
        last->low = point;
    if (finite && (last->finite == 0 || y > last->high.y))
        last->high = point;
    last->last = point;
    last->sum += finite ? y : 0;
    last->count++;
    last->finite += finite;
    return DT_OK;
}

double dt_axis_at(const dt_axis *axis, const dt_place *place)
{
    if (axis->by != DT_BY_EPOCH)
        return axis->by == DT_BY_STEP ? place->step : place->seconds;
    double part = place->step_in_epoch / axis->epoch_length;
    return place->epoch == 0 ? 0 : place->epoch - 1 + fmin(1, fmax(0, part));
}

static dt_status make_line(size_t room, dt_line *out, dt_error *error)
{
    *out = (dt_line){0};
    out->x = dt_calloc(room, sizeof *out->x, error);
    out->y = out->x ? dt_calloc(room, sizeof *out->y, error) : NULL;
    return out->y ? DT_OK : DT_ERR_INTERNAL;
}

static void put(dt_line *to, double x, double y)
{
    if (to->count > 0 && !(x >= to->x[to->count - 1]))
        return;
    to->x[to->count] = x;
    to->y[to->count++] = y;
}

/* The points of a group that are kept, in their order: list[POINTS_A_GROUP]. */
static int list_group(const dt_points *self, const dt_points_group *group, const dt_point **list)
{
    const dt_point *const all[] = {&self->first, &group->low, &group->high, &group->last};
    const bool is_first = group == self->groups && self->first.number < group->count;
    int count = 0;
    for (int i = is_first ? 0 : 1; i < POINTS_A_GROUP && group->finite > 0; i++) {
        int at = count;
        if (!isfinite(all[i]->y))
            continue;
        while (at > 0 && list[at - 1]->number > all[i]->number)
            at--;
        if (at > 0 && list[at - 1]->number == all[i]->number)
            continue;
        for (int j = count++; j > at; j--)
            list[j] = list[j - 1];
        list[at] = all[i];
    }
    return count;
}

dt_status dt_points_line(const dt_points *self, const dt_axis *x, dt_line *out, dt_error *error)
{
    dt_status status = make_line((POINTS_A_GROUP + 1) * self->group_count, out, error);
    for (size_t i = 0; !status && i < self->group_count; i++) {
        const dt_points_group *group = &self->groups[i];
        const dt_point *list[POINTS_A_GROUP];
        int count = list_group(self, group, list);
        for (int j = 0; j < count; j++)
            put(out, dt_axis_at(x, &list[j]->place), list[j]->y);
        if (group->finite < group->count)
            put(out, dt_axis_at(x, &group->last.place), (double)NAN);
    }
    return status;
}

dt_status dt_points_ends(const dt_points *self, const dt_axis *x, dt_line *out, dt_error *error)
{
    dt_status status = make_line(self->group_count, out, error);
    for (size_t i = 0; !status && i < self->group_count; i++)
        put(out, dt_axis_at(x, &self->groups[i].last.place), self->groups[i].last.y);
    return status;
}

dt_status dt_points_means(const dt_points *self, size_t most, const dt_axis *x, dt_line *out,
                          dt_error *error)
{
    dt_status status = make_line(self->group_count, out, error);
    uint64_t each = (self->count + most - 1) / most;
    dt_points_group all = {0};
    for (size_t i = 0; !status && i < self->group_count; i++) {
        merge(&all, &self->groups[i]);
        if (all.count < each && i + 1 < self->group_count)
            continue;
        if (all.finite > 0)
            put(out, dt_axis_at(x, &all.last.place), all.sum / (double)all.finite);
        all = (dt_points_group){0};
    }
    return status;
}

void dt_line_free(dt_line *line)
{
    dt_free(line->x);
    dt_free(line->y);
    *line = (dt_line){0};
}

void dt_points_free(dt_points *self)
{
    if (!self)
        return;
    dt_free(self->groups);
    *self = (dt_points){0};
}
