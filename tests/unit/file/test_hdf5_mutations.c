/* Damaged HDF5 files: whatever the bytes, the reader says one line or reads the file.
 *
 * MUTATIONS=1000000 make test-unit SUITE=hdf5_mutations changes every byte, then draws as many
 * damages, for hours, and says what came of them; with SEED=1 it draws others, and no more. A child
 * takes 4 ms of processor, a sixth less with LD_BIND_NOW=1; two of a thousand run into their limit
 * of 3 s. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "draw.h"
#include "hdf5_made.h"

CU_SuiteInfo dt_suite_hdf5_mutations(void);

enum { FEW = 500, SAID_EVERY = 10000, VALUES_MOST = 1 << 20 };

static void add_dataset(hid_t file, const char *name, hid_t type, hid_t creation)
{
    const hsize_t shape[] = {6, 5};
    float values[30];
    for (int i = 0; i < 30; i++)
        values[i] = (float)i / 8;
    hid_t space = H5Screate_simple(2, shape, NULL);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    CU_ASSERT_TRUE(H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(creation);
}

static void add_text(hid_t file, const char *name, size_t size, const void *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, size);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE(H5Awrite(attribute, type, text) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* Every way to store values and texts, in little room. */
static void everything(hid_t file)
{
    const hsize_t chunk[] = {4, 5};
    const char *variable = "of variable length";
    hid_t group = H5Gcreate2(file, "layers", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    add_dataset(group, "plain", H5T_IEEE_F32LE, H5Pcreate(H5P_DATASET_CREATE));
    hid_t packed = H5Pcreate(H5P_DATASET_CREATE), compact = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(packed, 2, chunk);
    H5Pset_shuffle(packed);
    H5Pset_deflate(packed, 6);
    H5Pset_fletcher32(packed);
    add_dataset(group, "packed", H5T_STD_I16BE, packed);
    H5Pset_layout(compact, H5D_COMPACT);
    add_dataset(file, "compact", H5T_IEEE_F64BE, compact);
    add_text(group, "fixed", 12, "12 bytes ...");
    add_text(file, "variable", H5T_VARIABLE, &variable);
    H5Lcreate_soft("/layers/plain", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(group, "packed", file, "hard", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
}

/* How often each came to pass. */
enum { READ, REFUSED, CRASHED, TIME, MEMORY, WAYS };

static dt_status read_values(const dt_hdf5_reader *reader, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    dt_status status = DT_OK;
    for (size_t i = 0; i < count && !status; i++) {
        int rank;
        int64_t shape[DT_HDF5_RANK_MAX], values = 1;
        if (objects[i].group ||
            (status = dt_hdf5_reader_shape(reader, objects[i].path, &rank, shape, error)))
            continue;
        for (int j = 0; j < rank && values <= VALUES_MOST; j++)
            values *= shape[j];
        float *to = values <= VALUES_MOST ? dt_calloc((size_t)values + 1, sizeof *to, NULL) : NULL;
        if (to)
            status = dt_hdf5_reader_floats(reader, objects[i].path, rank, shape, to, error);
        dt_free(to);
    }
    return status;
}

static int try_it(const void *bytes, size_t size)
{
    dt_hdf5_reader *reader;
    dt_error error = {0};
    dt_status status = dt_hdf5_reader_open(bytes, size, &reader, &error);
    if (!status)
        status = read_values(reader, &error);
    dt_hdf5_reader_destroy(reader);
    if (!status)
        return READ;
    CU_ASSERT_EQUAL(status, DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_TRUE(error.message[0] != '\0' && !strchr(error.message, '\n'));
    return strstr(error.message, "at which its reader fails") ? CRASHED
           : strstr(error.message, "MB of memory")            ? MEMORY
           : strstr(error.message, "takes its reader")        ? TIME
                                                              : REFUSED;
}

static void say(const char *what, const long *counts)
{
    fprintf(stderr, "\n%s: read %ld, refused %ld, child ended %ld, out of time %ld, of memory %ld",
            what, counts[READ], counts[REFUSED], counts[CRASHED], counts[TIME], counts[MEMORY]);
}

static void every_byte(const char *bytes, size_t size)
{
    long counts[WAYS] = {0};
    char *copy = malloc(size);
    memcpy(copy, bytes, size);
    for (size_t i = 0; i < size; i++) {
        const char others[] = {(char)~bytes[i], (char)(bytes[i] + 1)};
        for (size_t j = 0; j < sizeof others; j++)
            copy[i] = others[j], counts[try_it(copy, size)]++;
        copy[i] = bytes[i];
    }
    say("every byte", counts);
    free(copy);
}

static void damaged_files_are_survived(void)
{
    const char *more = getenv("MUTATIONS"), *seed = getenv("SEED");
    const long mutations = more ? atol(more) : FEW;
    size_t sizes[2];
    /* The old format has no check sums: most is found there. */
    char *files[] = {made(everything, H5F_LIBVER_EARLIEST, 0, &sizes[0]),
                     made(everything, H5F_LIBVER_LATEST, 0, &sizes[1])};
    long counts[WAYS] = {0};
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(try_it(files[i], sizes[i]), READ);
        if (more && !seed)
            every_byte(files[i], sizes[i]);
    }
    for (long i = 0; i < mutations; i++) {
        dt_random_sequence random =
            dt_random_sequence_of((dt_random_key){.seed = seed ? strtoull(seed, NULL, 10) : 0,
                                                  .stream = DT_STREAM_TEST,
                                                  .sample = (uint32_t)i});
        int which = draw_int(&random, 0, 3) == 0;
        size_t size = sizes[which];
        uint8_t *copy = malloc(size);
        memcpy(copy, files[which], size);
        for (int edits = draw_int(&random, 1, 6); edits > 0; edits--)
            draw_damage(&random, copy, size);
        if (draw_int(&random, 0, 19) == 0)
            size = (size_t)draw_int(&random, 1, (int)size);
        counts[try_it(copy, size)]++;
        free(copy);
        if (more && (i + 1) % SAID_EVERY == 0)
            say("so far", counts);
    }
    if (more)
        say("mutations", counts);
    CU_ASSERT_TRUE(counts[READ] > mutations / 50);
    CU_ASSERT_TRUE(counts[REFUSED] > mutations / 50);
    free(files[0]);
    free(files[1]);
}

CU_SuiteInfo dt_suite_hdf5_mutations(void)
{
    static CU_TestInfo tests[] = {{"damaged files are survived", damaged_files_are_survived},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "hdf5_mutations",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
