/* Files and directories: the one way to open them, and the loops around the system calls.
 *
 * Only regular files are opened. A FIFO, directory, device or socket is refused at once, neither
 * waited for nor touched. A file to be read may be reached through a symbolic link, as people link
 * data sets; one to be written never is. No other source file opens a file: scripts/lint.sh.
 *
 * Functions without a dt_error leave the reason in errno. Nothing here is collective; all of it may
 * be called from any thread. */
#ifndef DT_BASE_FILE_H
#define DT_BASE_FILE_H

#include <dirent.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/status.h"

/* Writes "DIRECTORY/NAME" into `path`. False: it is too long. */
bool dt_join(const char *directory, const char *name, char path[PATH_MAX]);

typedef enum dt_open_mode {
    DT_OPEN_READ,     /* a file, or a link to one */
    DT_OPEN_READ_OWN, /* a file, no link */
    DT_OPEN_APPEND,   /* a file, no link; made where there is none; written at its end */
    DT_OPEN_NEW       /* made, where there is nothing; read, and written at its end */
} dt_open_mode;

/* Opens `path`; the caller closes *file, which is -1 after an error.
 * Errors: DT_ERR_NO_INPUT (DT_OPEN_READ*) or DT_ERR_CREATE (the others): it cannot be opened, or is
 * no regular file. errno is ENOENT where there is nothing, and not otherwise. */
dt_status dt_file_open(const char *path, dt_open_mode mode, int *file, dt_error *error);

/* The same for `name` in the open directory that messages call `path`. */
dt_status dt_file_open_at(int directory, const char *path, const char *name, dt_open_mode mode,
                          int *file, dt_error *error);

/* An open file as a stream of `mode` ("r", "a"), which owns it; NULL: it is closed. */
FILE *dt_file_stream(int file, const char *mode);

/* Errors: DT_ERR_IO. */
dt_status dt_file_size(int file, const char *path, int64_t *size, dt_error *error);

/* What a file of that mode is: "a regular file", "a FIFO", "a symbolic link", ... */
const char *dt_file_kind(mode_t mode);

/* Refuses a path at which there is something else than a regular file (a link is something else),
 * before a file is made there or replaced. Errors: DT_ERR_CREATE. */
dt_status dt_file_check_place(const char *path, dt_error *error);

/* Opens /dev/null where standard input, output or error is closed: else the next pipe or file that
 * somebody opens gets its number, and what is printed goes into that. To be called first of all.
 * Reading from there, or writing, fails as it does where all is closed. */
void dt_file_hold_standard(void);

/* A terminal, to ask it for its size. Returns -1 where `path` is none; the caller closes it. */
int dt_terminal_open(const char *path);

/* Reads the whole file `path` (DT_OPEN_READ) of at most `most` bytes. The caller owns *bytes, which
 * has *size bytes and a 0 behind them: dt_free; NULL after an error.
 * Errors: DT_ERR_NO_INPUT, as dt_file_open; DT_ERR_DATA: it is larger; DT_ERR_IO; DT_ERR_INTERNAL
 * (memory). */
dt_status dt_read_file(const char *path, size_t most, void **bytes, size_t *size, dt_error *error);

/* The same for what comes from the open file `fd`, whatever it is, up to its end; `name` is for
 * messages. */
dt_status dt_read_stream(int fd, const char *name, size_t most, void **bytes, size_t *size,
                         dt_error *error);

/* Reads the first bytes of a file, at most size - 1, and ends them with 0. Returns their number; 0
 * where there is no such file: for what is good to know (/proc). */
size_t dt_read_start(const char *path, char *text, size_t size);

/* Reads `size` bytes at `offset`, fewer only at the end of the file: *got. False: an error. */
bool dt_read_at(int file, void *bytes, size_t size, int64_t offset, size_t *got);

/* Writes all of the bytes. False: an error; *done says how many were written, if it is not NULL. */
bool dt_write_all(int file, const void *bytes, size_t size, size_t *done);

/* Appends all of the bytes, or none: after an error the file has its old length. `path` is for
 * messages. Errors: DT_ERR_IO. */
dt_status dt_append_all(int file, const char *path, const void *bytes, size_t size,
                        dt_error *error);

/* Makes a file or directory survive a crash as it is now. True also where the file system has no
 * sync. */
bool dt_sync(int file);

/* False: what was written may be lost. The file is closed in any case. */
bool dt_close(int file);

typedef enum dt_links { DT_LINKS_FOLLOWED, DT_LINKS_REFUSED } dt_links;

/* Opens the directory `name` in `directory` (AT_FDCWD: the working directory). Returns -1 where it
 * cannot; errno is ENOTDIR for all that is no directory, and for a link where those are refused.
 * The caller closes it. */
int dt_directory_open(int directory, const char *name, dt_links links);

/* The same for its list of names; NULL where it cannot. The caller closes it: closedir. */
DIR *dt_directory_list(int directory, const char *name, dt_links links);

/* The next name but "." and ".."; NULL with errno 0: there is none; else an error. */
const char *dt_directory_next(DIR *list);

/* Whether a name is of what hides itself, or of what archives of macOS bring along: no part of any
 * data. */
bool dt_file_is_hidden(const char *name);

/* The next name as above that is not hidden. */
const char *dt_directory_next_shown(DIR *list);

#endif
