#include "base/log.h"

#include <errno.h>
#include <stdarg.h>

static struct {
    dt_log_level level;
    FILE *file;
    int file_error;
    void (*before_line)(void);
} log_state = {.level = DT_LOG_INFO};

void dt_log_set_level(dt_log_level level)
{
    log_state.level = level;
}

void dt_log_set_file(FILE *file)
{
    log_state.file = file;
    log_state.file_error = 0;
}

int dt_log_file_error(void)
{
    return log_state.file_error;
}

void dt_log_set_before_line(void (*clear)(void))
{
    log_state.before_line = clear;
}

static void write_line(FILE *stream, const char *prefix, const char *format, va_list args)
{
    if (log_state.before_line)
        log_state.before_line();
    FILE *targets[2] = {stream, log_state.file};
    for (int i = 0; i < 2; i++) {
        if (!targets[i])
            continue;
        va_list copy;
        va_copy(copy, args);
        errno = 0;
        fputs(prefix, targets[i]);
        vfprintf(targets[i], format, copy);
        fputc('\n', targets[i]);
        fflush(targets[i]);
        if (i == 1 && ferror(targets[i]) && log_state.file_error == 0)
            log_state.file_error = errno ? errno : EIO;
        va_end(copy);
    }
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
