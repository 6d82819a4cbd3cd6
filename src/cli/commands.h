/* The commands of the program, one file each. */
#ifndef DT_CLI_COMMANDS_H
#define DT_CLI_COMMANDS_H

#include "base/status.h"
#include "cli/options.h"
#include "dist/comm.h"

/* Trains: data, network, loop, files. Collective; all ranks return the same. */
dt_status command_train(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Evaluates a weights file. Collective; all ranks return the same. */
dt_status command_eval(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* These work on rank 0 alone: they classify images, say what files and runs are, write a network
 * for other programs, make a weights file of another program's, make a page of run directories. */
dt_status command_predict(const dt_invocation *invocation, dt_error *error);
dt_status command_inspect(const dt_invocation *invocation, dt_error *error);
dt_status command_export(const dt_invocation *invocation, dt_error *error);
dt_status command_import(const dt_invocation *invocation, dt_error *error);
dt_status command_report(const dt_invocation *invocation, dt_error *error);

/* Follows runs from outside, without touching them, until all of them have ended. The status tells
 * how: DT_OK: complete; DT_STOPPED; DT_ERR_INTERNAL: the summary says "failed"; DT_ERR_STALLED: the
 * process is gone and has written no summary; of several, of the first that is not complete.
 * A request to stop ends the process by its signal, once the terminal is as it was.
 * Rank 0 works, the others return DT_OK at once. */
dt_status command_watch(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Measures and prints a table; --csv: into a file too. Collective; all ranks return the same. */
dt_status command_bench(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

#endif
