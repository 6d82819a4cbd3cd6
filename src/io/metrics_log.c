#include "io/metrics_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* Three integers of at most 20 characters, thirteen reals of at most 16, a hash, 17 separators.
 */
#define ROW_SIZE 512

static const char header[] =
    "epoch,step,samples,train_loss,train_accuracy,val_loss,val_accuracy,test_loss,test_accuracy,"
    "learning_rate,seconds,samples_per_second,compute_seconds,reduce_seconds,wait_seconds,"
    "data_seconds,parameter_hash\n";

struct dt_metrics_log {
    char *path;
    int file;
    off_t size; /* of the whole rows */
};

/* Writes whole rows or none. */
static dt_status write_rows(dt_metrics_log *log, const char *rows, size_t size, dt_error *error)
{
    size_t done = 0;
    while (done < size) {
        ssize_t count = write(log->file, rows + done, size - done);
        if (count >= 0) {
            done += (size_t)count;
        } else if (errno != EINTR) {
            dt_fail(error, DT_ERR_IO, "%s: cannot append a row: %m", log->path);
            if (ftruncate(log->file, log->size))
                dt_fail(error, DT_ERR_IO, "%s: cannot append a row, and the last one is cut: %m",
                        log->path);
            return DT_ERR_IO;
        }
    }
    log->size += (off_t)size;
    return DT_OK;
}

dt_status dt_metrics_log_create(const char *path, dt_metrics_log **out, dt_error *error)
{
    *out = NULL;
    dt_metrics_log *log = dt_calloc(1, sizeof *log, error);
    if (!log)
        return DT_ERR_INTERNAL;
    log->file = -1;
    log->path = dt_strdup(path, error);
    dt_status status = log->path ? DT_OK : DT_ERR_INTERNAL;
    if (status == DT_OK) {
        log->file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (log->file < 0)
            status = dt_fail(error, DT_ERR_CREATE, "%s: cannot create: %m", path);
    }
    if (status == DT_OK) {
        status = write_rows(log, header, sizeof header - 1, error);
        if (status != DT_OK)
            unlink(path);
    }
    if (status != DT_OK) {
        dt_metrics_log_close(log, NULL);
        return status;
    }
    *out = log;
    return DT_OK;
}

dt_status dt_metrics_log_append(dt_metrics_log *log, const dt_metrics_row *row, dt_error *error)
{
    const double reals[] = {row->train_loss,      row->train_accuracy, row->val_loss,
                            row->val_accuracy,    row->test_loss,      row->test_accuracy,
                            row->learning_rate,   row->seconds,        row->samples_per_second,
                            row->compute_seconds, row->reduce_seconds, row->wait_seconds,
                            row->data_seconds};
    char text[ROW_SIZE];
    int length = snprintf(text, sizeof text, "%" PRId64 ",%" PRId64 ",%" PRId64, row->epoch,
                          row->step, row->samples);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        length += snprintf(text + length, sizeof text - (size_t)length,
                           isnan(reals[i]) ? "," : ",%.9g", reals[i]);
    length += snprintf(text + length, sizeof text - (size_t)length, ",%s\n", row->parameter_hash);
    return write_rows(log, text, (size_t)length, error);
}

dt_status dt_metrics_log_close(dt_metrics_log *log, dt_error *error)
{
    if (!log)
        return DT_OK;
    dt_status status = DT_OK;
    if (log->file >= 0 && close(log->file) && errno != EINTR)
        status = dt_fail(error, DT_ERR_IO, "%s: cannot close: %m", log->path);
    dt_free(log->path);
    dt_free(log);
    return status;
}
