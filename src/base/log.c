#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/visible.h"

static struct {
    dt_log_level level;
    FILE *file;
    int file_error;
    void (*before_line)(void);
    bool keeps;
    size_t kept_size;
    char kept[DT_LOG_KEPT_MAX];
} log_state = {.level = DT_LOG_INFO};

void dt_log_set_level(dt_log_level level)
{
    log_state.level = level;
}

void dt_log_set_file(FILE *file)
{
    log_state.file = file;
    log_state.file_error = 0;
    if (!file)
        return;
    errno = 0;
    if (fwrite(log_state.kept, 1, log_state.kept_size, file) != log_state.kept_size || fflush(file))
        log_state.file_error = errno ? errno : EIO;
    log_state.keeps = false;
    log_state.kept_size = 0;
}

void dt_log_keep(void)
{
    log_state.keeps = true;
}

int dt_log_file_error(void)
{
    return log_state.file_error;
}

void dt_log_set_before_line(void (*clear)(void))
{
    log_state.before_line = clear;
}

static void write_to_file(const char *prefix, const char *line)
{
    FILE *file = log_state.file;
    errno = 0;
    fprintf(file, "%s%s\n", prefix, line);
    fflush(file);
    if (ferror(file) && log_state.file_error == 0)
        log_state.file_error = errno ? errno : EIO;
}

/* A line that has no room is left out whole, and so are those after it. */
static void keep_line(const char *prefix, const char *line)
{
    size_t room = sizeof log_state.kept - log_state.kept_size;
    size_t size = strlen(prefix) + strlen(line) + 1;
    log_state.keeps = size < room;
    if (!log_state.keeps)
        return;
    snprintf(log_state.kept + log_state.kept_size, room, "%s%s\n", prefix, line);
    log_state.kept_size += size;
}

/* A line of the log file and, unless it is NULL, of `stream`. */
__attribute__((format(printf, 3, 0))) static void write_line(FILE *stream, const char *prefix,
                                                             const char *format, va_list args)
{
    char room[DT_VISIBLE_ROOM];
    char *line = dt_visible_format(room, format, args);
    if (stream && log_state.before_line)
        log_state.before_line();
    if (log_state.file)
        write_to_file(prefix, line);
    else if (log_state.keeps)
        keep_line(prefix, line);
    if (stream) {
        fprintf(stream, "%s%s\n", prefix, line);
        fflush(stream);
    }
    dt_visible_free(line, room);
}

#define WRITE_LINE(at_level, stream, prefix)                                                       \
    do {                                                                                           \
        if (log_state.level < (at_level))                                                          \
            return;                                                                                \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        write_line(stream, prefix, format, args);                                                  \
        va_end(args);                                                                              \
    } while (0)

void dt_say(const char *format, ...)
{
    WRITE_LINE(DT_LOG_WARN, stdout, "");
}

void dt_info(const char *format, ...)
{
    WRITE_LINE(DT_LOG_INFO, stderr, "");
}

void dt_warn(const char *format, ...)
{
    WRITE_LINE(DT_LOG_WARN, stderr, "warning: ");
}

void dt_note(const char *format, ...)
{
    WRITE_LINE(DT_LOG_WARN, NULL, "");
}
