/* Unfinished files and directories, still under temporary names, which are removed when a signal
 * ends the process. */
#ifndef DT_BASE_LEFTOVER_H
#define DT_BASE_LEFTOVER_H

/* How many are remembered at a time. One more is not, and stays behind. */
#define DT_LEFTOVERS 8

/* Remembers `name` (a file, or a directory with all that is in it) in `directory`, a descriptor
 * that stays open meanwhile, or AT_FDCWD. To be called before it is made, so that no moment is
 * left in which a signal misses it. Returns what dt_leftover_drop takes. Not collective; from any
 * thread. */
int dt_leftover_add(int directory, const char *name);

/* Forgets it: it is gone, or finished. */
void dt_leftover_drop(int leftover);

/* Removes what is remembered; whoever adds more waits from now on for the end of the process. For a
 * signal handler: async-signal-safe. */
void dt_leftovers_remove(void);

#endif
