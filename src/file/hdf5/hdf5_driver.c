/* HDF5's view of the file, whose bytes the parent has: a driver of its own, which asks for them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "file/confined.h"
#include "hdf5_child.h"

/* What is small is read in blocks, some of which are kept. */
enum { BLOCK = 1 << 14, KEPT = 64 };

/* Of a dataset that is open, bytes of unpacked chunks that are kept; places for them. */
enum { CHUNKS_BYTES = 256 << 20, CHUNKS_KEPT = 12421 };

typedef struct driver_file {
    H5FD_t shared; /* first: HDF5's part */
    haddr_t end;   /* of what is in use */
} driver_file;

static struct {
    uint64_t size; /* of the file */
    uint64_t numbers[KEPT];
    char blocks[KEPT][BLOCK];
} store;

static void fetch(uint64_t offset, void *bytes, size_t size)
{
    child_say(WIRE_NEED, &(wire_need){offset, size}, sizeof(wire_need), NULL, 0);
    child_flush();
    dt_confined_hear(bytes, size);
}

static const char *block_of(uint64_t number)
{
    size_t place = number % KEPT, left = (size_t)(store.size - number * BLOCK);
    if (store.numbers[place] != number + 1) {
        fetch(number * BLOCK, store.blocks[place], left < BLOCK ? left : BLOCK);
        store.numbers[place] = number + 1;
    }
    return store.blocks[place];
}

static herr_t read_bytes(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address, size_t size,
                         void *bytes)
{
    (void)file;
    (void)type;
    (void)list;
    char *to = bytes;
    if (address > store.size || size > store.size - address)
        return -1;
    while (size > 0) {
        size_t within = address % BLOCK, step = BLOCK - within;
        if (size >= BLOCK) {
            step = size < WIRE_NEED_MAX ? size : WIRE_NEED_MAX;
            fetch(address, to, step);
        } else {
            step = size < step ? size : step;
            memcpy(to, block_of(address / BLOCK) + within, step);
        }
        to += step;
        address += step;
        size -= step;
    }
    return 0;
}

static herr_t write_bytes(H5FD_t *file, H5FD_mem_t type, hid_t list, haddr_t address, size_t size,
                          const void *bytes)
{
    (void)file;
    (void)type;
    (void)list;
    (void)address;
    (void)size;
    (void)bytes;
    return -1;
}

static H5FD_t *open_file(const char *name, unsigned flags, hid_t access, haddr_t most)
{
    (void)name;
    (void)access;
    (void)most;
    return flags & H5F_ACC_RDWR ? NULL : calloc(1, sizeof(driver_file));
}

static herr_t close_file(H5FD_t *file)
{
    free(file);
    return 0;
}

static haddr_t get_end(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const driver_file *)file)->end;
}

static herr_t set_end(H5FD_t *file, H5FD_mem_t type, haddr_t address)
{
    (void)type;
    ((driver_file *)file)->end = address;
    return 0;
}

static haddr_t get_size(const H5FD_t *file, H5FD_mem_t type)
{
    (void)file;
    (void)type;
    return store.size;
}

static const H5FD_class_t driver = {
#ifdef H5FD_CLASS_VERSION /* HDF5 1.14 */
    .version = H5FD_CLASS_VERSION,
    .value = 511,
#endif
    .name = "parent",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .open = open_file,
    .close = close_file,
    .get_eoa = get_end,
    .set_eoa = set_end,
    .get_eof = get_size,
    .read = read_bytes,
    .write = write_bytes,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t child_open_file(uint64_t size)
{
    store.size = size;
    /* Nothing but what is in the file, and in the library. */
    H5PLset_loading_state(0);
    H5Lunregister(H5L_TYPE_EXTERNAL);
    hid_t id = H5FDregister(&driver), access = H5Pcreate(H5P_FILE_ACCESS);
    if (id < 0 || access < 0 || H5Pset_driver(access, id, NULL) < 0 ||
        H5Pset_cache(access, 0, CHUNKS_KEPT, CHUNKS_BYTES, 0.75) < 0)
        return H5I_INVALID_HID;
    return H5Fopen("file", H5F_ACC_RDONLY, access);
}
