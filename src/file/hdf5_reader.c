#include "file/hdf5_reader.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "hdf5_format.h"

/* Nodes of trees and tables of symbols, all groups together. */
#define NODE_MAX (4 * DT_HDF5_OBJECT_MAX)
/* III.A.1, III.B, III.D: sizes of what stands before the entries. */
enum { TREE_HEADER = 24, TABLE_HEADER = 8, TABLE_ENTRY = 40, HEAP_HEADER = 32 };
enum { CACHE_SOFT_LINK = 2 };

typedef struct walk {
    dt_hdf5_reader *reader;
    const char *group; /* path; "": the root */
    span names;        /* of the group's members */
    int nodes;         /* read so far, all groups together */
    dt_error *error;
} walk;

static const char *shown(const char *path)
{
    return path[0] == '\0' ? "/" : path;
}

static dt_status damaged(const walk *self, const char *found)
{
    return dt_fail(self->error, DT_ERR_DATA, "%s: expected a well-formed list of members, found %s",
                   shown(self->group), found);
}

static dt_status add_member(walk *self, const uint8_t *entry)
{
    dt_hdf5_reader *reader = self->reader;
    uint64_t offset = hdf5_number(entry, 8);
    if (offset >= self->names.size ||
        !memchr(self->names.at + offset, '\0', self->names.size - offset))
        return damaged(self, "a name beyond its names");
    const char *name = (const char *)self->names.at + offset;
    if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0)
        return damaged(self, "a name that is none");
    if (hdf5_number(entry + 16, 4) == CACHE_SOFT_LINK)
        return dt_fail(self->error, DT_ERR_DATA,
                       "%s/%.200s: expected a hard link, found a soft link", self->group, name);
    if (reader->count == DT_HDF5_OBJECT_MAX)
        return dt_fail(self->error, DT_ERR_DATA, "expected at most %d objects, found more",
                       DT_HDF5_OBJECT_MAX);
    dt_hdf5_object *object = &reader->objects[reader->count];
    object->group = false;
    char *path = object->path;
    int length = snprintf(path, DT_HDF5_PATH_SIZE, "%s/%s", self->group, name);
    if (length >= DT_HDF5_PATH_SIZE)
        return dt_fail(self->error, DT_ERR_DATA, "%s...: expected a path below %d bytes, found %d",
                       path, DT_HDF5_PATH_SIZE, length);
    reader->headers[reader->count++] = hdf5_number(entry + 8, 8);
    return DT_OK;
}

/* III.B */
static dt_status read_table(walk *self, uint64_t address)
{
    span header, entries;
    if (++self->nodes > NODE_MAX ||
        !hdf5_span(self->reader->file, address, TABLE_HEADER, &header) ||
        memcmp(header.at, "SNOD\1", 5) != 0)
        return damaged(self, "no table of symbols where one should be");
    uint64_t count = hdf5_number(header.at + 6, 2);
    if (!hdf5_span(self->reader->file, address + TABLE_HEADER, count * TABLE_ENTRY, &entries))
        return damaged(self, "a table of symbols beyond the end of the file");
    dt_status status = DT_OK;
    for (uint64_t i = 0; !status && i < count; i++)
        status = add_member(self, entries.at + i * TABLE_ENTRY);
    return status;
}

/* III.A.1; the level falls by one a step down, so there is no endless way down. */
static dt_status read_tree(walk *self, uint64_t address, int level)
{
    span header, entries;
    if (++self->nodes > NODE_MAX || !hdf5_span(self->reader->file, address, TREE_HEADER, &header) ||
        memcmp(header.at, "TREE\0", 5) != 0 || (level >= 0 && header.at[5] != level))
        return damaged(self, "no tree of symbols where one should be");
    uint64_t count = hdf5_number(header.at + 6, 2);
    if (!hdf5_span(self->reader->file, address + TREE_HEADER, count * 16 + 8, &entries))
        return damaged(self, "a tree of symbols beyond the end of the file");
    dt_status status = DT_OK;
    for (uint64_t i = 0; !status && i < count; i++) {
        uint64_t child = hdf5_number(entries.at + 16 * i + 8, 8);
        status =
            header.at[5] == 0 ? read_table(self, child) : read_tree(self, child, header.at[5] - 1);
    }
    return status;
}

/* III.D, IV.A.2.r */
static dt_status read_members(walk *self, span symbol_table)
{
    span heap;
    if (symbol_table.size < 16)
        return damaged(self, "less than one");
    if (!hdf5_span(self->reader->file, hdf5_number(symbol_table.at + 8, 8), HEAP_HEADER, &heap) ||
        memcmp(heap.at, "HEAP\0", 5) != 0 ||
        !hdf5_span(self->reader->file, hdf5_number(heap.at + 24, 8), hdf5_number(heap.at + 8, 8),
                   &self->names))
        return damaged(self, "no heap of names where one should be");
    return read_tree(self, hdf5_number(symbol_table.at, 8), -1);
}

/* Looks for what tells the kind of an object: symbol_table.at is NULL for one that is no group. */
static dt_status read_kind(span file, uint64_t address, const char *path, message *symbol_table,
                           bool *dataset, dt_error *error)
{
    header_pass pass;
    message found;
    bool more;
    *symbol_table = (message){0};
    *dataset = false;
    dt_status status = hdf5_header(file, address, path, &pass, error);
    while (!status && !(status = hdf5_next_message(&pass, &found, &more, error)) && more) {
        if (found.type == MESSAGE_SYMBOL_TABLE)
            *symbol_table = found;
        if (found.type == MESSAGE_LINK || found.type == MESSAGE_LINK_INFO)
            return dt_fail(
                error, DT_ERR_DATA,
                "%s: expected a group of hard links, found one of another format, as for "
                "external links",
                path);
        *dataset |= found.type == MESSAGE_LAYOUT;
    }
    return status;
}

static dt_status check_own(const dt_hdf5_reader *reader, size_t index, dt_error *error)
{
    const char *other = reader->headers[index] == reader->root ? "/" : NULL;
    for (size_t i = 0; i < index && !other; i++)
        if (reader->headers[i] == reader->headers[index])
            other = reader->objects[i].path;
    if (!other)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA, "%s: expected an object of its own, found %s again",
                   reader->objects[index].path, other);
}

static dt_status read_object(walk *self, size_t index)
{
    dt_hdf5_reader *reader = self->reader;
    const char *path = reader->objects[index].path;
    message symbol_table;
    bool dataset;
    dt_status status = check_own(reader, index, self->error);
    if (!status)
        status = read_kind(reader->file, reader->headers[index], path, &symbol_table, &dataset,
                           self->error);
    if (status)
        return status;
    if (dataset)
        return hdf5_check_dataset(reader, index, self->error);
    if (!symbol_table.body.at)
        return dt_fail(self->error, DT_ERR_DATA,
                       "%s: expected a group or a dataset, found something else (a named type?)",
                       path);
    reader->objects[index].group = true;
    self->group = path;
    return read_members(self, symbol_table.body);
}

static dt_status walk_objects(dt_hdf5_reader *reader, dt_error *error)
{
    walk self = {.reader = reader, .group = "", .error = error};
    message symbol_table;
    bool dataset;
    dt_status status = read_kind(reader->file, reader->root, "/", &symbol_table, &dataset, error);
    if (!status && !symbol_table.body.at)
        return damaged(&self, "none");
    if (!status)
        status = read_members(&self, symbol_table.body);
    for (size_t i = 0; !status && i < reader->count; i++)
        status = read_object(&self, i);
    return status;
}

dt_status dt_hdf5_reader_open(const void *bytes, size_t size, dt_hdf5_reader **out, dt_error *error)
{
    *out = NULL;
    dt_hdf5_reader found = {0};
    dt_status status = hdf5_read_superblock((span){bytes, size}, &found, error);
    if (status)
        return status;
    dt_hdf5_reader *reader = dt_calloc(1, sizeof *reader, error);
    if (!reader)
        return DT_ERR_INTERNAL;
    *reader = found;
    /* Not cleared: of a small file most of it is never touched. */
    reader->objects = dt_resize(NULL, DT_HDF5_OBJECT_MAX * sizeof *reader->objects, error);
    reader->headers = dt_resize(NULL, DT_HDF5_OBJECT_MAX * sizeof *reader->headers, error);
    if (reader->objects && reader->headers)
        status = walk_objects(reader, error);
    else
        status = DT_ERR_INTERNAL;
    if (status) {
        dt_hdf5_reader_destroy(reader);
        return status;
    }
    *out = reader;
    return DT_OK;
}

void dt_hdf5_reader_destroy(dt_hdf5_reader *reader)
{
    if (!reader)
        return;
    dt_free(reader->headers);
    dt_free(reader->objects);
    dt_free(reader);
}

const dt_hdf5_object *dt_hdf5_reader_objects(const dt_hdf5_reader *reader, size_t *count)
{
    *count = reader->count;
    return reader->objects;
}

size_t hdf5_find(const dt_hdf5_reader *reader, const char *path)
{
    size_t i = 0;
    while (i < reader->count && strcmp(reader->objects[i].path, path) != 0)
        i++;
    return i;
}

bool dt_hdf5_reader_has(const dt_hdf5_reader *reader, const char *path)
{
    return strcmp(path, "/") == 0 || hdf5_find(reader, path) < reader->count;
}
