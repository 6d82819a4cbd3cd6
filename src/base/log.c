#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

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

__attribute__((format(printf, 2, 0))) static void write_to_file(const char *prefix,
                                                                const char *format, va_list args)
{
    FILE *file = log_state.file;
    errno = 0;
    fputs(prefix, file);
    vfprintf(file, format, args);
    fputc('\n', file);
    fflush(file);
    if (ferror(file) && log_state.file_error == 0)
        log_state.file_error = errno ? errno : EIO;
}

/* A line that has no room is left out whole, and so are those after it. */
__attribute__((format(printf, 2, 0))) static void keep_line(const char *prefix, const char *format,
                                                            va_list args)
{
    size_t room = sizeof log_state.kept - log_state.kept_size;
    char *at = log_state.kept + log_state.kept_size;
    va_list copy;
    va_copy(copy, args);
    size_t size = strlen(prefix) + (size_t)vsnprintf(NULL, 0, format, copy) + 1;
    va_end(copy);
    log_state.keeps = size < room;
    if (!log_state.keeps)
        return;
    int length = snprintf(at, room, "%s", prefix);
    vsnprintf(at + length, room - (size_t)length, format, args);
    at[size - 1] = '\n';
    log_state.kept_size += size;
}

/* The line as the log file has it. */
__attribute__((format(printf, 2, 0))) static void log_line(const char *prefix, const char *format,
                                                           va_list args)
{
    va_list copy;
    va_copy(copy, args);
    if (log_state.file)
        write_to_file(prefix, format, copy);
    else if (log_state.keeps)
        keep_line(prefix, format, copy);
    va_end(copy);
}

__attribute__((format(printf, 3, 0))) static void write_line(FILE *stream, const char *prefix,
                                                             const char *format, va_list args)
{
    if (log_state.before_line)
        log_state.before_line();
    log_line(prefix, format, args);
    fputs(prefix, stream);
    vfprintf(stream, format, args);
    fputc('\n', stream);
    fflush(stream);
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
    if (log_state.level == DT_LOG_SILENT)
        return;
    va_list args;
    va_start(args, format);
    log_line("", format, args);
    va_end(args);
}
