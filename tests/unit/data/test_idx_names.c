/* Which files of a directory are a data set. */
#include <sys/stat.h>

#include "idx_fixture.h"

CU_SuiteInfo dt_suite_idx_names(void);

enum { PATH_ROOM = 300 };

/* Every name below the directory that a set has, written with what the file of names[] has. */
static void put_files(fixture *f, const char *const own[FILES], bool gzip)
{
    for (int n = 0; n < FILES; n++) {
        const blob *file = &f->files[n / KINDS][n % KINDS];
        char path[PATH_ROOM];
        if (!own[n])
            continue;
        for (const char *at = own[n]; (at = strchr(at, '/')); at++) {
            snprintf(path, sizeof path, "%s/%.*s", f->dir, (int)(at - own[n]), own[n]);
            mkdir(path, 0700);
        }
        const blob *saved = gzip ? pack(f, file) : file;
        write_file(f, own[n], "", saved->bytes, saved->size);
    }
}

static void clear(fixture *f)
{
    char command[PATH_ROOM];
    snprintf(command, sizeof command, "rm -rf '%s'/*", f->dir);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
}

static dt_status open_below(fixture *f, const char *below)
{
    char path[PATH_ROOM];
    snprintf(path, sizeof path, "%s%s", f->dir, below);
    return open_source(f, path);
}

static void test_names(void)
{
    static const char *const sets[][FILES] = {
        {"train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte",
         "t10k-labels.idx1-ubyte"},
        {"train-images-idx3-ubyte.gz", "train-labels.idx1-ubyte.GZ", "test-images_idx3_ubyte",
         "test-labels-idx1-ubyte"},
        {"emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte",
         "emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte"},
        {"qmnist-train-images-idx3-ubyte", "qmnist-train-labels-idx2-int",
         "qmnist-test-images-idx3-ubyte", "qmnist-test-labels-idx2-int"},
        {"train_images.idx", "training_labels.idx1", "testing-images-idx3", "testing.labels.idx1"},
        {"Train-Images-idx3-ubyte", "TRAIN-LABELS-IDX1-UBYTE", "T10K-images-idx3-ubyte",
         "t10k-Labels-idx1-ubyte"},
        {"train-images-idx3-ubyte/train-images-idx3-ubyte",
         "train-labels-idx1-ubyte/train-labels.idx1-ubyte",
         "t10k-images.idx3-ubyte/t10k-images-idx3-ubyte.gz",
         "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte"},
        {"MNIST/raw/train-images-idx3-ubyte", "MNIST/raw/train-labels-idx1-ubyte",
         "MNIST/raw/t10k-images-idx3-ubyte", "MNIST/raw/t10k-labels-idx1-ubyte"},
    };
    fixture *f = begin(31);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (int gzip = 0; gzip < 2; gzip++) {
            const char *slash = strchr(sets[i][0], '/');
            put_files(f, sets[i], gzip);
            CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
            CU_ASSERT(f->source && reads_all(f));
            CU_ASSERT_EQUAL(open_below(f, "/"), DT_OK);
            if (slash && strncmp(sets[i][0], "MNIST", 5) == 0) {
                CU_ASSERT_EQUAL(open_below(f, "/MNIST"), DT_OK);
                CU_ASSERT_EQUAL(open_below(f, "/MNIST/raw"), DT_OK);
                CU_ASSERT(f->source && reads_all(f));
            }
            clear(f);
        }
    end(f);
}

/* A name that is nearly one is none. */
static void test_other_names(void)
{
    static const char *const others[] = {
        "train-images-idx3-ubyte.zip", "train-images-idx3-ubyte.gz.part",
        "train-images-idx3-ubyte~",    "train-images.png",
        "train-images-idx33-ubyte",    "mtrain-images-idx3-ubyte",
        "train-pictures-idx3-ubyte",   "train-images-idx3-ubyte-2",
        "images-idx3-ubyte",
    };
    fixture *f = begin(32);
    save_all(f, false);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_file(f, others[i], "", "x", 1);
        CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
        remove_file(f, others[i], "");
    }
    for (int n = 0; n < FILES; n++)
        remove_file(f, names[n / KINDS][n % KINDS], "");
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, f->dir, "found nothing", "get-mnist.sh");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        write_file(f, others[i], "", "x", 1);
        EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, f->dir, TRAIN, i < 5 ? others[i] : " more");
    }
    clear(f);
    end(f);
}

/* The same set packed and unpacked, as files and as directories: the first by the rule is read. */
static void test_preference(void)
{
    static const char *const good[FILES] = {TRAIN, "train-labels.idx1-ubyte",
                                            "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    static const char *const worse[] = {
        "train-images-idx3-ubyte.gz",
        "train-images.idx3-ubyte",
        "train-labels.idx1-ubyte.gz",
        "train-labels_idx1-ubyte",
        "t10k-images.idx3-ubyte/t10k-images-idx3-ubyte",
        "t10k-labels_idx1-ubyte/t10k-labels-idx1-ubyte",
    };
    fixture *f = begin(33);
    for (size_t i = 0; i < sizeof worse / sizeof *worse; i++) {
        const char *one[FILES] = {worse[i]};
        blob image = f->files[0][0];
        f->files[0][0].size = 1;
        put_files(f, one, false);
        f->files[0][0] = image;
    }
    put_files(f, good, false);
    CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
    CU_ASSERT(f->source && !f->source->sequential && reads_all(f));
    clear(f);
    end(f);
}

/* The names of the message must be such of a set that can be opened. */
static void expect_names_that_work(fixture *f, int count)
{
    char message[sizeof f->error.message], *rest;
    const char *begin = ": expected the files of one data set, found those of ";
    CU_ASSERT_EQUAL(open_below(f, ""), DT_ERR_NO_INPUT);
    snprintf(message, sizeof message, "%s", f->error.message);
    char *names_at = strstr(message, begin), *end = strstr(message, "; name one of them");
    CU_ASSERT_FATAL(names_at && end);
    *end = '\0';
    names_at = strchr(names_at + strlen(begin), ':') + 1;
    for (char *name = strtok_r(names_at, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest)) {
        CU_ASSERT_EQUAL(open_source(f, name), DT_OK);
        count--;
    }
    CU_ASSERT_EQUAL(count, 0);
}

static void test_several_sets(void)
{
    static const char *const sets[3][FILES] = {
        {"emnist-letters-train-images-idx3-ubyte", "emnist-letters-train-labels-idx1-ubyte",
         "emnist-letters-test-images-idx3-ubyte", "emnist-letters-test-labels-idx1-ubyte"},
        {"emnist-digits-train-images-idx3-ubyte", "emnist-digits-train-labels-idx1-ubyte"},
        {TRAIN, "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
    };
    fixture *f = begin(34);
    put_files(f, sets[0], false);
    CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
    put_files(f, sets[1], true);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, "those of 2", "/emnist-letters", "/emnist-digits");
    expect_names_that_work(f, 2);
    put_files(f, sets[2], false);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, "those of 3", "/emnist-letters", "/emnist-digits");
    expect_names_that_work(f, 3);
    CU_ASSERT_EQUAL(open_below(f, "/emnist-letters"), DT_OK);
    CU_ASSERT(f->source && reads_all(f) && !f->source->sequential);
    CU_ASSERT_EQUAL(open_below(f, "/emnist-letters-test-images-idx3-ubyte"), DT_OK);
    CU_ASSERT(f->source && reads_all(f) && !f->source->sequential);
    CU_ASSERT_EQUAL(open_below(f, "/emnist-digits"), DT_OK);
    CU_ASSERT(f->source && f->source->sequential && f->source->count[DT_TEST] == 0);
    CU_ASSERT_EQUAL(open_below(f, "/" TRAIN), DT_OK);
    CU_ASSERT_EQUAL(open_below(f, "/emnist"), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, "/emnist", "nothing of that name", NULL);
    clear(f);

    static const char *const below[FILES] = {"a/" TRAIN, "a/train-labels-idx1-ubyte"};
    static const char *const beside[FILES] = {"b/c/" TRAIN, "b/c/train-labels-idx1-ubyte"};
    put_files(f, below, false);
    CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
    put_files(f, beside, false);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, "those of 2", "/a", "/b/c");
    expect_names_that_work(f, 2);
    CU_ASSERT_EQUAL(open_below(f, "/b"), DT_OK);
    clear(f);

    static const char *const unpacked[FILES] = {TRAIN "/" TRAIN,
                                                "train-labels-idx1-ubyte/train-labels-idx1-ubyte"};
    put_files(f, sets[1], false);
    put_files(f, unpacked, false);
    expect_names_that_work(f, 2);
    clear(f);

    static const char *const tests[FILES] = {TRAIN, "train-labels-idx1-ubyte",
                                             "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};
    static const char *const more[FILES] = {NULL, NULL, "test-images-idx3-ubyte", NULL};
    put_files(f, tests, false);
    put_files(f, more, false);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, "one test set", "test-images", "t10k-images");
    clear(f);
    end(f);
}

/* Files of other parts, and those alone, are left out by name. */
static void test_other_parts(void)
{
    static const char *const set[FILES] = {TRAIN, "train-labels-idx1-ubyte"};
    static const char *const more[] = {"val-images-idx3-ubyte",
                                       "val-labels.idx1-ubyte.gz",
                                       "extra/emnist-valid-images-idx3-ubyte/x",
                                       "images.idx",
                                       "labels.csv",
                                       "pictures-idx3-ubyte"};
    fixture *f = begin(37);
    put_files(f, set, false);
    CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
    CU_ASSERT_STRING_EQUAL(f->source->note, "");
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        put_files(f, (const char *const[FILES]){more[i]}, false);
    static const char *const below[FILES] = {"emnist-valid-images-idx3-ubyte/x"};
    put_files(f, below, false);
    CU_ASSERT_EQUAL(open_below(f, ""), DT_OK);
    CU_ASSERT_STRING_EQUAL(f->source->note, "without emnist-valid-images-idx3-ubyte, images.idx, "
                                            "val-images-idx3-ubyte, val-labels.idx1-ubyte.gz");
    CU_ASSERT_EQUAL(open_below(f, "/" TRAIN), DT_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->source->note, "val-images-idx3-ubyte"));
    static const char *const letters[FILES] = {"emnist-train-images-idx3-ubyte",
                                               "emnist-train-labels-idx1-ubyte"};
    put_files(f, letters, false);
    CU_ASSERT_EQUAL(open_below(f, "/emnist"), DT_OK);
    CU_ASSERT_STRING_EQUAL(f->source->note, "without emnist-valid-images-idx3-ubyte");
    clear(f);
    end(f);
}

static void test_training_alone(void)
{
    static const char *const own[FILES] = {TRAIN, "train-labels-idx1-ubyte"};
    fixture *f = begin(35);
    put_files(f, own, false);
    CU_ASSERT_EQUAL_FATAL(open_below(f, ""), DT_OK);
    CU_ASSERT_EQUAL(f->source->count[DT_TEST], 0);
    f->count[DT_TEST] = 0;
    CU_ASSERT(reads_all(f));
    clear(f);
    end(f);
}

/* Labels of 1, 2 and 4 bytes, alone, and first of 1 and 8 columns. */
static void test_labels(void)
{
    static const int32_t values[] = {0, 9, 127, 1, 2};
    fixture *f = begin(36);
    save_all(f, false);
    for (int i = 0; i < 4 * 3 * 2; i++) {
        int size = (int[]){1, 1, 2, 4}[i % 4], columns = (int[]){0, 1, 8}[i / 4 % 3];
        bool gzip = i / 12;
        blob *file = &f->files[DT_TRAIN][LABELS];
        put(file->bytes, (uint32_t[]){0x801, 0x901, 0xb01, 0xc01}[i % 4] + (columns > 0));
        put(file->bytes + 4, 5);
        put(file->bytes + 8, (uint32_t)columns);
        file->size = columns > 0 ? 12 : 8;
        for (int n = 0; n < 5; n++)
            for (int column = 0; column < (columns ? columns : 1); column++) {
                uint8_t bytes[4];
                put(bytes, (uint32_t)(column == 0 ? values[n] : 77 + column));
                memcpy(file->bytes + file->size, bytes + 4 - size, (size_t)size);
                file->size += (size_t)size;
            }
        save(f, DT_TRAIN, LABELS, gzip);
        CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
        dt_classes_of_number(f->source, 128);
        CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 0, 5), DT_OK);
        for (int n = 0; n < 5; n++)
            CU_ASSERT_EQUAL(f->labels[n], values[n]);
        CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 3, 2), DT_OK);
        CU_ASSERT(f->labels[3] == 1 && f->labels[4] == 2);
        memset(file->bytes + (columns ? 12 : 8), 0xff, (size_t)size);
        save(f, DT_TRAIN, LABELS, gzip);
        EXPECT_READ_ERROR(f, DT_TRAIN, DT_ERR_DATA, "train-labels", "0 to 9",
                          i % 4 == 0 ? "found 255" : "found -1");
        if (columns == 0)
            continue;
        put(file->bytes + 8, 10);
        save(f, DT_TRAIN, LABELS, gzip);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, "one number a label", "QMNIST", "found 10");
    }
    end(f);
}

CU_SuiteInfo dt_suite_idx_names(void)
{
    static CU_TestInfo tests[] = {
        {"names that people have", test_names},
        {"names that are none", test_other_names},
        {"of several files for the same, the rule says which", test_preference},
        {"of several sets, the path says which", test_several_sets},
        {"files of other parts are left out by name", test_other_parts},
        {"training files alone", test_training_alone},
        {"labels of any integers, in columns", test_labels},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "idx_names", .pTests = tests};
}
