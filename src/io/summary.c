#include "io/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "io/atomic_file.h"

/* Room for all that is not a text value: keys, numbers, punctuation. */
#define FRAME_SIZE 4096
/* A byte of text becomes at most "\u001f" or "\ufffd". */
#define ESCAPE_SIZE 6

typedef struct json {
    char *text;
    size_t length, size;
    bool any; /* a key has been written */
} json;

static void put(json *out, const char *text, size_t length)
{
    if (length > out->size - out->length)
        length = out->size - out->length;
    memcpy(out->text + out->length, text, length);
    out->length += length;
}

static void put_text(json *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_key(json *out, const char *key)
{
    put_text(out, out->any ? ",\n  \"" : "\n  \"");
    put_text(out, key);
    put_text(out, "\": ");
    out->any = true;
}

/* Length of the well-formed UTF-8 sequence that `text` begins with; 0: none.
 * source: RFC 3629, section 4. */
static size_t utf8_length(const unsigned char *text)
{
    if (text[0] < 0x80)
        return 1;
    size_t length = text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length == 0 || text[0] > 0xf4)
        return 0;
    unsigned char low = text[0] == 0xe0 ? 0xa0 : text[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void put_escaped(json *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t length = utf8_length(at);
        char escape[ESCAPE_SIZE + 1] = "\\ufffd";
        if (*at == '"' || *at == '\\')
            snprintf(escape, sizeof escape, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)*at);
        else if (length > 0)
            escape[0] = '\0';

        if (escape[0] != '\0')
            put_text(out, escape);
        else
            put(out, (const char *)at, length);
        at += length > 0 ? length : 1;
    }
}

static void add_text(json *out, const char *key, const char *value)
{
    put_key(out, key);
    if (!value) {
        put_text(out, "null");
        return;
    }
    put_text(out, "\"");
    put_escaped(out, value);
    put_text(out, "\"");
}

static void add_integer(json *out, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    put_key(out, key);
    put_text(out, text);
}

static void add_real(json *out, const char *key, double value)
{
    char text[32] = "null";
    if (isfinite(value)) {
        int digits = 15;
        do
            snprintf(text, sizeof text, "%.*g", digits, value);
        while (digits++ < 17 && strtod(text, NULL) != value);
    }
    put_key(out, key);
    put_text(out, text);
}

static void add_all(json *out, const dt_summary *summary)
{
    put_text(out, "{");
    add_text(out, "status", summary->status);
    add_integer(out, "epochs", summary->epochs);
    add_integer(out, "steps", summary->steps);
    add_integer(out, "samples", summary->samples);
    add_integer(out, "ranks", summary->ranks);
    add_integer(out, "virtual_ranks", summary->virtual_ranks);
    add_integer(out, "hosts", summary->hosts);
    add_real(out, "train_loss", summary->train_loss);
    add_real(out, "train_accuracy", summary->train_accuracy);
    add_real(out, "val_loss", summary->val_loss);
    add_real(out, "val_accuracy", summary->val_accuracy);
    add_real(out, "test_loss", summary->test_loss);
    add_real(out, "test_accuracy", summary->test_accuracy);
    add_text(out, "parameter_hash", summary->parameter_hash);
    add_real(out, "samples_per_second", summary->samples_per_second);
    add_real(out, "seconds", summary->seconds);
    add_text(out, "resumed_from", summary->resumed_from);
    add_text(out, "data_source", summary->data_source);
    add_text(out, "version", summary->version);
    put_text(out, "\n}\n");
}

dt_status dt_summary_write(const char *path, const dt_summary *summary, dt_error *error)
{
    const char *texts[] = {summary->status, summary->parameter_hash, summary->resumed_from,
                           summary->data_source, summary->version};
    json out = {.size = FRAME_SIZE};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        out.size += texts[i] ? ESCAPE_SIZE * strlen(texts[i]) : 0;
    out.text = dt_calloc(out.size, 1, error);
    if (!out.text)
        return DT_ERR_INTERNAL;
    add_all(&out, summary);
    dt_status status = dt_atomic_write(path, out.text, out.length, error);
    dt_free(out.text);
    return status;
}

bool dt_summary_is_complete(const char *path)
{
    static const char expected[] = "{\n  \"status\": \"complete\",\n";
    char text[sizeof expected] = "";
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    bool complete = fread(text, 1, sizeof expected - 1, file) == sizeof expected - 1 &&
                    strcmp(text, expected) == 0;
    fclose(file);
    return complete;
}
