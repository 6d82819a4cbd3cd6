#include "hdf5_child.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file/confined.h"

/* What is said waits until something is to be heard. */
static struct {
    size_t used;
    char bytes[1 << 16];
} outbox;

void child_flush(void)
{
    dt_confined_tell(outbox.bytes, outbox.used);
    outbox.used = 0;
}

static void put(const void *bytes, size_t size)
{
    if (size > sizeof outbox.bytes - outbox.used)
        child_flush();
    if (size > sizeof outbox.bytes) {
        dt_confined_tell(bytes, size);
    } else if (size > 0) {
        memcpy(outbox.bytes + outbox.used, bytes, size);
        outbox.used += size;
    }
}

void child_say(int kind, const void *first, size_t first_size, const void *second,
               size_t second_size)
{
    put(&(wire_head){(uint64_t)kind, first_size + second_size}, sizeof(wire_head));
    put(first, first_size);
    put(second, second_size);
}

static herr_t keep_innermost(unsigned level, const H5E_error2_t *entry, void *reason)
{
    if (level == 0)
        snprintf(reason, WIRE_REASON_MAX / 2, "%s", entry->desc ? entry->desc : "");
    return 0;
}

const char *child_reason(void)
{
    static char reason[WIRE_REASON_MAX / 2];
    reason[0] = '\0';
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    H5Eclear2(H5E_DEFAULT);
    return reason;
}

static void say_failed(const char *what)
{
    char text[WIRE_REASON_MAX];
    const char *reason = child_reason();
    snprintf(text, sizeof text, "%.*s%s%s", WIRE_REASON_MAX / 2 - 1, what,
             reason[0] != '\0' ? ": " : "", reason);
    child_say(WIRE_FAILED, text, strlen(text), NULL, 0);
}

void child_give_up(const char *format, ...)
{
    char what[WIRE_REASON_MAX / 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    say_failed(what);
    child_flush();
    _exit(0);
}

/* As text it is sent as it stands; what is of variable length as it is without its 0. */
static bool say_text(hid_t dataset, hid_t type)
{
    char *text = NULL;
    size_t size = H5Tget_size(type);
    bool variable = H5Tis_variable_str(type) > 0, good;
    if (variable) {
        good = H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, &text) >= 0;
        size = good && text ? strlen(text) : 0;
    } else {
        text = malloc(size);
        good = text && H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text) >= 0;
    }
    if (good)
        child_say(WIRE_VALUES, text, size, NULL, 0);
    free(text);
    return good;
}

/* The rows as they lie in the file, and how many values they have; none: there are no such. And the
 * same in memory: of another shape HDF5 would look for each value on its own. */
static hid_t select_rows(hid_t dataset, const wire_request *request, hsize_t *count, hid_t *memory)
{
    hsize_t shape[H5S_MAX_RANK], start[H5S_MAX_RANK] = {request->first};
    hid_t space = H5Dget_space(dataset);
    int rank = H5Sget_simple_extent_dims(space, shape, NULL);
    if (rank > 0) {
        if (request->first > shape[0] || request->rows > shape[0] - request->first)
            return H5I_INVALID_HID;
        shape[0] = request->rows;
    }
    *count = 1;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(*count, shape[i], count))
            return H5I_INVALID_HID;
    if (rank > 0 && *count > 0 &&
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, shape, NULL) < 0)
        return H5I_INVALID_HID;
    *memory = H5Screate_simple(rank > 0 ? rank : 1, rank > 0 ? shape : count, NULL);
    return rank < 0 ? H5I_INVALID_HID : space;
}

/* The upper halves of floats, in place of which the floats come; from behind, as they are longer.
 */
static void widen(float *values, size_t count)
{
    while (count-- > 0) {
        uint16_t half;
        memcpy(&half, (const char *)values + count * sizeof half, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(&values[count], &bits, sizeof bits);
    }
}

static bool say_numbers(hid_t dataset, hid_t type, const wire_request *request)
{
    const hid_t forms[] = {H5T_NATIVE_FLOAT, H5T_NATIVE_DOUBLE, H5T_NATIVE_UCHAR};
    bool opaque = child_is_opaque_bfloat16(type);
    hsize_t count = 0;
    if (request->form >= WIRE_FORMS || (opaque && request->form != WIRE_FLOATS))
        return false;
    hid_t memory = H5I_INVALID_HID, form = forms[request->form];
    hid_t space = select_rows(dataset, request, &count, &memory);
    size_t size = H5Tget_size(form);
    if (space < 0 || count > SIZE_MAX / size)
        return false;
    void *values = malloc((size_t)count * size);
    bool good = values && memory >= 0 &&
                (count == 0 ||
                 H5Dread(dataset, opaque ? type : form, memory, space, H5P_DEFAULT, values) >= 0);
    if (good && opaque)
        widen(values, (size_t)count);
    if (good)
        child_say(WIRE_VALUES, values, (size_t)count * size, NULL, 0);
    free(values);
    H5Sclose(memory);
    H5Sclose(space);
    return good;
}

/* The dataset stays open, as one is read piece by piece, and a chunk may have several of them: that
 * and the one before, as there are images and labels. */
static hid_t open_dataset(hid_t file, uint64_t number)
{
    static struct {
        uint64_t number;
        hid_t id;
    } open[2] = {{0, H5I_INVALID_HID}, {0, H5I_INVALID_HID}};
    if (open[0].id >= 0 && open[0].number == number)
        return open[0].id;
    if (open[1].id >= 0 && open[1].number != number) {
        H5Dclose(open[1].id);
        open[1].id = H5I_INVALID_HID;
    }
    hid_t id = open[1].id >= 0 ? open[1].id : child_object(file, number);
    open[1].number = open[0].number;
    open[1].id = open[0].id;
    open[0].number = number;
    return open[0].id = id;
}

static void answer(hid_t file, const wire_request *request)
{
    char text[WIRE_TYPE_SIZE];
    hid_t dataset = open_dataset(file, request->object);
    hid_t type = dataset < 0 ? H5I_INVALID_HID : H5Dget_type(dataset);
    wire_type kind = type < 0 ? WIRE_OTHER : child_type(type, text);
    bool is_text = kind == WIRE_TEXT || kind == WIRE_VARIABLE_TEXT;
    if (kind == WIRE_OTHER ||
        !(is_text ? say_text(dataset, type) : say_numbers(dataset, type, request)))
        say_failed("expected values that can be read");
    if (type >= 0)
        H5Tclose(type);
}

/* Says what is wrong with a file that cannot be opened. */
static _Noreturn void refuse_file(void)
{
    unsigned long long found, base, expected;
    const char *reason = child_reason();
    if (sscanf(reason, "truncated file: eof = %llu, sblock->base_addr = %llu, stored_eof = %llu",
               &found, &base, &expected) == 3)
        child_give_up("expected an HDF5 file of %llu bytes, as its head says, found the first %llu",
                      expected, found);
    child_give_up("expected an HDF5 file, found one that is damaged%s%s", reason[0] ? ": " : "",
                  reason);
}

void hdf5_child_work(void)
{
    uint64_t size;
    wire_request request;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    dt_confined_hear(&size, sizeof size);
    hid_t file = child_open_file(size);
    if (file < 0)
        refuse_file();
    child_walk(file);
    child_say(WIRE_DONE, NULL, 0, NULL, 0);
    for (;;) {
        child_flush();
        dt_confined_hear(&request, sizeof request);
        answer(file, &request);
    }
}
