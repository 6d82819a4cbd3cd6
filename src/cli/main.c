#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/shortage.h"
#include "base/text.h"
#include "base/visible.h"
#include "cli/options.h"
#include "commands.h"
#include "dist/comm.h"
#include "file/atomic_file.h"
#include "generate.h"
#include "run/directory.h"
#include "train/stop.h"

extern char **environ;

static dt_status print_config(const dt_config *config, dt_error *error)
{
    dt_config checked = *config, shown = *config;
    dt_status status = dt_config_resolve(&checked, error);
    if (status)
        return status;
    dt_config_agree(&shown);
    size_t size = dt_config_write_ini(&shown, true, NULL, 0) + 1;
    char *text = dt_calloc(size, 1, error);
    if (!text)
        return error->status;
    dt_config_write_ini(&shown, true, text, size);
    fputs(text, stdout);
    dt_free(text);
    return DT_OK;
}

/* The scripts read the second line: which launcher knows this MPI. */
static void print_version(void)
{
    char library[256];
    dt_comm_library(library, sizeof library);
    printf("dist-train %s\nMPI: %s\n", DT_VERSION, library);
}

/* A command is to do its work. */
static bool is_work(const dt_invocation *invocation)
{
    return !invocation->help && !invocation->version && !invocation->generate[0] &&
           !invocation->print_config;
}

/* The command has all that it cannot do without. */
static dt_status check_needs(const dt_invocation *invocation, dt_error *error)
{
    const dt_command_info *info = &dt_command_infos[invocation->command];
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count; i++) {
        const char *given = (const char *)invocation + flags[i].offset;
        const char *values[] = {flags[i].value, NULL};
        dt_text expected = {.text = (char[DT_VARIABLE_MAX]){""}, .size = DT_VARIABLE_MAX};
        if (!(flags[i].needed & 1U << invocation->command) || given[0])
            continue;
        dt_text_add_names(&expected, flags[i].names ? flags[i].names : values);
        bool weights = invocation->file_count > 0 && dt_ends_in(invocation->files[0], ".h5");
        return dt_fail(error, DT_ERR_USAGE, "%s: expected --%s %s, found none%s%s%s%s", info->name,
                       flags[i].name, expected.text, weights ? "; give " : "",
                       weights ? invocation->files[0] : "", weights ? " behind --" : "",
                       weights ? flags[i].name : "");
    }
    if (info->needs_files && invocation->file_count == 0)
        return dt_fail(error, DT_ERR_USAGE, "%s: expected %s..., found none", info->name,
                       info->files);
    return DT_OK;
}

/* Whether two paths name one file, be it there or not. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat there[2], folders[2];
    char copy[2][DT_NAME_MAX];
    if (stat(a, &there[0]) == 0 && stat(b, &there[1]) == 0)
        return there[0].st_dev == there[1].st_dev && there[0].st_ino == there[1].st_ino;
    for (int i = 0; i < 2; i++) {
        snprintf(copy[i], sizeof copy[i], "%s", i ? b : a);
        if (stat(dirname(copy[i]), &folders[i]) != 0)
            return false;
        snprintf(copy[i], sizeof copy[i], "%s", i ? b : a);
    }
    return strcmp(basename(copy[0]), basename(copy[1])) == 0 &&
           folders[0].st_dev == folders[1].st_dev && folders[0].st_ino == folders[1].st_ino;
}

/* A file to be written can be made, or replaced; of the files of a run only its page can. */
static dt_status check_output(const dt_invocation *invocation, const char *path, dt_error *error)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    bool page = invocation->command == DT_COMMAND_REPORT && strcmp(name, DT_FILE_REPORT) == 0;
    if (!page && dt_run_directory_owns(path))
        return dt_fail(error, DT_ERR_CREATE,
                       "%s: expected a new file, or one that may be replaced, found a file of a "
                       "run, which stays; choose another name",
                       path);
    dt_status status = dt_atomic_try(path, error);
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    for (size_t i = 0; i < count && !status; i++) {
        const char *other = (const char *)invocation + flags[i].offset;
        bool is_file = flags[i].value && strcmp(flags[i].value, "FILE") == 0;
        if (is_file && other != path && other[0] && is_same_file(path, other))
            status = dt_fail(error, DT_ERR_CREATE,
                             "%s: expected a new file, or one that may be replaced, found that of "
                             "--%s, which stays; choose another name",
                             path, flags[i].name);
    }
    for (int i = 0; i < invocation->file_count && !status; i++)
        if (is_same_file(path, invocation->files[i]))
            status = dt_fail(error, DT_ERR_CREATE,
                             "%s: expected a new file, or one that may be replaced, found one that "
                             "is read, which stays; choose another name",
                             path);
    return status;
}

/* Better to learn now than behind the work. */
static dt_status check_outputs(const dt_invocation *invocation, dt_error *error)
{
    size_t count;
    const dt_flag *flags = dt_flags(&count);
    const char *timeline = invocation->config.timeline;
    dt_status status = DT_OK;
    for (size_t i = 0; i < count && !status; i++) {
        const char *path = (const char *)invocation + flags[i].offset;
        if (flags[i].written && path[0])
            status = check_output(invocation, path, error);
    }
    if (!status && invocation->command == DT_COMMAND_TRAIN && strcmp(timeline, "none") != 0)
        status = check_output(invocation, timeline, error);
    return status;
}

/* A pattern of all runs has the newest twice: "latest" is a link to it. */
static void drop_repeated(dt_invocation *invocation)
{
    const char **files = invocation->files;
    int kept = 0;
    for (int i = 0; i < invocation->file_count; i++) {
        const char *same = NULL;
        if (invocation->weights_path[0] && is_same_file(files[i], invocation->weights_path))
            same = invocation->weights_path;
        for (int j = 0; j < kept && !same; j++)
            if (is_same_file(files[i], files[j]))
                same = files[j];
        if (same)
            dt_warn("%s is %s: it counts once", files[i], same);
        else
            files[kept++] = files[i];
    }
    invocation->file_count = kept;
}

/* Rank 0 reads the command line and the files; what it made of them goes to all. */
static dt_status read_options(dt_comm *comm, int argc, char **argv, dt_invocation *invocation,
                              dt_error *error)
{
    dt_status status = DT_OK;
    if (dt_comm_rank(comm) == 0)
        status = dt_options_parse(argc, argv, environ, invocation, error);
    if (dt_comm_rank(comm) == 0 && !status && dt_command_infos[invocation->command].once)
        drop_repeated(invocation);
    if (dt_comm_rank(comm) == 0 && !status && is_work(invocation))
        status = check_needs(invocation, error);
    if (dt_comm_rank(comm) == 0 && !status && is_work(invocation))
        status = check_outputs(invocation, error);
    dt_comm_broadcast(comm, &status, sizeof status);
    if (status)
        return status;
    const char **files = invocation->files; /* of rank 0 */
    dt_comm_broadcast(comm, invocation, sizeof *invocation);
    invocation->files = files;
    return DT_OK;
}

/* The work of a command: of all ranks together, or of rank 0 alone. */
static const struct {
    dt_status (*together)(dt_comm *, const dt_invocation *, dt_error *);
    dt_status (*alone)(const dt_invocation *, dt_error *);
} commands[] = {
    [DT_COMMAND_TRAIN] = {.together = command_train},
    [DT_COMMAND_EVAL] = {.together = command_eval},
    [DT_COMMAND_PREDICT] = {.alone = command_predict},
    [DT_COMMAND_INSPECT] = {.alone = command_inspect},
    [DT_COMMAND_EXPORT] = {.alone = command_export},
    [DT_COMMAND_IMPORT] = {.alone = command_import},
    [DT_COMMAND_REPORT] = {.alone = command_report},
    [DT_COMMAND_WATCH] = {.together = command_watch},
    [DT_COMMAND_BENCH] = {.together = command_bench},
};
_Static_assert(sizeof commands / sizeof *commands == DT_COMMANDS, "a function for each command");

static dt_status work(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    if (commands[invocation->command].together)
        return commands[invocation->command].together(comm, invocation, error);
    dt_status status = DT_OK;
    if (dt_comm_rank(comm) == 0)
        status = commands[invocation->command].alone(invocation, error);
    return dt_comm_agree(comm, status, error);
}

/* What a training prints is in its log.txt too; of the others it is the work. */
static dt_status check_printed(const dt_invocation *invocation, dt_error *error)
{
    if (invocation->command == DT_COMMAND_TRAIN && is_work(invocation) && !invocation->dry_run)
        return DT_OK;
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return DT_OK;
    return dt_fail(error, DT_ERR_IO, "standard output: cannot write%s%s", errno ? ": " : "",
                   errno ? strerror(errno) : ""); /* of a line before the last: not known here */
}

/* What rank 0 prints in place of a command's work. */
static dt_status print(const dt_invocation *invocation, dt_error *error)
{
    if (invocation->help && invocation->topic)
        dt_options_print_topic(stdout, invocation->topic);
    else if (invocation->help)
        dt_options_print_help(stdout);
    else if (invocation->version)
        print_version();
    else if (invocation->generate[0])
        (strcmp(invocation->generate, "man") == 0 ? generate_man : generate_bash)(stdout);
    else
        return print_config(&invocation->config, error);
    return DT_OK;
}

static dt_status run(dt_comm *comm, int argc, char **argv, dt_error *error)
{
    dt_invocation invocation = {0};
    dt_status status = read_options(comm, argc, argv, &invocation, error);
    if (status)
        return status;
    bool voice = dt_comm_rank(comm) == 0;
    if (is_work(&invocation))
        status = work(comm, &invocation, error);
    else if (voice)
        status = print(&invocation, error);
    if (!status && voice)
        status = check_printed(&invocation, error);
    dt_free(invocation.files);
    return status;
}

int main(int argc, char **argv)
{
    dt_file_hold_standard();
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of write, not the end */
    dt_error error = {0};
    dt_comm *comm = NULL;
    dt_status status = dt_stop_install(&error);
    if (!status)
        status = dt_comm_start(&argc, &argv, &comm, &error);
    bool voice = !comm || dt_comm_rank(comm) == 0;
    dt_log_keep();
    if (!voice)
        dt_log_set_level(DT_LOG_SILENT);
    if (!status)
        status = run(comm, argc, argv, &error);
    if (status && voice && error.message[0])
        dt_print(stderr, "dist-train: %s\n", error.message);
    if (status && (!voice || error.message[0]))
        dt_shortage_silence();
    dt_comm_finish(comm);
    return status;
}
