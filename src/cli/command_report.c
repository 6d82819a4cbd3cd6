#include <stdio.h>

#include "base/log.h"
#include "commands.h"
#include "file/atomic_file.h"
#include "report/report.h"
#include "run/directory.h"

/* Of one run: a file of the run; of several: one in the working directory. */
static dt_status choose_path(const dt_invocation *invocation, char path[DT_PATH_SIZE],
                             dt_error *error)
{
    if (invocation->out_path[0] == '\0' && invocation->file_count == 1)
        return dt_path_join(invocation->files[0], DT_FILE_REPORT, path, error);
    snprintf(path, DT_PATH_SIZE, "%s",
             invocation->out_path[0] ? invocation->out_path : DT_FILE_REPORT);
    return DT_OK;
}

/* Of the runs' own files the report may replace a report alone. */
static dt_status check_path(const dt_invocation *invocation, const char *path, dt_error *error)
{
    static const char *const names[] = {DT_FILE_CONFIG,  DT_FILE_LOG,  DT_FILE_METRICS,
                                        DT_FILE_SUMMARY, DT_FILE_BEST, DT_FILE_WEIGHTS,
                                        DT_FILE_INSIGHT};
    char file[DT_PATH_SIZE];
    for (int i = 0; i < invocation->file_count; i++)
        for (size_t j = 0; j < sizeof names / sizeof *names; j++) {
            dt_status status = dt_path_join(invocation->files[i], names[j], file, error);
            if (!status)
                status = dt_atomic_apart(path, file, error);
            if (status)
                return status;
        }
    return DT_OK;
}

static dt_status write_report(const dt_invocation *invocation, dt_error *error)
{
    char path[DT_PATH_SIZE];
    dt_status status = choose_path(invocation, path, error);
    if (!status)
        status = check_path(invocation, path, error);
    if (!status)
        status = dt_report_write(invocation->file_count, invocation->files, path, error);
    if (!status)
        dt_say("%s", path);
    return status;
}

dt_status dt_command_report(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    dt_status status = DT_OK;
    if (invocation->file_count == 0)
        status =
            dt_fail(error, DT_ERR_USAGE, "report: expected the directory of a run, found none");
    if (!status && dt_comm_rank(comm) == 0)
        status = write_report(invocation, error);
    return dt_comm_agree(comm, status, error);
}
