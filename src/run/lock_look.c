#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "run/lock.h"
#include "run/lock_holder.h"

_Static_assert(DT_RUN_LOCK_TEXT >= DT_LOCK_NAME, "DT_RUN_LOCK_TEXT");

dt_status dt_run_lock_look(const char *directory, dt_run_lock_state *state,
                           char holder[DT_RUN_LOCK_TEXT], dt_error *error)
{
    static const dt_run_lock_state states[] = {[DT_LOCK_ALIVE] = DT_RUN_LOCK_HELD,
                                               [DT_LOCK_DEAD] = DT_RUN_LOCK_DEAD,
                                               [DT_LOCK_UNSEEN] = DT_RUN_LOCK_UNSEEN};
    char path[PATH_MAX], text[DT_LOCK_TEXT];
    *state = DT_RUN_LOCK_FREE;
    holder[0] = '\0';
    if (snprintf(path, sizeof path, "%s/" DT_FILE_LOCK, directory) >= (int)sizeof path)
        return dt_fail(error, DT_ERR_NO_INPUT, "%.200s...: path too long", directory);
    dt_error own;
    int file;
    if (dt_file_open(path, DT_OPEN_READ_OWN, &file, &own))
        return errno == ENOENT ? DT_OK : dt_fail(error, DT_ERR_NO_INPUT, "%s", own.message);
    size_t count;
    dt_status status = DT_OK;
    if (!dt_read_at(file, text, sizeof text, 0, &count))
        status = dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot read: %m", path);
    close(file);
    if (status)
        return status;

    dt_lock_holder found, self;
    const char *why;
    dt_lock_holder_read(text, count, &found);
    dt_lock_holder_self(&self);
    dt_lock_holder_name(&found, holder);
    *state = states[dt_lock_holder_life(&found, &self, &why)];
    return DT_OK;
}
