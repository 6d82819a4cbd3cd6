#include "run/summary_read.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define SIZE_MOST ((size_t)1 << 20)

enum kind { TEXT, INTEGER64, INTEGER, REAL };

static const struct field {
    const char *key;
    enum kind kind;
    size_t offset;
} fields[] = {
    {"status", TEXT, offsetof(dt_summary, status)},
    {"epochs", INTEGER64, offsetof(dt_summary, epochs)},
    {"steps", INTEGER64, offsetof(dt_summary, steps)},
    {"samples", INTEGER64, offsetof(dt_summary, samples)},
    {"ranks", INTEGER, offsetof(dt_summary, ranks)},
    {"virtual_ranks", INTEGER, offsetof(dt_summary, virtual_ranks)},
    {"hosts", INTEGER, offsetof(dt_summary, hosts)},
    {"train_loss", REAL, offsetof(dt_summary, train_loss)},
    {"train_accuracy", REAL, offsetof(dt_summary, train_accuracy)},
    {"val_loss", REAL, offsetof(dt_summary, val_loss)},
    {"val_accuracy", REAL, offsetof(dt_summary, val_accuracy)},
    {"test_loss", REAL, offsetof(dt_summary, test_loss)},
    {"test_accuracy", REAL, offsetof(dt_summary, test_accuracy)},
    {"parameter_hash", TEXT, offsetof(dt_summary, parameter_hash)},
    {"samples_per_second", REAL, offsetof(dt_summary, samples_per_second)},
    {"seconds", REAL, offsetof(dt_summary, seconds)},
    {"resumed_from", TEXT, offsetof(dt_summary, resumed_from)},
    {"data_source", TEXT, offsetof(dt_summary, data_source)},
    {"version", TEXT, offsetof(dt_summary, version)},
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

typedef struct parser {
    char *begin, *at;
    const char *expected; /* where it went wrong */
} parser;

static bool wrong(parser *self, const char *expected)
{
    self->expected = expected;
    return false;
}

static void skip_blanks(parser *self)
{
    self->at += strspn(self->at, " \t\r\n");
}

static bool take(parser *self, char mark, const char *expected)
{
    skip_blanks(self);
    if (*self->at != mark)
        return wrong(self, expected);
    self->at++;
    return true;
}

/* The four digits of \uXXXX; -1: they are not. */
static long read_unit(const char *digits)
{
    char text[5] = "", *end;
    memcpy(text, digits, strnlen(digits, 4));
    long unit = strtol(text, &end, 16);
    return end == text + 4 && strspn(text, "0123456789abcdefABCDEF") == 4 ? unit : -1;
}

static char *put_utf8(char *to, long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* The character behind a backslash; *to moves on behind it. A half of a surrogate pair becomes
 * U+FFFD, and so does U+0000. */
static bool read_escape(parser *self, char **to)
{
    static const char marks[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *mark = *self->at ? strchr(marks, *self->at) : NULL;
    if (mark) {
        *(*to)++ = values[mark - marks];
        self->at++;
        return true;
    }
    long unit = *self->at == 'u' ? read_unit(self->at + 1) : -1;
    if (unit < 0)
        return wrong(self, "an escape of JSON");
    self->at += 5;
    if (unit >= 0xd800 && unit < 0xdc00 && self->at[0] == '\\' && self->at[1] == 'u') {
        long low = read_unit(self->at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            self->at += 6;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    *to = put_utf8(*to, unit == 0 || (unit >= 0xd800 && unit < 0xe000) ? 0xfffd : unit);
    return true;
}

/* Decodes a text in its place, which is never shorter. */
static bool read_text(parser *self, const char **out)
{
    if (!take(self, '"', "a text"))
        return false;
    char *begin = self->at, *to = begin;
    while (*self->at != '"') {
        if ((unsigned char)*self->at < 0x20)
            return wrong(self, "the end of a text");
        if (*self->at != '\\')
            *to++ = *self->at++;
        else if (self->at++, !read_escape(self, &to))
            return false;
    }
    self->at++;
    *to = '\0';
    *out = begin;
    return true;
}

static bool read_number(parser *self, double *out)
{
    char *end;
    size_t length = strspn(self->at, "+-.0123456789eE");
    *out = strtod(self->at, &end);
    if (length == 0 || end != self->at + length)
        return wrong(self, "a text, a number or null");
    self->at = end;
    return true;
}

static void set_number(dt_summary *summary, const struct field *field, double value)
{
    char *place = (char *)summary + field->offset;
    if (field->kind == REAL)
        *(double *)place = value;
    else if (field->kind == INTEGER64)
        *(int64_t *)place = fabs(value) <= 0x1p53 ? (int64_t)value : -1;
    else if (field->kind == INTEGER)
        *(int *)place = fabs(value) <= 0x1p30 ? (int)value : -1;
}

static const struct field *find(const char *key)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    return NULL;
}

static bool read_value(parser *self, const struct field *field, dt_summary *summary)
{
    skip_blanks(self);
    if (strncmp(self->at, "null", 4) == 0) {
        self->at += 4;
        return true;
    }
    if (*self->at == '"') {
        const char *text;
        if (field && field->kind != TEXT)
            return wrong(self, "a number or null");
        if (!read_text(self, &text))
            return false;
        if (field)
            *(const char **)((char *)summary + field->offset) = text;
        return true;
    }
    double value;
    if (field && field->kind == TEXT)
        return wrong(self, "a text or null");
    if (!read_number(self, &value))
        return false;
    if (field)
        set_number(summary, field, value);
    return true;
}

static bool read_object(parser *self, dt_summary *summary)
{
    const char *key;
    if (!take(self, '{', "'{'"))
        return false;
    skip_blanks(self);
    for (bool first = true; *self->at != '}'; first = false) {
        if ((!first && !take(self, ',', "',' or '}'")) || !read_text(self, &key) ||
            !take(self, ':', "':'") || !read_value(self, find(key), summary))
            return false;
        skip_blanks(self);
    }
    self->at++;
    skip_blanks(self);
    return *self->at == '\0' || wrong(self, "nothing behind '}'");
}

static void clear(dt_summary *summary)
{
    *summary = (dt_summary){0};
    for (size_t i = 0; i < FIELD_COUNT; i++)
        set_number(summary, &fields[i], fields[i].kind == REAL ? (double)NAN : -1);
}

dt_status dt_summary_read(const char *path, dt_summary_file *out, dt_error *error)
{
    void *bytes;
    size_t size;
    *out = (dt_summary_file){0};
    clear(&out->summary);
    dt_status status = dt_read_file(path, SIZE_MOST, &bytes, &size, error);
    if (status)
        return status;
    out->text = bytes;
    parser self = {.begin = bytes, .at = bytes};
    if (read_object(&self, &out->summary) && self.at == self.begin + size)
        return DT_OK;
    long line = 1;
    for (const char *c = self.begin; c < self.at; c++)
        line += *c == '\n';
    clear(&out->summary);
    return dt_fail(error, DT_ERR_DATA, "%s:%ld: expected %s, found '%.20s'", path, line,
                   self.expected ? self.expected : "no zero byte", self.at);
}

void dt_summary_destroy(dt_summary_file *file)
{
    if (!file)
        return;
    dt_free(file->text);
    *file = (dt_summary_file){0};
}
