#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "hdf5_internal.h"

/* All strings of an attribute together, bytes. */
#define TEXT_SIZE_MAX ((uint64_t)1 << 20)
/* Heap objects that are looked at for an attribute, all its strings together. */
#define WORK_MAX ((size_t)1 << 24)

enum {
    REFERENCE_SIZE = 16,
    HEAP_HEADER = 16,
    OBJECT_HEADER = 16,
    NAME_OFFSET = 8,
    VARIABLE_LENGTH_CLASS = 9,
    TYPE_SIZE = 16
};

typedef struct check {
    const uint8_t *bytes;
    size_t size;
    size_t work;
    uint64_t text_size;
    const char *label;
    dt_error *error;
} check;

static uint64_t little_endian(const uint8_t *bytes, int width)
{
    uint64_t value = 0;
    for (int i = width - 1; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

static uint64_t rounded(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

static dt_status refuse(const check *self, const char *found)
{
    return dt_fail(self->error, DT_ERR_DATA,
                   "%s: expected variable-length strings in a well-formed heap, found %s",
                   self->label, found);
}

/* Walks over the heap at `address` as HDF5 does; its object `index` must have `length` bytes. */
static dt_status check_heap(check *self, uint64_t address, uint64_t index, uint64_t length)
{
    if (address > self->size || self->size - address < HEAP_HEADER ||
        memcmp(self->bytes + address, "GCOL\1", 5) != 0)
        return refuse(self, "none where it should be");
    uint64_t heap_size = little_endian(self->bytes + address + 8, 8);
    if (heap_size < HEAP_HEADER || heap_size > self->size - address)
        return refuse(self, "one beyond the end of the file");
    const uint8_t *at = self->bytes + address + HEAP_HEADER;
    const uint8_t *end = self->bytes + address + heap_size;
    bool found = false;
    while (end - at >= OBJECT_HEADER) {
        uint64_t object = little_endian(at, 2), size = little_endian(at + 8, 8);
        uint64_t left = (uint64_t)(end - at);
        uint64_t taken = object == 0 ? size : OBJECT_HEADER + rounded(size);
        if (size > left || taken > left || (object == 0 && size != left))
            return refuse(self, "an object beyond the end of its heap");
        if (object != 0 && object == index) {
            if (size != length || found)
                return refuse(self, "a string and a heap that differ about its length");
            found = true;
        }
        if (++self->work > WORK_MAX)
            return refuse(self, "too many objects");
        at += taken;
    }
    return found ? DT_OK : refuse(self, "a string that is not in its heap");
}

static dt_status check_references(check *self, size_t at, size_t count)
{
    if (at > self->size || (self->size - at) / REFERENCE_SIZE < count)
        return refuse(self, "an attribute beyond the end of the file");
    dt_status status = DT_OK;
    for (size_t i = 0; status == DT_OK && i < count; i++) {
        const uint8_t *reference = self->bytes + at + i * REFERENCE_SIZE;
        uint64_t length = little_endian(reference, 4), address = little_endian(reference + 4, 8);
        if (address == 0)
            continue;
        self->text_size += length;
        if (self->text_size > TEXT_SIZE_MAX)
            return refuse(self, "more than a megabyte of them");
        status = check_heap(self, address, little_endian(reference + 12, 4), length);
    }
    return status;
}

/* An attribute message: where its type and its strings begin. */
typedef struct message {
    size_t type, references;
} message;

/* Whether bytes may be the attribute message whose name is at `name`. The sizes of name, type and
 * shape stand before the name, in versions 1 and 2 right before it, in version 3 with one byte
 * between; in version 1 these parts are padded to multiples of 8. */
static bool find_message(const check *self, size_t name, int version, message *found)
{
    size_t gap = version == 3;
    if (name < NAME_OFFSET + gap || self->bytes[name - NAME_OFFSET - gap] != version)
        return false;
    const uint8_t *sizes = self->bytes + name - gap - 6;
    size_t parts[3];
    for (int i = 0; i < 3; i++) {
        uint64_t size = little_endian(sizes + 2 * i, 2);
        parts[i] = version == 1 ? rounded(size) : size;
    }
    found->type = name + parts[0];
    found->references = found->type + parts[1] + parts[2];
    return found->type < self->size && (self->bytes[found->type] & 0x0f) == VARIABLE_LENGTH_CLASS;
}

/* A type: class and flags in 4 bytes, size in 4, and then the same of the type of its elements. */
static dt_status check_type(check *self, size_t at)
{
    if (self->size - at < TYPE_SIZE || little_endian(self->bytes + at + 4, 4) != REFERENCE_SIZE ||
        little_endian(self->bytes + at + 12, 4) != 1)
        return refuse(self, "values that are no strings of bytes");
    return DT_OK;
}

dt_status hdf5_check_strings(const dt_hdf5_reader *reader, const char *name, size_t count,
                             const char *label, dt_error *error)
{
    check self = {.bytes = reader->bytes, .size = reader->size, .label = label, .error = error};
    size_t name_size = strlen(name) + 1;
    const uint8_t *end = self.bytes + self.size, *at = self.bytes;
    bool found = false;
    while ((at = memmem(at, (size_t)(end - at), name, name_size))) {
        for (int version = 1; version <= 3; version++) {
            message candidate;
            if (!find_message(&self, (size_t)(at - self.bytes), version, &candidate))
                continue;
            found = true;
            if (check_type(&self, candidate.type) != DT_OK ||
                check_references(&self, candidate.references, count) != DT_OK)
                return DT_ERR_DATA;
        }
        at++;
    }
    return found ? DT_OK : refuse(&self, "no such attribute");
}
