#include "idx_fixture.h"

CU_SuiteInfo dt_suite_idx(void);

static void test_round_trip(void)
{
    fixture *f = begin(1);
    for (int round = 0; round < 30; round++) {
        fill(f, 1 + (int)draw(f, 20), 1 + (int)draw(f, 20), 1 + (int)draw(f, 30),
             1 + (int)draw(f, 30));
        bool any = false;
        for (int n = 0; n < FILES; n++) {
            int part = n / KINDS, kind = n % KINDS;
            bool gzip = round > 0 && draw(f, 4) == 0;
            save(f, part, kind, gzip);
            any = any || gzip;
        }
        CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
        CU_ASSERT_EQUAL(f->source->sequential, any);
        CU_ASSERT_EQUAL(f->source->shape.height, f->height);
        CU_ASSERT_EQUAL(f->source->shape.width, f->width);
        CU_ASSERT_EQUAL(f->source->shape.channels, 1);
        CU_ASSERT_EQUAL(f->source->classes, 10);
        CU_ASSERT_EQUAL(f->source->count[DT_TRAIN], f->count[DT_TRAIN]);
        CU_ASSERT_EQUAL(f->source->count[DT_TEST], f->count[DT_TEST]);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->source->name, f->dir));
        CU_ASSERT(reads_all(f));
        CU_ASSERT_EQUAL(f->error.status, DT_OK);
    }
    end(f);
}

static void test_ranges(void)
{
    fixture *f = begin(2);
    for (int gzip = 0; gzip < 2; gzip++) {
        fill(f, 37, 11, 5, 7);
        save_all(f, gzip);
        CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
        for (int round = 0; round < 20; round++)
            for (int part = 0, next; part < DT_PARTS; part++)
                for (int first = 0; first < f->count[part]; first = next) {
                    next = first + (int)draw(f, (uint32_t)(f->count[part] - first + 1));
                    CU_ASSERT_EQUAL(read_range(f, part, first, next - first), DT_OK);
                    CU_ASSERT(same(f, part, first, next - first));
                }
        CU_ASSERT_EQUAL(dt_source_read(f->source, DT_TEST, 11, 0, NULL, NULL, NULL), DT_OK);
    }
    const int bad[][2] = {{-1, 1}, {0, 38}, {37, 1}, {38, 0}, {3, -1}, {1, 0x7fffffff}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        f->error = (dt_error){0};
        CU_ASSERT_EQUAL(dt_source_read(f->source, DT_TRAIN, bad[i][0], bad[i][1], f->images,
                                       f->labels, &f->error),
                        DT_ERR_INTERNAL);
        check_error(f, __LINE__, DT_ERR_INTERNAL, "37 samples", f->dir, NULL);
    }
    CU_ASSERT_EQUAL(dt_source_read(f->source, DT_TRAIN, 1, INT64_MAX, f->images, f->labels, NULL),
                    DT_ERR_INTERNAL);
    CU_ASSERT_EQUAL(dt_source_read(f->source, DT_PARTS, 0, 1, f->images, f->labels, NULL),
                    DT_ERR_INTERNAL);
    end(f);
}

static void test_raw_is_preferred(void)
{
    fixture *f = begin(3);
    save_all(f, false);
    for (int n = 0; n < FILES; n++)
        write_file(f, names[n / KINDS][n % KINDS], ".gz", "no gzip at all", 14);
    CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
    CU_ASSERT_FALSE(f->source->sequential);
    CU_ASSERT(reads_all(f));
    for (int n = 0; n < FILES; n++) {
        int part = n / KINDS, kind = n % KINDS;
        remove_file(f, names[part][kind], "");
        remove_file(f, names[part][kind], ".gz");
    }
    CU_ASSERT(reads_all(f)); /* the files stay open */
    end(f);
}

static void test_sizes(void)
{
    fixture *f = begin(9);
    for (int n = 0; n < FILES; n++) {
        int part = n / KINDS, kind = n % KINDS;
        for (int more = -1; more <= 1; more += 2) {
            save_all(f, false);
            blob *file = &f->files[part][kind];
            size_t size = file->size;
            char expected[64], found[64];
            snprintf(expected, sizeof expected, "expected %zu ", size);
            file->size += (size_t)more;
            snprintf(found, sizeof found, "found %zu", file->size);
            const char *word = more < 0 ? "truncated" : "surplus";
            save(f, part, kind, false);
            EXPECT_OPEN_ERROR(f, DT_ERR_DATA, names[part][kind], expected, found, word);
            save(f, part, kind, true);
            EXPECT_READ_ERROR(f, part, DT_ERR_DATA, names[part][kind], expected, found, word);
            file->size = size;
        }
        size_t size = f->files[part][kind].size;
        char found[64];
        snprintf(found, sizeof found, "found at least %zu (surplus", 2 * size);
        f->files[part][kind].size = 2 * size + 1;
        save(f, part, kind, true);
        EXPECT_READ_ERROR(f, part, DT_ERR_DATA, names[part][kind], found);
        f->files[part][kind].size = size;
        save(f, part, kind, true);
    }
    end(f);
}

static void test_labels(void)
{
    fixture *f = begin(10);
    for (int gzip = 0; gzip < 2; gzip++) {
        fill(f, 5, 3, 4, 3);
        f->files[DT_TRAIN][LABELS].bytes[8 + 3] = 10;
        save_all(f, gzip);
        CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
        CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 0, 3), DT_OK);
        CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 4, 1), DT_OK);
        CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 2, 3), DT_ERR_DATA);
        check_error(f, __LINE__, DT_ERR_DATA, "train-labels", "0 to 9", "found 10", "sample 3 ",
                    NULL);
        f->files[DT_TRAIN][LABELS].bytes[8 + 3] = 9;
        save_all(f, gzip);
        CU_ASSERT_EQUAL(open_and_read(f), DT_OK);
    }
    end(f);
}

static void test_damaged_gzip(void)
{
    static const struct {
        int from_end;
        const char *words;
    } cases[] = {
        {8, "incorrect data or length check"},
        {1, "incorrect data or length check"},
    };
    fixture *f = begin(11);
    for (int n = 0; n < FILES; n++) {
        int part = n / KINDS, kind = n % KINDS;
        save_all(f, true);
        blob *packed = &f->scratch;
        *packed = *pack(f, &f->files[part][kind]);
        for (size_t i = 0; i < 2; i++) {
            uint8_t *byte = packed->bytes + packed->size - cases[i].from_end;
            *byte ^= 1;
            write_file(f, names[part][kind], ".gz", packed->bytes, packed->size);
            EXPECT_READ_ERROR(f, part, DT_ERR_DATA, names[part][kind], cases[i].words);
            *byte ^= 1;
        }
        write_file(f, names[part][kind], ".gz", packed->bytes, packed->size - 1);
        EXPECT_READ_ERROR(f, part, DT_ERR_DATA, names[part][kind], "truncated");
        packed->bytes[packed->size] = 1;
        write_file(f, names[part][kind], ".gz", packed->bytes, packed->size + 1);
        EXPECT_READ_ERROR(f, part, DT_ERR_DATA, names[part][kind], "surplus");
        f->files[part][kind].size++;
        *packed = *pack(f, &f->files[part][kind]);
        packed->bytes[packed->size - 8] ^= 1;
        write_file(f, names[part][kind], ".gz", packed->bytes, packed->size);
        EXPECT_READ_ERROR(f, part, DT_ERR_DATA, names[part][kind],
                          "incorrect data or length check");
        f->files[part][kind].size--;
        CU_ASSERT_EQUAL(read_range(f, part, 1, 0), DT_OK); /* no samples, no pass over the file */
    }
    end(f);
}

static void test_input_output(void)
{
    fixture *f = begin(12);
    save_all(f, false);
    CU_ASSERT_EQUAL_FATAL(open_source(f, f->dir), DT_OK);
    write_file(f, TRAIN, "", f->files[DT_TRAIN][IMAGES].bytes, 16 + 4 * 12 + 1);
    CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 0, 4), DT_OK);
    CU_ASSERT_EQUAL(read_range(f, DT_TRAIN, 3, 2), DT_ERR_DATA);
    check_error(f, __LINE__, DT_ERR_DATA, TRAIN, "expected 76 bytes", "end at byte 65", NULL);
    for (int gzip = 0; gzip < 2; gzip++) {
        dt_idx_file file;
        char path[256];
        save_all(f, gzip);
        snprintf(path, sizeof path, "%s/" TRAIN "%s", f->dir, gzip ? ".gz" : "");
        CU_ASSERT_EQUAL_FATAL(dt_idx_open(path, IMAGES, &file, NULL), DT_OK);
        close(file.fd);
        file.fd = open(f->dir, O_RDONLY);
        f->error = (dt_error){0};
        CU_ASSERT_EQUAL(dt_idx_read(&file, 0, 1, f->images, &f->error), DT_ERR_IO);
        check_error(f, __LINE__, DT_ERR_IO, TRAIN, "cannot read at byte", "Is a directory", NULL);
        dt_idx_close(&file);
        CU_ASSERT_EQUAL(file.fd, -1);
    }
    end(f);
}

static void test_no_memory(void)
{
    fixture *f = begin(14);
    for (int gzip = 0; gzip < 2; gzip++) {
        save_all(f, gzip);
        int failures = 0;
        dt_status status = DT_ERR_INTERNAL;
        while (status == DT_ERR_INTERNAL && failures < 200) {
            dt_memory_fail_at(failures + 1);
            status = open_and_read(f);
            dt_memory_fail_at(0);
            CU_ASSERT_EQUAL(f->error.status, status);
            failures += status == DT_ERR_INTERNAL;
        }
        CU_ASSERT_EQUAL(status, DT_OK);
        CU_ASSERT(failures >= (gzip ? 6 + 8 : 6));
    }
    end(f);
}

static int free_descriptor(void)
{
    int fd = open("/", O_RDONLY);
    close(fd);
    return fd;
}

/* Every bit of a raw file: of the header found at open, of a label allowed or found, of a pixel
 * read as it is. */
static void flip_raw(fixture *f, int part, int kind)
{
    blob *file = &f->files[part][kind];
    for (size_t bit = 0; bit < 8 * file->size; bit++) {
        uint8_t *byte = file->bytes + bit / 8;
        *byte ^= (uint8_t)(1 << bit % 8);
        save(f, part, kind, false);
        bool is_signed = kind == LABELS && bit == 16; /* bytes, which the labels fit into too */
        bool whole = bit / 8 >= headers[kind] || is_signed;
        bool good = whole && (kind == IMAGES || *byte < 10);
        CU_ASSERT_EQUAL(open_and_read(f), good ? DT_OK : DT_ERR_DATA);
        CU_ASSERT((f->source != NULL) == whole);
        CU_ASSERT(!good || reads_all(f));
        *byte ^= (uint8_t)(1 << bit % 8);
    }
}

static void flip_packed(fixture *f, int part, int kind)
{
    blob packed = *pack(f, &f->files[part][kind]);
    for (size_t bit = 0; bit < 8 * packed.size; bit++) {
        uint8_t *byte = packed.bytes + bit / 8;
        *byte ^= (uint8_t)(1 << bit % 8);
        write_file(f, names[part][kind], ".gz", packed.bytes, packed.size);
        dt_status status = open_and_read(f);
        CU_ASSERT(status == DT_ERR_DATA || (status == DT_OK && reads_all(f)));
        *byte ^= (uint8_t)(1 << bit % 8);
    }
}

static void test_flips(void)
{
    fixture *f = begin(15);
    int descriptor = free_descriptor();
    fill(f, 2, 3, 3, 2);
    for (int gzip = 0; gzip < 2; gzip++) {
        save_all(f, gzip);
        for (int n = 0; n < FILES; n++) {
            int part = n / KINDS, kind = n % KINDS;
            (gzip ? flip_packed : flip_raw)(f, part, kind);
            save(f, part, kind, gzip);
        }
    }
    dt_source_close(f->source);
    f->source = NULL;
    CU_ASSERT_EQUAL(free_descriptor(), descriptor);
    end(f);
}

static void test_cuts(void)
{
    fixture *f = begin(16);
    int descriptor = free_descriptor();
    fill(f, 2, 3, 3, 2);
    for (int gzip = 0; gzip < 2; gzip++) {
        save_all(f, gzip);
        for (int n = 0; n < FILES; n++) {
            int part = n / KINDS, kind = n % KINDS;
            blob file = gzip ? *pack(f, &f->files[part][kind]) : f->files[part][kind];
            for (size_t size = 0; size < file.size; size++) {
                write_file(f, names[part][kind], gzip ? ".gz" : "", file.bytes, size);
                CU_ASSERT_EQUAL(open_and_read(f), DT_ERR_DATA);
                check_error(f, __LINE__, DT_ERR_DATA, names[part][kind], NULL);
            }
            save(f, part, kind, gzip);
            CU_ASSERT_EQUAL(open_and_read(f), DT_OK);
        }
    }
    dt_source_close(f->source);
    f->source = NULL;
    CU_ASSERT_EQUAL(free_descriptor(), descriptor);
    end(f);
}

CU_SuiteInfo dt_suite_idx(void)
{
    static CU_TestInfo tests[] = {
        {"what was written is read", test_round_trip},
        {"any ranges together are the whole", test_ranges},
        {"raw is preferred to .gz", test_raw_is_preferred},
        {"truncated and over-long", test_sizes},
        {"labels out of range", test_labels},
        {"damaged gzip", test_damaged_gzip},
        {"read errors, a file that shrinks", test_input_output},
        {"every allocation may fail", test_no_memory},
        {"every flipped bit is found or harmless", test_flips},
        {"every cut is found", test_cuts},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "idx", .pTests = tests};
}
