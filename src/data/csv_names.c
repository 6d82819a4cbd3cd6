#include "csv_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arrays.h"
#include "base/file.h"
#include "base/memory.h"
#include "idx_role.h"

enum { LISTED_MOST = 5, NAME_MOST = 60 };

/* What a name says. */
typedef struct role {
    bool known; /* that it is of a part */
    dt_part part;
    int prefix; /* characters of it */
    bool gzip;
} role;

typedef struct found {
    char name[NAME_MAX + 1];
    role role;
    bool arrays; /* no CSV file */
} found;

typedef struct search {
    const char *directory;
    found *files; /* [count], by name */
    size_t count, room;
    char idx[NAME_MAX + 1]; /* a file of another kind of data set; "": none */
} search;

/* Characters of a name without .csv and .gz; 0: it is none. */
static size_t stem_of(const char *name, bool *gzip)
{
    *gzip = dt_ends_in(name, ".gz");
    const char *ending = *gzip ? ".csv.gz" : ".csv";
    return dt_ends_in(name, ending) ? strlen(name) - strlen(ending) : 0;
}

bool csv_is_name(const char *name)
{
    bool gzip;
    return stem_of(name, &gzip) > 0;
}

/* "fashion-mnist_train": the last word says the part. */
static role role_of(const char *name)
{
    static const char *const words[] = {"train", "training", "test", "testing", NULL};
    role out = {0};
    size_t stem = stem_of(name, &out.gzip), begin = stem;
    while (begin > 0 && !strchr("-_. ", name[begin - 1]))
        begin--;
    for (int i = 0; words[i]; i++)
        if (strlen(words[i]) == stem - begin &&
            strncasecmp(name + begin, words[i], stem - begin) == 0) {
            out.known = true;
            out.part = i < 2 ? DT_TRAIN : DT_TEST;
            out.prefix = (int)begin;
        }
    return out;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const found *)a)->name, ((const found *)b)->name); /* raw before packed */
}

static dt_status list_files(search *self, dt_error *error)
{
    DIR *list = dt_directory_list(AT_FDCWD, self->directory, DT_LINKS_FOLLOWED);
    if (!list)
        return dt_fail(error, DT_ERR_NO_INPUT, "%.300s: cannot open the directory: %m",
                       self->directory);
    dt_status status = DT_OK;
    for (const char *name; !status && (name = dt_directory_next_shown(list));) {
        idx_role idx;
        if (idx_role_find(name, &idx) && (!self->idx[0] || strcmp(name, self->idx) < 0))
            snprintf(self->idx, sizeof self->idx, "%s", name);
        bool arrays = dt_arrays_is_name(name);
        if (!csv_is_name(name) && !arrays)
            continue;
        found *files = dt_grow(self->files, &self->room, self->count + 1, sizeof *files, error);
        if (!files) {
            status = DT_ERR_INTERNAL;
            break;
        }
        self->files = files;
        files[self->count] = (found){.role = role_of(name), .arrays = arrays};
        snprintf(files[self->count++].name, sizeof files->name, "%s", name);
    }
    closedir(list);
    if (!status && self->count > 0)
        qsort(self->files, self->count, sizeof *self->files, by_name);
    return status;
}

static bool same_prefix(const found *a, const found *b)
{
    return a->role.prefix == b->role.prefix &&
           strncmp(a->name, b->name, (size_t)a->role.prefix) == 0;
}

/* The file of that part that belongs to another; NULL: there is none. */
static const found *partner(const search *self, const found *of, dt_part part)
{
    for (size_t i = 0; i < self->count; i++) {
        const found *file = &self->files[i];
        if (file->role.known && file->role.part == part && same_prefix(file, of))
            return file;
    }
    return NULL;
}

static dt_status refuse(const search *self, const char *missing, dt_error *error)
{
    char text[400] = "";
    dt_text seen = {.text = text, .size = sizeof text};
    dt_text_list list = {.most = LISTED_MOST};
    for (size_t i = 0; i < self->count; i++)
        dt_text_add_listed(&seen, &list, NAME_MOST, self->files[i].name);
    dt_text_end_list(&seen, &list);
    return dt_fail(error, DT_ERR_NO_INPUT, "%.300s: expected %s, found %s%s%s", self->directory,
                   missing, text, self->idx[0] ? " and " : "", self->idx);
}

/* The training part of the directory. */
static dt_status choose(const search *self, const found **out, dt_error *error)
{
    const found *train = NULL, *test = NULL, *other = NULL;
    size_t others = 0;
    for (size_t i = 0; i < self->count; i++) {
        const found *file = &self->files[i];
        if (file->arrays)
            continue;
        if (!file->role.known)
            others += 1, other = file;
        else if (file->role.part == DT_TEST)
            test = file;
        else if (train && !same_prefix(train, file))
            return refuse(self, "the files of one data set; name one of them", error);
        else if (!train)
            train = file;
    }
    if (self->idx[0])
        return refuse(self, "the files of one data set; name one of them", error);
    *out = train ? train : others == 1 && !test ? other : NULL;
    return *out ? DT_OK : refuse(self, "train.csv, with test.csv or without", error);
}

static dt_status set_path(const search *self, const found *file, char path[PATH_MAX],
                          dt_error *error)
{
    if (dt_join(self->directory, file->name, path))
        return DT_OK;
    return dt_fail(error, DT_ERR_NO_INPUT, "%.300s: expected a shorter path", self->directory);
}

static void note_rest(const search *self, const found *train, const found *test, dt_text *note)
{
    dt_text_list list = {.most = LISTED_MOST,
                         .before = note->length > 0 ? "; without " : "without "};
    for (size_t i = 0; i < self->count; i++) {
        const found *file = &self->files[i];
        if (file != train && file != test)
            dt_text_add_listed(note, &list, NAME_MOST, file->name);
    }
    dt_text_end_list(note, &list);
}

static dt_status find_in_directory(search *self, csv_names *out, dt_text *note, dt_error *error)
{
    const found *train = NULL, *test = NULL;
    dt_status status = choose(self, &train, error);
    if (!status)
        status = set_path(self, train, out->paths[DT_TRAIN], error);
    if (!status && train->role.known && (test = partner(self, train, DT_TEST)))
        status = set_path(self, test, out->paths[DT_TEST], error);
    if (!status)
        note_rest(self, train, test, note);
    return status;
}

/* A file is itself; the other part is the one beside it. */
static dt_status find_beside(search *self, const char *path, const char *name, csv_names *out,
                             dt_error *error)
{
    found named = {.role = role_of(name)};
    snprintf(named.name, sizeof named.name, "%s", name);
    dt_part part = named.role.known ? named.role.part : DT_TRAIN;
    const found *other = named.role.known ? partner(self, &named, DT_TRAIN + DT_TEST - part) : NULL;
    if (part == DT_TEST && !other)
        return refuse(self, "train.csv beside test.csv", error);
    snprintf(out->paths[part], PATH_MAX, "%s", path);
    return other ? set_path(self, other, out->paths[DT_TRAIN + DT_TEST - part], error) : DT_OK;
}

dt_status csv_names_find(const char *path, csv_names *out, dt_text *note, dt_error *error)
{
    *out = (csv_names){0};
    int directory = dt_directory_open(AT_FDCWD, path, DT_LINKS_FOLLOWED);
    bool whole = directory >= 0;
    if (whole)
        dt_close(directory);
    char *copy = dt_strdup(path, error);
    if (!copy)
        return DT_ERR_INTERNAL;
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    search self = {.directory = whole || (slash && slash != copy) ? copy : slash ? "/" : "."};
    dt_status status;
    if (whole) {
        status = list_files(&self, error);
        if (!status)
            status = find_in_directory(&self, out, note, error);
    } else {
        char own[NAME_MAX + 1];
        snprintf(own, sizeof own, "%s", name);
        if (slash)
            *slash = '\0';
        status = list_files(&self, error);
        if (!status)
            status = find_beside(&self, path, own, out, error);
    }
    dt_free(self.files);
    dt_free(copy);
    return status;
}
