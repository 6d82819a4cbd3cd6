/* What the functions that stand in front of the system's (calls.c) ask before they act. */
#ifndef DT_TESTS_FAULTS_FAULT_H
#define DT_TESTS_FAULTS_FAULT_H

#include <limits.h>
#include <stdbool.h>

enum operation {
    OPEN = 1, /* to read */
    CREATE = 2,
    READ = 4,
    WRITE = 8,
    SYNC = 16,
    CLOSE = 32,
    RENAME = 64,
    LINK = 128,
    UNLINK = 256,
    TRUNCATE = 512,
    MKDIR = 1024,
    CHANGES = CREATE | WRITE | SYNC | CLOSE | RENAME | LINK | UNLINK | TRUNCATE | MKDIR,
    ADDS = CREATE | WRITE | SYNC | RENAME | LINK | MKDIR,
    ALL = CHANGES | OPEN | READ
};

enum effect { NOTHING, KILL, TORN, ORPHAN, POWER, JOURNAL, SHORT, FLIP, ERROR };

typedef struct fault_kind {
    const char *name;
    enum effect effect;
    int concerns; /* operations */
    int error;
} fault_kind;

/* The absolute path of `name` in the open directory (or AT_FDCWD), or of the open file (name NULL);
 * "": it is not below the directory of the fault. errno stays. */
void fault_path(int directory, const char *name, char path[PATH_MAX]);

/* Counts the operation; ends the process, or tells what is to become of the call. Until fault_leave
 * the calls of other threads wait. */
const fault_kind *fault_enter(int operation, const char *name, const char *path);
void fault_leave(const fault_kind *kind);

/* Whether changes of this path are to be noted for a power failure (power.h). */
bool fault_notes(const char *path);

#endif
