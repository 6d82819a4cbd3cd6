#include "data/csv.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "csv_names.h"
#include "csv_table.h"
#include "data/gunzip.h"
#include "data/source.h"

enum { HEAD = 512 };

typedef struct csv {
    dt_arrays arrays; /* first */
    dt_array_row rows[2 * DT_PARTS];
    csv_table tables[DT_PARTS];
} csv;

/* The first bytes of a file, unpacked, with a 0 behind them. */
static size_t read_head(const char *path, char head[HEAD + 1])
{
    int fd;
    int64_t unpacked = 0;
    size_t got = 0;
    dt_gunzip *stream;
    if (dt_file_open(path, DT_OPEN_READ, &fd, NULL))
        return 0;
    dt_read_at(fd, head, HEAD, 0, &got);
    if (got >= 2 && (uint8_t)head[0] == 0x1f && (uint8_t)head[1] == 0x8b &&
        !dt_gunzip_open(fd, path, &stream, NULL)) {
        dt_gunzip_read(stream, (uint8_t *)head, HEAD, &unpacked, NULL);
        dt_gunzip_close(stream);
        got = (size_t)unpacked;
    }
    close(fd);
    head[got] = '\0';
    return got;
}

/* Text whose first line has separators, and begins like a number or a name: not as a comment, a
 * section or a tag. */
static bool looks_like(const char *path)
{
    char head[HEAD + 1];
    size_t size = read_head(path, head);
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)head[i] < ' ' && !strchr("\t\r\n", head[i]))
            return false;
    size_t line = strcspn(head, "\n"), before = strcspn(head, ",;\t");
    return size > 0 && before < line && head[before] != '\0' && !strchr(";#[<{%/", head[0]);
}

bool dt_csv_is(const char *path)
{
    const char *slash = strrchr(path, '/');
    DIR *list = dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    bool found = false;
    if (!list)
        return csv_is_name(slash ? slash + 1 : path) || looks_like(path);
    for (const char *name; !found && (name = dt_directory_next_shown(list));)
        found = csv_is_name(name);
    closedir(list);
    return found;
}

static dt_status read_rows(dt_arrays *arrays, int array, int64_t first, int64_t count,
                           double *values, dt_error *error)
{
    csv *self = arrays->state;
    csv_table *table = &self->tables[array / 2];
    if (array % 2 == 0)
        return csv_table_read(table, first, count, values, error);
    for (int64_t i = 0; i < count; i++)
        values[i] = table->labels[first + i];
    return DT_OK;
}

static void close_csv(dt_arrays *arrays)
{
    csv *self = arrays->state;
    for (int part = 0; part < DT_PARTS; part++)
        csv_table_close(&self->tables[part]);
    dt_free(self);
}

/* Values of any type: 'i' stands for all. */
static void add_arrays(csv *self, dt_part part)
{
    static const char *const parts[] = {"train", "test"};
    const csv_table *table = &self->tables[part];
    dt_array_row *images = &self->rows[self->arrays.count++],
                 *labels = &self->rows[self->arrays.count++];
    *images = (dt_array_row){.kind = 'i', .width = 8, .packed = table->lines.gzip, .rank = 2};
    *labels = (dt_array_row){.kind = 'i', .width = 4, .rank = 1};
    snprintf(images->name, sizeof images->name, "%s images", parts[part]);
    snprintf(labels->name, sizeof labels->name, "%s labels", parts[part]);
    images->shape[0] = labels->shape[0] = table->rows;
    images->shape[1] = csv_table_pixels(table);
}

static dt_status open_tables(const char *path, const char *label, csv *self, dt_error *error)
{
    csv_names names;
    char rest[sizeof self->arrays.note] = "";
    dt_text note = {.text = self->arrays.note, .size = sizeof self->arrays.note},
            left = {.text = rest, .size = sizeof rest};
    csv_table *train = &self->tables[DT_TRAIN], *test = &self->tables[DT_TEST];
    dt_status status = csv_names_find(path, &names, &left, error);
    if (!status)
        status = csv_table_open(names.paths[DT_TRAIN], label, NULL, train, error);
    if (status)
        return status;
    add_arrays(self, DT_TRAIN);
    if (names.paths[DT_TEST][0]) {
        const char *slash = strrchr(names.paths[DT_TEST], '/');
        status = csv_table_open(names.paths[DT_TEST], label, train, test, error);
        if (!status && test->label == CSV_NONE)
            dt_text_add(&note, "%.80s has no labels and is not used",
                        slash ? slash + 1 : names.paths[DT_TEST]);
        else if (!status)
            add_arrays(self, DT_TEST);
    }
    const char *comma = note.length > 0 ? "; " : "";
    if (train->guessed)
        dt_text_add(&note, "%slabels in the %s column", comma,
                    train->label == 0 ? "first" : "last");
    if (train->skipped != CSV_NONE && train->skipped_name[0])
        dt_text_add(&note, "%swithout column %s", note.length > 0 ? "; " : "", train->skipped_name);
    else if (train->skipped != CSV_NONE)
        dt_text_add(&note, "%swithout column %d", note.length > 0 ? "; " : "", train->skipped + 1);
    if (left.length > 0)
        dt_text_add(&note, "%s%s", note.length > 0 ? "; " : "", rest);
    return status;
}

dt_status dt_csv_open(const char *path, const char *label, dt_arrays **out, dt_error *error)
{
    *out = NULL;
    csv *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return DT_ERR_INTERNAL;
    self->arrays =
        (dt_arrays){.rows = self->rows, .state = self, .read = read_rows, .close = close_csv};
    for (int part = 0; part < DT_PARTS; part++)
        self->tables[part].lines.fd = -1;
    dt_status status = open_tables(path, label, self, error);
    if (status)
        close_csv(&self->arrays);
    else
        *out = &self->arrays;
    return status;
}
