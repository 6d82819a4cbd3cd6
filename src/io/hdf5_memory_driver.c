#include <hdf5.h>
#include <string.h>

#include "base/memory.h"
#include "hdf5_internal.h"

/* The bytes that a file access list of this driver leads to. */
typedef struct memory_range {
    const uint8_t *bytes;
    size_t size;
    dt_error *error; /* filled when there is no memory to open it */
} memory_range;

typedef struct memory_file {
    H5FD_t base;
    memory_range range;
    haddr_t end; /* of what HDF5 believes to be allocated */
} memory_file;

static H5FD_t *open_range(const char *name, unsigned flags, hid_t access, haddr_t most)
{
    (void)name, (void)flags, (void)most;
    const memory_range *range = H5Pget_driver_info(access);
    memory_file *file = range ? dt_calloc(1, sizeof *file, range->error) : NULL;
    if (!file)
        return NULL;
    file->range = *range;
    return &file->base;
}

static herr_t close_range(H5FD_t *file)
{
    dt_free(file);
    return 0;
}

/* None of the features that HDF5 builds upon: it does not gather its small reads. */
static herr_t query_features(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    *flags = 0;
    return 0;
}

static haddr_t get_end(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const memory_file *)file)->end;
}

static herr_t set_end(H5FD_t *file, H5FD_mem_t type, haddr_t end)
{
    (void)type;
    ((memory_file *)file)->end = end;
    return 0;
}

static haddr_t get_size(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const memory_file *)file)->range.size;
}

static herr_t read_range(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address,
                         size_t size, void *to)
{
    (void)type, (void)transfer;
    memory_range range = ((memory_file *)file)->range;
    if (address > range.size || size > range.size - address)
        return -1;
    memcpy(to, range.bytes + address, size);
    return 0;
}

static herr_t refuse_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer, haddr_t address,
                           size_t size, const void *from)
{
    (void)file, (void)type, (void)transfer, (void)address, (void)size, (void)from;
    return -1;
}

static const H5FD_class_t memory_driver = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)400,
#endif
    .name = "dist-train-memory",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_WEAK,
    .fapl_size = sizeof(memory_range),
    .open = open_range,
    .close = close_range,
    .query = query_features,
    .get_eoa = get_end,
    .set_eoa = set_end,
    .get_eof = get_size,
    .read = read_range,
    .write = refuse_write,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

dt_status hdf5_open_memory(const void *bytes, size_t size, hid_t *file, dt_error *error)
{
    dt_error memory = {0};
    const memory_range range = {bytes, size, &memory};
    *file = H5I_INVALID_HID;
    hid_t driver = H5FDregister(&memory_driver);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (driver >= 0 && access >= 0 && H5Pset_driver(access, driver, &range) >= 0)
        *file = H5Fopen("a file in memory", H5F_ACC_RDONLY, access);
    dt_status status = DT_OK;
    if (*file < 0 && memory.status != DT_OK)
        status = dt_fail(error, memory.status, "%s", memory.message);
    else if (*file < 0)
        status = hdf5_unreadable(error, "HDF5 file", "open it");
    if (access >= 0)
        H5Pclose(access);
    if (driver >= 0)
        H5FDunregister(driver);
    return status;
}
