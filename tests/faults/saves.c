/* Each fault at each file operation of a save, by the functions of the io room.
 *
 * usage: LD_PRELOAD=shim.so saves DIR     (absolute, empty)
 *
 * A case is a process that saves and meets one fault (shim.c): the first operation, the second, ...
 * until a pass that meets none. After each, what was there before or what was to be there is found,
 * whole; success is reported only of the latter; an error names the file and the reason. Prints a
 * line for each scenario, and at the end "N run, M lost". Exit code: 0 none was lost. */
#define _GNU_SOURCE
#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "scenarios.h"
#include "shim.h"

#pragma weak dt_fault_arm
#pragma weak dt_fault_struck
#pragma weak dt_fault_cut_power

enum { HANG_SECONDS = 20 };

void fail(state *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "saves: %s, %s at call %ld: ", self->scenario->name, self->kind->name,
            self->call);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    self->failed = true;
}

static const kind kinds[] = {
    {"kill", NULL, false},
    {"torn", NULL, false},
    {"power", NULL, false},
    {"journal", NULL, false},
    {"short", NULL, false},
    {"EINTR", NULL, false},
    {"flip", "differ", true},
    {"EIO", "Input/output error", false},
    {"ENOSPC", "No space left on device", false},
    {"EDQUOT", "Disk quota exceeded", false},
    {"EIO+", "Input/output error", false},
    {"ENOSPC+", "No space left on device", false},
    {"EDQUOT+", "Disk quota exceeded", false},
};

/* --- a case --- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    return where->level > 0 ? remove(path) : 0;
}

static void remove_below(const char *directory)
{
    if (nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS))
        exit(2);
}

/* Temporary files; in `directory` and in its checkpoints. */
static int count_temporaries(const char *directory)
{
    int count = 0;
    DIR *list = opendir(directory);
    const struct dirent *entry;
    while (list && (entry = readdir(list))) {
        char inner[DT_PATH_SIZE + NAME_MAX];
        count += entry->d_name[0] == '.' && strlen(entry->d_name) > 2;
        snprintf(inner, sizeof inner, "%s/%s", directory, entry->d_name);
        if (strcmp(entry->d_name, "checkpoints") == 0)
            count += count_temporaries(inner);
    }
    if (list)
        closedir(list);
    return count;
}

/* In a process of its own. */
static void meet_fault(state *self, int pipe_end)
{
    outcome found = {0};
    alarm(HANG_SECONDS);
    dt_fault_arm(self->directory, self->kind->name, self->call);
    found.status = self->scenario->act(self, &found.error);
    found.struck = dt_fault_struck();
    dt_fault_cut_power();
    _exit(write(pipe_end, &found, sizeof found) != sizeof found);
}

static outcome run_process(state *self)
{
    int ends[2], status;
    outcome found = {0};
    if (pipe(ends))
        exit(2);
    pid_t pid = fork();
    if (pid == 0)
        meet_fault(self, ends[1]);
    close(ends[1]);
    bool told = read(ends[0], &found, sizeof found) == sizeof found;
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        exit(2);
    found.killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    found.struck |= found.killed;
    if (!found.killed && !told)
        fail(self, "expected an end, found signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return found;
}

static void check_message(state *self, const outcome *found)
{
    const kind *it = self->kind;
    const char *message = found->error.message;
    if (found->killed)
        return;
    if (!found->status) {
        if (found->struck && it->must_fail)
            fail(self, "success");
        return;
    }
    if (!it->reason || !found->struck)
        fail(self, "expected success, found: %s", message);
    else if (found->status != DT_ERR_CREATE && found->status != DT_ERR_IO)
        fail(self, "expected status 73 or 74, found %d: %s", found->status, message);
    else if (!strstr(message, it->reason) || !strstr(message, self->directory) ||
             strchr(message, '\n'))
        fail(self, "expected a line with the file and '%s', found: %s", it->reason, message);
}

/* Returns whether the fault has been met. */
static bool run_case(state *self)
{
    dt_error error;
    self->failed = false;
    dt_fault_arm(self->directory, "none", 0); /* saves the time of real syncs */
    remove_below(self->directory);
    self->scenario->prepare(self);
    outcome found = run_process(self);
    check_message(self, &found);
    self->scenario->check(self, &found);
    int left = found.killed ? 0 : count_temporaries(self->directory);
    if (left > 0 && self->scenario->tidies)
        fail(self, "%d temporary files left", left);
    if (dt_run_directory_tidy(self->directory, &error))
        fail(self, "%s", error.message);
    left = count_temporaries(self->directory);
    if (left > 0)
        fail(self, "%d temporary files left after tidying up", left);
    self->run++;
    self->lost += self->failed;
    return found.struck;
}

static void run_scenario(state *self)
{
    long before = self->run, operations = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        self->kind = &kinds[i];
        if (strcmp(self->kind->name, "flip") == 0 && !self->scenario->verifies)
            continue;
        self->call = 1;
        while (run_case(self))
            self->call++;
        if (i == 0)
            operations = self->call - 1;
    }
    printf("  %-20s %4ld faults at %ld operations\n", self->scenario->name, self->run - before,
           operations);
    self->kind = &kinds[0];
    if (operations < self->scenario->least) {
        fail(self, "expected %d operations at least", self->scenario->least);
        self->lost++;
    }
}

int main(int argc, char **argv)
{
    static state self;
    if (argc != 2 || argv[1][0] != '/' || !dt_fault_arm) {
        fprintf(stderr, "usage: LD_PRELOAD=shim.so saves DIR (absolute)\n");
        return 64;
    }
    dt_log_set_level(DT_LOG_SILENT);
    snprintf(self.directory, sizeof self.directory, "%s/case", argv[1]);
    for (int i = 0; i < scenario_count; i++) {
        self.scenario = &scenarios[i];
        remove_below(argv[1]);
        if (mkdir(self.directory, 0777))
            return 2;
        run_scenario(&self);
    }
    remove_below(argv[1]);
    printf("%ld run, %ld lost\n", self.run, self.lost);
    return self.lost > 0;
}
