#include "base/suggest.h"

#include <CUnit/CUnit.h>
#include <stdint.h>
#include <string.h>

#include "base/random.h"

CU_SuiteInfo dt_suite_suggest(void);

static uint32_t random_to(dt_random_sequence *from, uint32_t bound)
{
    uint32_t high = dt_random_next(from);
    return dt_below(high, dt_random_next(from), bound);
}

/* The definition, without a table. */
static size_t slow_distance(const char *a, size_t i, const char *b, size_t j)
{
    if (i == 0 || j == 0)
        return i + j;
    size_t best = slow_distance(a, i - 1, b, j - 1) + (a[i - 1] != b[j - 1]);
    size_t other = slow_distance(a, i - 1, b, j) + 1;
    best = other < best ? other : best;
    other = slow_distance(a, i, b, j - 1) + 1;
    best = other < best ? other : best;
    if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        other = slow_distance(a, i - 2, b, j - 2) + 1;
        best = other < best ? other : best;
    }
    return best;
}

static void edit_distance_is_its_definition(void)
{
    dt_random_sequence from =
        dt_random_sequence_of((dt_random_key){.seed = 1, .stream = DT_STREAM_TEST});
    for (int round = 0; round < 200; round++) {
        char words[2][7] = {"", ""};
        for (int w = 0; w < 2; w++)
            for (uint32_t length = random_to(&from, 7); length > 0; length--)
                words[w][length - 1] = (char)('a' + random_to(&from, 3));
        size_t lengths[2] = {strnlen(words[0], 6), strnlen(words[1], 6)};
        words[0][lengths[0]] = words[1][lengths[1]] = '\0';
        size_t expected = slow_distance(words[0], lengths[0], words[1], lengths[1]);
        CU_ASSERT_EQUAL(dt_edit_distance(words[0], words[1]), expected);
        CU_ASSERT_EQUAL(dt_edit_distance(words[1], words[0]), expected);
    }
    char longest[DT_SUGGEST_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[DT_SUGGEST_MAX + 1] = '\0';
    CU_ASSERT_EQUAL(dt_edit_distance(longest, "x"), SIZE_MAX);
    CU_ASSERT_EQUAL(dt_edit_distance("x", longest), SIZE_MAX);
    longest[DT_SUGGEST_MAX] = '\0';
    CU_ASSERT_EQUAL(dt_edit_distance(longest, ""), DT_SUGGEST_MAX);
    CU_ASSERT_EQUAL(dt_edit_distance("a-b_c", "a_b-c"), 0);
}

static const char *nearest(const char *typed, const char *const *words)
{
    dt_suggestion search = {.typed = typed};
    for (; *words; words++)
        dt_suggest_offer(&search, *words);
    return search.word;
}

static void the_nearest_word_within_reach_is_suggested(void)
{
    static const char *const words[] = {"sgd", "adam", "adamw", "momentum", NULL};
    CU_ASSERT_STRING_EQUAL(nearest("adma", words), "adam");
    CU_ASSERT_STRING_EQUAL(nearest("adamv", words), "adam");
    CU_ASSERT_STRING_EQUAL(nearest("adamvw", words), "adamw");
    CU_ASSERT_STRING_EQUAL(nearest("xxxentum", words), "momentum");
    CU_ASSERT_STRING_EQUAL(nearest("ADAMW", words), "adamw");
    CU_ASSERT_PTR_NULL(nearest("xxxxntum", words));
    CU_ASSERT_PTR_NULL(nearest("sxx", words));
    CU_ASSERT_PTR_NULL(nearest("", words));
}

static CU_TestInfo tests[] = {
    {"the edit distance is its definition",        edit_distance_is_its_definition           },
    {"the nearest word within reach is suggested", the_nearest_word_within_reach_is_suggested},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_suggest(void)
{
    return (CU_SuiteInfo){.pName = "suggest", .pTests = tests};
}
