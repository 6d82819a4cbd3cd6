#include "idx_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arrays.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "idx_role.h"

#define LEVELS     2
#define SHOWN_MOST 5
#define ADVICE     "to get MNIST: scripts/get-mnist.sh"

typedef struct found {
    char path[PATH_MAX];
    int name; /* where the name begins in the path, which stands in the directory of the data set */
    idx_role role;
    bool in_directory;
    bool arrays; /* a data set by itself */
} found;

typedef struct search {
    const char *wanted; /* the prefix; NULL: any */
    found *files;
    size_t count, room;
    found *rest; /* of other parts, and of arrays: without a role */
    size_t rest_count, rest_room;
    bool at_top;    /* in the directory that is searched, not below */
    char seen[300]; /* other names */
    int others;
} search;

static const char *const known_names[DT_PARTS][DT_IDX_KINDS] = {
    {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
    {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
};

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static void note_other(search *self, const char *name)
{
    dt_text seen = {.text = self->seen, .size = sizeof self->seen, .length = strlen(self->seen)};
    if (self->others++ < SHOWN_MOST)
        dt_text_add(&seen, "%s%.40s", self->others > 1 ? ", " : "", name);
}

static bool is_wanted(const search *self, const char *name, const idx_role *of)
{
    return !self->wanted || ((int)strlen(self->wanted) == of->prefix &&
                             strncmp(name, self->wanted, (size_t)of->prefix) == 0);
}

/* Of two files for the same: whether the first goes before the other. */
static bool goes_before(const found *a, const found *b)
{
    if (a->in_directory != b->in_directory)
        return b->in_directory;
    if (a->role.gzip != b->role.gzip)
        return b->role.gzip;
    return strcmp(a->path, b->path) < 0;
}

static bool in_one_directory(const found *a, const found *b)
{
    return a->name == b->name && strncmp(a->path, b->path, (size_t)a->name) == 0;
}

/* The same data set: directory and prefix. */
static bool belong_together(const found *a, const found *b)
{
    return in_one_directory(a, b) && a->role.prefix == b->role.prefix &&
           strncmp(a->path + a->name, b->path + b->name, (size_t)a->role.prefix) == 0;
}

static dt_status keep(found **list, size_t *count, size_t *room, const found *new, dt_error *error)
{
    found *grown = dt_grow(*list, room, *count + 1, sizeof *grown, error);
    if (!grown)
        return DT_ERR_INTERNAL;
    grown[(*count)++] = *new;
    *list = grown;
    return DT_OK;
}

/* path: of the file, or of a directory with one of the same role in it. */
static dt_status add_file(search *self, const char *path, int name, const idx_role *of,
                          dt_error *error)
{
    found new = {.name = name, .role = *of, .in_directory = is_directory(path)};
    snprintf(new.path, sizeof new.path, "%s", path);
    DIR *list = new.in_directory ? dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED) : NULL;
    bool any = !new.in_directory;
    for (const char *entry; list && (entry = dt_directory_next_shown(list));) {
        found inner = new;
        idx_role is;
        if (!idx_role_find(entry, &is) || is.part != of->part || is.kind != of->kind ||
            !dt_join(path, entry, inner.path))
            continue;
        inner.role.gzip = is.gzip;
        if (!any || goes_before(&inner, &new))
            new = inner;
        any = true;
    }
    if (list)
        closedir(list);
    if (!any) {
        note_other(self, path + name);
        return DT_OK;
    }
    return keep(&self->files, &self->count, &self->room, &new, error);
}

/* One that is in no data set: it is left out, and named, if it is like the files of one. */
static dt_status add_other(search *self, const char *path, int name, dt_error *error)
{
    const char *own = path + name, *wanted = self->wanted ? self->wanted : "";
    found new = {.name = name};
    note_other(self, own);
    new.arrays = dt_arrays_is_name(own) && !is_directory(path) && self->at_top;
    bool other_part = idx_role_is_any(own) && !idx_role_find(own, &new.role) &&
                      strncmp(own, wanted, strlen(wanted)) == 0;
    if (!new.arrays && !other_part)
        return DT_OK;
    snprintf(new.path, sizeof new.path, "%s", path);
    return keep(&self->rest, &self->rest_count, &self->rest_room, &new, error);
}

static dt_status look_into(search *self, const char *directory, int levels, dt_error *error);

/* Looks into the directories that are no files of a set themselves. */
static dt_status look_below(search *self, const char *directory, int levels, dt_error *error)
{
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_FOLLOWED);
    dt_status status = DT_OK;
    char path[PATH_MAX];
    for (const char *name; !status && list && (name = dt_directory_next_shown(list));)
        if (dt_join(directory, name, path) && is_directory(path))
            status = look_into(self, path, levels, error);
    if (list)
        closedir(list);
    return status;
}

static dt_status look_into(search *self, const char *directory, int levels, dt_error *error)
{
    size_t before = self->count;
    dt_status status = DT_OK;
    char path[PATH_MAX];
    idx_role is;
    self->at_top = levels == LEVELS;
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_FOLLOWED);
    for (const char *name; !status && list && (name = dt_directory_next_shown(list));) {
        if (!dt_join(directory, name, path))
            continue;
        int at = (int)(strlen(path) - strlen(name));
        status = idx_role_find(name, &is) && is_wanted(self, name, &is)
                     ? add_file(self, path, at, &is, error)
                     : add_other(self, path, at, error);
    }
    if (list)
        closedir(list);
    if (status || self->count > before || levels == 0)
        return status;
    return look_below(self, directory, levels - 1, error);
}

/* The best file for a role in the data set of `member`; NULL: there is none. */
static const found *best_file(const search *self, const found *member, dt_part part,
                              dt_idx_kind kind)
{
    const found *best = NULL;
    for (size_t i = 0; i < self->count; i++) {
        const found *file = &self->files[i];
        if (file->role.part == part && file->role.kind == kind && belong_together(file, member) &&
            (!best || goes_before(file, best)))
            best = file;
    }
    return best;
}

static dt_status refuse_nothing(const search *self, const char *path, dt_error *error)
{
    char shown[DT_IDX_SHOWN];
    dt_idx_show(path, shown, sizeof shown);
    int more = self->others > SHOWN_MOST ? self->others - SHOWN_MOST : 0;
    char rest[24] = "";
    if (more > 0)
        snprintf(rest, sizeof rest, " and %d more", more);
    return dt_fail(error, DT_ERR_NO_INPUT,
                   "%s: expected MNIST-type files like %s and %s, raw or with .gz, or train.csv, "
                   "found %s%s; " ADVICE,
                   shown, known_names[DT_TRAIN][DT_IDX_IMAGES],
                   known_names[DT_TRAIN][DT_IDX_LABELS], self->others > 0 ? self->seen : "nothing",
                   rest);
}

/* Bytes of the file's path that name its data set alone: of one without a prefix the directory or,
 * if others are in it, the file. */
static int name_of_set(const search *self, const found *file)
{
    bool alone = true;
    for (size_t i = 0; i < self->count; i++)
        alone = alone && (!in_one_directory(file, &self->files[i]) ||
                          belong_together(file, &self->files[i]));
    if (file->role.prefix > 0)
        return file->name + file->role.prefix;
    return alone ? file->name - 1 : file->name + (int)strcspn(file->path + file->name, "/");
}

static dt_status refuse_several(const search *self, const char *path, dt_error *error)
{
    char shown[DT_IDX_SHOWN], text[500] = "";
    dt_text sets = {.text = text, .size = sizeof text};
    dt_text_list list = {.most = SHOWN_MOST};
    for (size_t i = 0; i < self->count; i++) {
        const found *file = &self->files[i];
        const found *train = best_file(self, file, DT_TRAIN, DT_IDX_IMAGES);
        bool first = true;
        for (size_t j = 0; j < i; j++)
            first = first && !belong_together(file, &self->files[j]);
        file = train ? train : file;
        if (first)
            dt_text_add_listed(&sets, &list, name_of_set(self, file), file->path);
    }
    for (size_t i = 0; i < self->rest_count; i++)
        if (self->rest[i].arrays)
            dt_text_add_listed(&sets, &list, PATH_MAX, self->rest[i].path);
    dt_text_end_list(&sets, &list);
    return dt_fail(error, DT_ERR_NO_INPUT,
                   "%s: expected the files of one data set, found those of %d: %s; name one of "
                   "them",
                   dt_idx_show(path, shown, sizeof shown), list.count, text);
}

static dt_status refuse_two(const found *a, const found *b, dt_error *error)
{
    char shown[2][DT_IDX_SHOWN];
    return dt_fail(error, DT_ERR_NO_INPUT,
                   "%s: expected one training set and one test set, found %s too; move one of the "
                   "two away",
                   dt_idx_show(a->path, shown[0], DT_IDX_SHOWN),
                   dt_idx_show(b->path, shown[1], DT_IDX_SHOWN));
}

static dt_status refuse_part(const search *self, const found *const best[DT_PARTS][DT_IDX_KINDS],
                             dt_error *error)
{
    const found *first = &self->files[0];
    char shown[DT_IDX_SHOWN], directory[PATH_MAX], text[2][400] = {"", ""};
    dt_text lists[2] = {{.text = text[0], .size = sizeof text[0]},
                        {.text = text[1], .size = sizeof text[1]}};
    for (int part = 0; part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++) {
            const found *file = best[part][kind];
            bool needed = part == DT_TRAIN || best[part][1 - kind];
            dt_text *list = &lists[file ? 0 : 1];
            const char *comma = list->length > 0 ? ", " : "";
            if (file)
                dt_text_add(list, "%s%.80s", comma, file->path + file->name);
            else if (needed)
                dt_text_add(list, "%s%.*s%s%s", comma, first->role.prefix,
                            first->path + first->name, first->role.prefix > 0 ? "-" : "",
                            known_names[part][kind]);
        }
    snprintf(directory, sizeof directory, "%.*s", first->name - 1, first->path);
    dt_idx_show(directory, shown, sizeof shown);
    return dt_fail(error, DT_ERR_NO_INPUT,
                   "%s: expected images and labels, found %s; missing: %s (or with .gz); " ADVICE
                   " %s",
                   shown, text[0], text[1], shown);
}

/* Chooses the files of the data set, if one was found and it is whole. */
static dt_status choose(const search *self, const char *path, idx_names *out, dt_error *error)
{
    const found *best[DT_PARTS][DT_IDX_KINDS];
    if (self->count == 0)
        return refuse_nothing(self, path, error);
    for (size_t i = 1; i < self->count; i++) {
        const found *first = &self->files[0], *file = &self->files[i];
        if (!belong_together(first, file))
            return refuse_several(self, path, error);
    }
    for (size_t i = 0; i < self->rest_count; i++)
        if (self->rest[i].arrays && !in_one_directory(&self->files[0], &self->rest[i]))
            return refuse_several(self, path, error);
    for (int part = 0; part < DT_PARTS; part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++) {
            const found *file = best[part][kind] = best_file(self, &self->files[0], part, kind);
            snprintf(out->paths[part][kind], PATH_MAX, "%s", file ? file->path : "");
        }
    for (size_t i = 0; i < self->count; i++) {
        const found *file = &self->files[i], *chosen = best[file->role.part][file->role.kind];
        if (file->role.word != chosen->role.word)
            return refuse_two(chosen, file, error);
    }
    bool tests = best[DT_TEST][DT_IDX_IMAGES] || best[DT_TEST][DT_IDX_LABELS];
    for (int part = 0; part < (tests ? DT_PARTS : DT_TEST); part++)
        for (int kind = 0; kind < DT_IDX_KINDS; kind++)
            if (!best[part][kind])
                return refuse_part(self, best, error);
    return DT_OK;
}

/* The directory cannot be read. */
static dt_status refuse_directory(const char *path, int reason, dt_error *error)
{
    char shown[DT_IDX_SHOWN];
    dt_idx_show(path, shown, sizeof shown);
    if (reason == ENOENT)
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "%s: expected a directory with MNIST-type files, found nothing of that "
                       "name; " ADVICE,
                       shown);
    return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot open the directory: %s", shown,
                   strerror(reason));
}

/* Whether the directory stands for a file of its name. */
static bool is_one_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    idx_role of, is;
    DIR *list = idx_role_find(slash ? slash + 1 : path, &of)
                    ? dt_directory_list(AT_FDCWD, path, DT_LINKS_FOLLOWED)
                    : NULL;
    int roles = 0, others = 0;
    for (const char *name; list && (name = dt_directory_next_shown(list));)
        if (idx_role_find(name, &is))
            *(is.part == of.part && is.kind == of.kind ? &roles : &others) += 1;
    if (list)
        closedir(list);
    return roles > 0 && others == 0;
}

/* A path that is no directory: DIRECTORY/PREFIX, or a file of a data set, which becomes that. */
static dt_status take_prefix(char *path, char **prefix, dt_error *error)
{
    struct stat info;
    idx_role is;
    char shown[DT_IDX_SHOWN];
    bool there = stat(path, &info) == 0;
    int reason = there ? 0 : errno;
    char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    dt_idx_show(path, shown, sizeof shown);
    if (!there && (reason != ENOENT || !slash))
        return refuse_directory(path, reason, error);
    if (there && !idx_role_find(name, &is))
        return dt_fail(error, DT_ERR_NO_INPUT,
                       "%s: expected IDX, CSV, .npz or HDF5, or a directory of such or of "
                       "pictures, found another kind of file",
                       shown);
    if (there)
        name[is.prefix] = '\0';
    *prefix = name;
    return DT_OK;
}

static dt_status search_in(search *self, const char *directory, int levels, dt_error *error)
{
    DIR *list = dt_directory_list(AT_FDCWD, directory, DT_LINKS_FOLLOWED);
    if (!list)
        return refuse_directory(directory, errno, error);
    closedir(list);
    return look_into(self, directory, levels, error);
}

static void end_search(search *self)
{
    dt_free(self->files);
    dt_free(self->rest);
}

bool dt_source_idx_is(const char *path)
{
    search self = {0};
    bool any = is_directory(path) && !look_into(&self, path, LEVELS, NULL) && self.count > 0;
    end_search(&self);
    return any;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const found *)a)->path, ((const found *)b)->path);
}

static void sort(found *files, size_t count)
{
    if (count > 0)
        qsort(files, count, sizeof *files, by_path);
}

static void note_rest(const search *self, dt_text *note)
{
    dt_text_list list = {.most = SHOWN_MOST, .before = "without "};
    for (size_t i = 0; i < self->rest_count; i++)
        dt_text_add_listed(note, &list, NAME_MAX, self->rest[i].path + self->rest[i].name);
    dt_text_end_list(note, &list);
}

dt_status idx_names_find(const char *path, idx_names *out, dt_text *note, dt_error *error)
{
    search self = {0};
    char *copy = dt_strdup(path, error), *name = NULL;
    char wanted[NAME_MAX + 1];
    bool whole = is_directory(path) && !is_one_file(path);
    dt_status status = copy ? DT_OK : DT_ERR_INTERNAL;
    if (!status && !whole)
        status = take_prefix(copy, &name, error);
    if (name) {
        snprintf(wanted, sizeof wanted, "%s", name);
        *name = '\0';
        self.wanted = wanted;
    }
    if (!status)
        status = search_in(&self, whole || copy[0] ? copy : ".", whole ? LEVELS : 0, error);
    sort(self.files, self.count);
    sort(self.rest, self.rest_count);
    if (!status && !whole && self.count == 0)
        status = refuse_directory(path, ENOENT, error);
    if (!status)
        status = choose(&self, path, out, error);
    if (!status) {
        snprintf(out->place, PATH_MAX, "%.*s", whole ? self.files[0].name - 1 : PATH_MAX,
                 whole ? self.files[0].path : path);
        note_rest(&self, note);
    }
    end_search(&self);
    dt_free(copy);
    return status;
}
