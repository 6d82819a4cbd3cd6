/* What is saved, for saves.c. */
#ifndef DT_TESTS_FAULTS_SCENARIOS_H
#define DT_TESTS_FAULTS_SCENARIOS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "run/directory.h"

enum { BYTES_MAX = 65536 };

/* What became of a process. */
typedef struct outcome {
    bool struck, killed;
    dt_status status;
    dt_error error;
} outcome;

typedef struct kind {
    const char *name;
    const char *reason; /* in the message of an error; NULL: the save must succeed, or be killed */
    bool must_fail;
} kind;

typedef struct bytes {
    size_t size;
    char data[BYTES_MAX];
} bytes;

typedef struct state state;

typedef struct scenario {
    const char *name;
    int least;     /* operations that a kill can meet, at least */
    bool verifies; /* what it writes is read back */
    bool tidies;   /* leaves no temporary file when it fails */
    void (*prepare)(state *self);
    dt_status (*act)(state *self, dt_error *error);
    void (*check)(state *self, const outcome *found);
} scenario;

struct state {
    const scenario *scenario;
    const kind *kind;
    long call;
    char directory[DT_PATH_SIZE]; /* of the case */
    bytes before, after, now;     /* a file */
    long run, lost;
    bool failed; /* the case */
};

extern const scenario scenarios[];
extern const int scenario_count;

/* Prints the case and why it is lost. */
void fail(state *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
