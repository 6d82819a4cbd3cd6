#include "run/summary.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "file/atomic_file.h"
#include "file/record.h"

#define SIZE_MOST ((size_t)1 << 20)

#define FIELD(name, kind, member)                                                                  \
    {                                                                                              \
        DT_FIELD(kind, #name, dt_summary, member)                                                  \
    }

static const dt_field fields[] = {
    FIELD(status, TEXT, status),
    FIELD(epochs, INTEGER, last.epoch),
    FIELD(steps, INTEGER, last.step),
    FIELD(samples, INTEGER, last.samples),
    FIELD(ranks, INT, ranks),
    FIELD(virtual_ranks, INT, virtual_ranks),
    FIELD(hosts, INT, hosts),
    FIELD(train_loss, REAL, last.train_loss),
    FIELD(train_accuracy, REAL, last.train_accuracy),
    FIELD(val_loss, REAL, last.val_loss),
    FIELD(val_accuracy, REAL, last.val_accuracy),
    FIELD(test_loss, REAL, last.test_loss),
    FIELD(test_accuracy, REAL, last.test_accuracy),
    FIELD(parameter_hash, HASH, last.parameter_hash),
    FIELD(samples_per_second, REAL, last.samples_per_second),
    FIELD(seconds, REAL, last.seconds),
    FIELD(resumed_from, TEXT, resumed_from),
    FIELD(data_source, TEXT, data_source),
    FIELD(version, TEXT, version),
};

static dt_record record_of(const dt_summary *summary)
{
    return (dt_record){fields, sizeof fields / sizeof *fields, (dt_summary *)summary, "", NULL};
}

dt_summary dt_summary_unknown(void)
{
    dt_summary unknown = {0};
    const dt_record record = record_of(&unknown);
    dt_record_clear(&record);
    return unknown;
}

dt_status dt_summary_write(const char *path, const dt_summary *summary, dt_error *error)
{
    dt_text out = {.grows = true};
    const dt_record record = record_of(summary);
    dt_record_to_json(&record, &out);
    dt_status status = dt_text_status(&out, error);
    if (!status)
        status = dt_atomic_write(path, out.text, out.length, error);
    dt_free(out.text);
    return status;
}

dt_status dt_summary_read(const char *path, dt_summary *out, dt_error *error)
{
    void *bytes;
    size_t size;
    *out = dt_summary_unknown();
    const dt_record record = record_of(out);
    dt_status status = dt_read_file(path, SIZE_MOST, &bytes, &size, error);
    if (status)
        return status;
    status = dt_record_of_json(path, bytes, size, &record, error);
    dt_free(bytes);
    return status;
}

void dt_summary_destroy(dt_summary *summary)
{
    if (!summary)
        return;
    const dt_record record = record_of(summary);
    dt_record_free(&record);
}

bool dt_summary_is_complete(const char *path)
{
    dt_summary summary;
    bool is = !dt_summary_read(path, &summary, NULL) && summary.status &&
              strcmp(summary.status, "complete") == 0;
    dt_summary_destroy(&summary);
    return is;
}
