/* Status codes and error messages.
 *
 * A function that can fail returns dt_status and takes a dt_error *, which it fills when it fails
 * and leaves alone when it does not. The codes are those of sysexits.h, so that a status is also
 * the exit code of the program. Only main ends the process. */
#ifndef DT_BASE_STATUS_H
#define DT_BASE_STATUS_H

typedef enum dt_status {
    DT_OK = 0,
    DT_ERR_USAGE = 64,    /* the command line cannot be understood */
    DT_ERR_DATA = 65,     /* a file's content is not what it must be */
    DT_ERR_NO_INPUT = 66, /* a file to be read is missing or cannot be opened */
    DT_ERR_INTERNAL = 70, /* out of memory, or an invariant of the program is broken */
    DT_ERR_STALLED = 71,  /* a rank does not go on; a new start may (see dist/watchdog.h) */
    DT_ERR_CREATE = 73,   /* an output file or directory cannot be created */
    DT_ERR_IO = 74,       /* reading or writing an opened file failed */
    DT_STOPPED = 75,      /* stopped on request, can go on (EX_TEMPFAIL) */
    DT_ERR_CONFIG = 78    /* a setting has a value that it may not have */
} dt_status;

typedef struct dt_error {
    dt_status status;   /* DT_OK: no error */
    char message[1000]; /* one line: what, where, expected, found, what to do */
} dt_error;

/* Formats a message into *error, as dt_visible (base/visible.h) shows it, so that it is one line
 * whatever it quotes, and returns `status`. A NULL error keeps the status alone. */
dt_status dt_fail(dt_error *error, dt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " in front of the message of a failed call; returns error->status. Not NULL. */
dt_status dt_fail_in(dt_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
