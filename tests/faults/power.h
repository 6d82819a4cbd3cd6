/* What a power failure loses: for shim.c. One thread at a time. */
#ifndef DT_TESTS_FAULTS_POWER_H
#define DT_TESTS_FAULTS_POWER_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* The next function of that name, behind the shim's own. */
#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

/* Prints it and aborts. */
void give_up(const char *why);

/* snprintf("%s"), or gives up. NULL is "". */
void copy_text(char *to, size_t size, const char *from);

/* Nothing has changed below `directory` (borrowed). */
void power_forget(const char *directory);

/* Before the file's content changes, from byte `from` on. */
void power_note_change(int file, const char *path, off_t from);

/* The file is synced; a directory: the names in it. */
void power_note_sync(int file, const char *path);

/* The name has been made, or linked. */
void power_note_name(const char *path);

/* Before the name `to` is made of `from`, or replaced by it. */
void power_note_rename(const char *from, const char *to);

/* Contents that were not synced are lost; with `names` also names that were made, replaced or
 * linked and whose directory was not synced. Removed names stay removed. What is lost, or may have
 * to come back, is kept beside the directory in files "DIRECTORY.lost-...". */
void power_cut(bool names);

#endif
