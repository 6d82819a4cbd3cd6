#include "progress.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

enum { WIDTH_DEFAULT = 80, WIDTH_MOST = 120, BAR_LEAST = 5, BAR_MOST = 30 };
static const double seconds_between_draws = 0.1;

static struct {
    bool started, visible;
    double last_draw;
} bar;

/* The terminal behind mpirun's standard error, when this process is a child of mpirun. */
static bool launcher_terminal(char path[PATH_MAX])
{
    if (!getenv("OMPI_COMM_WORLD_SIZE"))
        return false;
    char link[64];
    snprintf(link, sizeof link, "/proc/%ld/fd/2", (long)getppid());
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return strncmp(path, "/dev/pts/", 9) == 0 || strncmp(path, "/dev/tty", 8) == 0;
}

bool progress_wanted(dt_progress setting)
{
    char path[PATH_MAX];
    switch (setting) {
    case DT_PROGRESS_BAR:
        return true;
    case DT_PROGRESS_LINES:
        return false;
    case DT_PROGRESS_AUTO:
        break;
    }
    return isatty(STDERR_FILENO) || launcher_terminal(path);
}

static int terminal_width(void)
{
    struct winsize size = {0};
    char path[PATH_MAX];
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 && launcher_terminal(path)) {
        int terminal = dt_terminal_open(path);
        if (terminal >= 0) {
            ioctl(terminal, TIOCGWINSZ, &size);
            close(terminal);
        }
    }
    int width = size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
    return width < WIDTH_MOST ? width : WIDTH_MOST;
}

static void clear(void)
{
    if (!bar.visible)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    bar.visible = false;
}

void progress_start(void)
{
    bar.started = true;
    dt_log_set_before_line(clear);
}

void progress_stop(void)
{
    clear();
    bar.started = false;
    dt_log_set_before_line(NULL);
}

void progress_add_time(dt_text *text, double seconds)
{
    long whole = (long)(seconds + 0.5);
    if (whole >= 3600)
        dt_text_add(text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    else
        dt_text_add(text, "%ld:%02ld", whole / 60, whole % 60);
}

void progress_add_bar(dt_text *text, double part, int room)
{
    int length = room < BAR_MOST ? room : BAR_MOST, done = (int)(part * length);
    if (length < BAR_LEAST)
        return;
    dt_text_add(text, "[");
    for (int i = 0; i < length; i++)
        dt_text_add(text, "%c", i < done ? '=' : i == done ? '>' : ' ');
    dt_text_add(text, "] ");
}

/* What is known, as much of it as has room: the time that is left stays longest. Returns the length
 * of the text. */
static size_t add_facts(const dt_progress_report *report, int room, char *buffer, size_t size)
{
    enum { RATE, ACCURACY, LOSS, PARTS };
    double part = (double)report->step_in_epoch / (double)report->steps_an_epoch;
    double left = report->seconds_now * (double)(report->steps - report->step) /
                  (double)(report->step - report->first_step);
    dt_text text = {0};
    for (int first = RATE; first <= PARTS; first++) {
        text = (dt_text){.text = buffer, .size = size};
        dt_text_add(&text, "%3.0f%%", 100 * part);
        if (first <= LOSS)
            dt_text_add(&text, " loss %.4f", report->train_loss);
        if (first <= ACCURACY)
            dt_text_add(&text, " acc %.4f", report->train_accuracy);
        if (first <= RATE)
            dt_text_add(&text, " %.0f samples/s", report->samples_per_second);
        dt_text_add(&text, ", ");
        progress_add_time(&text, left);
        dt_text_add(&text, " left");
        if ((int)text.length <= room)
            break;
    }
    return text.length;
}

void progress_draw(const dt_progress_report *report)
{
    double now = dt_clock();
    if (!bar.started || now - bar.last_draw < seconds_between_draws)
        return;
    bar.last_draw = now;

    char facts_text[256], line_text[512];
    double part = (double)report->step_in_epoch / (double)report->steps_an_epoch;
    int width = terminal_width() - 1;
    dt_text line = {.text = line_text, .size = sizeof line_text};
    dt_text_add(&line, "epoch %lld/%lld ", (long long)report->epoch, (long long)report->epochs);
    size_t facts = add_facts(report, width - (int)line.length, facts_text, sizeof facts_text);
    progress_add_bar(&line, part, width - (int)line.length - (int)facts - 3);
    dt_text_add(&line, "%s", facts_text);
    fprintf(stderr, "\r%.*s\033[K", width, line_text);
    fflush(stderr);
    bar.visible = true;
}

static void add_known(dt_text *text, const char *name, double value)
{
    if (!isnan(value))
        dt_text_add(text, " %s %.4f", name, value);
}

void progress_epoch_line(const dt_progress_report *report, char *buffer, size_t size)
{
    dt_text text = {.text = buffer, .size = size};
    dt_text_add(&text, "epoch %lld/%lld step %lld", (long long)report->epoch,
                (long long)report->epochs, (long long)report->step);
    add_known(&text, "loss", report->train_loss);
    add_known(&text, "acc", report->train_accuracy);
    add_known(&text, "val_acc", report->val.accuracy);
    add_known(&text, "test_acc", report->test.accuracy);
    dt_text_add(&text, " lr %.1e", report->lr);
    if (!isnan(report->samples_per_second))
        dt_text_add(&text, " %.0f samples/s", report->samples_per_second);
}
