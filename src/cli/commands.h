/* The commands of the program, one file each. */
#ifndef DT_CLI_COMMANDS_H
#define DT_CLI_COMMANDS_H

#include "base/status.h"
#include "cli/options.h"
#include "dist/comm.h"

/* Trains: data, network, loop, files. Collective; all ranks return the same. */
dt_status dt_command_train(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Evaluates a weights file. Collective; all ranks return the same. */
dt_status dt_command_eval(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Classifies images. Rank 0 works; all ranks return the same. */
dt_status dt_command_predict(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Says what files and runs are. Rank 0 works; all ranks return the same. */
dt_status dt_command_inspect(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Writes a network for other programs. Rank 0 works; all ranks return the same. */
dt_status dt_command_export(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Makes a weights file of another program's. Rank 0 works; all ranks return the same. */
dt_status dt_command_import(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Makes a page of run directories. Rank 0 works; all ranks return the same. */
dt_status dt_command_report(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Follows runs from outside, without touching them, until all of them have ended. The status tells
 * how: DT_OK: complete; DT_STOPPED; DT_ERR_INTERNAL: the summary says "failed"; DT_ERR_STALLED: the
 * process is gone and has written no summary; of several, of the first that is not complete.
 * A request to stop ends the process by its signal, once the terminal is as it was.
 * Rank 0 works, the others return DT_OK at once. */
dt_status dt_command_watch(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

/* Measures and prints a table; --csv: into a file too. Collective; all ranks return the same. */
dt_status dt_command_bench(dt_comm *comm, const dt_invocation *invocation, dt_error *error);

#endif
