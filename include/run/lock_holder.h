/* Who holds a lock, as its file says, and whether that process lives. */
#ifndef DT_RUN_LOCK_HOLDER_H
#define DT_RUN_LOCK_HOLDER_H

#include <stdbool.h>
#include <stddef.h>

/* Room for the text of a lock file, and for a field of it. */
#define DT_LOCK_TEXT  1024
#define DT_LOCK_FIELD 72
/* Room for dt_lock_holder_name. */
#define DT_LOCK_NAME 256

typedef struct dt_lock_holder {
    bool known; /* the fields below are filled */
    long pid;
    unsigned long long started;    /* clock ticks since boot: /proc/PID/stat, field 22 */
    char host[DT_LOCK_FIELD];      /* name of the host */
    char machine[DT_LOCK_FIELD];   /* /etc/machine-id; "": none */
    char boot[DT_LOCK_FIELD];      /* a boot's own name; "": unknown */
    char spaces[DT_LOCK_FIELD];    /* its PID and time namespaces; "": unknown */
    char slurm_job[DT_LOCK_FIELD]; /* "": none */
    long slurm_restarts;           /* of that job */
    char since[DT_LOCK_FIELD];     /* local time, for people */
    char nonce[DT_LOCK_FIELD];     /* no two lock files have the same text */
} dt_lock_holder;

typedef enum dt_lock_life {
    DT_LOCK_ALIVE,
    DT_LOCK_DEAD,
    DT_LOCK_UNSEEN /* cannot be told from here */
} dt_lock_life;

/* This process, now. */
void dt_lock_holder_self(dt_lock_holder *self);

/* The text of a lock file, one field a line; returns its length. */
size_t dt_lock_holder_write(const dt_lock_holder *holder, char text[DT_LOCK_TEXT]);

/* Reads such a text; one that has no process or is cut gives known = false. */
void dt_lock_holder_read(const char *text, size_t length, dt_lock_holder *holder);

/* Whether `holder` lives, seen from `self`; when it is dead, *reason ends the sentence
 * "process 1234, which ...". */
dt_lock_life dt_lock_holder_life(const dt_lock_holder *holder, const dt_lock_holder *self,
                                 const char **reason);

/* "process 1234 on host x since ..."; returns `text`. */
const char *dt_lock_holder_name(const dt_lock_holder *holder, char text[DT_LOCK_NAME]);

#endif
