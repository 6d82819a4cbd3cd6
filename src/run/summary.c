#include "run/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/json.h"

#define SUMMARY_SIZE_MAX 65536

static void add_key(dt_text *out, const char *key)
{
    dt_text_add(out, "%s\n  \"%s\": ", out->length > 1 ? "," : "", key);
}

static void add_text(dt_text *out, const char *key, const char *value)
{
    add_key(out, key);
    dt_json_add_text(out, value);
}

static void add_integer(dt_text *out, const char *key, int64_t value)
{
    add_key(out, key);
    dt_text_add(out, "%" PRId64, value);
}

static void add_real(dt_text *out, const char *key, double value)
{
    add_key(out, key);
    dt_json_add_real(out, value);
}

static void add_all(dt_text *out, const dt_summary *summary)
{
    dt_text_add(out, "{");
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
    dt_text_add(out, "\n}\n");
}

dt_status dt_summary_write(const char *path, const dt_summary *summary, dt_error *error)
{
    dt_text out = {0};
    add_all(&out, summary);
    out = (dt_text){.size = out.length + 1};
    out.text = dt_calloc(out.size, 1, error);
    if (!out.text)
        return DT_ERR_INTERNAL;
    add_all(&out, summary);
    dt_status status = dt_atomic_write(path, out.text, out.length, error);
    dt_free(out.text);
    return status;
}

dt_status dt_summary_read_status(const char *path, char status[DT_SUMMARY_STATUS], dt_error *error)
{
    static const char begin[] = "{\n  \"status\": \"";
    void *bytes;
    size_t size;
    status[0] = '\0';
    dt_status result = dt_read_file(path, SUMMARY_SIZE_MAX, &bytes, &size, error);
    if (result)
        return result;
    const char *text = bytes, *value = text + sizeof begin - 1;
    size_t length = strncmp(text, begin, sizeof begin - 1) == 0 ? strcspn(value, "\"") : 0;
    if (length > 0 && length < DT_SUMMARY_STATUS && value[length] == '"')
        snprintf(status, DT_SUMMARY_STATUS, "%.*s", (int)length, value);
    else
        result = dt_fail(error, DT_ERR_DATA, "%s: expected a summary with a status, found '%.20s'",
                         path, text);
    dt_free(bytes);
    return result;
}

bool dt_summary_is_complete(const char *path)
{
    char status[DT_SUMMARY_STATUS];
    return dt_summary_read_status(path, status, NULL) == DT_OK && strcmp(status, "complete") == 0;
}
