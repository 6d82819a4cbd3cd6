#include "data/gunzip.h"

#include <fcntl.h>
#include <isa-l.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"
#include "base/random.h"

CU_SuiteInfo dt_suite_gunzip(void);

#define PLAIN_MAX  400000
#define PACKED_MAX 500000
#define CHUNK      65536 /* the reader's buffer: its edges are worth a test */

typedef struct fixture {
    int fd;
    size_t plain_size, packed_size;
    dt_random_sequence random;
    uint8_t plain[PLAIN_MAX], packed[PACKED_MAX], out[PLAIN_MAX];
} fixture;

static fixture *begin(uint32_t sample)
{
    fixture *f = dt_calloc(1, sizeof *f, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    char path[] = "/tmp/dt-gunzip-XXXXXX";
    f->fd = mkstemp(path);
    CU_ASSERT_FATAL(f->fd >= 0);
    unlink(path);
    f->random = dt_random_sequence_of((dt_random_key){.stream = DT_STREAM_TEST, .sample = sample});
    return f;
}

static void end(fixture *f)
{
    close(f->fd);
    dt_free(f);
}

static uint32_t draw(fixture *f, uint32_t bound)
{
    uint32_t high = dt_random_next(&f->random);
    return dt_below(high, dt_random_next(&f->random), bound);
}

static void put(fixture *f, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        f->packed[f->packed_size++] = (uint8_t)(value >> 8 * i);
}

/* RFC 1952, with all that may be in a header. */
static void put_header(fixture *f, bool full)
{
    size_t first = f->packed_size;
    put(f, 0x00088b1f | (full ? 0x1e000000 : 0), 4);
    put(f, 0, 4);
    put(f, 0xff00, 2);
    if (!full)
        return;
    put(f, 300, 2);
    for (int i = 0; i < 300; i++)
        put(f, draw(f, 256), 1);
    for (int i = 0; i < 200; i++)
        put(f, i == 99 || i == 199 ? 0 : 1 + draw(f, 255), 1); /* a name, a comment */
    put(f, crc32_gzip_refl(0, f->packed + first, f->packed_size - first), 2);
}

static void put_stored(fixture *f, const uint8_t *plain, size_t size)
{
    do {
        uint32_t piece = size < 65535 ? (uint32_t)size : 65535;
        put(f, piece == size, 1);
        put(f, piece | (~piece << 16), 4);
        memcpy(f->packed + f->packed_size, plain, piece);
        f->packed_size += piece;
        plain += piece;
        size -= piece;
    } while (size > 0);
}

static void put_deflated(fixture *f, uint8_t *plain, size_t size, int level)
{
    static uint8_t scratch[ISAL_DEF_LVL3_LARGE];
    struct isal_zstream *stream = dt_calloc(1, sizeof *stream, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    isal_deflate_init(stream);
    stream->level = (uint32_t)level - 1;
    stream->level_buf = scratch;
    stream->level_buf_size = sizeof scratch;
    stream->end_of_stream = 1;
    stream->next_in = plain;
    stream->avail_in = (uint32_t)size;
    stream->next_out = f->packed + f->packed_size;
    stream->avail_out = (uint32_t)(PACKED_MAX - f->packed_size);
    CU_ASSERT_EQUAL_FATAL(isal_deflate(stream), COMP_OK);
    CU_ASSERT_EQUAL_FATAL(stream->internal_state.state, ZSTATE_END);
    f->packed_size += stream->total_out;
    dt_free(stream);
}

/* Appends a member to plain and packed; level 0 stores, and its packed size can be foreseen;
 * 1 to 4 pack better and better. */
static void add_member(fixture *f, size_t size, int level)
{
    uint8_t *plain = f->plain + f->plain_size;
    for (size_t i = 0; i < size; i++)
        plain[i] = (uint8_t)draw(f, i % 64 < 32 ? 4 : 256);
    put_header(f, level == 4);
    if (level == 0)
        put_stored(f, plain, size);
    else
        put_deflated(f, plain, size, level);
    put(f, crc32_gzip_refl(0, plain, size), 4);
    put(f, (uint32_t)size, 4);
    f->plain_size += size;
}

static void save(const fixture *f, size_t size)
{
    CU_ASSERT_EQUAL_FATAL(ftruncate(f->fd, 0), 0);
    CU_ASSERT_EQUAL_FATAL(pwrite(f->fd, f->packed, size, 0), (ssize_t)size);
}

/* Unpacks all in one call, and one byte more to reach the end. */
static dt_status unpack(fixture *f, int64_t *total, dt_error *error)
{
    dt_gunzip *gunzip;
    *total = 0;
    memset(f->out, 0xee, sizeof f->out);
    dt_status status = dt_gunzip_open(f->fd, "a.gz", &gunzip, error);
    if (status == DT_OK)
        status = dt_gunzip_read(gunzip, f->out, PLAIN_MAX, total, error);
    dt_gunzip_close(gunzip);
    return status;
}

static bool unpacks_to_plain(fixture *f)
{
    int64_t total;
    dt_error error = {0};
    bool ok = unpack(f, &total, &error) == DT_OK && total == (int64_t)f->plain_size &&
              memcmp(f->out, f->plain, f->plain_size) == 0;
    if (!ok)
        printf("\n    expected %zu bytes, found %lld: %s\n", f->plain_size, (long long)total,
               error.message);
    return ok;
}

static bool fails(fixture *f, dt_status expected, const char *words)
{
    int64_t total;
    dt_error error = {0};
    dt_status status = unpack(f, &total, &error);
    bool ok = status == expected && error.status == expected && strstr(error.message, words) &&
              strncmp(error.message, "a.gz: ", 6) == 0;
    if (!ok)
        printf("\n    expected '%s', found status %d: %s\n", words, status, error.message);
    return ok;
}

static void test_members(void)
{
    fixture *f = begin(1);
    const size_t sizes[] = {0, 1, 70000, 0, 0, 131072, 5};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        add_member(f, sizes[i], (int)i % 5);
        save(f, f->packed_size);
        CU_ASSERT(unpacks_to_plain(f));
    }
    end(f);
}

static void test_any_steps(void)
{
    fixture *f = begin(2);
    add_member(f, 150000, 4);
    add_member(f, 50000, 2);
    save(f, f->packed_size);
    for (int round = 0; round < 20; round++) {
        dt_gunzip *gunzip;
        int64_t position = 0, got = 0, step = 0;
        bool same = true;
        CU_ASSERT_EQUAL_FATAL(dt_gunzip_open(f->fd, "a.gz", &gunzip, NULL), DT_OK);
        do {
            bool pass_over = draw(f, 3) == 0;
            step = draw(f, round % 2 ? 1000 : 200000);
            CU_ASSERT_EQUAL_FATAL(
                dt_gunzip_read(gunzip, pass_over ? NULL : f->out, step, &got, NULL), DT_OK);
            same = same && (pass_over || memcmp(f->out, f->plain + position, (size_t)got) == 0);
            position += got;
        } while (got == step);
        CU_ASSERT(same);
        CU_ASSERT_EQUAL(position, (int64_t)f->plain_size);
        CU_ASSERT_EQUAL(dt_gunzip_read(gunzip, f->out, 10, &got, NULL), DT_OK);
        CU_ASSERT_EQUAL(got, 0);
        dt_gunzip_close(gunzip);
    }
    end(f);
}

static void test_buffer_edges(void)
{
    fixture *f = begin(3);
    add_member(f, 64000, 0);
    size_t overhead = f->packed_size - f->plain_size;
    bool met_the_edge = false;
    for (size_t packed = CHUNK - 12; packed <= CHUNK + 12; packed++) {
        f->plain_size = f->packed_size = 0;
        add_member(f, packed - overhead, 0);
        size_t one_member = f->packed_size;
        met_the_edge = met_the_edge || one_member == CHUNK;
        save(f, one_member);
        CU_ASSERT(unpacks_to_plain(f));
        f->packed[one_member] = 2;
        save(f, one_member + 1);
        CU_ASSERT(fails(f, DT_ERR_DATA, "surplus"));
        memset(f->packed + one_member, 0, 2 * CHUNK);
        for (size_t zeros = 1; zeros < 2 * CHUNK; zeros = 2 * zeros + packed % 7) {
            save(f, one_member + zeros);
            CU_ASSERT(unpacks_to_plain(f));
            f->packed[one_member + zeros] = zeros % 2 ? 0x1f : 1;
            save(f, one_member + zeros + 1);
            CU_ASSERT(fails(f, DT_ERR_DATA, "surplus"));
            f->packed[one_member + zeros] = 0;
        }
        save(f, one_member - 1);
        CU_ASSERT(fails(f, DT_ERR_DATA, "truncated"));
        add_member(f, 100, 4);
        save(f, f->packed_size);
        CU_ASSERT(unpacks_to_plain(f));
    }
    CU_ASSERT(met_the_edge);
    end(f);
}

static void test_damage(void)
{
    fixture *f = begin(4);
    save(f, 0);
    CU_ASSERT(fails(f, DT_ERR_DATA, "after 0 bytes (truncated)"));
    add_member(f, 90000, 3);
    size_t end_of_data = f->packed_size;
    const struct {
        size_t at;
        const char *words;
    } cases[] = {
        {0, "incorrect header check"},
        {2, "unknown compression method or flags"},
        {3, "unknown compression method or flags"},
        {end_of_data - 8, "incorrect data or length check"},
        {end_of_data - 1, "incorrect data or length check"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->packed[cases[i].at] ^= 0x20;
        save(f, end_of_data);
        CU_ASSERT(fails(f, DT_ERR_DATA, cases[i].words));
        f->packed[cases[i].at] ^= 0x20;
    }
    f->packed[end_of_data] = 0x1f;
    save(f, end_of_data + 1);
    CU_ASSERT(fails(f, DT_ERR_DATA, "truncated"));
    memset(f->packed + end_of_data + 1, 'x', 9);
    save(f, end_of_data + 10);
    CU_ASSERT(fails(f, DT_ERR_DATA, "incorrect header check"));
    end(f);
}

static void test_no_damage_passes(void)
{
    fixture *f = begin(5);
    add_member(f, 700, 3);
    for (size_t bit = 0; bit < 8 * f->packed_size; bit++) {
        f->packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        save(f, f->packed_size);
        int64_t total;
        dt_error error = {0};
        dt_status status = unpack(f, &total, &error);
        bool same = total == (int64_t)f->plain_size && memcmp(f->out, f->plain, f->plain_size) == 0;
        CU_ASSERT(status == DT_ERR_DATA || (status == DT_OK && same));
        CU_ASSERT(status == DT_ERR_DATA || bit / 8 < f->packed_size - 8);
        f->packed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < f->packed_size; size++) {
        save(f, size);
        CU_ASSERT(fails(f, DT_ERR_DATA, "truncated"));
    }
    end(f);
}

static void test_read_error(void)
{
    fixture *f = begin(6);
    int file = f->fd;
    f->fd = open("/", O_RDONLY);
    CU_ASSERT(fails(f, DT_ERR_IO, "cannot read at byte 0: Is a directory"));
    close(f->fd);
    f->fd = file;
    end(f);
}

static void test_no_memory(void)
{
    fixture *f = begin(7);
    add_member(f, 100000, 1);
    save(f, f->packed_size);
    int failures = 0;
    dt_status status = DT_ERR_INTERNAL;
    while (status == DT_ERR_INTERNAL && failures < 100) {
        int64_t total;
        dt_error error = {0};
        dt_memory_fail_at(failures + 1);
        status = unpack(f, &total, &error);
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(error.status, status);
        failures += status == DT_ERR_INTERNAL;
    }
    CU_ASSERT_EQUAL(status, DT_OK);
    CU_ASSERT(failures >= 1);
    end(f);
}

CU_SuiteInfo dt_suite_gunzip(void)
{
    static CU_TestInfo tests[] = {
        {"members, empty ones too, are one stream", test_members},
        {"steps of any size read the same, and may pass over", test_any_steps},
        {"data that ends at the edge of the buffer", test_buffer_edges},
        {"damage is named", test_damage},
        {"no flipped bit and no cut changes the data", test_no_damage_passes},
        {"a read error", test_read_error},
        {"every allocation may fail", test_no_memory},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "gunzip", .pTests = tests};
}
