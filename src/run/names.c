#include "run/names.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "file/atomic_file.h"

static const struct {
    const char *name;
    dt_run_name kind;
} names[] = {
    {DT_FILE_CONFIG, DT_NAME_FILE},   {DT_FILE_LOG, DT_NAME_FILE},
    {DT_FILE_METRICS, DT_NAME_FILE},  {DT_FILE_SUMMARY, DT_NAME_FILE},
    {DT_FILE_WEIGHTS, DT_NAME_FILE},  {DT_FILE_BEST, DT_NAME_FILE},
    {DT_FILE_INSIGHT, DT_NAME_FILE},  {DT_FILE_REPORT, DT_NAME_FILE},
    {DT_FILE_LOCK, DT_NAME_PASSING},  {DT_FILE_STOP, DT_NAME_PASSING},
    {DT_EVENTS_NEXT, DT_NAME_EVENTS},
};

static bool begins_with(const char *name, const char *begin)
{
    return strncmp(name, begin, strlen(begin)) == 0;
}

unsigned dt_run_name_kind(const char *name)
{
    char whole[NAME_MAX + 1];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i].name) == 0)
            return names[i].kind;
    if (dt_checkpoint_step(name) >= 0)
        return DT_NAME_CHECKPOINT;
    if (begins_with(name, DT_EVENTS_BEGIN))
        return DT_NAME_EVENTS;
    if (begins_with(name, "." DT_FILE_LOCK "."))
        return DT_NAME_CLAIM;
    if (!dt_atomic_is_temporary(name, whole))
        return 0;
    return dt_run_name_kind(whole) & (DT_NAME_FILE | DT_NAME_CHECKPOINT) ? DT_NAME_TEMPORARY : 0;
}

char *dt_checkpoint_name(int64_t step, char name[DT_CHECKPOINT_NAME])
{
    snprintf(name, DT_CHECKPOINT_NAME, "step-%08lld.h5", (long long)step);
    return name;
}

int64_t dt_checkpoint_step(const char *name)
{
    long long step;
    char again[DT_CHECKPOINT_NAME];
    bool found = sscanf(name, "step-%18lld", &step) == 1 && step >= 0 &&
                 strcmp(name, dt_checkpoint_name(step, again)) == 0;
    return found ? step : -1;
}

dt_status dt_path_join(const char *directory, const char *file, char path[DT_PATH_SIZE],
                       dt_error *error)
{
    if (dt_join(directory, file, path))
        return DT_OK;
    return dt_fail(error, DT_ERR_CREATE,
                   "%.200s.../%.200s: path too long: expected below %d bytes, found %zu", directory,
                   file, DT_PATH_SIZE, strlen(directory) + 1 + strlen(file));
}

bool dt_set_aside(const char *path)
{
    char aside[DT_PATH_SIZE];
    return snprintf(aside, sizeof aside, "%s" DT_ENDING_DAMAGED, path) < (int)sizeof aside &&
           rename(path, aside) == 0;
}
