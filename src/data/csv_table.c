#define _GNU_SOURCE /* memrchr */
#include "csv_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/text.h"
#include "csv_number.h"
#include "data/classes.h"

/* Rows between two marks. */
enum { EVERY = 256, LISTED_MOST = 4, TWO = -2 };

/* A column that may be that of the labels. */
typedef struct candidate {
    int column;
    bool good; /* so far all are whole numbers */
    int32_t *labels;
    size_t room;
    dt_label_set set;
} candidate;

/* What stands in a column, without quotes and blanks. */
typedef struct field {
    const char *text, *end; /* end: the separator, or the end of the line */
    int length;
} field;

static field field_at(const char *at, char separator)
{
    const char stops[] = {separator, '\0'};
    const char *from = at + strspn(at, " "), *end = from + strcspn(from, stops), *behind = end;
    const char *quote = *from == '"' ? strchr(from + 1, '"') : NULL;
    if (quote) {
        from++;
        behind = quote;
        end = quote + strcspn(quote, stops);
    }
    while (behind > from && behind[-1] == ' ')
        behind--;
    return (field){.text = from, .end = end, .length = (int)(behind - from)};
}

static field field_of(const char *line, char separator, int column)
{
    field out = field_at(line, separator);
    while (column-- > 0 && *out.end)
        out = field_at(out.end + 1, separator);
    return out;
}

static bool is_number(const field *self)
{
    double value;
    const char *end = csv_number(self->text, &value);
    return end && end == self->text + self->length;
}

static bool is_called(const field *self, const char *name)
{
    return (int)strlen(name) == self->length &&
           strncasecmp(self->text, name, (size_t)self->length) == 0;
}

static bool is_one_of(const field *self, const char *const *names)
{
    for (int i = 0; names[i]; i++)
        if (is_called(self, names[i]))
            return true;
    return false;
}

/* The column of a header with one of these names; CSV_NONE, or TWO of them. */
static int find_column(const char *line, char separator, const char *const *names)
{
    int found = CSV_NONE;
    field at = field_at(line, separator);
    for (int column = 0;; column++) {
        if (is_one_of(&at, names))
            found = found == CSV_NONE ? column : TWO;
        if (!*at.end)
            return found;
        at = field_at(at.end + 1, separator);
    }
}

static bool is_square(int count)
{
    int side = (int)(sqrt((double)count) + 0.5);
    return count > 0 && side * side == count;
}

int csv_table_pixels(const csv_table *self)
{
    return self->columns - (self->label != CSV_NONE) - (self->skipped != CSV_NONE);
}

/* Whether a line is the numbers of its columns, as Pandas writes them where there are no names.
 * first: that of the first one; -1: this has none. */
static bool numbers_columns(const csv_table *self, const char *line, int first)
{
    field at = field_at(line, self->separator);
    for (int column = 0; column < self->columns; column++) {
        char number[16];
        snprintf(number, sizeof number, "%d", column + first);
        if (column + first < 0 ? at.length > 0 : !is_called(&at, number))
            return false;
        at = *at.end ? field_at(at.end + 1, self->separator) : at;
    }
    return self->columns > 2;
}

/* The first line: separator, columns, and whether it is a header. */
static void look_at_first(csv_table *self, const char *line)
{
    static const char separators[] = ",;\t";
    self->separator = ',';
    for (int i = 0; separators[i] && !strchr(line, self->separator); i++)
        self->separator = separators[i];
    field at = field_at(line, self->separator);
    for (self->columns = 1;; self->columns++) {
        self->header = self->header || (at.length > 0 && !is_number(&at));
        if (!*at.end)
            break;
        at = field_at(at.end + 1, self->separator);
    }
    for (int first = -1; first <= 1 && !self->header; first++)
        self->numbered = self->numbered || numbers_columns(self, line, first);
    self->header = self->header || self->numbered;
}

static dt_status refuse_header(const csv_table *self, const char *line, dt_error *error)
{
    char text[300], names[200];
    dt_text seen = {.text = text, .size = sizeof text},
            known = {.text = names, .size = sizeof names};
    dt_text_add_names(&known, dt_label_words);
    dt_text_list list = {.most = LISTED_MOST};
    for (int i = 0; i < self->columns && i < LISTED_MOST; i++) {
        field at = field_of(line, self->separator, i);
        dt_text_add_listed(&seen, &list, at.length < 40 ? at.length : 40, at.text);
    }
    list.count = self->columns;
    dt_text_end_list(&seen, &list);
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected one column of labels, %s, found %s; say which with --keys NAME",
                   self->lines.shown, names, text);
}

/* The column of labels as a header, or `label`, says it; CSV_NONE: they do not. */
static dt_status find_label(csv_table *self, const char *line, const char *label, bool must,
                            dt_error *error)
{
    static const char *const indices[] = {"", "id", "index", "unnamed: 0", NULL};
    const char *const wanted[] = {label, NULL};
    bool named = strcmp(label, "auto") != 0;
    self->label = self->skipped = CSV_NONE;
    if (self->header) {
        self->label = find_column(line, self->separator, named ? wanted : dt_label_words);
        self->skipped = find_column(line, self->separator, indices);
        field at = field_of(line, self->separator, self->skipped);
        snprintf(self->skipped_name, sizeof self->skipped_name, "%.*s", at.length, at.text);
    }
    if (self->label == TWO || self->skipped == TWO ||
        (!named && self->header && !self->numbered && must && self->label == CSV_NONE))
        return refuse_header(self, line, error);
    if (named && self->label == CSV_NONE && strcmp(label, "first") == 0)
        self->label = 0;
    else if (named && self->label == CSV_NONE && strcmp(label, "last") == 0)
        self->label = self->columns - 1;
    else if (named && must && self->label == CSV_NONE)
        return dt_fail(error, DT_ERR_CONFIG,
                       "keys: expected %sfirst or last, found '%.100s'; %s %s",
                       self->header ? "the name of a column, " : "", label, self->lines.shown,
                       self->header ? "has no column of that name" : "has no header");
    return DT_OK;
}

static dt_status check_columns(const csv_table *self, dt_error *error)
{
    int pixels = csv_table_pixels(self) - (self->label == CSV_NONE);
    if (is_square(pixels))
        return DT_OK;
    if (self->label == CSV_NONE && is_square(self->columns))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a label and pixels in each line, found %d values, as many as "
                       "a square has pixels, and no label",
                       self->lines.shown, self->columns);
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected a label and the pixels of a square in each line, as 1 + 784, "
                   "found 1 + %d; images of other shapes come as [n][height][width] in a .npz or "
                   "HDF5 file",
                   self->lines.shown, pixels);
}

/* Of a test part: its labels stand where those of the training part do, or there are none. */
static dt_status check_like(csv_table *self, const csv_table *like, dt_error *error)
{
    int pixels = csv_table_pixels(like);
    if ((!self->header || self->numbered) && self->label == CSV_NONE &&
        self->columns == like->columns) {
        self->label = like->label;
        self->skipped = like->skipped;
    }
    if (self->label != CSV_NONE && csv_table_pixels(self) == pixels)
        return DT_OK;
    if (csv_table_pixels(self) + (self->label != CSV_NONE) == pixels) {
        self->label = CSV_NONE;
        return DT_OK;
    }
    return dt_fail(error, DT_ERR_DATA,
                   "%s: expected %d pixels in each line, as %s has them, found %d",
                   self->lines.shown, pixels, like->lines.shown, csv_table_pixels(self));
}

static const char *column_of(const csv_table *self, const char *line, size_t length, int column)
{
    if (column == self->columns - 1) {
        const char *last = memrchr(line, self->separator, length);
        return last ? last + 1 : line;
    }
    for (; column > 0 && line; column--)
        if ((line = strchr(line, self->separator)))
            line++;
    return line ? line : "";
}

/* A number with blanks and quotes around it; NULL: none. */
static const char *take_value(const char *at, double *value)
{
    at += strspn(at, " ");
    bool quoted = *at == '"';
    at = csv_number(at + quoted, value);
    if (!at)
        return NULL;
    at += strspn(at, " ");
    if (quoted && *at++ != '"')
        return NULL;
    return quoted ? at + strspn(at, " ") : at;
}

/* The label of a row; false: none. */
static bool take_label(const csv_table *self, const char *line, size_t length, int column,
                       int32_t *label)
{
    double value;
    const char *at = column_of(self, line, length, column);
    at = take_value(at, &value);
    if (!at || fabs(value) >= 1e9)
        return false;
    *label = (int32_t)value;
    return *label == value && (*at == self->separator || *at == '\0');
}

static dt_status add_label(csv_table *self, const char *line, size_t length, candidate *to,
                           bool must, dt_error *error)
{
    int32_t *grown = dt_grow(to->labels, &to->room, (size_t)self->rows + 1, sizeof *grown, error);
    if (!grown)
        return DT_ERR_INTERNAL;
    to->labels = grown;
    to->good = to->good && take_label(self, line, length, to->column, &grown[self->rows]);
    if (to->good && !must && (self->rows == 0 || grown[self->rows] != grown[self->rows - 1]))
        dt_label_set_add(&to->set, grown[self->rows]);
    if (to->good || !must)
        return DT_OK;
    field found = field_at(column_of(self, line, length, to->column), self->separator);
    return dt_fail(error, DT_ERR_DATA,
                   "%s:%lld: expected a whole number as label in column %d, found '%.*s'",
                   self->lines.shown, (long long)self->lines.number, to->column + 1,
                   found.length < 40 ? found.length : 40, found.text);
}

/* Counts the rows behind the header, and reads what may be their labels. */
static dt_status scan(csv_table *self, candidate *candidates, int count, dt_error *error)
{
    dt_status status = DT_OK;
    char *line;
    size_t length;
    for (self->rows = 0; !status; self->rows++) {
        csv_mark mark = csv_lines_mark(&self->lines);
        status = csv_lines_next(&self->lines, &line, &length, error);
        if (status || !line)
            break;
        for (int i = 0; i < count && !status; i++)
            status = add_label(self, line, length, &candidates[i], count == 1, error);
        if (status || self->rows % EVERY != 0)
            continue;
        csv_mark *marks =
            dt_grow(self->marks, &self->mark_room, self->mark_count + 1, sizeof *marks, error);
        if (!marks)
            return DT_ERR_INTERNAL;
        self->marks = marks;
        marks[self->mark_count++] = mark;
    }
    self->next = self->rows;
    if (!status && self->rows == 0)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected lines of numbers, found %s",
                         self->lines.shown, self->header ? "a header alone" : "none");
    return status;
}

/* Of the first and the last column the one that has the values of labels. Where both have nobody
 * knows: a pixel at the border may have a few values as well. */
static dt_status choose(csv_table *self, const candidate *all, int *chosen, dt_error *error)
{
    bool likely[2];
    for (int i = 0; i < 2; i++)
        likely[i] = all[i].good && all[i].set.count >= 2 && all[i].set.count <= DT_CLASSES_MAX;
    *chosen = !likely[0] && likely[1];
    self->guessed = true;
    if (!all[*chosen].good || (likely[0] && likely[1]))
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected labels in the first or the last column, found %s; say which "
                       "with --keys first or --keys last",
                       self->lines.shown, likely[0] ? "what may be labels in both" : "none");
    return DT_OK;
}

static dt_status read_labels(csv_table *self, dt_error *error)
{
    bool open = self->label == CSV_NONE;
    candidate all[2] = {{.column = open ? self->skipped == 0 : self->label, .good = true},
                        {.column = self->columns - 1, .good = true}};
    int chosen = 0;
    dt_status status = scan(self, all, open ? 2 : 1, error);
    if (!status && open)
        status = choose(self, all, &chosen, error);
    self->label = all[chosen].column;
    self->labels = all[chosen].labels;
    dt_free(all[1 - chosen].labels);
    return status;
}

dt_status csv_table_open(const char *path, const char *label, const csv_table *like,
                         csv_table *self, dt_error *error)
{
    char *line;
    size_t length;
    *self = (csv_table){.label = CSV_NONE, .skipped = CSV_NONE};
    dt_status status = csv_lines_open(path, &self->lines, error);
    if (!status)
        status = csv_lines_next(&self->lines, &line, &length, error);
    if (status)
        return status;
    if (!line)
        return dt_fail(error, DT_ERR_DATA, "%s: expected lines of numbers, found none",
                       self->lines.shown);
    look_at_first(self, line);
    status = find_label(self, line, label, !like, error);
    if (!status)
        status = like ? check_like(self, like, error) : check_columns(self, error);
    if (status || (like && self->label == CSV_NONE))
        return status;
    if (!self->header)
        status = csv_lines_go(&self->lines, (csv_mark){0}, error);
    return status ? status : read_labels(self, error);
}

static dt_status refuse_row(const csv_table *self, const char *line, int column, dt_error *error)
{
    int found = 1;
    for (const char *at = line; (at = strchr(at, self->separator)); at++)
        found++;
    if (found != self->columns)
        return dt_fail(error, DT_ERR_DATA, "%s:%lld: expected %d values, as in line 1, found %d",
                       self->lines.shown, (long long)self->lines.number, self->columns, found);
    field at = field_of(line, self->separator, column);
    return dt_fail(error, DT_ERR_DATA, "%s:%lld: expected a number in column %d, found '%.*s'",
                   self->lines.shown, (long long)self->lines.number, column + 1,
                   at.length < 40 ? at.length : 40, at.text);
}

static dt_status take_row(const csv_table *self, const char *line, double *values, dt_error *error)
{
    const char *at = line;
    for (int column = 0; column < self->columns; column++) {
        const char stop = column < self->columns - 1 ? self->separator : '\0';
        unsigned digit = (unsigned)(unsigned char)*at - '0';
        if (column == self->label || column == self->skipped)
            at = field_at(at, self->separator).end;
        else if (digit <= 9 && at[1] == stop) /* as most are */
            at++, *values++ = (double)digit;
        else if (!(at = take_value(at, values++)))
            return refuse_row(self, line, column, error);
        if (*at != stop)
            return refuse_row(self, line, column, error);
        at++;
    }
    return DT_OK;
}

static dt_status next_line(csv_table *self, char **line, dt_error *error)
{
    size_t length;
    dt_status status = csv_lines_next(&self->lines, line, &length, error);
    self->next++;
    if (!status && !*line)
        status = dt_fail(error, DT_ERR_DATA, "%s: expected %lld lines of numbers, found fewer now",
                         self->lines.shown, (long long)self->rows);
    return status;
}

static dt_status go_to(csv_table *self, int64_t row, dt_error *error)
{
    char *line;
    bool packed = self->lines.gzip;
    dt_status status = DT_OK;
    if (row < self->next || (!packed && row - self->next > EVERY)) {
        csv_mark mark = packed ? (csv_mark){0} : self->marks[row / EVERY];
        status = csv_lines_go(&self->lines, mark, error);
        self->next = packed ? 0 : row / EVERY * EVERY;
        if (!status && packed && self->header) {
            status = next_line(self, &line, error);
            self->next = 0;
        }
    }
    while (!status && self->next < row)
        status = next_line(self, &line, error);
    return status;
}

dt_status csv_table_read(csv_table *self, int64_t first, int64_t count, double *values,
                         dt_error *error)
{
    int pixels = csv_table_pixels(self);
    dt_status status = go_to(self, first, error);
    for (int64_t i = 0; i < count && !status; i++) {
        char *line;
        status = next_line(self, &line, error);
        if (!status)
            status = take_row(self, line, values + i * pixels, error);
    }
    return status;
}

void csv_table_close(csv_table *self)
{
    csv_lines_close(&self->lines);
    dt_free(self->marks);
    dt_free(self->labels);
    *self = (csv_table){.lines = {.fd = -1}};
}
