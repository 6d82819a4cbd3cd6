#include "base/cgroup.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

enum { LINE_SIZE = 3 * PATH_MAX };

/* Whether `name` is one of the words of `list`, which commas separate. */
static bool has_word(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, length) == 0 && (at[length] == ',' || !at[length]))
            return true;
    }
    return false;
}

static FILE *open_in(const char *directory, const char *name)
{
    char path[PATH_MAX];
    int file;
    if (!dt_join(directory, name, path) || dt_file_open(path, DT_OPEN_READ, &file, NULL))
        return NULL;
    return dt_file_stream(file, "r");
}

/* The next line without its end; the rest of one that is longer than `size` is left out. */
static bool next_line(FILE *file, char *line, int size)
{
    if (!file || !fgets(line, size, file))
        return false;
    for (int c = strchr(line, '\n') ? '\n' : 0; c != '\n' && c != EOF;)
        c = getc(file);
    line[strcspn(line, "\n")] = 0;
    return true;
}

/* The path of the group: of a line "4:cpu,cpuacct:/a/b" of v1, or of "0::/a/b" of v2. */
static bool find_group(const char *process, const char *controller, bool unified,
                       char group[PATH_MAX])
{
    char line[LINE_SIZE];
    bool found = false;
    FILE *file = open_in(process, "cgroup");
    while (!found && next_line(file, line, sizeof line)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(++controllers, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        found = strlen(path) < PATH_MAX &&
                (unified ? !*controllers : has_word(controllers, controller));
        if (found)
            strcpy(group, path);
    }
    if (file)
        fclose(file);
    return found;
}

/* A line of mountinfo: "36 35 98:0 ROOT AT OPTIONS... - TYPE SOURCE OPTIONS". */
static bool is_mount_of(const char *line, const char *controller, bool unified, char root[PATH_MAX],
                        char at[PATH_MAX])
{
    char type[16], options[256];
    const char *rest = strstr(line, " - ");
    _Static_assert(PATH_MAX == 4096, "as in the format");
    return rest && sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) == 2 &&
           sscanf(rest, " - %15s %*s %255s", type, options) == 2 &&
           strcmp(type, unified ? "cgroup2" : "cgroup") == 0 &&
           (unified || has_word(options, controller));
}

static bool find_mount(const char *process, const char *controller, bool unified,
                       char root[PATH_MAX], char at[PATH_MAX])
{
    char line[LINE_SIZE];
    bool found = false;
    FILE *file = open_in(process, "mountinfo");
    while (!found && next_line(file, line, sizeof line))
        found = is_mount_of(line, controller, unified, root, at);
    if (file)
        fclose(file);
    return found;
}

static void visit_hierarchy(const char *process, const char *controller, bool unified,
                            dt_cgroup_visitor *visit, void *context)
{
    char group[PATH_MAX], root[PATH_MAX], at[PATH_MAX], directory[2 * PATH_MAX];
    if (!find_group(process, controller, unified, group) ||
        !find_mount(process, controller, unified, root, at))
        return;
    /* In a container the mount may begin at its own group, which the process names from outside. */
    size_t outside = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool below = strncmp(group, root, outside) == 0 && (!group[outside] || group[outside] == '/');
    snprintf(directory, sizeof directory, "%s%s", at, below ? group + outside : "");
    for (char *end = strchr(directory, 0); end >= directory + strlen(at); end--)
        if (*end == '/' || !*end) {
            *end = 0;
            if (end == directory + strlen(at) || end[-1] != '/')
                visit(directory, unified, context);
        }
}

void dt_cgroup_visit(const char *process, const char *controller, dt_cgroup_visitor *visit,
                     void *context)
{
    visit_hierarchy(process, controller, false, visit, context);
    visit_hierarchy(process, controller, true, visit, context);
}

/* The numbers of a file; "max" and what else is no number ends them. */
static int read_numbers(const char *directory, const char *name, double *first, double *second)
{
    FILE *file = open_in(directory, name);
    int count = file ? fscanf(file, "%lf %lf", first, second) : 0;
    if (file)
        fclose(file);
    return count;
}

static void take_quota(const char *directory, bool unified, void *context)
{
    double *least = context, quota, period, none;
    bool limited = unified ? read_numbers(directory, "cpu.max", &quota, &period) == 2
                           : read_numbers(directory, "cpu.cfs_quota_us", &quota, &none) == 1 &&
                                 read_numbers(directory, "cpu.cfs_period_us", &period, &none) == 1;
    if (limited && quota > 0 && period > 0)
        *least = fmin(*least, quota / period);
}

double dt_cgroup_processors(const char *process)
{
    double least = INFINITY;
    dt_cgroup_visit(process, "cpu", take_quota, &least);
    return least;
}
