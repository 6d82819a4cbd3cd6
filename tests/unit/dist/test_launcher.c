#include "dist/launcher.h"

#include <CUnit/CUnit.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

CU_SuiteInfo dt_suite_launcher(void);

/* What launchers leave in the environment, as found on Debian 12: NAME=VALUE, {} is the rank. */
#define MPIRUN "OMPI_COMM_WORLD_SIZE=3", "OMPI_COMM_WORLD_RANK={}", "PMIX_RANK={}"
#define HYDRA  "MPI_LOCALNRANKS=2", "MPI_LOCALRANKID=1", "PMI_SIZE=3", "PMI_RANK={}", "PMI_FD=7"
#define JOB    "SLURM_JOB_NUM_NODES=1", "SLURM_NPROCS=3", "SLURM_NTASKS=3", "SLURM_TASKS_PER_NODE=3"
#define BATCH  JOB, "SLURM_PROCID=0", "SLURM_LOCALID=0"
#define STEP(tasks)                                                                                \
    JOB, "SLURM_STEP_ID=4", "SLURM_STEPID=4", "SLURM_STEP_NUM_TASKS=" tasks, "SLURM_PROCID={}"
#define PMI2 "PMI_FD=11", "PMI_JOBID=1.4", "PMI_SIZE=3", "PMI_RANK={}"

enum { MOST = 20 };

typedef struct place {
    const char *variables[MOST]; /* NULL at the end */
    int mpi_size;
    const char *refused_by; /* NULL: fine */
} place;

static const place places[] = {
    {{NULL}, 0, NULL},
    {{NULL}, 1, NULL},
    {{MPIRUN}, 0, NULL},
    {{MPIRUN}, 3, NULL},
    {{MPIRUN}, 1, "mpirun of Open MPI"},
    {{HYDRA}, 0, NULL},
    {{HYDRA}, 3, NULL},
    {{HYDRA}, 1, "mpiexec of MPICH"},
    {{PMI2}, 1, "a launcher with PMI"},
    {{PMI2}, 0, NULL},
    {{BATCH}, 0, NULL},
    {{BATCH}, 1, NULL},
    {{BATCH, MPIRUN}, 3, NULL},
    {{BATCH, MPIRUN}, 1, "mpirun of Open MPI"},
    {{BATCH, HYDRA}, 1, "mpiexec of MPICH"},
    {{STEP("3")}, 0, "srun"},
    {{STEP("3")}, 1, "srun"},
    {{STEP("3")}, 3, NULL},
    {{STEP("1")}, 0, NULL},
    {{STEP("1")}, 1, NULL},
    {{STEP("3"), PMI2}, 0, NULL},
    {{STEP("3"), PMI2}, 1, "srun"},
    {{STEP("3"), "PMIX_RANK={}"}, 0, NULL},
    {{STEP("3"), "PMIX_RANK={}"}, 3, NULL},
    {{STEP("3"), "PMIX_RANK={}"}, 1, "srun"},
    /* An interactive shell. */
    {{STEP("3"), "SLURM_PTY_PORT=39001"}, 0, NULL},
    {{STEP("3"), "SLURM_PTY_PORT=39001"}, 1, NULL},
    {{STEP("3"), "SLURM_PTY_PORT=39001", MPIRUN}, 1, "mpirun of Open MPI"},
    /* mpirun -np 1 on another node than its own: its daemons are a step. */
    {{STEP("3"), "OMPI_COMM_WORLD_SIZE=1", "OMPI_COMM_WORLD_RANK=0", "PMIX_RANK=0"}, 0, NULL},
    {{STEP("3"), "OMPI_COMM_WORLD_SIZE=1", "OMPI_COMM_WORLD_RANK=0", "PMIX_RANK=0"}, 1, NULL},
    /* Half an environment says nothing. */
    {{"SLURM_STEP_ID=4", "SLURM_PROCID=0"}, 1, NULL},
    {{"MPI_LOCALNRANKS=2"}, 1, NULL},
};

static const dt_mpi open_mpi = {.is_open_mpi = true, .major = 4}, mpich = {.is_open_mpi = false};

enum { PLACES = sizeof places / sizeof *places };

static void set(const place *at, int rank)
{
    clearenv();
    for (int i = 0; i < MOST && at->variables[i]; i++) {
        char name[64];
        const char *value = strchr(at->variables[i], '=') + 1;
        snprintf(name, sizeof name, "%.*s", (int)(value - 1 - at->variables[i]), at->variables[i]);
        char number[16];
        snprintf(number, sizeof number, "%d", rank);
        setenv(name, strcmp(value, "{}") == 0 ? number : value, 1);
    }
}

static void each_place_is_judged(void)
{
    for (int i = 0; i < PLACES; i++) {
        dt_error error = {.message = "untouched"};
        set(&places[i], 0);
        dt_status status = dt_launcher_check(getenv, open_mpi, places[i].mpi_size, &error);
        if (status != (places[i].refused_by ? DT_ERR_CONFIG : DT_OK))
            printf("\n  place %d: found status %d, '%s'", i, status, error.message);
        CU_ASSERT_EQUAL(status, places[i].refused_by ? DT_ERR_CONFIG : DT_OK);
        const char *begin = places[i].refused_by ? places[i].refused_by : "untouched";
        CU_ASSERT_EQUAL(strncmp(error.message, begin, strlen(begin)), 0);
    }
}

/* Of each launcher: what a program of Open MPI is told to do, and one of MPICH or its kin. */
static void the_message_says_what_to_do(void)
{
    static const char mpiexec[] = "use the mpiexec of the MPI it was built with (MPICH: "
                                  "mpiexec.hydra), or build it with this one (make MPI=)";
    static const char mpirun[] = "use the mpirun of Open MPI, with which it was built";
    static const struct {
        place at;
        const char *open_mpi, *mpich;
    } cases[] = {
        {{{MPIRUN}, 1, "mpirun of Open MPI"},
         "use the mpirun of the Open MPI that it was built with",
         mpiexec},
        {{{HYDRA}, 1, "mpiexec of MPICH or its kin"}, mpirun, mpiexec},
        {{{STEP("3"), PMI2}, 1, "srun"},
         "use srun --mpi=pmix, or mpirun",
         "use srun --mpi=pmi2, or mpiexec"},
        {{{PMI2}, 1, "a launcher with PMI"}, mpirun, mpiexec},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const place *at = &cases[i / 2].at;
        char expected[sizeof(dt_error)];
        dt_error error = {0};
        set(at, 0);
        CU_ASSERT_EQUAL(dt_launcher_check(getenv, i % 2 ? mpich : open_mpi, 1, &error),
                        DT_ERR_CONFIG);
        snprintf(expected, sizeof expected,
                 "%s started 3 processes, but each believes to be alone (rank 0 of 1): %s",
                 at->refused_by, i % 2 ? cases[i / 2].mpich : cases[i / 2].open_mpi);
        CU_ASSERT_STRING_EQUAL(error.message, expected);
    }
}

/* MPICH may find the others by what srun has always left; Open MPI would end the process. */
static void before_mpi_starts_open_mpi_alone_is_kept_from_a_bare_step(void)
{
    dt_error error;
    const place step = {{STEP("4")}, 0, "srun"};
    set(&step, 0);
    CU_ASSERT_EQUAL(dt_launcher_check(getenv, open_mpi, 0, &error), DT_ERR_CONFIG);
    CU_ASSERT_EQUAL(dt_launcher_check(getenv, mpich, 0, &error), DT_OK);
    CU_ASSERT_EQUAL(dt_launcher_check(getenv, mpich, 1, &error), DT_ERR_CONFIG);
    CU_ASSERT_EQUAL(dt_launcher_check(getenv, mpich, 4, &error), DT_OK);
}

static void one_process_speaks(void)
{
    for (int i = 0; i < PLACES; i++)
        for (int rank = 1; rank < 3 && places[i].refused_by; rank++) {
            dt_error error = {.message = "untouched"};
            set(&places[i], rank);
            CU_ASSERT_EQUAL(dt_launcher_check(getenv, open_mpi, places[i].mpi_size, &error),
                            DT_ERR_CONFIG);
            CU_ASSERT_STRING_EQUAL(error.message, "");
        }
}

/* With the first `set` of TMPDIR, TEMP, TMP in a directory that is good (+) or not (-). */
static void temporary(const char *signs, const char *good, const char *bad, const char *refused)
{
    static const char *const names[] = {"TMPDIR", "TEMP", "TMP"};
    dt_error error = {0};
    clearenv();
    for (int i = 0; signs[i]; i++)
        if (signs[i] != ' ')
            setenv(names[i], signs[i] == '+' ? good : bad, 1);
    dt_status status = dt_launcher_check_temporary(getenv, &error);
    CU_ASSERT_EQUAL(status, refused ? DT_ERR_CONFIG : DT_OK);
    CU_ASSERT_EQUAL(strncmp(error.message, refused ? refused : "", refused ? strlen(refused) : 1),
                    0);
}

static void a_bad_temporary_directory_is_refused(void)
{
    char directory[SCRATCH_SIZE], file[PATH_MAX], missing[PATH_MAX], message[PATH_MAX + 200];
    char below[PATH_MAX];
    dt_error error;
    scratch_create(directory);
    snprintf(file, sizeof file, "%s/file", directory);
    snprintf(below, sizeof below, "%s/file/x/y", directory);
    snprintf(missing, sizeof missing, "%s/a//b/c/", directory);
    fclose(fopen(file, "w"));
    temporary("", directory, file, NULL);
    temporary("+", directory, file, NULL);
    temporary("+--", directory, file, NULL);
    temporary(" +-", directory, file, NULL);
    temporary("  +", directory, file, NULL);
    temporary("+", missing, file, NULL);
    temporary("-++", directory, file, "TMPDIR=");
    temporary(" -+", directory, file, "TEMP=");
    temporary("  -", directory, file, "TMP=");
    temporary("-", directory, below, "TMPDIR=");
    temporary("-", directory, "/proc", "TMPDIR=/proc: ");
    setenv("TMPDIR", file, 1);
    snprintf(message, sizeof message,
             "TMPDIR=%s: expected a directory to write into, where Open MPI has its files, found: "
             "Not a directory; set TMPDIR to one",
             file);
    CU_ASSERT_EQUAL(dt_launcher_check_temporary(getenv, &error), DT_ERR_CONFIG);
    CU_ASSERT_STRING_EQUAL(error.message, message);
    unlink(file);
    CU_ASSERT_EQUAL(rmdir(directory), 0); /* nothing is left in it */
}

static char **kept;

static int keep_environment(void)
{
    extern char **environ;
    size_t count = 0;
    while (environ[count])
        count++;
    kept = calloc(count + 1, sizeof *kept);
    for (size_t i = 0; kept && i < count; i++)
        kept[i] = strdup(environ[i]);
    return kept == NULL;
}

static int restore_environment(void)
{
    clearenv();
    for (size_t i = 0; kept[i]; i++) {
        char *value = strchr(kept[i], '=');
        *value = 0;
        setenv(kept[i], value + 1, 1);
        free(kept[i]);
    }
    free(kept);
    return 0;
}

CU_SuiteInfo dt_suite_launcher(void)
{
    static CU_TestInfo tests[] = {
        {"what each launcher leaves is judged", each_place_is_judged},
        {"the message says what to do", the_message_says_what_to_do},
        {"before MPI starts only Open MPI is kept from a bare step of srun",
         before_mpi_starts_open_mpi_alone_is_kept_from_a_bare_step},
        {"one process speaks for all", one_process_speaks},
        {"a directory for temporary files that is none is refused",
         a_bad_temporary_directory_is_refused},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "launcher",
                          .pInitFunc = keep_environment,
                          .pCleanupFunc = restore_environment,
                          .pTests = tests};
}
