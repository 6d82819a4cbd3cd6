#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/visible.h"
#include "config/config.h"

/* Why not inih: as distributions build it, it takes lines of at most 199 bytes (a path, or the
 * sizes of 64 layers, can be longer), gives its handler no line numbers, says nothing of sections
 * without settings, and has no way to write a value that contains " ;". */

typedef struct ini_reader {
    const char *path;
    const char *at, *end; /* what is still to be read */
    int line_number;
    char line[DT_INI_LINE_MAX + 1];
    const char *section; /* of the table; NULL before the first */
    int *first_line;     /* [settings]: where each was given; 0: not yet */
    dt_config config;
} ini_reader;

#define FOUND_MAX 60
#define SIZE_MOST ((size_t)1 << 20) /* bytes of a file */

static const char blanks[] = " \t";
static const char comments[] = ";#";

static char *trimmed(char *text)
{
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    return text;
}

static bool nothing_left(const char *text)
{
    text += strspn(text, blanks);
    return *text == '\0' || strchr(comments, *text);
}

/* Reads a line, without its end, into in->line; *more is false at the end of the file. */
static dt_status read_line(ini_reader *in, bool *more, dt_error *error)
{
    size_t left = (size_t)(in->end - in->at);
    const char *end = memchr(in->at, '\n', left);
    size_t length = end ? (size_t)(end - in->at) : left;
    *more = left > 0;
    in->line_number += *more;
    if (length > DT_INI_LINE_MAX)
        return dt_fail(error, DT_ERR_CONFIG,
                       "expected a line of at most %d bytes, found a longer one", DT_INI_LINE_MAX);
    memcpy(in->line, in->at, length);
    in->at += length + (end != NULL);
    if (length > 0 && in->line[length - 1] == '\r')
        length--;
    in->line[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (iscntrl((unsigned char)in->line[i]) && in->line[i] != '\t')
            return dt_fail(error, DT_ERR_CONFIG,
                           "expected text, found the control character 0x%02x at byte %zu",
                           (unsigned)in->line[i] & 0xff, i + 1);
    return DT_OK;
}

static dt_status read_section(ini_reader *in, char *text, dt_error *error)
{
    char *end = strchr(text, ']');
    if (!end || !nothing_left(end + 1))
        return dt_fail(error, DT_ERR_CONFIG, "expected [SECTION] and nothing else, found '%.*s'",
                       FOUND_MAX, text);
    *end = '\0';
    const char *name = trimmed(text + 1);

    size_t count;
    const dt_setting *settings = dt_settings(&count);
    dt_suggestion search = {.typed = name};
    dt_text sections = {.text = (char[DT_TEXT_MAX]){""}, .size = DT_TEXT_MAX};
    for (size_t i = 0; i < count; i++) {
        const char *section = settings[i].section;
        if (strcmp(name, section) == 0) {
            in->section = section;
            return DT_OK;
        }
        dt_suggest_offer(&search, section);
        if (i == 0 || strcmp(section, settings[i - 1].section) != 0)
            dt_text_add(&sections, "%s[%s]", i ? " " : "", section);
    }
    return dt_fail(error, DT_ERR_CONFIG, "expected one of %s, found [%.*s]%s%s%s", sections.text,
                   FOUND_MAX, name, search.word ? "; did you mean [" : "",
                   search.word ? search.word : "", search.word ? "]?" : "");
}

/* Takes one of the escapes that write_value writes, \" \\ \xff \u202e \U000e0041, from *at to *to,
 * which is never longer; false: there is none. */
static bool read_escape(const char **at, char **to)
{
    static const char kinds[] = "xuU";
    static const int digits[] = {2, 4, 8};
    const char *text = *at, *kind = text[0] == '\\' && text[1] ? strchr(kinds, text[1]) : NULL;
    if (text[0] != '\\' || (!kind && text[1] != '"' && text[1] != '\\'))
        return false;
    if (!kind) {
        *(*to)++ = text[1];
        *at += 2;
        return true;
    }
    uint32_t value = 0;
    for (int i = 0; i < digits[kind - kinds]; i++) {
        int digit = isxdigit((unsigned char)text[2 + i]) ? tolower((unsigned char)text[2 + i]) : 0;
        if (digit == 0)
            return false;
        value = value << 4 | (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    }
    if (value == 0 || !dt_utf8_is_point(value))
        return false;
    *at += 2 + digits[kind - kinds];
    if (*kind == 'x')
        *(*to)++ = (char)value;
    else
        *to += dt_utf8_put(value, *to);
    return true;
}

/* Takes the comment and the quotes off the text behind "=", in place. */
static dt_status read_value(char *text, char **value, dt_error *error)
{
    *value = text = trimmed(text);
    if (*text != '"') {
        for (char *at = text; *at; at++)
            if (strchr(comments, *at) && (at == text || strchr(blanks, at[-1]))) {
                *at = '\0';
                break;
            }
        *value = trimmed(text);
        return DT_OK;
    }
    char *to = text;
    const char *at = text + 1;
    while (*at && *at != '"') {
        if (read_escape(&at, &to))
            continue;
        *to++ = *at++;
    }
    if (*at != '"')
        return dt_fail(error, DT_ERR_CONFIG, "expected a closing \", found none");
    if (!nothing_left(at + 1))
        return dt_fail(error, DT_ERR_CONFIG, "expected nothing behind the closing \", found '%.*s'",
                       FOUND_MAX, at + 1);
    *to = '\0';
    return DT_OK;
}

static dt_status unknown_setting(const char *name, dt_error *error)
{
    const char *near = dt_setting_suggest(name);
    if (near)
        return dt_fail(error, DT_ERR_CONFIG, "unknown setting '%.*s'; did you mean '%s'?",
                       FOUND_MAX, name, near);
    return dt_fail(error, DT_ERR_CONFIG, "unknown setting '%.*s'; --help lists the settings",
                   FOUND_MAX, name);
}

/* What may be said of a setting here, before its value is looked at. */
static dt_status check_place(const ini_reader *in, const dt_setting *setting, int first_line,
                             dt_error *error)
{
    if (!in->section)
        return dt_fail(error, DT_ERR_CONFIG, "%s: expected below [%s], found before any section",
                       setting->name, setting->section);
    if (strcmp(in->section, setting->section) != 0)
        return dt_fail(error, DT_ERR_CONFIG, "%s: expected below [%s], found below [%s]",
                       setting->name, setting->section, in->section);
    if (first_line)
        return dt_fail(error, DT_ERR_CONFIG,
                       "%s: expected once in a file, found again; the first is in line %d",
                       setting->name, first_line);
    return DT_OK;
}

static dt_status read_setting(ini_reader *in, char *text, dt_error *error)
{
    char *equals = strchr(text, '=');
    if (!equals)
        return dt_fail(error, DT_ERR_CONFIG,
                       "expected [SECTION], NAME = VALUE or a comment, found '%.*s'", FOUND_MAX,
                       text);
    *equals = '\0';
    const char *name = trimmed(text);
    const dt_setting *setting = dt_setting_find(name);
    if (!setting)
        return unknown_setting(name, error);

    size_t count;
    int *first_line = &in->first_line[setting - dt_settings(&count)];
    dt_status status = check_place(in, setting, *first_line, error);
    if (status)
        return status;
    *first_line = in->line_number;

    char *value;
    status = read_value(equals + 1, &value, error);
    if (!status)
        status = dt_config_set(&in->config, setting, value, error);
    if (status)
        return dt_fail_in(error, "%s", setting->name);
    in->config.line[setting - dt_settings(&count)] = in->line_number;
    return DT_OK;
}

static dt_status read_lines(ini_reader *in, dt_error *error)
{
    bool more = true;
    while (more) {
        dt_status status = read_line(in, &more, error);
        if (!status && more) {
            bool marked = in->line_number == 1 && strncmp(in->line, "\xEF\xBB\xBF", 3) == 0;
            char *text = trimmed(in->line + (marked ? 3 : 0));
            if (*text == '[')
                status = read_section(in, text, error);
            else if (!nothing_left(text))
                status = read_setting(in, text, error);
        }
        if (status)
            return dt_fail_in(error, "%s:%d", in->path, in->line_number);
    }
    return DT_OK;
}

static dt_status read_text(dt_config *config, const char *path, const char *text, size_t length,
                           dt_error *error)
{
    ini_reader in = {.path = path, .config = *config, .at = text, .end = text + length};
    size_t count;
    dt_settings(&count);
    memset(in.config.line, 0, sizeof in.config.line);
    snprintf(in.config.file, sizeof in.config.file, "%s", path);
    in.first_line = dt_calloc(count, sizeof *in.first_line, error);
    dt_status status = in.first_line ? read_lines(&in, error) : DT_ERR_INTERNAL;
    if (!status)
        *config = in.config;
    dt_free(in.first_line);
    return status;
}

dt_status dt_config_read_ini(dt_config *config, const char *path, dt_error *error)
{
    void *bytes;
    size_t size;
    dt_status status = dt_read_file(path, SIZE_MOST, &bytes, &size, error);
    if (!status)
        status = read_text(config, path, bytes, size, error);
    dt_free(bytes);
    return status;
}

dt_status dt_config_read_ini_text(dt_config *config, const char *name, const char *text,
                                  dt_error *error)
{
    return read_text(config, name, text, strlen(text), error);
}

static bool is_plain(const char *value)
{
    return dt_visible(value, NULL, 0) == strlen(value);
}

static bool needs_quotes(const char *value)
{
    size_t length = strlen(value);
    if (strchr("\" \t;#", value[0]) || strchr(blanks, value[length - 1]))
        return true;
    for (size_t i = 1; i < length; i++)
        if (strchr(comments, value[i]) && strchr(blanks, value[i - 1]))
            return true;
    return !is_plain(value);
}

static void write_value(dt_text *out, const char *value)
{
    if (!needs_quotes(value)) {
        dt_text_add(out, "%s\n", value);
        return;
    }
    dt_text_add(out, "\"");
    while (*value) {
        char shown[DT_VISIBLE_MOST];
        dt_text_add(out, "%s", strchr("\"\\", *value) ? "\\" : "");
        dt_visible_next(&value, shown);
        dt_text_add(out, "%s", shown);
    }
    dt_text_add(out, "\"\n");
}

size_t dt_config_write_ini(const dt_config *config, bool help, char *text, size_t size)
{
    dt_text out = {.text = text, .size = size};
    char buffer[DT_TEXT_MAX];
    size_t count;
    const dt_setting *settings = dt_settings(&count);
    for (size_t i = 0; i < count; i++) {
        const dt_setting *setting = &settings[i];
        if (i == 0 || strcmp(setting->section, settings[i - 1].section) != 0)
            dt_text_add(&out, "%s[%s]\n", i ? "\n" : "", setting->section);
        if (help)
            dt_text_add(&out, "\n; %s\n; %s; default %s\n", setting->help,
                        dt_setting_expects(setting, buffer), setting->default_value);
        dt_text_add(&out, "%s = ", setting->name);
        write_value(&out, dt_config_get(config, setting, buffer));
    }
    return out.length;
}
