#include "base/visible.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "draw.h"
#include "file/json.h"

CU_SuiteInfo dt_suite_visible(void);

static bool shows(const char *text, const char *expected)
{
    char shown[256];
    return dt_visible(text, shown, sizeof shown) == strlen(expected) &&
           strcmp(shown, expected) == 0;
}

static void what_deceives_is_written_out(void)
{
    CU_ASSERT_TRUE(shows("", ""));
    CU_ASSERT_TRUE(shows("\x1b[31mred\x07\x7f", "\\x1b[31mred\\x07\\x7f"));
    CU_ASSERT_TRUE(shows("a\nb\rc\td", "a\\nb\\rc\\td"));
    CU_ASSERT_TRUE(shows("\xc2\x9b"
                         "2m",
                         "\\u009b2m"));
    CU_ASSERT_TRUE(shows("exe.\xe2\x80\xaegpj", "exe.\\u202egpj"));
    CU_ASSERT_TRUE(shows("\xf3\xa0\x81\x81", "\\U000e0041"));
    CU_ASSERT_TRUE(shows("\x9b\xff\xc2", "\\x9b\\xff\\xc2"));
    CU_ASSERT_TRUE(shows("\xed\xa0\x80\xc0\xbc", "\\xed\\xa0\\x80\\xc0\\xbc"));
    CU_ASSERT_TRUE(shows("C:\\new", "C:\\new"));
    static const char plain[] = "Zürich, Ωμέγα, 東京, עברית, می\u200cخواهم, 👩\u200d🔬 ❤\ufe0f";
    CU_ASSERT_TRUE(shows(plain, plain));
}

/* The classes of Unicode that are not plain, said another way than in the program. */
static bool is_hidden(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           point == 0x180e || point == 0x200b || point == 0x200e || point == 0x200f ||
           (point >> 1 == 0x2028 >> 1) || (point >= 0x202a && point <= 0x202e) ||
           point >> 4 == 0x206 || point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) ||
           (point >= 0x1d173 && point <= 0x1d17a) || point >> 7 == 0xe0000 >> 7 ||
           (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xffff) >= 0xfffe;
}

static void each_code_point_is_shown_or_written_out(void)
{
    for (uint32_t point = 1; point <= 0x10ffff; point++) {
        char text[5] = "", shown[64], again[64];
        if (!dt_utf8_is_point(point))
            continue;
        dt_utf8_put(point, text);
        size_t length = dt_visible(text, shown, sizeof shown);
        bool wrong = length >= DT_VISIBLE_MOST || length != strlen(shown);
        if (is_hidden(point)) {
            for (const char *c = shown; *c; c++)
                wrong |= *c < ' ' || *c > '~';
            wrong |= shown[0] != '\\';
            wrong |= strchr("xuU", shown[1]) && strtoul(shown + 2, NULL, 16) != point;
        } else {
            wrong |= strcmp(shown, text) != 0;
        }
        wrong |= dt_visible(shown, again, sizeof again) != length || strcmp(shown, again) != 0;
        if (wrong)
            CU_FAIL_FATAL("a code point is not shown as it must be");
    }
    CU_PASS("all of them");
}

/* Whatever the bytes: what is shown holds plain characters alone, has at most four bytes a byte,
 * and is cut between characters. */
static void any_bytes_are_shown(void)
{
    for (uint32_t round = 0; round < 2000; round++) {
        dt_random_sequence random = draw_begin(round);
        char text[41] = "", shown[161], cut[161];
        int length = draw_int(&random, 0, 40);
        for (int i = 0; i < length; i++)
            text[i] = (char)(draw_int(&random, 0, 1) ? draw_int(&random, 1, 255)
                                                     : draw_int(&random, 0x80, 0xe3));
        size_t whole = dt_visible(text, shown, sizeof shown);
        CU_ASSERT_TRUE_FATAL(whole <= 4 * strlen(text) && whole == strlen(shown));
        for (const char *at = shown; *at;) {
            CU_ASSERT_TRUE_FATAL(dt_utf8_length((const unsigned char *)at) > 0);
            CU_ASSERT_TRUE_FATAL(dt_visible_plain(dt_utf8_next(&at)));
        }
        size_t size = (size_t)draw_int(&random, 1, 160);
        memset(cut, '#', sizeof cut);
        CU_ASSERT_EQUAL(dt_visible(text, cut, size), whole);
        size_t kept = strlen(cut);
        CU_ASSERT_TRUE(kept < size && strncmp(cut, shown, kept) == 0);
        CU_ASSERT_TRUE(kept == whole || kept + DT_VISIBLE_MOST > size);
        CU_ASSERT_TRUE(shown[kept] == 0 || ((unsigned char)shown[kept] & 0xc0) != 0x80);
        CU_ASSERT_EQUAL(cut[size], '#');
    }
    CU_ASSERT_EQUAL(dt_visible("\x1b[", NULL, 0), 5);
}

static void printing_keeps_the_line_ends_of_the_format_alone(void)
{
    char *bytes = NULL;
    size_t size;
    static char large[3 * DT_VISIBLE_ROOM];
    memset(large, 0x1b, sizeof large - 1);
    FILE *to = open_memstream(&bytes, &size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    dt_print(to, "%s %d\n\n", "a\nb\n", 3);
    dt_print(to, "%s", "\x1b\n");
    dt_print(to, "\n");
    dt_print(to, "%s\n", large);
    fclose(to);
    static const char begin[] = "a\\nb\\n 3\n\n\\x1b\\n\n\\x1b";
    CU_ASSERT_EQUAL(strncmp(bytes, begin, sizeof begin - 1), 0);
    CU_ASSERT_EQUAL(size, sizeof begin - 1 - 4 + 4 * (sizeof large - 1) + 1);
    CU_ASSERT_EQUAL(bytes[size - 1], '\n');
    free(bytes);
}

static void without_memory_a_text_is_cut(void)
{
    char *bytes = NULL;
    size_t size;
    static char large[3 * DT_VISIBLE_ROOM];
    memset(large, 'x', sizeof large - 1);
    for (int n = 1; n <= 2; n++) {
        FILE *to = open_memstream(&bytes, &size);
        CU_ASSERT_PTR_NOT_NULL_FATAL(to);
        dt_memory_fail_at(n);
        dt_print(to, "%s\n", large);
        dt_memory_fail_at(0);
        fclose(to);
        CU_ASSERT_TRUE(size > DT_VISIBLE_ROOM / 2 && size <= DT_VISIBLE_ROOM);
        CU_ASSERT_EQUAL(bytes[size - 1], '\n');
        free(bytes);
        bytes = NULL;
    }
}

static void messages_are_shown(void)
{
    dt_error error;
    dt_fail(&error, DT_ERR_DATA, "found '%s'", "\xe2\x80\xae\x1b[2J\n");
    CU_ASSERT_STRING_EQUAL(error.message, "found '\\u202e\\x1b[2J\\n'");
    dt_fail_in(&error, "%s", "a\x9b");
    CU_ASSERT_STRING_EQUAL(error.message, "a\\x9b: found '\\u202e\\x1b[2J\\n'");
    for (size_t length = sizeof error.message - 8; length < sizeof error.message + 2; length++) {
        char text[sizeof error.message + 16] = "";
        memset(text, 'x', length);
        memcpy(text + length, "\xe2\x82\xac", 4);
        dt_fail(&error, DT_ERR_DATA, "%s", text);
        CU_ASSERT_EQUAL(strcspn(error.message, "\\"), strlen(error.message));
    }
}

static void json_says_it_in_its_own_way(void)
{
    char buffer[128];
    dt_text text = {.text = buffer, .size = sizeof buffer};
    dt_json_add_text(&text, "\"\\\n\x1b\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81\xffü🙂");
    CU_ASSERT_STRING_EQUAL(buffer,
                           "\"\\\"\\\\\\u000a\\u001b\\u009b\\u202e\\udb40\\udc41\\ufffdü🙂\"");
}

CU_SuiteInfo dt_suite_visible(void)
{
    static CU_TestInfo tests[] = {{"what deceives is written out", what_deceives_is_written_out},
                                  {"each code point", each_code_point_is_shown_or_written_out},
                                  {"any bytes", any_bytes_are_shown},
                                  {"printing keeps the line ends of the format",
                                   printing_keeps_the_line_ends_of_the_format_alone},
                                  {"without memory a text is cut", without_memory_a_text_is_cut},
                                  {"messages", messages_are_shown},
                                  {"JSON", json_says_it_in_its_own_way},
                                  CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "visible", .pTests = tests};
}
