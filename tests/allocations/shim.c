/* Makes an allocation of the program fail: for LD_PRELOAD.
 *
 * Counted, from 1, are the allocations that the program asks for, itself, through the C library, or
 * through a library of file formats (`counted`); not those of MPI, whose end without memory is its
 * own. Set by the environment:
 * - ALLOC_FAIL: the number of the one that fails; with a + behind it all later ones fail as well;
 *   0: none.
 * - ALLOC_ONLY: count what is asked for by this library, such as libjansson, or program alone.
 * - ALLOC_RANK: of which rank (0).
 * - ALLOC_PLACES: a file to which the number of the first allocation of every place is written: a
 *   place is what the DEPTH innermost return addresses say.
 * - ALLOC_STRUCK: a file to which the stack is written when it strikes.
 * - ALLOC_EACH: a file with the number of an allocation a line. As MPI starts slowly, it is started
 *   once: the process then forks for each number, and the child goes on in the directory of that
 *   name, with the files `out`, `err` and `stack` in it beside the directory `work` it works in.
 *   How the child ended, as waitpid tells, is written to `status`; -1: the allocation is one of
 *   those before MPI has started. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

/* mpi.h, of which this needs no more. */
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided);
int MPI_Finalize(void);

enum { DEPTH = 2, FRAMES = 24, PLACES = 1 << 16, SECONDS = 120 };

static const char *const counted[] = {"libhdf5", "libjansson",    "libzip", "libexif",
                                      "libisal", "libprotobuf-c", "libz."};
/* Who asks them has asked for it. */
static const char *const passed_on[] = {"libc.so", "ld-linux", "libgcc_s", "shim.so", "libasan"};

/* The program's functions in front of the C library's. */
static const char *const own[] = {"malloc", "calloc", "realloc"};

static struct {
    bool ready, all_later, is_child;
    const char *only;
    long fail, calls;
    int places, struck;
    uint64_t seen[PLACES];
    pthread_mutex_t mutex;
} shim = {.places = -1, .struck = -1, .mutex = PTHREAD_MUTEX_INITIALIZER};

static __thread bool inside __attribute__((tls_model("initial-exec")));

static bool is_of(const char *object, const char *const *names, size_t count)
{
    const char *slash = strrchr(object, '/');
    const char *name = slash ? slash + 1 : object;
    for (size_t i = 0; i < count; i++)
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int open_named(const char *variable)
{
    const char *path = getenv(variable);
    return path && *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
}

__attribute__((constructor)) static void get_ready(void)
{
    const char *fail = getenv("ALLOC_FAIL"), *wanted = getenv("ALLOC_RANK");
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!fail || strcmp(program_invocation_short_name, "dist-train") != 0 ||
        strcmp(rank ? rank : "0", wanted ? wanted : "0") != 0)
        return;
    void *frames[FRAMES];
    backtrace(frames, FRAMES); /* loads what it needs */
    shim.fail = atol(fail);
    shim.only = getenv("ALLOC_ONLY");
    shim.all_later = strchr(fail, '+') != NULL;
    shim.places = open_named("ALLOC_PLACES");
    shim.struck = open_named("ALLOC_STRUCK");
    shim.ready = true;
}

/* Whether the program asks, and from where. */
static bool ask_who(void **frames, int count, uint64_t *place)
{
    int depth = 0;
    bool known = false;
    *place = 1469598103934665603u;
    for (int i = 0; i < count && depth < DEPTH; i++) {
        struct dl_find_object found;
        if (_dl_find_object((char *)frames[i] - 1, &found) != 0)
            return known;
        const char *object = found.dlfo_link_map->l_name;
        if (is_of(object, passed_on, sizeof passed_on / sizeof *passed_on))
            continue;
        Dl_info info;
        if (!known && !object[0] && dladdr((char *)frames[i] - 1, &info) && info.dli_sname &&
            is_of(info.dli_sname, own, sizeof own / sizeof *own))
            continue;
        if (!known && object[0] && !is_of(object, counted, sizeof counted / sizeof *counted))
            return false;
        if (!known && shim.only &&
            !is_of(object[0] ? object : program_invocation_short_name, &shim.only, 1))
            return false;
        known = true;
        depth++;
        uint64_t offset = (uint64_t)frames[i] - (uint64_t)found.dlfo_map_start;
        *place = (*place ^ offset ^ (uint64_t)object[0] << 56) * 1099511628211u;
        *place ^= *place >> 29;
    }
    return known;
}

static bool is_new(uint64_t place)
{
    for (size_t i = place % PLACES;; i = (i + 1) % PLACES) {
        if (shim.seen[i] == place)
            return false;
        if (shim.seen[i] == 0) {
            shim.seen[i] = place;
            return true;
        }
    }
}

static bool fails(void)
{
    void *frames[FRAMES];
    uint64_t place;
    char line[32];
    if (!shim.ready || inside)
        return false;
    inside = true;
    int kept = errno;
    int count = backtrace(frames, FRAMES);
    bool strikes = false;
    if (ask_who(frames, count, &place)) {
        pthread_mutex_lock(&shim.mutex);
        long call = ++shim.calls;
        strikes = shim.fail && (call == shim.fail || (shim.all_later && call > shim.fail));
        if (shim.places >= 0 && is_new(place)) {
            int length = snprintf(line, sizeof line, "%ld\n", call);
            if (write(shim.places, line, (size_t)length) != length)
                abort();
        }
        pthread_mutex_unlock(&shim.mutex);
        if (strikes && shim.struck >= 0)
            backtrace_symbols_fd(frames, count, shim.struck);
    }
    errno = strikes ? ENOMEM : kept;
    inside = false;
    return strikes;
}

/* What the C library has, behind the program's own malloc (base/shortage.h). */
#define NEXT(name, ...)                                                                            \
    static __typeof__(&(name)) next;                                                               \
    if (!next)                                                                                     \
        next = (__typeof__(&(name)))dlsym(RTLD_NEXT, #name);                                       \
    return next(__VA_ARGS__)

void *__libc_malloc(size_t size)
{
    if (fails())
        return NULL;
    NEXT(__libc_malloc, size);
}

void *__libc_calloc(size_t count, size_t size)
{
    if (fails())
        return NULL;
    NEXT(__libc_calloc, count, size);
}

void *__libc_realloc(void *block, size_t size)
{
    if (size && fails())
        return NULL;
    NEXT(__libc_realloc, block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if (fails())
        return NULL;
    NEXT(aligned_alloc, alignment, size);
}

static void must(bool done, const char *what)
{
    if (done)
        return;
    perror(what);
    _exit(127);
}

static int make_file(const char *name)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    must(file >= 0, name);
    return file;
}

/* The child's part of ALLOC_EACH, in its directory. */
static void become(const char *fail)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(SECONDS);
    must(dup2(make_file("out"), STDOUT_FILENO) >= 0, "out");
    must(dup2(make_file("err"), STDERR_FILENO) >= 0, "err");
    shim.struck = make_file("stack");
    must(chdir("work") == 0, "work");
    shim.is_child = true;
    shim.fail = atol(fail);
    shim.all_later = strchr(fail, '+') != NULL;
}

/* Returns in the children. */
static void fork_for_each(const char *path)
{
    static char list[1 << 20]; /* no FILE: a child's exit would set its parent's back */
    int file = open(path, O_RDONLY | O_CLOEXEC);
    must(file >= 0 && read(file, list, sizeof list - 1) > 0, path);
    inside = true;
    for (char *at, *fail = strtok_r(list, "\n", &at); fail; fail = strtok_r(NULL, "\n", &at)) {
        int status = -1;
        must(chdir(fail) == 0, fail);
        if (atol(fail) > shim.calls) {
            pid_t child = fork();
            must(child >= 0, "fork");
            if (child == 0) {
                become(fail);
                inside = false;
                return;
            }
            must(waitpid(child, &status, 0) == child, "waitpid");
        }
        int note = make_file("status");
        must(dprintf(note, "%d\n", status) > 0 && close(note) == 0, "status");
        must(chdir("..") == 0, "..");
    }
    _exit(0);
}

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    int (*next)(int *, char ***, int, int *) =
        (__typeof__(next))dlsym(RTLD_NEXT, "MPI_Init_thread");
    int result = next(argc, argv, required, provided);
    const char *each = getenv("ALLOC_EACH");
    if (shim.ready && each)
        fork_for_each(each);
    return result;
}

/* Of a child the parent's MPI would wait for threads that are not there. */
int MPI_Finalize(void)
{
    int (*next)(void) = (__typeof__(next))dlsym(RTLD_NEXT, "MPI_Finalize");
    return shim.is_child ? 0 : next();
}
