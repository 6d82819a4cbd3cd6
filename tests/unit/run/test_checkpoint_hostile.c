#include "checkpoint_bytes.h"
#include "file/atomic_file.h"
#include "hdf5_check.h"
#include "scratch_folder.h"

CU_SuiteInfo dt_suite_checkpoint_hostile(void);

/* Lets HDF5 itself change the file, and seals it again. */
typedef void edit(hid_t file);

/* reason NULL: it is read. */
static void assert_edited(edit *change, const char *reason)
{
    drawn_checkpoint from = small();
    uint8_t *bytes;
    size_t size;
    encode(&from.checkpoint, &bytes, &size);
    const char *path = scratch_path(folder, "edited.h5");
    CU_ASSERT_EQUAL_FATAL(dt_atomic_write(path, bytes, size - 24, NULL), DT_OK);
    hid_t file = open_earliest(path, H5F_ACC_RDWR);
    change(file);
    CU_ASSERT_TRUE(H5Fclose(file) >= 0);

    size_t length;
    char *edited = scratch_read(path, &length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(edited);
    edited = realloc(edited, length + 24);
    seal((uint8_t *)edited, length + 24);
    if (reason) {
        assert_refused(edited, length + 24, reason);
    } else {
        dt_checkpoint out;
        CU_ASSERT_EQUAL(dt_checkpoint_decode(edited, length + 24, &out, NULL), DT_OK);
        dt_checkpoint_destroy(&out);
    }
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
    put_attribute(file, "/", "seconds", H5T_IEEE_F64LE, &(double){(double)INFINITY});
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

static void more_margins(hid_t file)
{
    put_dataset(file, "/tracked/margins", H5T_IEEE_F32LE, 1, four, H5P_DEFAULT, true);
}

static void no_plays(hid_t file)
{
    H5Ldelete(file, "/tracked/plays", H5P_DEFAULT);
}

static void negative_plays(hid_t file)
{
    static const float values[] = {0, 1, -1};
    hid_t set = H5Dopen2(file, "/tracked/plays", H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(set);
}

static void other_train_samples(hid_t file)
{
    put_attribute(file, "/data", "train_samples", H5T_STD_I64LE, &(int64_t){INT64_MAX});
}

static void what_is_wrong_inside_is_named(void)
{
    static const struct {
        edit *change;
        const char *reason;
    } cases[] = {
        {longer_velocity, "/optimizer/velocity: expected [3 parameters], found [4]"},
        {square_matrix, "/optimizer/square: expected [3 parameters], found [3]"},
        {no_parameters, "/parameters: expected a dataset, found none"},
        {zero_parameters, "/parameters: expected [1 or more parameters], found [0]"},
        {other_parameters, "/parameters: expected the parameter_hash "},
        {no_history, "/history: expected a dataset, found none"},
        {no_group, "attribute loss_sum of /running: expected one, found none"},
        {big_endian, "/parameters: expected the parameter_hash "},
        {history_of_numbers, "/history: expected a string, found 32-bit float"},
        {extra_dataset, "/surplus: expected only what a checkpoint has, found this dataset"},
        {extra_group, "/best/more: expected only what a checkpoint has, found this group"},
        {group_for_dataset, "/parameters: expected only what a checkpoint has, found this group"},
        {external_link,
         "/best/parameters: expected a dataset with all its values, found a link out of this file"},
        {named_type, "/type: expected only what a checkpoint has, found this dataset"},
        {tera, "/parameters: expected a dataset with all its values, found 0 bytes of them"},
        {never_written,
         "/parameters: expected a dataset with all its values, found 0 bytes of them"},
        {chunks, "/parameters: expected the parameter_hash "},
        {filters, "/parameters: expected the parameter_hash "},
        {external_storage, "/optimizer/velocity: expected a dataset with all its values, found "
                           "values in another file"},
        {next_format, "attribute format of /: expected 2, found 3"},
        {text_for_format, "attribute format of /: expected an integer, found fixed-length string"},
        {negative_step, "attribute step of /: expected 0 or more, found -1"},
        {no_virtual_ranks, "attribute virtual_ranks of /: expected 1 or more, found 0"},
        {endless_seconds, "attribute seconds of /: expected 0 or more, found inf"},
        {too_many_correct, "attribute correct of /running: expected at most "},
        {other_status, "attribute status of /: expected complete or running, found 'walking'"},
        {short_hash, "attribute parameter_hash of /: expected 16 hexadecimal digits, found '12ab'"},
        {no_attribute, "attribute fingerprint of /data: expected one, found none"},
        {not_finite, "/optimizer/velocity: expected finite numbers, found nan at 1"},
        {more_margins, "/tracked/margins: expected [3 training samples], found [4]"},
        {no_plays, "/tracked: expected plays, gradient_norms and margins, or none of them"},
        {negative_plays, "/tracked/plays: expected 0 or more, found -1 at 2"},
        {other_train_samples, "/tracked/plays: expected [9223372036854775807 training samples]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_edited(cases[i].change, cases[i].reason);
    unlink(scratch_path(folder, "edited.h5"));
}

static void the_same_in_other_types_and_under_links_is_read(void)
{
    static edit *const edits[] = {doubles, soft_link, two_names, short_integer, float_seconds};
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        assert_edited(edits[i], NULL);
    unlink(scratch_path(folder, "edited.h5"));
}

CU_SuiteInfo dt_suite_checkpoint_hostile(void)
{
    static CU_TestInfo tests[] = {{"what is wrong inside is named", what_is_wrong_inside_is_named},
                                  {"the same in other types and under links is read",
                                   the_same_in_other_types_and_under_links_is_read},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "checkpoint_hostile",
                          .pSetUpFunc = make_folder,
                          .pTearDownFunc = remove_folder,
                          .pTests = tests};
}
