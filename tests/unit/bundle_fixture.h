/* Bundles for tests: drawn at random, compared, damaged. */
#ifndef DT_TESTS_BUNDLE_FIXTURE_H
#define DT_TESTS_BUNDLE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/CUnit.h>

#include "base/memory.h"
#include "draw.h"
#include "file/bundle.h"

/* Damaged files to try in each test; FUZZ in the environment says how many more. */
static inline uint32_t fuzz_count(void)
{
    const char *wish = getenv("FUZZ");
    return wish ? (uint32_t)atol(wish) : 3000;
}

/* plain: without control characters. */
static inline void draw_text(dt_random_sequence *random, bool plain, char *text, size_t size)
{
    static const char *const parts[] = {"a",  "Z9", "\"",       "\\",           "/",
                                        "%s", "'",  "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x94\xa2",
                                        "\n", "\t", "\x01",     "\x7f"};
    int last = (int)(sizeof parts / sizeof *parts) - 1 - (plain ? 4 : 0);
    int count = draw_int(random, 0, 12);
    text[0] = '\0';
    for (int i = 0; i < count && strlen(text) + 5 < size; i++)
        strcat(text, parts[draw_int(random, 0, last)]);
}

/* The caller ends it: dt_bundle_destroy. */
static inline dt_bundle draw_bundle(dt_random_sequence *random)
{
    dt_bundle bundle = {0};
    int arrays = draw_int(random, 0, 6), texts = draw_int(random, 0, 4);
    char text[60], name[80];
    for (int i = 0; i < arrays; i++) {
        int64_t shape[DT_RANK_MAX];
        int rank = draw_int(random, 0, DT_RANK_MAX);
        float *values;
        for (int j = 0; j < rank; j++)
            shape[j] = draw_int(random, 1, 5);
        draw_text(random, true, text, sizeof text);
        snprintf(name, sizeof name, "%d%s", i, text);
        CU_ASSERT_EQUAL_FATAL(dt_bundle_add(&bundle, name, rank, shape, &values, NULL), DT_OK);
        for (size_t j = 0; j < dt_array_count(&bundle.arrays[i]); j++)
            values[j] = (float)draw_int(random, -1000, 1000) / 16;
    }
    for (int i = 0; i < texts; i++) {
        draw_text(random, true, text, sizeof text);
        snprintf(name, sizeof name, "%s%d.text", text, i);
        draw_text(random, false, text, sizeof text);
        CU_ASSERT_EQUAL_FATAL(dt_bundle_add_text(&bundle, name, text, NULL), DT_OK);
    }
    return bundle;
}

static inline int same_bundle(const dt_bundle *a, const dt_bundle *b)
{
    if (a->array_count != b->array_count || a->text_count != b->text_count)
        return 0;
    for (size_t i = 0; i < a->array_count; i++) {
        const dt_array *x = &a->arrays[i], *y = &b->arrays[i];
        if (strcmp(x->name, y->name) != 0 || x->rank != y->rank ||
            memcmp(x->shape, y->shape, sizeof x->shape) != 0 ||
            memcmp(x->values, y->values, dt_array_count(x) * sizeof(float)) != 0)
            return 0;
    }
    for (size_t i = 0; i < a->text_count; i++)
        if (strcmp(a->texts[i].name, b->texts[i].name) != 0 ||
            strcmp(a->texts[i].text, b->texts[i].text) != 0)
            return 0;
    return 1;
}

/* One to four edits of bytes[0 .. *size), of which the last may cut it. */
static inline void mutate(dt_random_sequence *random, uint8_t *bytes, size_t *size)
{
    static const char *const words[] = {
        "{",   "}",   "[", "]",        "\"",     ",",      ":",
        "-1",  "0",   "9", "99999999", "NaN",    "null",   "true",
        "1e9", "F16", "'", "<U9",      "PK\1\2", "PK\3\4", "\xff\xff\xff\xff",
        "(",   ")",   " "};
    for (int edits = draw_int(random, 1, 4); edits > 0; edits--) {
        /* Headers are where the decisions are. */
        size_t reach = draw_int(random, 0, 1) && *size > 200 ? 200 : *size;
        size_t at = (size_t)draw_int(random, 0, (int)reach - 1), room = *size - at;
        const char *word = words[draw_int(random, 0, sizeof words / sizeof *words - 1)];
        int way = draw_int(random, 0, 4);
        if (way == 0)
            memcpy(bytes + at, word, strlen(word) < room ? strlen(word) : room);
        else if (way > 1)
            draw_damage(random, bytes, reach);
        else if (edits == 1 && draw_int(random, 0, 3) == 0)
            *size = at;
    }
}

typedef dt_status decode_bundle(const void *bytes, size_t size, dt_bundle *out, dt_error *error);

/* Whether a damaged copy of the bytes is refused, and in one line; else it can be read. */
static inline bool refuses_damaged(const void *bytes, size_t size, dt_random_sequence *random,
                                   decode_bundle *decode)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, bytes, size);
    mutate(random, copy, &size);
    copy = realloc(copy, size + 1);
    dt_bundle out = {0};
    dt_error error = {0};
    dt_status status = decode(copy, size, &out, &error);
    CU_ASSERT_TRUE(status == DT_OK || (status == DT_ERR_DATA && error.message[0] != '\0'));
    CU_ASSERT_PTR_NULL(strchr(error.message, '\n'));
    dt_bundle_destroy(&out);
    free(copy);
    return status != DT_OK;
}

#endif
