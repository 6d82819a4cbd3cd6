#include "folder_list.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/visible.h"
#include "file/image.h"

/* Folders below each other: around the data set, and in a class. */
enum { LEVELS = 3, DEPTH_MOST = 16, NONE = -1 };

static dt_status refuse_length(const char *folder, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA, "%.300s...: expected paths of at most %d bytes, found more",
                   folder, PATH_MAX - 1);
}

/* Keeps the first few different names. */
static void pass_over(folder_list *self, const char *name, bool folder)
{
    char shown[FOLDER_NAME];
    int at = 0, order = 1;
    self->others++;
    snprintf(shown, sizeof shown, "%.*s%s", FOLDER_NAME - 2, name, folder ? "/" : "");
    while (at < self->other_count && (order = strcmp(self->other_names[at], shown)) < 0)
        at++;
    if (at == FOLDER_SHOWN || (at < self->other_count && order == 0))
        return;
    int kept = self->other_count < FOLDER_SHOWN ? self->other_count++ : FOLDER_SHOWN - 1;
    memmove(self->other_names[at + 1], self->other_names[at], (size_t)(kept - at) * FOLDER_NAME);
    memcpy(self->other_names[at], shown, sizeof shown);
}

/* A folder that is being looked into, and those that it is in. */
typedef struct level {
    const struct level *above;
    int depth;
    dev_t device;
    ino_t inode;
} level;

static dt_status enter(const char *path, const level *above, level *out, dt_error *error)
{
    struct stat info;
    if (stat(path, &info))
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot open the folder: %m", path);
    *out = (level){above, above ? above->depth + 1 : 0, info.st_dev, info.st_ino};
    for (const level *it = above; it; it = it->above)
        if (it->device == out->device && it->inode == out->inode)
            return dt_fail(
                error, DT_ERR_DATA,
                "%s: expected pictures or folders of them, found a link to a folder that "
                "it is in",
                path);
    if (out->depth > DEPTH_MOST)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected at most %d folders below each other in a class, found more",
                       path, DEPTH_MOST);
    return DT_OK;
}

/* Links may lead to one folder on many ways, the more the deeper they lie. */
static dt_status enter_once(folder_list *self, const char *path, const level *here, dt_error *error)
{
    for (size_t i = 0; i < self->seen_count; i++)
        if (self->seen[i].device == here->device && self->seen[i].inode == here->inode)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected folders of pictures of the class, each once, found a link "
                           "to one of them",
                           path);
    void *grown =
        dt_grow(self->seen, &self->seen_room, self->seen_count + 1, sizeof *self->seen, error);
    if (!grown)
        return DT_ERR_INTERNAL;
    self->seen = grown;
    self->seen[self->seen_count++] = (folder_seen){here->device, here->inode};
    return DT_OK;
}

/* Adds the pictures below `path`, whose first bytes, so many, are the folder of the class. */
static dt_status add_pictures(folder_list *self, const char *path, size_t class, const level *above,
                              dt_error *error)
{
    folder_names names = {0};
    level here;
    dt_status status = enter(path, above, &here, error);
    if (!status)
        status = enter_once(self, path, &here, error);
    if (!status)
        status = folder_names_list(path, &names, error);
    for (size_t i = 0; i < names.count && !status; i++) {
        char below[PATH_MAX];
        const char *name = folder_names_at(&names, i);
        folder_entry found = folder_entry_of(path, name);
        if (!dt_join(path, name, below))
            status = refuse_length(path, error);
        else if (found == FOLDER_PICTURE)
            status = folder_names_add(&self->files, below + class + 1, error);
        else if (found == FOLDER_FOLDER)
            status = add_pictures(self, below, class, &here, error);
        else
            pass_over(self, name, false);
    }
    folder_names_free(&names);
    return status;
}

static dt_status check_class(const folder_list *self, const char *base, const char *name,
                             dt_error *error)
{
    char shown[4 * FOLDER_NAME];
    dt_visible(name, shown, sizeof shown);
    if (strcmp(shown, name) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected folders whose names, those of the classes, are text in UTF-8, "
                       "found '%s'",
                       base, name);
    if (self->classes == DT_CLASSES_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected a folder a class, of at most %d classes, found more", base,
                       DT_CLASSES_MAX);
    return DT_OK;
}

static int find_class(const folder_list *self, const char *name)
{
    for (int i = 0; i < self->classes; i++)
        if (strcmp(self->class_names[i], name) == 0)
            return i;
    return NONE;
}

/* The folders of classes that are in the folder of a part: those of the training part say which
 * classes there are. there: [DT_CLASSES_MAX], which of them this part has. */
static dt_status find_classes(folder_list *self, dt_part part, bool *there, dt_error *error)
{
    const char *base = self->base[part];
    folder_names names;
    dt_status status = folder_names_list(base, &names, error);
    for (size_t i = 0; i < names.count && !status; i++) {
        const char *name = folder_names_at(&names, i);
        folder_entry found = folder_entry_of(base, name);
        int class = part == DT_TRAIN ? self->classes : find_class(self, name);
        if (found == FOLDER_PICTURE)
            status = dt_fail(error, DT_ERR_DATA,
                             "%s: expected folders of pictures, one a class, found the picture %s "
                             "beside them",
                             base, name);
        else if (found == FOLDER_OTHER)
            pass_over(self, name, false);
        else if (part == DT_TRAIN && !(status = check_class(self, base, name, error)))
            memcpy(self->class_names[self->classes++], name, strlen(name) + 1);
        else if (!status && class == NONE)
            status = dt_fail(error, DT_ERR_DATA,
                             "%s/%s: expected one of the classes of %s, found another", base, name,
                             self->base[DT_TRAIN]);
        if (!status && found == FOLDER_FOLDER)
            there[class] = true;
    }
    folder_names_free(&names);
    return status;
}

static dt_status read_part(folder_list *self, dt_part part, dt_error *error)
{
    bool there[DT_CLASSES_MAX] = {false};
    dt_status status = self->base[part] ? find_classes(self, part, there, error) : DT_OK;
    for (int class = 0; class <= self->classes && !status; class ++) {
        char path[PATH_MAX];
        size_t before = self->files.count;
        self->seen_count = 0;
        self->first[part][class] = (int64_t)before;
        if (class == self->classes || !there[class])
            continue;
        if (!dt_join(self->base[part], self->class_names[class], path))
            status = refuse_length(self->base[part], error);
        else
            status = add_pictures(self, path, strlen(path), NULL, error);
        folder_names_sort(&self->files, before);
        if (!status && part == DT_TRAIN && self->files.count == before)
            status = dt_fail(error, DT_ERR_DATA,
                             "%s: expected pictures of the class (" DT_IMAGE_KINDS "), found none",
                             path);
    }
    if (!status && self->base[part] && (size_t)self->first[part][0] == self->files.count)
        status = dt_fail(error, DT_ERR_DATA,
                         "%s: expected pictures of the classes (" DT_IMAGE_KINDS
                         "), found none; move it away to train without",
                         self->base[part]);
    return status;
}

/* Which part a folder of this name is: a training part, a test part, one for validation. begins: or
 * a folder whose name begins so, as train_set does. */
enum { TRAIN_PART, TEST_PART, VAL_PART, PART_KINDS };

static int part_of(const char *name, bool begins)
{
    static const char *const words[] = {"train", "training", "test",      "testing",
                                        "val",   "valid",    "validation"};
    static const int kinds[] = {TRAIN_PART, TRAIN_PART, TEST_PART, TEST_PART,
                                VAL_PART,   VAL_PART,   VAL_PART};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (strncasecmp(name, words[i], length) == 0 &&
            (!name[length] || (begins && (name[length] == '_' || name[length] == '-'))))
            return kinds[i];
    }
    return NONE;
}

static size_t count_folders(const char *path, char last[PATH_MAX])
{
    folder_names names;
    size_t count = 0;
    char below[PATH_MAX];
    (void)folder_names_list(path, &names, NULL);
    for (size_t i = 0; i < names.count; i++)
        if (!dt_file_is_hidden(folder_names_at(&names, i)) &&
            dt_join(path, folder_names_at(&names, i), below) && folder_is_one(below)) {
            count++;
            memcpy(last, below, sizeof below);
        }
    folder_names_free(&names);
    return count;
}

/* Folders with the names of parts, by kind: one with folders in it, another of these, and one
 * without. */
typedef struct named_parts {
    const char *first[PART_KINDS], *again[PART_KINDS], *bare[PART_KINDS];
} named_parts;

/* Returns of how many kinds there are some. */
static int name_parts(const char *path, const folder_names *names, bool begins, named_parts *out)
{
    char below[PATH_MAX], last[PATH_MAX];
    int kinds = 0;
    *out = (named_parts){0};
    for (size_t i = 0; i < names->count; i++) {
        const char *name = folder_names_at(names, i);
        int kind = part_of(name, begins);
        if (kind == NONE || !dt_join(path, name, below) || !folder_is_one(below))
            continue;
        if (count_folders(below, last) == 0)
            out->bare[kind] = name;
        else if (out->first[kind])
            out->again[kind] = name;
        else
            out->first[kind] = name;
    }
    for (int kind = 0; kind < PART_KINDS; kind++)
        kinds += out->first[kind] || out->bare[kind];
    return kinds;
}

static dt_status check_parts(const char *path, const named_parts *parts, int kinds, dt_error *error)
{
    const char *bare = parts->bare[TRAIN_PART], *others = NULL;
    for (int kind = 0; kind < PART_KINDS; kind++) {
        if (parts->again[kind])
            return dt_fail(
                error, DT_ERR_DATA,
                "%s: expected one folder of a kind, found %s and %s; move one of the two away",
                path, parts->first[kind], parts->again[kind]);
        others = others ? others : parts->first[kind];
        bare = bare ? bare : parts->bare[kind];
    }
    if (parts->first[TRAIN_PART])
        return DT_OK;
    if (kinds >= 2 && (parts->bare[TRAIN_PART] || !others))
        return dt_fail(error, DT_ERR_DATA,
                       "%s/%s: expected a folder of pictures a class, found none", path, bare);
    if (others)
        return dt_fail(error, DT_ERR_DATA, "%s: expected a folder train beside %s, found none",
                       path, others);
    return DT_OK;
}

/* The folders of the parts, if `names` in `path` are some. Names that only begin so may be those of
 * classes, if they are not of two kinds. */
static dt_status find_parts(folder_list *self, const char *path, const folder_names *names,
                            dt_error *error)
{
    named_parts parts;
    char below[PATH_MAX];
    int kinds = name_parts(path, names, false, &parts);
    if (kinds == 0 && (kinds = name_parts(path, names, true, &parts)) < 2)
        return DT_OK;
    dt_status status = check_parts(path, &parts, kinds, error);
    if (status)
        return status;
    const char *test = parts.first[TEST_PART] ? parts.first[TEST_PART] : parts.first[VAL_PART];
    const char *chosen[DT_PARTS] = {[DT_TRAIN] = parts.first[TRAIN_PART], [DT_TEST] = test};
    for (int part = 0; part < DT_PARTS; part++) {
        if (!chosen[part])
            continue;
        (void)dt_join(path, chosen[part], below);
        if (!(self->base[part] = dt_strdup(below, error)))
            return DT_ERR_INTERNAL;
    }
    return DT_OK;
}

/* Beside the folders of the parts nothing is looked for. */
static dt_status pass_over_others(folder_list *self, const char *path, const folder_names *names,
                                  dt_error *error)
{
    char below[PATH_MAX];
    for (size_t i = 0; i < names->count; i++) {
        const char *name = folder_names_at(names, i);
        if (!dt_join(path, name, below))
            return refuse_length(path, error);
        bool used = false;
        for (int part = 0; part < DT_PARTS; part++)
            used |= self->base[part] && strcmp(self->base[part], below) == 0;
        if (!used)
            pass_over(self, name, folder_is_one(below));
    }
    return DT_OK;
}

/* Finds the folders of the parts, in `path` or in the only folder there is. */
static dt_status find_base(folder_list *self, char path[PATH_MAX], dt_error *error)
{
    dt_status status = DT_OK;
    for (int levels = 0; !status && !self->base[DT_TRAIN]; levels++) {
        folder_names names;
        char only[PATH_MAX], last[PATH_MAX];
        status = folder_names_list(path, &names, error);
        if (!status)
            status = find_parts(self, path, &names, error);
        bool around = !status && !self->base[DT_TRAIN] && levels < LEVELS &&
                      count_folders(path, only) == 1 && count_folders(only, last) > 0;
        if (!status && self->base[DT_TRAIN])
            status = pass_over_others(self, path, &names, error);
        else if (!status && !around && !(self->base[DT_TRAIN] = dt_strdup(path, error)))
            status = DT_ERR_INTERNAL;
        if (around)
            memcpy(path, only, PATH_MAX);
        folder_names_free(&names);
    }
    return status;
}

dt_status folder_list_read(const char *path, folder_list *out, dt_error *error)
{
    char base[PATH_MAX];
    *out = (folder_list){0};
    snprintf(base, sizeof base, "%s", path);
    for (size_t length = strlen(base); length > 1 && base[length - 1] == '/';)
        base[--length] = '\0';
    dt_status status = find_base(out, base, error);
    for (dt_part part = 0; part < DT_PARTS && !status; part++)
        status = read_part(out, part, error);
    return status;
}

int folder_list_class(const folder_list *self, dt_part part, int64_t sample)
{
    const int64_t *first = self->first[part];
    int low = 0, high = self->classes;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (first[middle] - first[0] <= sample)
            low = middle;
        else
            high = middle;
    }
    return low;
}

char *folder_list_path(const folder_list *self, dt_part part, int64_t sample, char path[PATH_MAX])
{
    int class = folder_list_class(self, part, sample);
    size_t at = (size_t)(self->first[part][0] + sample);
    snprintf(path, PATH_MAX, "%s/%s/%s", self->base[part], self->class_names[class],
             folder_names_at(&self->files, at));
    return path;
}

void folder_list_free(folder_list *self)
{
    for (int part = 0; part < DT_PARTS; part++)
        dt_free(self->base[part]);
    folder_names_free(&self->files);
    dt_free(self->seen);
}
