#include <stdio.h>

#include "base/log.h"
#include "commands.h"
#include "report/report.h"
#include "run/names.h"

dt_status command_report(const dt_invocation *invocation, dt_error *error)
{
    char path[DT_PATH_SIZE];
    bool given = invocation->out_path[0] != '\0';
    dt_status status = DT_OK;
    if (!given && invocation->file_count == 1)
        status = dt_path_join(invocation->files[0], DT_FILE_REPORT, path, error);
    else
        snprintf(path, sizeof path, "%s", given ? invocation->out_path : DT_FILE_REPORT);
    if (!status)
        status = dt_report_write(invocation->file_count, invocation->files, path, error);
    if (!status)
        dt_say("%s", path);
    return status;
}
