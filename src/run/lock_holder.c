#include "run/lock_holder.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"

static const char first_line[] = "dist-train run lock\n";
static const char last_line[] = "end\n";

/* What of a process /proc/PID/stat tells. */
typedef struct process {
    char state;
    long threads;
    unsigned long long started;
} process;

/* The texts of a lock file, in their order; numbers come before them. */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    {"host", offsetof(dt_lock_holder, host)},
    {"machine", offsetof(dt_lock_holder, machine)},
    {"boot", offsetof(dt_lock_holder, boot)},
    {"spaces", offsetof(dt_lock_holder, spaces)},
    {"slurm_job", offsetof(dt_lock_holder, slurm_job)},
    {"since", offsetof(dt_lock_holder, since)},
    {"nonce", offsetof(dt_lock_holder, nonce)},
};

enum { FIELDS = sizeof fields / sizeof *fields };

static void cut_line(char *text)
{
    text[strcspn(text, "\n")] = '\0';
}

static bool read_process(long pid, process *out)
{
    char path[64], text[DT_LOCK_TEXT];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    if (!dt_read_start(path, text, sizeof text))
        return false;
    /* The name of the program, in parentheses, may hold parentheses and spaces. */
    const char *after_name = strrchr(text, ')');
    return after_name &&
           sscanf(
               after_name + 1,
               " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %ld %*s %llu",
               &out->state, &out->threads, &out->started) == 3;
}

static void read_spaces(char spaces[DT_LOCK_FIELD])
{
    static const char *const links[] = {"/proc/self/ns/pid", "/proc/self/ns/time"};
    dt_text text = {.text = spaces, .size = DT_LOCK_FIELD};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char target[DT_LOCK_FIELD / 2] = "";
        if (readlink(links[i], target, sizeof target - 1) > 0)
            dt_text_add(&text, "%s%s", i > 0 ? "," : "", target);
    }
}

static void read_variable(const char *name, char field[DT_LOCK_FIELD])
{
    const char *value = getenv(name);
    snprintf(field, DT_LOCK_FIELD, "%s", value ? value : "");
    cut_line(field);
}

void dt_lock_holder_self(dt_lock_holder *self)
{
    *self = (dt_lock_holder){.known = true, .pid = getpid()};
    process own;
    if (read_process(self->pid, &own))
        self->started = own.started;
    gethostname(self->host, sizeof self->host - 1);
    dt_read_start("/etc/machine-id", self->machine, sizeof self->machine);
    cut_line(self->machine);
    dt_read_start("/proc/sys/kernel/random/boot_id", self->boot, sizeof self->boot);
    cut_line(self->boot);
    read_spaces(self->spaces);

    char restarts[DT_LOCK_FIELD];
    read_variable("SLURM_JOB_ID", self->slurm_job);
    read_variable("SLURM_RESTART_COUNT", restarts);
    self->slurm_restarts = strtol(restarts, NULL, 10);

    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local))
        strftime(self->since, sizeof self->since, "%Y-%m-%d %H:%M:%S %z", &local);

    struct timespec clock;
    clock_gettime(CLOCK_REALTIME, &clock);
    uint64_t words[] = {dt_hash(self, sizeof *self), (uint64_t)clock.tv_sec,
                        (uint64_t)clock.tv_nsec};
    dt_hash_text(dt_hash(words, sizeof words), self->nonce);
}

size_t dt_lock_holder_write(const dt_lock_holder *holder, char text[DT_LOCK_TEXT])
{
    dt_text out = {.text = text, .size = DT_LOCK_TEXT};
    dt_text_add(&out, "%spid %ld\nstarted %llu\nslurm_restarts %ld\n", first_line, holder->pid,
                holder->started, holder->slurm_restarts);
    for (int i = 0; i < FIELDS; i++)
        dt_text_add(&out, "%s %s\n", fields[i].name, (const char *)holder + fields[i].offset);
    dt_text_add(&out, "%s", last_line);
    return out.length;
}

/* The rest of the line of `text` that begins with "NAME "; "" when there is none. */
static void read_field(const char *text, const char *name, char field[DT_LOCK_FIELD])
{
    size_t length = strlen(name);
    field[0] = '\0';
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, length) != 0 || line[length] != ' ')
            continue;
        snprintf(field, DT_LOCK_FIELD, "%.*s", (int)strcspn(line + length + 1, "\n"),
                 line + length + 1);
        return;
    }
}

void dt_lock_holder_read(const char *text, size_t length, dt_lock_holder *holder)
{
    char copy[DT_LOCK_TEXT], number[DT_LOCK_FIELD];
    *holder = (dt_lock_holder){0};
    const size_t first = sizeof first_line - 1, last = sizeof last_line - 1;
    if (length < first + last || length >= sizeof copy || memcmp(text, first_line, first) != 0 ||
        memcmp(text + length - last, last_line, last) != 0)
        return;
    memcpy(copy, text, length);
    copy[length] = '\0';

    read_field(copy, "pid", number);
    holder->pid = strtol(number, NULL, 10);
    read_field(copy, "started", number);
    holder->started = strtoull(number, NULL, 10);
    read_field(copy, "slurm_restarts", number);
    holder->slurm_restarts = strtol(number, NULL, 10);
    for (int i = 0; i < FIELDS; i++)
        read_field(copy, fields[i].name, (char *)holder + fields[i].offset);
    holder->known = holder->pid > 0 && holder->pid <= INT_MAX;
}

static bool same(const char *a, const char *b)
{
    return a[0] != '\0' && strcmp(a, b) == 0;
}

/* Of a process of this boot and these namespaces. */
static dt_lock_life process_life(const dt_lock_holder *holder)
{
    if (kill((pid_t)holder->pid, 0) && errno == ESRCH)
        return DT_LOCK_DEAD;
    process found;
    if (!read_process(holder->pid, &found))
        return DT_LOCK_ALIVE; /* it exists, but /proc hides the processes of other users */
    /* The first thread may be a zombie while another one still writes. */
    bool ended = (found.state == 'Z' || found.state == 'X') && found.threads <= 1;
    return ended || found.started != holder->started ? DT_LOCK_DEAD : DT_LOCK_ALIVE;
}

dt_lock_life dt_lock_holder_life(const dt_lock_holder *holder, const dt_lock_holder *self,
                                 const char **reason)
{
    if (!holder->known)
        return DT_LOCK_UNSEEN;
    if (same(holder->boot, self->boot) && same(holder->spaces, self->spaces)) {
        *reason = "has ended";
        return process_life(holder);
    }
    if (same(holder->slurm_job, self->slurm_job) && holder->slurm_restarts < self->slurm_restarts) {
        *reason = "was this job before it was requeued";
        return DT_LOCK_DEAD;
    }
    /* A host name alone is often shared: "localhost", containers of one image. */
    if (same(holder->host, self->host) && same(holder->machine, self->machine) &&
        holder->boot[0] != '\0' && self->boot[0] != '\0' && !same(holder->boot, self->boot)) {
        *reason = "ended when this host was booted again";
        return DT_LOCK_DEAD;
    }
    return DT_LOCK_UNSEEN;
}

const char *dt_lock_holder_name(const dt_lock_holder *holder, char text[DT_LOCK_NAME])
{
    if (!holder->known)
        snprintf(text, DT_LOCK_NAME, "an unknown process (its lock cannot be understood)");
    else
        snprintf(text, DT_LOCK_NAME, "process %ld on host %s since %s", holder->pid, holder->host,
                 holder->since);
    return text;
}
