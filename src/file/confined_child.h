/* What a process, the one that starts its confined children, and these agree on. */
#ifndef DT_FILE_CONFINED_CHILD_H
#define DT_FILE_CONFINED_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "file/confined.h"

/* The other end's socket, of a starter and of a child: the first file behind the standard ones,
 * which are /dev/null. */
#define CONFINED_SOCKET 3

/* The name of a starter that is started anew, and its one argument. */
#define CONFINED_NAME   "dist-train-reader"
#define CONFINED_OPTION "--start-confined"

/* A packet to the starter, with the child's end of a socket (SCM_RIGHTS); its answer is one of an
 * int32_t: the child, or an error number, negative. */
typedef struct confined_request {
    uint64_t work; /* the function, in bytes from dt_confined_start: the starter lies elsewhere */
    uint64_t memory, seconds, patience;
} confined_request;

/* Where work lies, for a request. */
static inline uint64_t confined_place(void (*work)(void))
{
    return (uint64_t)((uintptr_t)work - (uintptr_t)dt_confined_start);
}

/* For the begin of a program: makes a fork of it its starter, which costs a tenth of what one costs
 * that is started anew. True in the fork; where there can be none, it is left to confined_ask. */
bool confined_fork(void);

/* Has a child started, to be waited for by this process, whose starter is started first where it
 * has none. 0, or an error number; EPIPE: the starter has ended, try again. */
int confined_ask(const confined_request *request, int socket, pid_t *child);

#endif
