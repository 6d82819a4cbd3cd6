#include "base/available.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/file.h"

/* Files of the kernel are made when they are read: they are small, and say to be empty. */
enum { PATH_ROOM = 4352, TEXT_ROOM = 16384 };

static bool read_text(const char *directory, const char *name, char text[TEXT_ROOM])
{
    char whole[PATH_ROOM];
    text[0] = '\0';
    return snprintf(whole, sizeof whole, "%s/%s", directory, name) < (int)sizeof whole &&
           dt_read_start(whole, text, TEXT_ROOM) > 0;
}

/* The number behind `name` at the beginning of a line, 0 if there is none. */
static uint64_t number_of(const char *text, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) == 0 && strspn(line + length, ": \t") > 0)
            return strtoull(line + length + strspn(line + length, ": \t"), NULL, 10);
    }
    return 0;
}

static uint64_t less(uint64_t limit, uint64_t used)
{
    return limit > used ? limit - used : 0;
}

static void look_at_machine(const char *root, dt_available *out)
{
    char text[TEXT_ROOM];
    if (read_text(root, "proc/meminfo", text) && strstr(text, "MemAvailable:"))
        out->machine = 1024 * (number_of(text, "MemAvailable") + number_of(text, "SwapFree"));
}

/* How a version of control groups calls its files: the first, and v2. */
static const struct {
    const char *limit, *usage, *inactive, *active;
} versions[] = {
    {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "total_active_file"},
    {"memory.max", "memory.current", "inactive_file", "active_file"},
};

/* One group: what its limit leaves, pages of files not counted, which the kernel takes back. */
static void look_at_group(const char *directory, bool unified, void *context)
{
    /* Version 1 says "none" with a number that no machine has. */
    const uint64_t none = (uint64_t)1 << 60;
    dt_available *out = context;
    char text[TEXT_ROOM];
    struct stat place;
    if (!read_text(directory, versions[unified].limit, text) || text[0] < '0' || text[0] > '9')
        return;
    uint64_t limit = strtoull(text, NULL, 10);
    if (limit >= none || !read_text(directory, versions[unified].usage, text))
        return;
    uint64_t used = strtoull(text, NULL, 10);
    read_text(directory, "memory.stat", text);
    used = less(used, number_of(text, versions[unified].inactive) +
                          number_of(text, versions[unified].active));
    if (less(limit, used) >= out->group)
        return;
    out->group = less(limit, used);
    out->group_id = stat(directory, &place) == 0 ? (uint64_t)place.st_ino : 1;
}

static void look_at_groups(const char *root, dt_available *out)
{
    char process[PATH_ROOM];
    snprintf(process, sizeof process, "%s/proc/self", root);
    dt_cgroup_visit(process, "memory", look_at_group, out);
}

static void look_at_limits(const char *root, dt_available *out)
{
    struct rlimit limit;
    char text[TEXT_ROOM];
    read_text(root, "proc/self/status", text);
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        out->address_space = less(limit.rlim_cur, 1024 * number_of(text, "VmSize"));
    if (getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        out->data = less(limit.rlim_cur, 1024 * number_of(text, "VmData"));
}

void dt_available_look_below(const char *root, dt_available *out)
{
    *out = (dt_available){UINT64_MAX, UINT64_MAX, 0, UINT64_MAX, UINT64_MAX};
    look_at_machine(root, out);
    look_at_groups(root, out);
    look_at_limits(root, out);
}

void dt_available_look(dt_available *out)
{
    dt_available_look_below("", out);
}

dt_status dt_available_check(const dt_available *there, const dt_available *needed, dt_error *error)
{
    const struct {
        uint64_t needed, found;
        const char *where;
    } limits[] = {
        {needed->machine, there->machine, "free"},
        {needed->group, there->group,
         "below the limit of the control group (srun --mem, docker run --memory)"},
        {needed->address_space, there->address_space,
         "below the limit of the address space (ulimit -v)"},
        {needed->data, there->data, "below the limit of the data (ulimit -d)"},
    };
    char expected[DT_BYTES_TEXT], found[DT_BYTES_TEXT];
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (limits[i].needed > limits[i].found)
            return dt_fail(error, DT_ERR_CONFIG, "expected %s of memory, found %s %s",
                           dt_bytes_text(limits[i].needed, expected),
                           dt_bytes_text(limits[i].found, found), limits[i].where);
    return DT_OK;
}

char *dt_bytes_text(uint64_t bytes, char text[DT_BYTES_TEXT])
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    double value = 1e-3 * (double)bytes;
    size_t unit = 0;
    for (; value >= 999.5 && unit + 1 < sizeof units / sizeof *units; unit++)
        value *= 1e-3;
    snprintf(text, DT_BYTES_TEXT, value < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
             units[unit]);
    return text;
}
