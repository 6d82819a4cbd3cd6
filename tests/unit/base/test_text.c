#include "base/text.h"

#include <CUnit/CUnit.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

CU_SuiteInfo dt_suite_text(void);

static void a_text_is_cut_at_its_size_and_counted_whole(void)
{
    static const char whole[] = "one, 2, three";
    for (size_t size = 0; size <= sizeof whole + 1; size++) {
        char buffer[sizeof whole + 2];
        memset(buffer, '#', sizeof buffer);
        dt_text text = {.text = buffer, .size = size};
        dt_text_add(&text, "%s, ", "one");
        dt_text_add(&text, "%d", 2);
        dt_text_add(&text, "%s", "");
        dt_text_add(&text, ", %s", "three");
        CU_ASSERT_EQUAL(text.length, sizeof whole - 1);
        size_t kept = size < sizeof whole ? size : sizeof whole;
        if (kept > 0) {
            CU_ASSERT_EQUAL(memcmp(buffer, whole, kept - 1), 0);
            CU_ASSERT_EQUAL(buffer[kept - 1], 0);
        }
        CU_ASSERT_EQUAL(buffer[kept], '#');
    }
    dt_text nowhere = {.text = NULL};
    dt_text_add(&nowhere, "%d", 123);
    CU_ASSERT_EQUAL(nowhere.length, 3);
}

static void a_real_is_as_short_as_comes_back(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},
                 {100, "100"},
                 {-2.5e-7, "-2.5e-07"},
                 {1.0 / 3, "0.3333333333333333"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {5e-324, "4.94065645841247e-324"},
                 {-0.0, "-0"},
                 {(double)INFINITY, "inf"},
                 {(double)NAN, "nan"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char buffer[40] = "";
        dt_text text = {.text = buffer, .size = sizeof buffer};
        dt_text_add_real(&text, cases[i].value);
        CU_ASSERT_STRING_EQUAL(buffer, cases[i].text);
        CU_ASSERT_EQUAL(text.length, strlen(buffer));
    }
}

static void names_are_told_as_people_do(void)
{
    static const char *const names[] = {"a", "b", "c", NULL};
    static const char *const expected[] = {"a, b or c", "b or c", "c"};
    for (int i = 0; i < 3; i++) {
        char buffer[20];
        dt_text text = {.text = buffer, .size = sizeof buffer};
        dt_text_add_names(&text, names + i);
        CU_ASSERT_STRING_EQUAL(buffer, expected[i]);
    }
}

/* Whichever allocation fails: either all of the text is there, or it is said. */
static void a_text_that_grows_is_whole_or_says_that_it_is_not(void)
{
    int whole = 0, cut = 0;
    for (long failing = 0; failing < 20; failing++) {
        dt_text text = {.grows = true};
        dt_error error = {0};
        dt_memory_fail_at(failing);
        for (int i = 1000; i < 2000; i++)
            dt_text_add(&text, "%d,%s", i, "");
        dt_memory_fail_at(0);
        CU_ASSERT_EQUAL(text.length, 5000);
        if (dt_text_status(&text, &error)) {
            CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
            cut++;
        } else {
            CU_ASSERT_EQUAL(strlen(text.text), 5000);
            CU_ASSERT_STRING_EQUAL(text.text + 4990, "1998,1999,");
            whole++;
        }
        dt_free(text.text);
    }
    CU_ASSERT_TRUE(whole > 1 && cut > 5);
    dt_text empty = {.grows = true};
    dt_text_add(&empty, "%s", "");
    CU_ASSERT_EQUAL(dt_text_status(&empty, NULL), DT_OK);
    CU_ASSERT_STRING_EQUAL(empty.text, "");
    dt_free(empty.text);
}

static void a_list_is_shown_in_part(void)
{
    static const char *const names[] = {"antlion", "bee", "wasp", "moth"};
    static const char *const expected[] = {"", "of ant", "of ant, bee", "of ant, bee and 1 more",
                                           "of ant, bee and 2 more"};
    for (int count = 0; count <= 4; count++) {
        char buffer[40] = "";
        dt_text text = {.text = buffer, .size = sizeof buffer};
        dt_text_list list = {.most = 2, .before = "of "};
        for (int i = 0; i < count; i++)
            dt_text_add_listed(&text, &list, 3, names[i]);
        dt_text_end_list(&text, &list);
        CU_ASSERT_STRING_EQUAL(buffer, expected[count]);
    }
    for (int size = 37; size < 40; size++) {
        char buffer[40] = "";
        dt_text text = {.text = buffer, .size = (size_t)size};
        dt_text_list list = {.most = 4};
        for (int i = 0; i < 4; i++)
            dt_text_add_listed(&text, &list, 9, names[i]);
        dt_text_end_list(&text, &list);
        CU_ASSERT_STRING_EQUAL(buffer, size < 39 ? "antlion, bee and 2 more"
                                                 : "antlion, bee, wasp and 1 more");
    }
}

static void a_word_is_found_whole(void)
{
    static const char words[] = " beta1  beta2 epsilon";
    CU_ASSERT(dt_has_word(words, "beta1"));
    CU_ASSERT(dt_has_word(words, "beta2"));
    CU_ASSERT(dt_has_word(words, "epsilon"));
    CU_ASSERT_FALSE(dt_has_word(words, "beta"));
    CU_ASSERT_FALSE(dt_has_word(words, "eta1"));
    CU_ASSERT_FALSE(dt_has_word(words, "epsilons"));
    CU_ASSERT_FALSE(dt_has_word("", "beta1"));
}

static const char *nth_list(int i)
{
    static const char *const lists[] = {"a b", "", "b c", NULL};
    return lists[i];
}

static void a_word_is_found_elsewhere(void)
{
    CU_ASSERT(dt_has_word_elsewhere("a b", "c", nth_list));
    CU_ASSERT(dt_has_word_elsewhere("", "a", nth_list));
    CU_ASSERT_FALSE(dt_has_word_elsewhere("a b", "b", nth_list));
    CU_ASSERT_FALSE(dt_has_word_elsewhere("a b", "d", nth_list));
}

static CU_TestInfo tests[] = {
    {"a text that grows is whole or says that it is not",
     a_text_that_grows_is_whole_or_says_that_it_is_not},
    {"a word is found whole", a_word_is_found_whole},
    {"a word is found elsewhere", a_word_is_found_elsewhere},
    {"names are told as people do", names_are_told_as_people_do},
    {"a list is shown in part", a_list_is_shown_in_part},
    {"a text is cut at its size and counted whole", a_text_is_cut_at_its_size_and_counted_whole},
    {"a real is as short as comes back", a_real_is_as_short_as_comes_back},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_text(void)
{
    return (CU_SuiteInfo){.pName = "text", .pTests = tests};
}
