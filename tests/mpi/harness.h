/* What the programs of this directory share: run under mpirun, they play the same tests on one host
 * and on several pretended ones, print nothing on success, and otherwise one failure on rank 0. */
#ifndef DT_TESTS_MPI_HARNESS_H
#define DT_TESTS_MPI_HARNESS_H

#include <stdbool.h>

#include "train/session.h"

/* The whole of main: `test` is collective and is called once for each way to spread the ranks over
 * hosts, with a comm of its own. Returns the exit code. */
int harness_run(int argc, char **argv, void (*test)(dt_comm *comm));

/* Keeps the first failure of this rank, and where it was; the test goes on. Returns `holds`. */
bool check(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Checks that all ranks have the same `size` bytes. Collective. */
bool check_same(const char *what, const void *bytes, int size);

/* Checks that all ranks have this status, and if it is an error the same message. Collective. */
bool check_status(const char *what, dt_status expected, dt_status found, const dt_error *error);

/* Settings of a small run: its data, its layers, 8 test samples. */
dt_config harness_settings(const char *data, const char *layers);

/* A run with these settings; NULL, and a failure: it cannot be opened. Collective. */
dt_session *harness_open(dt_comm *comm, dt_config config);

/* Block without contents; ends the program when there is no memory. dt_free. */
void *harness_alloc(size_t count, size_t size);

void harness_sleep(int microseconds);

/* Writes the number of this process to the file ready, for the script that waits for it. */
void harness_ready(void);

#endif
