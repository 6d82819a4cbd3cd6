/* Lines for the user.
 *
 * Standard output carries results, standard error the program's remarks. Each line goes to the
 * terminal and, once there is one, to the run's log file. In a parallel run every rank but 0 is set
 * to DT_LOG_SILENT, so that one voice speaks. A line is as dt_visible (base/visible.h) shows it:
 * one line, whatever it quotes. */
#ifndef DT_BASE_LOG_H
#define DT_BASE_LOG_H

#include <stdio.h>

typedef enum dt_log_level { DT_LOG_SILENT = 0, DT_LOG_WARN = 1, DT_LOG_INFO = 2 } dt_log_level;

void dt_log_set_level(dt_log_level level);

/* Every line from now on is also written, with the terminal's colours and bars left out, to
 * `file`, after those that have been kept; NULL ends that. Not owned. */
void dt_log_set_file(FILE *file);

/* Lines from now on, up to DT_LOG_KEPT_MAX bytes of them, are kept for the file that
 * dt_log_set_file brings. */
#define DT_LOG_KEPT_MAX 16384
void dt_log_keep(void);

/* The errno of the first line since dt_log_set_file that could not be written to the file; 0: none.
 */
int dt_log_file_error(void);

/* Called before a line is written, so that a progress bar can clear itself; NULL for none. */
void dt_log_set_before_line(void (*clear)(void));

/* dt_say: a line of the program's result, to standard output, unless silent.
 * dt_info: a remark, to standard error. dt_warn: "warning: ...", to standard error. */
void dt_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dt_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void dt_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line for the log file alone, of what the terminal shows in another form. */
void dt_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
