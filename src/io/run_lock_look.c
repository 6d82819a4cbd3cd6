#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "io/run_lock.h"
#include "lock_holder.h"

_Static_assert(DT_RUN_LOCK_TEXT >= DT_LOCK_NAME, "DT_RUN_LOCK_TEXT");

dt_status dt_run_lock_look(const char *directory, dt_run_lock_state *state,
                           char holder[DT_RUN_LOCK_TEXT], dt_error *error)
{
    char path[PATH_MAX], text[DT_LOCK_TEXT];
    *state = DT_RUN_LOCK_FREE;
    holder[0] = '\0';
    if (snprintf(path, sizeof path, "%s/" DT_FILE_LOCK, directory) >= (int)sizeof path)
        return dt_fail(error, DT_ERR_NO_INPUT, "%.200s...: path too long", directory);
    int file = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0 && errno == ENOENT)
        return DT_OK;
    ssize_t count = file < 0 ? -1 : read(file, text, sizeof text);
    int reason = errno;
    if (file >= 0)
        close(file);
    errno = reason;
    if (count < 0)
        return dt_fail(error, DT_ERR_NO_INPUT, "%s: cannot read: %m", path);

    dt_lock_holder found, self;
    const char *why;
    dt_lock_holder_read(text, (size_t)count, &found);
    dt_lock_holder_self(&self);
    dt_lock_holder_name(&found, holder);
    switch (dt_lock_holder_life(&found, &self, &why)) {
    case DT_LOCK_ALIVE:
        *state = DT_RUN_LOCK_HELD;
        break;
    case DT_LOCK_DEAD:
        *state = DT_RUN_LOCK_DEAD;
        break;
    case DT_LOCK_UNSEEN:
        *state = DT_RUN_LOCK_UNSEEN;
        break;
    }
    return DT_OK;
}
