#include <stdio.h>
#include <string.h>

#include "hdf5_child.h"

/* Numbered from 1.12 on. */
#if H5_VERSION_GE(1, 12, 0)
typedef H5O_info2_t object_info;
typedef H5L_info2_t link_info;
#define READ_INFO(object, info) H5Oget_info3(object, info, H5O_INFO_BASIC)
#define ITERATE                 H5Literate2
#define IDENTITY                token
#else
typedef H5O_info_t object_info;
typedef H5L_info_t link_info;
#define READ_INFO(object, info) H5Oget_info2(object, info, H5O_INFO_BASIC)
#define ITERATE                 H5Literate
#define IDENTITY                addr
#endif

/* What has been said, in order; the root is no part of it. */
typedef struct known {
    char path[DT_HDF5_PATH_SIZE];
    object_info info;
    size_t parent; /* number + 1; 0: the root */
    bool group;    /* whose members are to be said */
} known;

static struct {
    size_t count;
    known objects[DT_HDF5_OBJECT_MAX];
    object_info root;
} seen;

typedef struct pass {
    size_t parent; /* as known.parent */
    const char *path;
} pass;

hid_t child_object(hid_t file, uint64_t number)
{
    return number < seen.count ? H5Oopen(file, seen.objects[number].path, H5P_DEFAULT)
                               : H5I_INVALID_HID;
}

static bool is_same(const object_info *a, const object_info *b)
{
    return memcmp(&a->IDENTITY, &b->IDENTITY, sizeof a->IDENTITY) == 0;
}

static bool is_above(const known *self)
{
    size_t above = self->parent;
    for (; above > 0; above = seen.objects[above - 1].parent)
        if (is_same(&self->info, &seen.objects[above - 1].info))
            return true;
    return is_same(&self->info, &seen.root);
}

static bool is_alias(const known *self)
{
    for (const known *other = seen.objects; other < self; other++)
        if (is_same(&self->info, &other->info))
            return true;
    return false;
}

/* A link that leads to nothing in this file. */
static void note_link(hid_t group, const char *name, H5L_type_t type, wire_object *out)
{
    char value[WIRE_NOTE_SIZE / 2] = "";
    if (type == H5L_TYPE_SOFT) {
        H5Lget_val(group, name, value, sizeof value - 1, H5P_DEFAULT);
        snprintf(out->note, sizeof out->note, "a link to %s, which is not in this file", value);
    } else {
        snprintf(out->note, sizeof out->note, "a link out of this file");
    }
    child_reason();
}

static void look_at(hid_t object, known *self, wire_object *out)
{
    H5I_type_t type = H5Iget_type(object);
    READ_INFO(object, &self->info);
    out->alias = is_alias(self);
    if (type == H5I_DATASET) {
        child_look_at(object, out);
    } else if (type != H5I_GROUP) {
        snprintf(out->note, sizeof out->note, "a named type");
    } else if (is_above(self)) {
        snprintf(out->note, sizeof out->note, "a link to a group that it is in");
    } else {
        self->group = out->object.group = true;
    }
}

static herr_t say_link(hid_t group, const char *name, const link_info *info, void *data)
{
    const pass *self = data;
    wire_object out = {.offset = WIRE_NOWHERE};
    if (seen.count == DT_HDF5_OBJECT_MAX)
        child_give_up("expected at most %d objects, found more", DT_HDF5_OBJECT_MAX);
    known *object = &seen.objects[seen.count];
    int length = snprintf(object->path, sizeof object->path, "%s/%s", self->path, name);
    if (length >= DT_HDF5_PATH_SIZE)
        child_give_up("%.200s...: expected a path below %d bytes, found %d", object->path,
                      DT_HDF5_PATH_SIZE, length);
    object->parent = self->parent;
    memcpy(out.object.path, object->path, sizeof object->path);
    hid_t id = info->type == H5L_TYPE_HARD || info->type == H5L_TYPE_SOFT
                   ? H5Oopen(group, name, H5P_DEFAULT)
                   : H5I_INVALID_HID;
    if (id < 0 && info->type == H5L_TYPE_HARD)
        child_give_up("%.200s: expected an object, found damage", object->path);
    if (id < 0)
        note_link(group, name, info->type, &out);
    else
        look_at(id, object, &out);
    child_say(WIRE_OBJECT, &out, sizeof out, NULL, 0);
    if (id >= 0) {
        child_say_attributes(id, seen.count, object->path);
        H5Oclose(id);
    }
    seen.count++;
    return 0;
}

/* The order in which the members were made, where the file keeps it. */
static H5_index_t order_of(hid_t group)
{
    unsigned flags = 0;
    hid_t list = H5Gget_create_plist(group);
    if (list < 0 || H5Pget_link_creation_order(list, &flags) < 0)
        flags = 0;
    H5Pclose(list);
    return flags & H5P_CRT_ORDER_TRACKED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

static void say_members(hid_t group, size_t parent, const char *path)
{
    pass self = {parent, path};
    if (ITERATE(group, order_of(group), H5_ITER_INC, NULL, say_link, &self) < 0)
        child_give_up("%s: expected a well-formed list of members, found another",
                      path[0] ? path : "/");
}

void child_walk(hid_t file)
{
    hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    if (root < 0 || READ_INFO(root, &seen.root) < 0)
        child_give_up("/: expected a group, found damage");
    child_say_attributes(root, WIRE_ROOT, "/");
    say_members(root, 0, "");
    H5Gclose(root);
    for (size_t i = 0; i < seen.count; i++) {
        if (!seen.objects[i].group)
            continue;
        hid_t group = child_object(file, i);
        say_members(group, i + 1, seen.objects[i].path);
        H5Oclose(group);
    }
}
