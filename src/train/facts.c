#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/visible.h"
#include "file/hdf5_file.h"
#include "train/insight.h"

enum { VALUE_SIZE = 8192, START_SIZE = 8192, LISTED_MAX = 8 };

#if defined __AVX512F__
#define INSTRUCTIONS "AVX-512"
#elif defined __AVX2__
#define INSTRUCTIONS "AVX2"
#elif defined __ARM_FEATURE_SVE
#define INSTRUCTIONS "SVE"
#elif defined __ARM_NEON
#define INSTRUCTIONS "NEON"
#else
#define INSTRUCTIONS "no wide vectors"
#endif

#ifdef __clang__
#define COMPILER __VERSION__
#else
#define COMPILER "GCC " __VERSION__
#endif

/* Facts as they are told; the first error stays. */
typedef struct teller {
    dt_insight *out;
    dt_error *error;
    dt_status status;
} teller;

/* What came out empty is not told. */
static void __attribute__((format(printf, 3, 4)))
tell(teller *self, const char *name, const char *format, ...)
{
    char value[VALUE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    if (self->status || value[0] == '\0')
        return;
    char shown[VALUE_SIZE];
    dt_visible(value, shown, sizeof shown);
    dt_fact *fact = &self->out->facts[self->out->fact_count++];
    fact->name = dt_strdup(name, self->error);
    fact->value = fact->name ? dt_strdup(shown, self->error) : NULL;
    self->status = fact->value ? DT_OK : DT_ERR_INTERNAL;
}

/* What stands behind KEY, blanks, and `separator` in the first such line at the start of a file,
 * without quotes; "" when there is none. */
static void look_up(const char *path, const char *key, char separator, char *value, size_t size)
{
    char text[START_SIZE];
    value[0] = '\0';
    dt_read_start(path, text, sizeof text);
    for (const char *line = text; line && value[0] == '\0';) {
        const char *at = line, *end = strchr(line, '\n');
        line = end ? end + 1 : NULL;
        if (strncmp(at, key, strlen(key)) != 0)
            continue;
        at += strlen(key);
        at += strspn(at, " \t");
        if (*at++ != separator)
            continue;
        at += strspn(at, " \t\"");
        snprintf(value, size, "%.*s", (int)strcspn(at, "\"\n"), at);
    }
}

void dt_facts_look(const dt_session *run, dt_rank_place *out)
{
    struct rusage usage = {0};
    struct utsname system = {0};
    char model[96];
    *out = (dt_rank_place){0};
    memcpy(out->seconds, run->trace.seconds, sizeof out->seconds);
    getrusage(RUSAGE_SELF, &usage);
    out->peak_memory = (int64_t)usage.ru_maxrss * 1024;
    snprintf(out->host, sizeof out->host, "%s", dt_comm_host(run->comm));
    look_up("/proc/cpuinfo", "model name", ':', model, sizeof model);
    uname(&system);
    snprintf(out->processor, sizeof out->processor, "%s, %ld processors",
             model[0] ? model : system.machine, sysconf(_SC_NPROCESSORS_ONLN));
}

static void tell_time(teller *self, const char *name, time_t when)
{
    char text[64] = "";
    struct tm local;
    if (localtime_r(&when, &local))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
    tell(self, name, "%s", text);
}

/* The arguments of this process, as a shell would take them. */
static void tell_command(teller *self)
{
    char bytes[VALUE_SIZE / 2], text[VALUE_SIZE];
    size_t length = dt_read_start("/proc/self/cmdline", bytes, sizeof bytes);
    dt_text out = {.text = text, .size = sizeof text};
    dt_text_add(&out, "%s", "");
    for (const char *at = bytes; at < bytes + length; at += strlen(at) + 1) {
        bool plain = *at && !strpbrk(at, " \t\n\"'\\$`*?[]{}()<>|&;#~!");
        dt_text_add(&out, plain ? "%s%s" : "%s'%s'", at > bytes ? " " : "", at);
    }
    tell(self, "command", "%s%s", text, length == sizeof bytes - 1 ? " ..." : "");
}

static void tell_data(teller *self, const dt_session *run)
{
    char counts[DT_DATASET_COUNTS], hash[DT_HASH_TEXT];
    tell(self, "data", "%s", run->source->name);
    tell(self, "samples", "%s", dt_dataset_counts(run->dataset, counts));
    tell(self, "fingerprint of the data", "%s", dt_hash_text(run->fingerprint, hash));
}

/* The values of a text at `offset` of the places, each once, with the number of ranks that have it.
 */
static void tell_places(teller *self, const char *name, const dt_rank_place *places, int ranks,
                        size_t offset)
{
    char buffer[LISTED_MAX * 160];
    dt_text list = {.text = buffer, .size = sizeof buffer};
    int listed = 0, more = 0;
    for (int r = 0; r < ranks; r++) {
        const char *value = (const char *)&places[r] + offset;
        int count = 0, first = r;
        for (int s = ranks - 1; s >= 0; s--)
            if (strcmp((const char *)&places[s] + offset, value) == 0) {
                count++;
                first = s;
            }
        if (first < r)
            continue;
        if (listed++ < LISTED_MAX)
            dt_text_add(&list, "%s%s (%d rank%s)", listed > 1 ? "; " : "", value, count,
                        count == 1 ? "" : "s");
        else
            more++;
    }
    if (more > 0)
        dt_text_add(&list, "; and %d more", more);
    tell(self, name, "%s", buffer);
}

static void tell_memory(teller *self, const dt_rank_place *places, int ranks)
{
    int64_t most = 0;
    for (int r = 0; r < ranks; r++)
        most = places[r].peak_memory > most ? places[r].peak_memory : most;
    tell(self, "peak memory", "%.0f MB%s", 1e-6 * (double)most,
         ranks > 1 ? ", the largest of the ranks, with what they share" : "");
}

static void tell_system(teller *self)
{
    char name[128], library[128];
    struct utsname system = {0};
    look_up("/etc/os-release", "PRETTY_NAME", '=', name, sizeof name);
    uname(&system);
    tell(self, "system", "%s%s%s %s %s", name, name[0] ? ", " : "", system.sysname, system.release,
         system.machine);
    dt_comm_library(library, sizeof library);
    tell(self, "MPI", "%s", library);
    dt_hdf5_version(library, sizeof library);
    tell(self, "HDF5", "%s", library);
    tell(self, "compiler", "%s, %s, %s", COMPILER, DT_BUILD_FLAGS, INSTRUCTIONS);
}

dt_status dt_facts_tell(const dt_session *run, const dt_epilogue *epilogue,
                        const dt_rank_place *places, dt_insight *out, dt_error *error)
{
    teller self = {.out = out, .error = error};
    char hash[DT_HASH_TEXT];
    const char *job = getenv("SLURM_JOB_ID");
    int ranks = dt_comm_size(run->comm), hosts = dt_comm_hosts(run->comm);
    out->facts = dt_calloc(DT_FACTS_MAX, sizeof *out->facts, error);
    if (!out->facts)
        return error->status;
    tell(&self, "ending", "%s", epilogue->ending);
    tell_time(&self, "started", epilogue->begin);
    tell_time(&self, "ended", epilogue->end);
    tell_command(&self);
    tell(&self, "resumed from", "%s", epilogue->resumed_from ? epilogue->resumed_from : "");
    dt_hash_text(dt_hash(run->parameters, run->parameter_count * sizeof(float)), hash);
    tell(&self, "parameter_hash", "%s", hash);
    if (run->average)
        tell(&self, "model", "the moving average of the weights, ema %g", run->config.ema);
    tell_data(&self, run);
    tell(&self, "ranks", "%d on %d host%s, %lld virtual rank%s", ranks, hosts,
         hosts == 1 ? "" : "s", (long long)run->config.virtual_ranks,
         run->config.virtual_ranks == 1 ? "" : "s");
    tell_places(&self, "hosts", places, ranks, offsetof(dt_rank_place, host));
    tell_places(&self, "processors", places, ranks, offsetof(dt_rank_place, processor));
    tell_memory(&self, places, ranks);
    tell(&self, "Slurm job", "%s", job ? job : "");
    tell(&self, "dist-train", "%s", epilogue->version);
    tell_system(&self);
    return self.status;
}
