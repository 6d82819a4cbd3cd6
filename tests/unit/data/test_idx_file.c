#include <sys/stat.h>

#include "idx_fixture.h"

CU_SuiteInfo dt_suite_idx_file(void);

static void test_missing(void)
{
    fixture *f = begin(4);
    char path[128], loop[256];
    for (int n = 0; n < FILES; n++) {
        int part = n / KINDS, kind = n % KINDS;
        save_all(f, part ^ kind);
        remove_file(f, names[part][kind], "");
        remove_file(f, names[part][kind], ".gz");
        char missing[64], advice[128];
        snprintf(missing, sizeof missing, "missing: %s (or with .gz)", names[part][kind]);
        snprintf(advice, sizeof advice, "scripts/get-mnist.sh %s", f->dir);
        EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, f->dir, names[part][1 - kind], missing, advice);
    }
    save_all(f, false);
    snprintf(path, sizeof path, "%s/nowhere", f->dir);
    CU_ASSERT_EQUAL(open_source(f, path), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, path, "scripts/get-mnist.sh", NULL);
    write_file(f, "notes", ".txt", "", 0);
    snprintf(path, sizeof path, "%s/notes.txt", f->dir);
    CU_ASSERT_EQUAL(open_source(f, path), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, path, "expected IDX, CSV", "another kind of file",
                NULL);
    remove(path);
    snprintf(path, sizeof path, "%s/" TRAIN, f->dir);
    snprintf(loop, sizeof loop, "%s/below", path);
    CU_ASSERT_EQUAL(open_source(f, loop), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, loop, "Not a directory", NULL);
    CU_ASSERT_EQUAL(open_source(f, ""), DT_ERR_NO_INPUT);

    remove(path);
    CU_ASSERT_EQUAL_FATAL(symlink(TRAIN, path), 0);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, path, "cannot open", "Too many levels");
    remove(path);
    CU_ASSERT_EQUAL_FATAL(mkdir(path, 0700), 0);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, f->dir, "missing: " TRAIN);
    remove(path);
    CU_ASSERT_EQUAL_FATAL(mkfifo(path, 0600), 0);
    EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, path, "expected a regular file");
    if (geteuid() != 0) {
        save(f, DT_TRAIN, IMAGES, false);
        chmod(path, 0);
        EXPECT_OPEN_ERROR(f, DT_ERR_NO_INPUT, path, "cannot open", "Permission denied");
    }
    end(f);
}

static void test_swapped(void)
{
    fixture *f = begin(5);
    for (int gzip = 0; gzip < 2; gzip++) {
        save_all(f, gzip);
        blob labels = f->files[DT_TEST][LABELS];
        f->files[DT_TEST][LABELS] = f->files[DT_TEST][IMAGES];
        save(f, DT_TEST, LABELS, gzip);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, "t10k-labels", "2049", "2051", "swapped");
        f->files[DT_TEST][IMAGES] = labels;
        save(f, DT_TEST, IMAGES, gzip);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, "t10k-images", "2049", "2051", "swapped");
        fill(f, 5, 3, 4, 3);
    }
    end(f);
}

static void test_beginning(void)
{
    static const struct {
        const char *ending, *bytes;
        size_t size;
        const char *words;
    } cases[] = {
        {"", "", 0, "no data"},
        {"", "\0\0", 2, "2 bytes (truncated)"},
        {"", "\0\0\x08\x03\0\0", 6, "header of 16 bytes, found 6"},
        {"", "<!DOCTYPE html><html>", 21, "a web page"},
        {"", "\r\n <?xml version='1'?>", 22, "a web page"},
        {"", "\x89PNG\r\n\x1a\n", 8, "bytes 89 50 4e 47"},
        {"", "\0\0\x0d\x03\0\0\0\1\0\0\0\1", 12, "32-bit floats in 3 dimensions"},
        {"", "\0\0\x0b\x01\0\0\0\1\0\0\0\1", 12, "16-bit integers in 1 dimension"},
        {"", "\0\0\x08\x05\0\0\0\1\0\0\0\1", 12, "unsigned bytes in 5 dimensions"},
        {"", "\x03\x08\0\0\1\0\0\0\1\0\0\0", 12, "bytes 03 08 00 00"},
        {"", "\x1f\x8b\x08\0\0\0\0\0\0\0", 10, "truncated"},
        {".gz", "", 0, "no data"},
        {".gz", "\x1f", 1, "1 bytes (truncated)"},
        {".gz", "<!DOCTYPE html><html>", 21, "a web page"},
        {".gz", "\0\0\x08\x03\0\0\0\1\0\0\0\1", 12, "header of 16 bytes, found 12"},
        {".gz", "PK\3\4 a zip file", 14, "bytes 50 4b 03 04"},
        {".gz", "\x1f\x8b\x08\0\0\0\0\0\0\0", 10, "truncated"},
    };
    fixture *f = begin(6);
    save_all(f, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        remove_file(f, TRAIN, "");
        write_file(f, TRAIN, cases[i].ending, cases[i].bytes, cases[i].size);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, f->dir, TRAIN, cases[i].words);
        if (cases[i].ending[0] == 0 && strncmp(cases[i].bytes, "\x1f\x8b", 2) != 0) {
            remove_file(f, TRAIN, "");
            f->scratch.size = cases[i].size;
            memcpy(f->scratch.bytes, cases[i].bytes, cases[i].size);
            const blob *packed = pack(f, &f->scratch);
            write_file(f, TRAIN, ".gz", packed->bytes, packed->size);
            EXPECT_OPEN_ERROR(f, DT_ERR_DATA, f->dir, TRAIN ".gz", cases[i].words);
        }
    }
    f->scratch = *pack(f, &f->files[DT_TRAIN][IMAGES]);
    const blob *twice = pack(f, &f->scratch);
    write_file(f, TRAIN, ".gz", twice->bytes, twice->size);
    EXPECT_OPEN_ERROR(f, DT_ERR_DATA, TRAIN ".gz", "packed twice");
    end(f);
}

static void test_dimensions(void)
{
    static const struct {
        int kind;
        uint32_t count, height, width;
        const char *words;
    } cases[] = {
        {IMAGES, 0, 4, 3, "1 or more images, found 0"},
        {LABELS, 0, 0, 0, "1 or more labels, found 0"},
        {IMAGES, 5, 0, 3, "found 0 x 3"},
        {IMAGES, 5, 4, 0, "found 4 x 0"},
        {IMAGES, 5, 4097, 3, "found 4097 x 3"},
        {IMAGES, 5, 4, 0xffffffff, "found 4 x 4294967295"},
        {IMAGES, 5, 0x80000000, 0x80000000, "4096 x 4096 pixels"},
        {IMAGES, 0xffffffff, 4096, 4096, "72057594021150736 bytes"},
        {LABELS, 0xffffffff, 0, 0, "4294967303 bytes"},
    };
    fixture *f = begin(7);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        bool gzip = i % 2;
        int kind = cases[i / 2].kind;
        fill(f, 5, 3, 4, 3);
        save_all(f, false);
        uint8_t *bytes = f->files[DT_TRAIN][kind].bytes;
        put(bytes + 4, cases[i / 2].count);
        if (kind == IMAGES) {
            put(bytes + 8, cases[i / 2].height);
            put(bytes + 12, cases[i / 2].width);
        }
        save(f, DT_TRAIN, kind, gzip);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, names[DT_TRAIN][kind], cases[i / 2].words);
    }
    end(f);
}

/* Turns an image file into one of as many values in `channels`. */
static void give_channels(fixture *f, int part, int channels)
{
    blob *file = &f->files[part][IMAGES];
    memmove(file->bytes + 20, file->bytes + 16, file->size - 16);
    file->size += 4;
    put(file->bytes, 2052);
    put(file->bytes + 12, (uint32_t)(f->width / channels));
    put(file->bytes + 16, (uint32_t)channels);
}

static void test_channels(void)
{
    fixture *f = begin(14);
    for (int round = 0; round < 4; round++) {
        int channels = round < 2 ? 3 : 1;
        bool gzip = round % 2;
        fill(f, 7, 5, 4, 6);
        for (int part = 0; part < DT_PARTS; part++)
            give_channels(f, part, channels);
        save_all(f, gzip);
        CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
        dt_shape shape = f->source->shape;
        CU_ASSERT(shape.height == 4 && shape.width == 6 / channels && shape.channels == channels);
        for (int part = 0; part < DT_PARTS; part++) {
            CU_ASSERT_EQUAL(read_range(f, part, 0, f->count[part]), DT_OK);
            CU_ASSERT_EQUAL(
                memcmp(f->images, f->files[part][IMAGES].bytes + 20, (size_t)f->count[part] * 24),
                0);
        }
        put(f->files[DT_TEST][IMAGES].bytes + 12, 3);
        put(f->files[DT_TEST][IMAGES].bytes + 16, 2);
        save(f, DT_TEST, IMAGES, gzip);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, "t10k-images", "1 or 3 channels, found 2");
        fill(f, 7, 5, 4, 2);
        save_all(f, gzip);
        f->width = 6;
        fill(f, 7, 5, 4, 6);
        give_channels(f, DT_TEST, 3);
        save(f, DT_TEST, IMAGES, gzip);
        EXPECT_OPEN_ERROR(f, DT_ERR_DATA, "t10k-images", "of 1 channels as in", "found 3");
    }
    end(f);
}

static void test_disagreement(void)
{
    fixture *f = begin(8);
    for (int gzip = 0; gzip < 2; gzip++)
        for (int part = 0; part < DT_PARTS; part++) {
            fill(f, 7, 6, 4, 3);
            save_all(f, gzip);
            blob *labels = &f->files[part][LABELS];
            put(labels->bytes + 4, 5);
            labels->size = 8 + 5;
            save(f, part, LABELS, gzip);
            EXPECT_OPEN_ERROR(f, DT_ERR_DATA, names[part][LABELS], names[part][IMAGES],
                              part ? ": 6, found 5 labels" : ": 7, found 5 labels");
        }
    fill(f, 5, 3, 4, 3);
    save_all(f, true);
    fill(f, 5, 3, 3, 4);
    save(f, DT_TEST, IMAGES, true);
    EXPECT_OPEN_ERROR(f, DT_ERR_DATA, "t10k-images", "4 x 3 pixels", "found 3 x 4");
    end(f);
}

static void test_long_paths(void)
{
    fixture *f = begin(13);
    char path[6000];
    memset(path, '/', sizeof path);
    snprintf(path + 5000, sizeof path - 5000, "%s", f->dir);
    CU_ASSERT_EQUAL(open_source(f, path), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, f->dir, "...", "File name too long", NULL);

    save_all(f, false);
    snprintf(path + 3000, sizeof path - 3000, "%s", f->dir);
    CU_ASSERT_EQUAL_FATAL(open_source(f, path), DT_OK);
    CU_ASSERT(reads_all(f));
    CU_ASSERT_PTR_NOT_NULL(strstr(f->source->name, f->dir));
    write_file(f, TRAIN, "", "x", 1);
    CU_ASSERT_EQUAL(open_source(f, path), DT_ERR_DATA);
    check_error(f, __LINE__, DT_ERR_DATA, f->dir, TRAIN, "found 1 bytes", NULL);
    remove_file(f, TRAIN, "");
    CU_ASSERT_EQUAL(open_source(f, path), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, "missing: " TRAIN, "get-mnist.sh ...", NULL);
    CU_ASSERT_EQUAL(open_source(f, "/tmp/no\nsuch\x1b[31m directory"), DT_ERR_NO_INPUT);
    check_error(f, __LINE__, DT_ERR_NO_INPUT, "/tmp/no\\nsuch\\x1b[31m directory", NULL);

    char shown[8];
    CU_ASSERT_STRING_EQUAL(dt_idx_show("1234567", shown, sizeof shown), "1234567");
    CU_ASSERT_STRING_EQUAL(dt_idx_show("12345678", shown, sizeof shown), "...5678");
    CU_ASSERT_STRING_EQUAL(dt_idx_show("12345\xc3\xa4"
                                       "678",
                                       shown, sizeof shown),
                           "...678");
    end(f);
}

CU_SuiteInfo dt_suite_idx_file(void)
{
    static CU_TestInfo tests[] = {
        {"missing and unopenable files", test_missing},
        {"images and labels swapped", test_swapped},
        {"what is no IDX file is described", test_beginning},
        {"images of one channel and of three", test_channels},
        {"dimensions out of range, and huge", test_dimensions},
        {"files that disagree", test_disagreement},
        {"long and strange paths", test_long_paths},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "idx_file", .pTests = tests};
}
