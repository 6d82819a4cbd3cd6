#include <fcntl.h>
#include <inttypes.h>

#include "base/memory.h"
#include "checkpoint_fixture.h"
#include "hdf5_check.h"
#include "io/atomic_file.h"
#include "scratch.h"

CU_SuiteInfo dt_suite_checkpoint(void);

static char folder[SCRATCH_SIZE];

static void set_up(void)
{
    scratch_create(folder);
}

static void tear_down(void)
{
    scratch_remove(folder);
}

static drawn_checkpoint drawn(uint32_t sample, int parts, size_t count, size_t history_length)
{
    dt_random_sequence random = draw_begin(sample);
    drawn_checkpoint result;
    draw_checkpoint(&random, parts, count, history_length, &result);
    return result;
}

/* Few and short, so that every byte can be tried. */
static drawn_checkpoint small(void)
{
    drawn_checkpoint result = drawn(7, DRAW_VELOCITY | DRAW_BEST, 3, 40);
    result.checkpoint.config = "[train]\nlr = 0.1\n";
    result.checkpoint.architecture = "2-1";
    result.checkpoint.version = "0.1.0";
    return result;
}

static void encode(const dt_checkpoint *checkpoint, uint8_t **bytes, size_t *size)
{
    void *image;
    dt_error error = {0};
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_encode(checkpoint, &image, size, &error), DT_OK);
    *bytes = image;
}

static void assert_comes_back(const dt_checkpoint *checkpoint)
{
    uint8_t *bytes;
    size_t size;
    encode(checkpoint, &bytes, &size);
    CU_ASSERT_EQUAL(memcmp(bytes, "\x89HDF\r\n\x1a\n\0", 9), 0); /* superblock version 0 */
    dt_checkpoint back;
    dt_error error = {0};
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_decode(bytes, size, &back, &error), DT_OK);
    assert_same_checkpoint(checkpoint, &back);

    uint8_t *again;
    size_t again_size;
    encode(&back, &again, &again_size);
    CU_ASSERT_EQUAL(again_size, size);
    CU_ASSERT_TRUE(again_size == size && memcmp(again, bytes, size) == 0);
    dt_checkpoint_destroy(&back);
    dt_checkpoint_destroy(&back);
    dt_free(again);
    dt_free(bytes);
}

static void decode_after_encode_is_the_identity(void)
{
    id_mark before = mark_ids();
    for (uint32_t i = 0; i < 32; i++) {
        dt_random_sequence random = draw_begin(1000 + i);
        size_t count = (size_t)draw_int(&random, 1, i < 30 ? 40 : 30000);
        size_t history = i == 3 ? 1 << 20 : i % 4 == 0 ? 0 : (size_t)draw_int(&random, 0, 3000);
        drawn_checkpoint from = drawn(i, (int)i % DRAW_PARTS, count, history);
        assert_comes_back(&from.checkpoint);
        free_drawn(&from);
    }
    dt_checkpoint_destroy(NULL);
    assert_no_open_ids_since(before);
}

static void a_file_is_read_back(void)
{
    drawn_checkpoint from = drawn(1, DRAW_VELOCITY | DRAW_SQUARE | DRAW_BEST, 1000, 5000);
    char path[DT_PATH_SIZE];
    CU_ASSERT_EQUAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    CU_ASSERT_EQUAL(dt_checkpoint_path(folder, 937, path, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(path + strlen(folder), "/checkpoints/step-00000937.h5");
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_write(path, &from.checkpoint, NULL), DT_OK);
    dt_checkpoint back;
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_read(path, &back, NULL), DT_OK);
    assert_same_checkpoint(&from.checkpoint, &back);
    dt_checkpoint_destroy(&back);

    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    const dt_tensor tensor = {"", "", 1, {1000}, 0};
    assert_dataset(file, "/parameters", &tensor, from.checkpoint.parameters);
    assert_dataset(file, "/best/parameters", &tensor, from.checkpoint.best.parameters);
    char hash[DT_HASH_TEXT];
    assert_text(file, "parameter_hash", dt_hash_text(from.checkpoint.parameter_hash, hash));
    H5Fclose(file);
    scratch_remove(scratch_path(folder, "checkpoints"));
    free_drawn(&from);
}

static void assert_refused(const void *bytes, size_t size, const char *reason)
{
    dt_checkpoint out;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_checkpoint_decode(bytes, size, &out, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(error.status, DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    if (!strstr(error.message, reason))
        fprintf(stderr, "\nexpected '%s', found '%s'\n", reason, error.message);
    dt_checkpoint_destroy(&out);
}

static void every_flipped_byte_is_noticed(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size, accepted = 0;
    encode(&from.checkpoint, &bytes, &size);
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 9; bit++) {
            uint8_t flip = bit < 8 ? (uint8_t)(1 << bit) : 0xff;
            dt_checkpoint out;
            bytes[i] ^= flip;
            accepted += dt_checkpoint_decode(bytes, size, &out, NULL) != DT_ERR_DATA;
            dt_checkpoint_destroy(&out);
            bytes[i] ^= flip;
        }
    CU_ASSERT_EQUAL(accepted, 0);
    assert_comes_back(&from.checkpoint);
    dt_free(bytes);
    free_drawn(&from);
}

/* Each in a block of its own size, so that a sanitizer sees a read beyond it. */
static void every_truncation_is_noticed(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size, accepted = 0;
    encode(&from.checkpoint, &bytes, &size);
    for (size_t length = 0; length < size; length++) {
        uint8_t *cut = malloc(length);
        memcpy(cut, bytes, length);
        dt_checkpoint out;
        accepted += dt_checkpoint_decode(cut, length, &out, NULL) != DT_ERR_DATA;
        free(cut);
        uint8_t *tail = malloc(length);
        memcpy(tail, bytes + size - length, length);
        accepted += dt_checkpoint_decode(tail, length, &out, NULL) != DT_ERR_DATA;
        free(tail);
    }
    uint8_t *longer = calloc(size + 1, 1);
    memcpy(longer, bytes, size);
    assert_refused(longer, size + 1, "does not end like one");
    free(longer);
    CU_ASSERT_EQUAL(accepted, 0);
    dt_free(bytes);
    free_drawn(&from);
}

static void every_zeroed_block_is_noticed(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size, accepted = 0, tried = 0;
    encode(&from.checkpoint, &bytes, &size);
    uint8_t *copy = malloc(size);
    for (size_t block = 8; block <= 4096; block *= 2)
        for (size_t at = 0; at < size; at += block) {
            size_t length = size - at < block ? size - at : block;
            memcpy(copy, bytes, size);
            memset(copy + at, 0, length);
            if (memcmp(copy, bytes, size) == 0)
                continue;
            dt_checkpoint out;
            accepted += dt_checkpoint_decode(copy, size, &out, NULL) != DT_ERR_DATA;
            tried++;
        }
    CU_ASSERT_EQUAL(accepted, 0);
    CU_ASSERT_TRUE(tried > 100);
    free(copy);
    dt_free(bytes);
    free_drawn(&from);
}

/* The trailer of the file format's description, made without the code under test. */
static void seal(uint8_t *bytes, size_t size)
{
    memcpy(bytes + size - 24,
           "\x89"
           "DTCKPT1",
           8);
    uint64_t number = size;
    memcpy(bytes + size - 16, &number, 8);
    number = dt_hash(bytes, size - 8);
    memcpy(bytes + size - 8, &number, 8);
}

static void the_trailer_is_as_described(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size;
    encode(&from.checkpoint, &bytes, &size);
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    memset(copy + size - 24, 0, 24);
    seal(copy, size);
    CU_ASSERT_EQUAL(memcmp(copy, bytes, size), 0);

    copy[size - 10] ^= 1;
    assert_refused(copy, size, "as the end of the file says, found ");
    seal(copy, size);
    copy[100] ^= 1;
    assert_refused(copy, size, "expected the hash ");
    assert_refused(copy, 10, "found a file of 10 bytes");
    free(copy);
    dt_free(bytes);
    free_drawn(&from);
}

/* Lets HDF5 itself change the file, and seals it again. */
typedef void edit(hid_t file);

static void assert_edited_is_refused(edit *change, const char *reason)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size;
    encode(&from.checkpoint, &bytes, &size);
    const char *path = scratch_path(folder, "edited.h5");
    CU_ASSERT_EQUAL_FATAL(dt_atomic_write(path, bytes, size - 24, NULL), DT_OK);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    CU_ASSERT_TRUE_FATAL(file >= 0);
    change(file);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);

    size_t length;
    char *edited = scratch_read(path, &length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(edited);
    edited = realloc(edited, length + 24);
    seal((uint8_t *)edited, length + 24);
    id_mark before = mark_ids();
    assert_refused(edited, length + 24, reason);
    assert_no_open_ids_since(before);
    free(edited);
    dt_free(bytes);
    free_drawn(&from);
}

static void put_dataset(hid_t file, const char *path, hid_t type, int rank, const hsize_t *dims,
                        hid_t creation, bool written)
{
    static const char values[1024];
    H5Ldelete(file, path, H5P_DEFAULT);
    hid_t space = H5Screate_simple(rank, dims, NULL);
    hid_t set = H5Dcreate2(file, path, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    CU_ASSERT_TRUE(set >= 0);
    if (written)
        CU_ASSERT_TRUE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static const hsize_t three[] = {3}, four[] = {4}, three_by_one[] = {3, 1}, none[] = {0};

static void longer_velocity(hid_t file)
{
    put_dataset(file, "/optimizer/velocity", H5T_IEEE_F32LE, 1, four, H5P_DEFAULT, true);
}

static void square_matrix(hid_t file)
{
    put_dataset(file, "/optimizer/square", H5T_IEEE_F32LE, 2, three_by_one, H5P_DEFAULT, true);
}

static void no_parameters(hid_t file)
{
    H5Ldelete(file, "/parameters", H5P_DEFAULT);
}

static void zero_parameters(hid_t file)
{
    put_dataset(file, "/parameters", H5T_IEEE_F32LE, 1, none, H5P_DEFAULT, false);
}

static void other_parameters(hid_t file)
{
    put_dataset(file, "/parameters", H5T_IEEE_F32LE, 1, three, H5P_DEFAULT, true);
}

static void no_history(hid_t file)
{
    H5Ldelete(file, "/history", H5P_DEFAULT);
}

static void no_group(hid_t file)
{
    H5Ldelete(file, "/running", H5P_DEFAULT);
}

static void big_endian(hid_t file)
{
    put_dataset(file, "/parameters", H5T_IEEE_F32BE, 1, three, H5P_DEFAULT, true);
}

static void doubles(hid_t file)
{
    put_dataset(file, "/best/parameters", H5T_IEEE_F64LE, 1, three, H5P_DEFAULT, true);
}

static void history_of_numbers(hid_t file)
{
    put_dataset(file, "/history", H5T_IEEE_F32LE, 1, three, H5P_DEFAULT, true);
}

static void extra_dataset(hid_t file)
{
    put_dataset(file, "/surplus", H5T_IEEE_F32LE, 1, three, H5P_DEFAULT, true);
}

static void extra_group(hid_t file)
{
    H5Gclose(H5Gcreate2(file, "/best/more", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void group_for_dataset(hid_t file)
{
    H5Ldelete(file, "/parameters", H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "/parameters", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void soft_link(hid_t file)
{
    H5Ldelete(file, "/optimizer/velocity", H5P_DEFAULT);
    H5Lcreate_soft("/parameters", file, "/optimizer/velocity", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_link(hid_t file)
{
    H5Ldelete(file, "/best/parameters", H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/x", file, "/best/parameters", H5P_DEFAULT, H5P_DEFAULT);
}

static void two_names(hid_t file)
{
    H5Ldelete(file, "/best/parameters", H5P_DEFAULT);
    H5Lcreate_hard(file, "/parameters", file, "/best/parameters", H5P_DEFAULT, H5P_DEFAULT);
}

static void named_type(hid_t file)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tcommit2(file, "/type", type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
}

static void tera(hid_t file)
{
    const hsize_t dims[] = {(hsize_t)1 << 40};
    put_dataset(file, "/parameters", H5T_IEEE_F32LE, 1, dims, H5P_DEFAULT, false);
}

static void never_written(hid_t file)
{
    put_dataset(file, "/parameters", H5T_IEEE_F32LE, 1, three, H5P_DEFAULT, false);
}

static void chunked(hid_t file, bool filter)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, three);
    if (filter)
        H5Pset_deflate(creation, 6);
    put_dataset(file, "/parameters", H5T_IEEE_F32LE, 1, three, creation, true);
    H5Pclose(creation);
}

static void chunks(hid_t file)
{
    chunked(file, false);
}

static void filters(hid_t file)
{
    chunked(file, true);
}

static void external_storage(hid_t file)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(creation, "/etc/passwd", 0, 12);
    put_dataset(file, "/optimizer/velocity", H5T_IEEE_F32LE, 1, three, creation, false);
    H5Pclose(creation);
}

static void put_attribute(hid_t file, const char *object, const char *name, hid_t type,
                          const void *value)
{
    H5Adelete_by_name(file, object, name, H5P_DEFAULT);
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t attribute =
        H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    CU_ASSERT_TRUE(H5Awrite(attribute, type, value) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void put_text(hid_t file, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, strlen(text));
    put_attribute(file, "/", name, type, text);
    H5Tclose(type);
}

static void next_format(hid_t file)
{
    put_attribute(file, "/", "format", H5T_STD_I64LE, &(int64_t){3});
}

static void text_for_format(hid_t file)
{
    put_text(file, "format", "1");
}

static void negative_step(hid_t file)
{
    put_attribute(file, "/", "step", H5T_STD_I64LE, &(int64_t){-1});
}

static void no_virtual_ranks(hid_t file)
{
    put_attribute(file, "/", "virtual_ranks", H5T_STD_I64LE, &(int64_t){0});
}

static void short_integer(hid_t file)
{
    put_attribute(file, "/", "epoch", H5T_STD_I32LE, &(int32_t){1});
}

static void float_seconds(hid_t file)
{
    put_attribute(file, "/", "seconds", H5T_IEEE_F32LE, &(float){1});
}

static void endless_seconds(hid_t file)
{
    put_attribute(file, "/", "seconds", H5T_IEEE_F64LE, &(double){INFINITY});
}

static void too_many_correct(hid_t file)
{
    put_attribute(file, "/running", "correct", H5T_STD_I64LE, &(int64_t){11});
}

static void other_status(hid_t file)
{
    put_text(file, "status", "walking");
}

static void short_hash(hid_t file)
{
    put_text(file, "parameter_hash", "12ab");
}

static void no_attribute(hid_t file)
{
    H5Adelete_by_name(file, "/data", "fingerprint", H5P_DEFAULT);
}

static void not_finite(hid_t file)
{
    static const float values[] = {0, NAN, 0};
    hid_t set = H5Dopen2(file, "/optimizer/velocity", H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(set);
}

static void what_is_wrong_inside_is_named(void)
{
    static const struct {
        edit *change;
        const char *reason;
    } cases[] = {
        {longer_velocity,
         "/optimizer/velocity: expected 3 numbers, as many as parameters, found 4"},
        {square_matrix,
         "/optimizer/square: expected 3 numbers, as many as parameters, found 3 in 2"},
        {no_parameters, "/parameters: expected a dataset, found none"},
        {zero_parameters, "/parameters: expected one dimension of 1 or more"},
        {other_parameters, "/parameters: expected the parameter_hash "},
        {no_history, "/history: expected a dataset, found none"},
        {no_group, "attribute loss_sum of /running: expected one, found none"},
        {big_endian, "/parameters: expected little-endian 32-bit floats, found big-endian 32-bit"},
        {doubles, "/best/parameters: expected little-endian 32-bit floats, found 64-bit float"},
        {history_of_numbers, "/history: expected a fixed-length string, found 32-bit float"},
        {extra_dataset, "/surplus: expected only what a checkpoint has, found this dataset"},
        {extra_group, "/best/more: expected only what a checkpoint has, found this group"},
        {group_for_dataset, "/parameters: expected only what a checkpoint has, found this group"},
        {soft_link, "/optimizer/velocity: expected a hard link, found a soft link"},
        {external_link, "/best: expected a group of hard links, found one of another format"},
        {two_names, ": expected an object of its own, found /parameters again"},
        {named_type, "/type: expected a group or a dataset, found something else (a named type?)"},
        {tera, "/parameters: expected values that fit into the file"},
        {never_written, "/parameters: expected 12 bytes of values for shape [3], found 0"},
        {chunks, "/parameters: expected storage in one piece, found chunks"},
        {filters, "/parameters: expected no filters (compression), found some"},
        {external_storage, "/optimizer/velocity: expected its values in this file"},
        {next_format, "attribute format of /: expected 2, found 3"},
        {text_for_format, "attribute format of /: expected a little-endian 64-bit signed integer"},
        {negative_step, "attribute step of /: expected 0 or more, found -1"},
        {no_virtual_ranks, "attribute virtual_ranks of /: expected 1 or more, found 0"},
        {short_integer, "attribute epoch of /: expected a little-endian 64-bit signed integer, "
                        "found 32-bit signed integer"},
        {float_seconds, "attribute seconds of /: expected a little-endian 64-bit float, found 32"},
        {endless_seconds, "attribute seconds of /: expected 0 or more, found inf"},
        {too_many_correct, "attribute correct of /running: expected at most "},
        {other_status, "attribute status of /: expected complete or running, found 'walking'"},
        {short_hash, "attribute parameter_hash of /: expected 16 hexadecimal digits, found '12ab'"},
        {no_attribute, "attribute fingerprint of /data: expected one, found none"},
        {not_finite, "/optimizer/velocity: expected finite numbers, found nan at 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_edited_is_refused(cases[i].change, cases[i].reason);
    unlink(scratch_path(folder, "edited.h5"));
}

static void assert_not_encoded(const dt_checkpoint *checkpoint, const char *reason)
{
    void *bytes = &bytes;
    size_t size = 1;
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_checkpoint_encode(checkpoint, &bytes, &size, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
    CU_ASSERT_PTR_NULL(bytes);
    CU_ASSERT_EQUAL(size, 0);
}

static void what_could_not_be_read_is_not_written(void)
{
    drawn_checkpoint from = drawn(5, DRAW_VELOCITY | DRAW_SQUARE | DRAW_BEST, 10, 100);
    static const char *const names[] = {"/parameters", "/optimizer/velocity", "/optimizer/square",
                                        "/best/parameters"};
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 12; i++) {
        float *value = &from.arrays[i / 3][i % 10];
        float kept = *value;
        *value = bad[i % 3];
        assert_not_encoded(&from.checkpoint, names[i / 3]);
        *value = kept;
    }
    from.checkpoint.parameter_hash ^= 1;
    assert_not_encoded(&from.checkpoint, "not the same parameters");
    from.checkpoint.parameter_hash ^= 1;
    from.history[50] = '\0';
    assert_not_encoded(&from.checkpoint, "/history: expected a text, found a 0 in it");
    from.history[50] = 'x';
    from.checkpoint.best.epochs_since = -5;
    assert_not_encoded(&from.checkpoint, "epochs_since of /best: expected 0 or more, found -5");
    from.checkpoint.best.epochs_since = 0;
    from.checkpoint.seconds = NAN;
    assert_not_encoded(&from.checkpoint, "attribute seconds of /");
    from.checkpoint.seconds = 0;
    from.checkpoint.parameter_count = 0;
    assert_not_encoded(&from.checkpoint, "/parameters: expected 1 or more");
    from.checkpoint.parameter_count = 10;
    assert_comes_back(&from.checkpoint);
    free_drawn(&from);
}

static void files_that_are_none_are_refused(void)
{
    dt_checkpoint out;
    dt_error error = {0};
    const char *path = scratch_path(folder, "x.h5");
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "x.h5: cannot open: No such file"));
    CU_ASSERT_EQUAL(dt_checkpoint_read(folder, &out, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected a regular file, found a directory"));
    CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_NO_INPUT);
    unlink(path);
    scratch_write(path, "");
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "x.h5: expected a checkpoint of 24 to "));
    scratch_write(path, "some text that is longer than a trailer\n");
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "x.h5: expected a checkpoint, found a file that"));
    /* 32 GiB of nothing are seen to be no checkpoint before they are read. */
    CU_ASSERT_EQUAL(truncate(path, (off_t)1 << 35), 0);
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_EQUAL(truncate(path, ((off_t)1 << 36) + 1), 0);
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, &error), DT_ERR_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "found 68719476737"));
    CU_ASSERT_EQUAL(dt_checkpoint_read(path, &out, NULL), DT_ERR_DATA);
    unlink(path);
}

static void every_failed_allocation_is_survived(void)
{
    drawn_checkpoint from = drawn(2, DRAW_VELOCITY | DRAW_SQUARE | DRAW_BEST, 10, 100);
    const char *path = scratch_path(folder, "x.h5");
    dt_status status;
    long n = 0;
    scratch_write(path, "old");
    id_mark before = mark_ids();
    do {
        dt_error error = {0};
        CU_ASSERT_TRUE(scratch_holds_text(path, "old"));
        dt_memory_fail_at(++n);
        status = dt_checkpoint_write(path, &from.checkpoint, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, error.status);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
    } while (status != DT_OK && n < 1000);
    CU_ASSERT_TRUE(status == DT_OK && n > 10);
    for (n = 1; n < 1000; n++) {
        dt_checkpoint back;
        dt_error error = {0};
        dt_memory_fail_at(n);
        status = dt_checkpoint_read(path, &back, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(status, error.status);
        CU_ASSERT_TRUE(status == DT_OK || status == DT_ERR_INTERNAL);
        dt_checkpoint_destroy(&back);
        if (status == DT_OK)
            break;
    }
    CU_ASSERT_TRUE(n > 10 && n < 1000);
    assert_no_open_ids_since(before);
    CU_ASSERT_EQUAL(scratch_entries(folder), 1);
    unlink(path);
    free_drawn(&from);
}

static const char *checkpoint_name(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "checkpoints/%s", name);
    return scratch_path(folder, path);
}

static void assert_list(size_t count, const int64_t *expected)
{
    int64_t *steps;
    size_t found;
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_list(folder, &steps, &found, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(found, count);
    CU_ASSERT_TRUE(count == 0 || memcmp(steps, expected, count * sizeof *steps) == 0);
    dt_free(steps);
}

static void the_list_is_newest_first(void)
{
    static const char *const others[] = {
        "step-1.h5",
        "step-0000001.h5",
        "step-000000001.h5",
        "step--0000001.h5",
        "step- 0000001.h5",
        "step-00000001.h5x",
        "step-00000001.h",
        "step-00000001",
        "Step-00000001.h5",
        "step-.h5",
        "step-00000001.h5.0123456789abcdef.tmp",
        "step-99999999999999999999.h5",
        "best.h5",
    };
    assert_list(0, NULL);
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, NULL), DT_OK);
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    assert_list(0, NULL);
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, NULL), DT_OK);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        scratch_write(checkpoint_name(others[i]), "");
    assert_list(0, NULL);
    int64_t expected[50];
    size_t count = 0;
    for (int64_t step = 0; count < 50; step = step * 2 + 3 + step / 7)
        expected[count++] = step;
    while (expected[count - 1] > 999999999999999999)
        count--;
    for (size_t i = 0; i < count; i++) {
        char path[DT_PATH_SIZE];
        size_t shuffled = i * 7 % count;
        CU_ASSERT_EQUAL(dt_checkpoint_path(folder, expected[shuffled], path, NULL), DT_OK);
        scratch_write(path, "");
    }
    for (size_t i = 0; i < count / 2; i++) {
        int64_t swap = expected[i];
        expected[i] = expected[count - 1 - i];
        expected[count - 1 - i] = swap;
    }
    assert_list(count, expected);
    for (size_t keep = count + 2; keep > 0; keep--) {
        CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, keep, NULL), DT_OK);
        assert_list(keep < count ? keep : count, expected);
    }
    int left = (int)(sizeof others / sizeof *others) + 1;
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "checkpoints")), left);
    scratch_remove(scratch_path(folder, "checkpoints"));

    dt_error error = {0};
    int64_t *steps;
    scratch_write(scratch_path(folder, "checkpoints"), "");
    CU_ASSERT_EQUAL(dt_checkpoint_list(folder, &steps, &count, &error), DT_ERR_NO_INPUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "checkpoints: cannot read directory"));
    CU_ASSERT_EQUAL(dt_checkpoint_directory(folder, &error), DT_ERR_CREATE);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "a file is in the way"));
    unlink(scratch_path(folder, "checkpoints"));
}

static void set_age(const char *name, time_t seconds)
{
    struct timespec times[] = {{1000000 - seconds, 5}, {1000000 - seconds, 5}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, checkpoint_name(name), times, 0), 0);
}

static void only_stale_temporaries_go(void)
{
    static const struct {
        const char *name;
        time_t age;
        bool kept;
    } files[] = {
        {"step-00000007.h5", 100, true},
        {"step-00000005.h5", 300, false},
        {"step-00000003.h5", 50, false},
        {".step-00000007.h5.0123456789abcdef.tmp", 101, false},
        {".step-00000009.h5.0123456789abcdef.tmp", 200, false},
        {".step-00000008.h5.0123456789abcdef.tmp", 100, true},
        {".step-00000008.h5.fedcba9876543210.tmp", 1, true},
        {".step-00000008.h5.fedcba987654321.tmp", 200, true},
        {".step-00000008.h5.fedcba9876543210.tmp2", 200, true},
        {".step-00000008.h5.gedcba9876543210.tmp", 200, true},
        {".best.h5.0123456789abcdef.tmp", 200, true},
        {"notes.txt", 900, true},
    };
    int kept = 0;
    CU_ASSERT_EQUAL_FATAL(dt_checkpoint_directory(folder, NULL), DT_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        scratch_write(checkpoint_name(files[i].name), "");
        set_age(files[i].name, files[i].age);
        kept += files[i].kept;
    }
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, NULL), DT_OK);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        CU_ASSERT_EQUAL(access(checkpoint_name(files[i].name), F_OK) == 0, files[i].kept);
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "checkpoints")), kept);

    /* One that cannot be removed: the others go all the same. */
    CU_ASSERT_EQUAL(mkdir(checkpoint_name("step-00000006.h5"), 0700), 0);
    scratch_write(checkpoint_name("step-00000004.h5"), "");
    dt_error error = {0};
    CU_ASSERT_EQUAL(dt_checkpoint_prune(folder, 1, &error), DT_ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "step-00000006.h5: cannot remove: "));
    CU_ASSERT_EQUAL(scratch_entries(scratch_path(folder, "checkpoints")), kept + 1);
    scratch_remove(scratch_path(folder, "checkpoints"));
}

/* Damage that the trailer would have hidden: what is accepted all the same is of no interest, since
 * a file has bytes that nobody reads; it must not be a crash. */
enum { FUZZ_MUTATIONS = 5000 };

static void mutate(dt_random_sequence *random, uint8_t *bytes, size_t size)
{
    for (int edits = draw_int(random, 1, 4); edits > 0; edits--) {
        size_t at = (size_t)draw_int(random, 0, (int)size - 9);
        int kind = draw_int(random, 0, 3);
        if (kind == 0)
            bytes[at] ^= (uint8_t)(1 << draw_int(random, 0, 7));
        else if (kind == 1)
            bytes[at] = (uint8_t)draw_int(random, 0, 255);
        else if (kind == 2)
            memset(bytes + at, draw_int(random, 0, 1) ? 0xff : 0, (size_t)draw_int(random, 1, 8));
        else
            memmove(bytes + at, bytes + (size_t)draw_int(random, 0, (int)size - 9),
                    (size_t)draw_int(random, 1, 8));
    }
}

static void damage_behind_a_right_trailer_is_survived(void)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size;
    int refused = 0;
    encode(&from.checkpoint, &bytes, &size);
    uint8_t *copy = malloc(size);
    for (uint32_t i = 0; i < FUZZ_MUTATIONS; i++) {
        dt_random_sequence random = draw_begin(50000 + i);
        memcpy(copy, bytes, size);
        mutate(&random, copy, size - 24);
        seal(copy, size);
        dt_checkpoint out;
        dt_error error = {0};
        dt_status status = dt_checkpoint_decode(copy, size, &out, &error);
        dt_checkpoint_destroy(&out);
        CU_ASSERT_TRUE(status == DT_OK || (status == DT_ERR_DATA && error.message[0] != '\0'));
        refused += status != DT_OK;
    }
    CU_ASSERT_TRUE(refused > FUZZ_MUTATIONS / 10 && refused < FUZZ_MUTATIONS);
    free(copy);
    dt_free(bytes);
    free_drawn(&from);
}

CU_SuiteInfo dt_suite_checkpoint(void)
{
    static CU_TestInfo tests[] = {
        {"decode after encode is the identity", decode_after_encode_is_the_identity},
        {"a file is read back", a_file_is_read_back},
        {"every flipped byte is noticed", every_flipped_byte_is_noticed},
        {"every truncation is noticed", every_truncation_is_noticed},
        {"every zeroed block is noticed", every_zeroed_block_is_noticed},
        {"the trailer is as described", the_trailer_is_as_described},
        {"what is wrong inside is named", what_is_wrong_inside_is_named},
        {"what could not be read is not written", what_could_not_be_read_is_not_written},
        {"files that are none are refused", files_that_are_none_are_refused},
        {"every failed allocation is survived", every_failed_allocation_is_survived},
        {"the list is newest first", the_list_is_newest_first},
        {"only stale temporaries go", only_stale_temporaries_go},
        {"damage behind a right trailer is survived", damage_behind_a_right_trailer_is_survived},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){
        .pName = "checkpoint", .pSetUpFunc = set_up, .pTearDownFunc = tear_down, .pTests = tests};
}
