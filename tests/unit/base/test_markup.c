#include "base/markup.h"

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/visible.h"
#include "draw.h"

CU_SuiteInfo dt_suite_markup(void);

static bool text_becomes(const char *text, const char *expected)
{
    dt_markup markup = {0};
    dt_markup_text(&markup, text);
    bool same = strcmp(markup.text ? markup.text : "", expected) == 0;
    dt_markup_destroy(&markup);
    return same;
}

static void texts_become_references(void)
{
    CU_ASSERT_TRUE(text_becomes("", ""));
    CU_ASSERT_TRUE(text_becomes("a run", "a run"));
    CU_ASSERT_TRUE(text_becomes("<script>alert('x' && \"y\")</script>",
                                "&lt;script&gt;alert(&#39;x&#39; &amp;&amp; &quot;y&quot;)"
                                "&lt;/script&gt;"));
    CU_ASSERT_TRUE(text_becomes("&lt;", "&amp;lt;"));
}

static void what_deceives_is_written_out(void)
{
    CU_ASSERT_TRUE(
        text_becomes("Zürich → 東京 \xf0\x9f\x99\x82", "Zürich → 東京 \xf0\x9f\x99\x82"));
    CU_ASSERT_TRUE(text_becomes("a\tb\n", "a\tb\n"));
    CU_ASSERT_TRUE(text_becomes("\x01\x1b[31m\x7f", "\\x01\\x1b[31m\\x7f"));
    CU_ASSERT_TRUE(text_becomes("caf\xe9", "caf\\xe9"));
    CU_ASSERT_TRUE(text_becomes("\xc0\xbc", "\\xc0\\xbc"));          /* < in two bytes */
    CU_ASSERT_TRUE(text_becomes("\xed\xa0\x80", "\\xed\\xa0\\x80")); /* a surrogate */
    CU_ASSERT_TRUE(text_becomes("\xef\xbf\xbf", "\\uffff"));
    CU_ASSERT_TRUE(text_becomes("\xc2\x85", "\\u0085")); /* a control character */
    CU_ASSERT_TRUE(text_becomes("<\xe2\x80\xae", "&lt;\\u202e"));
    CU_ASSERT_TRUE(text_becomes("a\rb", "a\\rb"));
}

/* Whatever the bytes: no mark of markup is left, and what was there comes back. */
static void no_text_leaves_its_place(void)
{
    for (uint32_t round = 0; round < 300; round++) {
        dt_random_sequence random = draw_begin(round);
        char text[64] = "", back[64 * 4];
        int length = draw_int(&random, 0, 60);
        for (int i = 0; i < length; i++)
            text[i] = (char)(draw_int(&random, 0, 3) ? draw_int(&random, 32, 126)
                                                     : draw_int(&random, 1, 255));
        dt_markup markup = {0};
        dt_markup_text(&markup, text);
        const char *at = markup.text ? markup.text : "";
        CU_ASSERT_EQUAL(strcspn(at, "<>\"'"), strlen(at));
        size_t count = 0;
        static const char *const references[][2] = {
            {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}};
        while (*at) {
            const char *mark = NULL;
            for (size_t i = 0; *at == '&' && i < sizeof references / sizeof *references; i++)
                if (strncmp(at, references[i][0], strlen(references[i][0])) == 0) {
                    mark = references[i][1];
                    at += strlen(references[i][0]);
                    break;
                }
            CU_ASSERT_TRUE(mark || *at != '&');
            back[count++] = mark ? *mark : *at++;
        }
        back[count] = '\0';
        char shown[64 * 4]; /* no tab and no line end is drawn but by chance */
        dt_visible(text, shown, sizeof shown);
        if (!strpbrk(text, "\t\n"))
            CU_ASSERT_STRING_EQUAL(back, shown);
        dt_markup_destroy(&markup);
    }
}

/* source: RFC 4648, section 10. */
static void base64_is_that_of_the_rfc(void)
{
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        dt_markup markup = {0};
        dt_markup_base64(&markup, vectors[i][0], strlen(vectors[i][0]));
        CU_ASSERT_STRING_EQUAL(markup.text ? markup.text : "", vectors[i][1]);
        dt_markup_destroy(&markup);
    }
}

static void pixels_have_no_more_digits_than_they_need(void)
{
    static const double values[] = {0, 1, -0.001, 12.5, 12.346, 100, -3.1};
    dt_markup markup = {0};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        dt_markup_add(&markup, "%s", DT_PIXEL(values[i]));
        dt_markup_add(&markup, " ");
    }
    CU_ASSERT_STRING_EQUAL(markup.text, "0 1 0 12.5 12.35 100 -3.1 ");
    dt_markup_destroy(&markup);
}

static void much_text_is_kept(void)
{
    dt_markup markup = {0};
    dt_error error = {0};
    for (int i = 0; i < 20000; i++)
        dt_markup_add(&markup, "%05d", i);
    CU_ASSERT_EQUAL(markup.length, 100000);
    CU_ASSERT_EQUAL(strlen(markup.text), 100000);
    CU_ASSERT_EQUAL(strncmp(markup.text + 5 * 12345, "12345", 5), 0);
    CU_ASSERT_EQUAL(dt_markup_status(&markup, &error), DT_OK);
    dt_markup_destroy(&markup);
    dt_markup_destroy(&markup);
}

static void a_lack_of_memory_is_noted(void)
{
    dt_markup markup = {0};
    dt_error error = {0};
    dt_markup_add(&markup, "first");
    dt_memory_fail_at(1);
    for (int i = 0; i < 5000; i++)
        dt_markup_add(&markup, "%d", i % 10);
    dt_memory_fail_at(0);
    dt_markup_text(&markup, "behind");
    CU_ASSERT_EQUAL(dt_markup_status(&markup, &error), DT_ERR_INTERNAL);
    CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NULL(strstr(markup.text, "behind"));
    dt_markup_destroy(&markup);
}

static CU_TestInfo tests[] = {
    {"texts become references", texts_become_references},
    {"characters that XML does not have are replaced", what_deceives_is_written_out},
    {"no text leaves its place", no_text_leaves_its_place},
    {"base64 is that of the RFC", base64_is_that_of_the_rfc},
    {"pixels have no more digits than they need", pixels_have_no_more_digits_than_they_need},
    {"much text is kept", much_text_is_kept},
    {"a lack of memory is noted", a_lack_of_memory_is_noted},
    CU_TEST_INFO_NULL,
};

CU_SuiteInfo dt_suite_markup(void)
{
    return (CU_SuiteInfo){.pName = "markup", .pTests = tests};
}
