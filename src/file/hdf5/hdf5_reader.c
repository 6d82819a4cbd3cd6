#include "file/hdf5_reader.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "hdf5_told.h"

#define SIGNATURE      "\x89HDF\r\n\x1a\n"
#define SIGNATURE_SIZE (sizeof SIGNATURE - 1)

/* Of the child: what HDF5 takes for any file, many times over, and to unpack one. */
enum { MEMORY_LEAST_MB = 1024, SECONDS_LEAST = 3, MB_IN_A_SECOND = 10, PATIENCE = 60 };

/* Values that are packed may be so many times the bytes that they are packed in, deflate's best
 * being 1032; or so many bytes. */
enum { PACKED_MOST = 1032, PACKED_LEAST = 64 << 20 };

/* Of a file that is not in memory: memory of the child, at most; its seconds; bytes that go to it
 * at once. */
#define MEMORY_MOST ((size_t)4096 << 20)
enum { SECONDS_OF_FILE = 120, SECONDS_MOST = 1 << 20, BLOCK = 1 << 18 };

bool told_bytes(const told_file *file, uint64_t offset, size_t size, void *to)
{
    size_t got;
    if (offset > file->size || size > file->size - offset)
        return false;
    if (!file->bytes)
        return dt_read_at(file->fd, to, size, (int64_t)offset, &got) && got == size;
    memcpy(to, file->bytes + offset, size);
    return true;
}

static bool is_hdf5(const told_file *file)
{
    char start[SIGNATURE_SIZE];
    /* Behind a user block, whose size is 512 times a power of two. */
    for (size_t at = 0; told_bytes(file, at, sizeof start, start); at = at > 0 ? 2 * at : 512)
        if (memcmp(start, SIGNATURE, sizeof start) == 0)
            return true;
    return false;
}

bool dt_hdf5_is(const void *bytes, size_t size)
{
    return is_hdf5(&(told_file){bytes, -1, size});
}

static dt_status disobeys(dt_error *error)
{
    return dt_fail(
        error, DT_ERR_DATA,
        "expected a file that can be read, found one that makes its reader say nonsense");
}

static dt_status send_blocks(const dt_hdf5_reader *self, const wire_need *need, dt_error *error)
{
    char *block = dt_calloc(BLOCK, 1, error);
    dt_status status = block ? DT_OK : DT_ERR_INTERNAL;
    for (size_t done = 0; done < need->size && !status; done += BLOCK) {
        size_t now = need->size - done < BLOCK ? need->size - done : BLOCK;
        if (!told_bytes(&self->file, need->offset + done, now, block))
            status = dt_fail(error, DT_ERR_IO, "cannot read %zu bytes at byte %llu of the file",
                             now, (unsigned long long)(need->offset + done));
        else
            status = dt_confined_send(self->child, block, now, error);
    }
    dt_free(block);
    return status;
}

static dt_status give_bytes(const dt_hdf5_reader *self, dt_error *error)
{
    wire_need need;
    dt_status status = dt_confined_receive(self->child, &need, sizeof need, error);
    if (status)
        return status;
    if (need.offset > self->file.size || need.size > self->file.size - need.offset ||
        need.size > WIRE_NEED_MAX)
        return disobeys(error);
    if (self->file.bytes)
        return dt_confined_send(self->child, self->file.bytes + need.offset, need.size, error);
    return send_blocks(self, &need, error);
}

dt_status told_next(const dt_hdf5_reader *self, wire_head *head, dt_error *error)
{
    dt_status status;
    char reason[WIRE_REASON_MAX + 1] = "";
    while (!(status = dt_confined_receive(self->child, head, sizeof *head, error)) &&
           head->kind == WIRE_NEED)
        if ((status = give_bytes(self, error)))
            break;
    if (status || head->kind != WIRE_FAILED)
        return status;
    if (head->size > WIRE_REASON_MAX)
        return disobeys(error);
    status = dt_confined_receive(self->child, reason, head->size, error);
    return status ? status : dt_fail(error, DT_ERR_DATA, "%s", reason);
}

/* All of its values are in the file, as far as the child tells the truth: it says how many bytes of
 * the file they take. */
static void check_stored(const dt_hdf5_reader *self, wire_object *told)
{
    uint64_t bytes = told->width, most = told->stored;
    bool large = false;
    for (int i = 0; i < told->rank; i++)
        large |= __builtin_mul_overflow(bytes, told->shape[i], &bytes);
    if (told->packed && (__builtin_mul_overflow(most, PACKED_MOST, &most) || most < PACKED_LEAST))
        most = PACKED_LEAST;
    if (told->note[0] == '\0' && (large || told->stored > self->file.size || bytes > most))
        snprintf(told->note, sizeof told->note, "%llu bytes of them",
                 (unsigned long long)told->stored);
}

static dt_status add_object(dt_hdf5_reader *self, size_t size, dt_error *error)
{
    void *grown;
    if (size != sizeof *self->told || self->count == DT_HDF5_OBJECT_MAX)
        return disobeys(error);
    if (!(grown = dt_grow(self->objects, &self->object_room, self->count + 1, sizeof *self->objects,
                          error)))
        return DT_ERR_INTERNAL;
    self->objects = grown;
    if (!(grown =
              dt_grow(self->told, &self->told_room, self->count + 1, sizeof *self->told, error)))
        return DT_ERR_INTERNAL;
    self->told = grown;
    wire_object *told = &self->told[self->count];
    dt_status status = dt_confined_receive(self->child, told, sizeof *told, error);
    if (status)
        return status;
    bool ended = memchr(told->object.path, '\0', sizeof told->object.path) &&
                 memchr(told->note, '\0', sizeof told->note) &&
                 memchr(told->type, '\0', sizeof told->type);
    if (!ended || told->rank < 0 || told->rank > DT_HDF5_RANK_MAX || told->chunk_rows > INT64_MAX)
        return disobeys(error);
    check_stored(self, told);
    self->objects[self->count++] = told->object;
    size_t count = told->note[0] != '\0' || told->alias || told->object.group ? 0 : 1;
    for (int i = 0; i < told->rank && count > 0; i++)
        count *= told->shape[i];
    if (__builtin_add_overflow(self->values, count, &self->values))
        self->values = SIZE_MAX;
    return DT_OK;
}

/* The block has a name with a 0 behind it, and then as many values as its head says. */
static bool is_whole(told_attribute *self, size_t size)
{
    const wire_attribute *head = &self->head;
    const char *block = self->name;
    if (!memchr(head->type, '\0', sizeof head->type) || head->name_size < 1 ||
        head->name_size > size || block[head->name_size - 1] != '\0')
        return false;
    self->size = size - head->name_size;
    if (head->kind == WIRE_INTEGER || head->kind == WIRE_FLOAT)
        return head->count == self->size / 8 && self->size % 8 == 0;
    if (head->kind != WIRE_TEXT)
        return head->kind == WIRE_OTHER;
    size_t texts = 0;
    for (size_t i = head->name_size; i < size; i++)
        texts += block[i] == '\0';
    return texts == head->count && block[size - 1] == '\0';
}

static dt_status add_attribute(dt_hdf5_reader *self, size_t size, dt_error *error)
{
    told_attribute *told;
    if (size < sizeof told->head)
        return disobeys(error);
    told = dt_grow(self->attributes, &self->attribute_room, self->attribute_count + 1,
                   sizeof *self->attributes, error);
    if (!told)
        return DT_ERR_INTERNAL;
    self->attributes = told;
    told += self->attribute_count;
    dt_status status = dt_confined_receive(self->child, &told->head, sizeof told->head, error);
    size -= sizeof told->head;
    char *block = status ? NULL : dt_calloc(size + 1, 1, error);
    if (!block)
        return status ? status : DT_ERR_INTERNAL;
    told->name = block;
    self->attribute_count++;
    status = dt_confined_receive(self->child, block, size, error);
    if (!status && !is_whole(told, size))
        status = disobeys(error);
    told->values = status ? NULL : block + told->head.name_size;
    return status;
}

/* What is in the file. */
static dt_status hear_content(dt_hdf5_reader *self, dt_error *error)
{
    wire_head head;
    uint64_t bytes = 0, size = self->file.size;
    dt_status status = dt_confined_send(self->child, &size, sizeof size, error);
    while (!status && !(status = told_next(self, &head, error)) && head.kind != WIRE_DONE) {
        bytes += head.kind == WIRE_ATTRIBUTE ? head.size : 0;
        if (head.size > WIRE_CONTENT_MAX || bytes > 2 * WIRE_CONTENT_MAX)
            return disobeys(error);
        status = head.kind == WIRE_OBJECT      ? add_object(self, head.size, error)
                 : head.kind == WIRE_ATTRIBUTE ? add_attribute(self, head.size, error)
                                               : disobeys(error);
    }
    return status;
}

static dt_confined_limits limits_of(const told_file *file)
{
    const size_t unit = (size_t)1 << 20, seconds = file->size / unit / MB_IN_A_SECOND;
    dt_confined_limits limits = {.memory = MEMORY_LEAST_MB * unit + 2 * file->size};
    if (!file->bytes && limits.memory > MEMORY_MOST)
        limits.memory = MEMORY_MOST;
    if (!file->bytes) /* it may be packed, in chunks of any shape */
        limits.seconds = SECONDS_OF_FILE;
    limits.seconds += SECONDS_LEAST + (seconds < SECONDS_MOST ? (int)seconds : SECONDS_MOST);
    limits.patience = PATIENCE + limits.seconds;
    return limits;
}

static dt_status open_reader(told_file file, dt_hdf5_reader **out, dt_error *error)
{
    *out = NULL;
    if (!is_hdf5(&file))
        return dt_fail(error, DT_ERR_DATA, "expected an HDF5 file, found %s",
                       file.size == 0 ? "an empty one" : "something else");
    dt_hdf5_reader *reader = dt_calloc(1, sizeof *reader, error);
    if (!reader)
        return DT_ERR_INTERNAL;
    reader->file = file;
    dt_status status = dt_confined_start(hdf5_child_work, limits_of(&file), &reader->child, error);
    if (!status)
        status = hear_content(reader, error);
    if (status) {
        dt_hdf5_reader_destroy(reader);
        return status;
    }
    *out = reader;
    return DT_OK;
}

dt_status dt_hdf5_reader_open(const void *bytes, size_t size, dt_hdf5_reader **out, dt_error *error)
{
    return open_reader((told_file){bytes, -1, size}, out, error);
}

dt_status dt_hdf5_reader_open_file(int fd, size_t size, dt_hdf5_reader **out, dt_error *error)
{
    return open_reader((told_file){NULL, fd, size}, out, error);
}

void dt_hdf5_reader_destroy(dt_hdf5_reader *reader)
{
    if (!reader)
        return;
    dt_confined_end(reader->child);
    for (size_t i = 0; i < reader->attribute_count; i++)
        dt_free((char *)reader->attributes[i].name);
    dt_free(reader->attributes);
    dt_free(reader->told);
    dt_free(reader->objects);
    dt_free(reader);
}

const dt_hdf5_object *dt_hdf5_reader_objects(const dt_hdf5_reader *reader, size_t *count)
{
    *count = reader->count;
    return reader->objects;
}

size_t dt_hdf5_reader_values(const dt_hdf5_reader *reader)
{
    return reader->values;
}

size_t told_find(const dt_hdf5_reader *reader, const char *path)
{
    size_t i = 0;
    while (i < reader->count && strcmp(reader->objects[i].path, path) != 0)
        i++;
    return i;
}

bool dt_hdf5_reader_has(const dt_hdf5_reader *reader, const char *path)
{
    return strcmp(path, "/") == 0 || told_find(reader, path) < reader->count;
}
