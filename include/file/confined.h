/* A child process for a library that does not survive hostile files. It can compute and talk to its
 * parent, and nothing else.
 *
 * The child is a copy of this program as it was when it began, before it had read anything, or of
 * one started anew: it has nothing of its parent's data, files or MPI, no arguments and no
 * environment. Its only open file is a socket to its parent, through which it gets
 * all that it works on. The kernel does not let it open or make files, sockets and processes, and
 * limits its memory and processor time; with seccomp it has only the system calls that memory, time
 * and that socket need. The parent checks all that the child says. Not collective; a child is for
 * one thread at a time, children of several threads do not disturb each other.
 *
 * Errors of every function of the parent: DT_ERR_DATA when the child has ended, the message saying
 * how ("expected a file that can be read, found one that ..."); DT_ERR_INTERNAL when there can be
 * no child. */
#ifndef DT_FILE_CONFINED_H
#define DT_FILE_CONFINED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct dt_confined_limits {
    size_t memory; /* bytes, beside what the program takes when it starts */
    int seconds;   /* of processor time */
    int patience;  /* seconds that a message may take, since machines are busy; a child that hears
                      nothing for twice as long ends, so that it outlives no parent */
} dt_confined_limits;

typedef struct dt_confined dt_confined;

/* Starts a child that does `work`, a function of the program itself and of no library, and ends.
 * The caller owns *out: dt_confined_end. */
dt_status dt_confined_start(void (*work)(void), dt_confined_limits limits, dt_confined **out,
                            dt_error *error);

/* Sends all of the bytes, or fills all of them with what the child says. */
dt_status dt_confined_send(dt_confined *child, const void *bytes, size_t size, dt_error *error);
dt_status dt_confined_receive(dt_confined *child, void *bytes, size_t size, dt_error *error);

/* Ends the child, whatever it does. NULL is allowed. */
void dt_confined_end(dt_confined *child);

/* Whether this kernel lets a process give up system calls (seccomp). Without it a child has the
 * other limits alone. */
bool dt_confined_can_seal(void);

/* For the work of a child. */

/* Says all of the bytes to the parent, or hears as many. Ends the process when the parent is gone.
 */
void dt_confined_tell(const void *bytes, size_t size);
void dt_confined_hear(void *bytes, size_t size);

#endif
