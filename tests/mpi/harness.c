#include "harness.h"

#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/launcher.h"

/* Rank r is on the host that letter r of a layout names, from the first again at its end. */
static const char *const layouts[] = {"a", "ab", "aab", "abbc", "abcdefgh"};

static const char *layout; /* in play */
static char failure[1000]; /* of this rank, the first */

/* MPI's profiling interface lets a program put functions of its own in the place of MPI's: MPI
 * starts and ends once a process although each layout has a comm that starts and finishes it. */
int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    int started;
    MPI_Initialized(&started);
    return started ? MPI_Query_thread(provided) : PMPI_Init_thread(argc, argv, required, provided);
}

int MPI_Finalize(void)
{
    return MPI_SUCCESS;
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *split)
{
    int rank;
    (void)type, (void)info;
    MPI_Comm_rank(comm, &rank);
    return MPI_Comm_split(comm, layout[(size_t)rank % strlen(layout)], key, split);
}

bool check(bool holds, const char *format, ...)
{
    if (holds || failure[0])
        return holds;
    va_list args;
    int length = snprintf(failure, sizeof failure, "hosts %s: ", layout);
    va_start(args, format);
    vsnprintf(failure + length, sizeof failure - (size_t)length, format, args);
    va_end(args);
    return false;
}

bool check_same(const char *what, const void *bytes, int size)
{
    char *first = harness_alloc((size_t)size, 1);
    memcpy(first, bytes, (size_t)size);
    MPI_Bcast(first, size, MPI_BYTE, 0, MPI_COMM_WORLD);
    bool same = check(memcmp(first, bytes, (size_t)size) == 0,
                      "%s: expected the same as on rank 0, found other bytes", what);
    dt_free(first);
    return same;
}

bool check_status(const char *what, dt_status expected, dt_status found, const dt_error *error)
{
    const char *message = found ? error->message : "";
    char first[sizeof error->message];
    memcpy(first, found ? error->message : (char[sizeof first]){""}, sizeof first);
    MPI_Bcast(first, sizeof first, MPI_BYTE, 0, MPI_COMM_WORLD);
    bool as_expected = check(found == expected, "%s: expected status %d, found %d (%s)", what,
                             expected, found, message);
    bool same = check(strcmp(first, message) == 0, "%s: expected '%s' as on rank 0, found '%s'",
                      what, first, message);
    return as_expected && same;
}

dt_config harness_settings(const char *data, const char *layers)
{
    dt_config config;
    dt_config_defaults(&config);
    snprintf(config.data, sizeof config.data, "%s", data);
    (void)dt_config_set(&config, dt_setting_find("layers"), layers, NULL);
    config.test_limit = 8;
    return config;
}

dt_session *harness_open(dt_comm *comm, dt_config config)
{
    dt_session *run = NULL;
    dt_error error = {0};
    dt_status status = dt_config_resolve(&config, &error);
    if (!status)
        status = dt_session_open(comm, &config, NULL, &run, &error);
    check_status("dt_session_open", DT_OK, status, &error);
    return run;
}

void *harness_alloc(size_t count, size_t size)
{
    dt_error error;
    void *block = dt_calloc(count, size, &error);
    if (!block) {
        fprintf(stderr, "%s\n", error.message);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return block;
}

void harness_sleep(int microseconds)
{
    usleep((useconds_t)microseconds);
}

void harness_ready(void)
{
    FILE *file = fopen("ready", "w");
    if (check(file != NULL, "cannot write the file ready")) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
    }
}

/* Prints the failure of the lowest rank that has one. */
static int report(const char *program, int rank, int size)
{
    int mine = failure[0] ? rank : size, lowest;
    MPI_Allreduce(&mine, &lowest, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (lowest == size)
        return EXIT_SUCCESS;
    MPI_Bcast(failure, sizeof failure, MPI_BYTE, lowest, MPI_COMM_WORLD);
    if (rank == 0)
        fprintf(stderr, "%s: rank %d of %d: %s\n", program, lowest, size, failure);
    return EXIT_FAILURE;
}

int harness_run(int argc, char **argv, void (*test)(dt_comm *comm))
{
    int rank, size, count = sizeof layouts / sizeof *layouts;
    dt_error unready;
    if (dt_launcher_start(&argc, &argv, &unready)) {
        fprintf(stderr, "%s: %s\n", argv[0], unready.message);
        return EXIT_FAILURE;
    }
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank > 0)
        dt_log_set_level(DT_LOG_SILENT);
    for (int i = 0; i < count && i < size; i++) {
        dt_comm *comm;
        dt_error error;
        layout = layouts[i];
        if (!check(dt_comm_start(&argc, &argv, &comm, &error) == DT_OK, "no comm"))
            break;
        test(comm);
        dt_comm_finish(comm);
    }
    int code = report(argv[0], rank, size);
    PMPI_Finalize();
    return code;
}
