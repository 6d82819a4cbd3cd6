#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/visible.h"
#include "chart/canvas.h"
#include "commands.h"
#include "draw.h"
#include "train/stop.h"
#include "watch_view.h"
#include "watched.h"

#define ENTER_SCREEN "\033[?1049h\033[?25l"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"
#define HOME         "\033[H"
#define CLEAR_BELOW  "\033[J"

enum { ROWS_DEFAULT = 24, ROWS_LEAST = 2, COLUMNS_LEAST = 10 };

/* Files are looked at once a second, the window's size and the signals more often. */
static const double seconds_between_looks = 1;
static const long tick_nanoseconds = 100000000;

/* A global, as in train/stop.c: a handler is given nothing but a number. */
static volatile sig_atomic_t suspended;

static void suspend(int signal)
{
    (void)signal;
    suspended = 1;
}

typedef struct watcher {
    int count;
    watched_run *runs; /* [count] */
    bool *announced;   /* [count], plain lines: that it is waited for has been said */
    bool screen;       /* standard output is a terminal: pictures, else plain lines */
    bool entered;      /* the terminal shows the alternate screen */
    struct winsize size;
} watcher;

static bool has_color(void)
{
    const char *no_color = getenv("NO_COLOR"); /* source: https://no-color.org */
    return !(no_color && no_color[0]);
}

/* Under mpirun standard output belongs to mpirun, whatever it looks like from here. */
static bool is_screen(void)
{
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0 &&
           !getenv("OMPI_COMM_WORLD_SIZE");
}

static void enter(watcher *self)
{
    struct sigaction action = {.sa_handler = suspend, .sa_flags = SA_RESTART};
    sigaction(SIGTSTP, &action, NULL);
    dt_stop_defer(true);
    fputs(ENTER_SCREEN, stdout);
    self->entered = true;
}

static void leave(watcher *self)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    if (!self->entered)
        return;
    fputs(LEAVE_SCREEN, stdout);
    fflush(stdout);
    self->entered = false;
    sigaction(SIGTSTP, &action, NULL);
}

/* Draws into `rows` rows; in place, or as a page that stays. */
static dt_status draw(const watcher *self, bool in_place, dt_error *error)
{
    int rows = self->size.ws_row > 0 ? self->size.ws_row : ROWS_DEFAULT;
    int columns = drawing_of(stdout).columns;
    dt_canvas canvas;
    char *text = NULL;
    /* A line at the bottom stays free: a "\n" there would scroll. */
    dt_status status = dt_canvas_create(rows > ROWS_LEAST ? rows - 1 : ROWS_LEAST - 1,
                                        columns > COLUMNS_LEAST ? columns : COLUMNS_LEAST,
                                        drawing_of(stdout).utf8, has_color(), &canvas, error);
    if (!status)
        status = watch_view_draw(&canvas, self->runs, self->count, error);
    if (!status)
        status = dt_canvas_render(&canvas, dt_canvas_height(&canvas), in_place, &text, error);
    if (!status) {
        printf("%s%s%s", in_place ? HOME : "", text, in_place ? CLEAR_BELOW : "");
        fflush(stdout);
    }
    dt_free(text);
    dt_canvas_destroy(&canvas);
    return status;
}

/* Whom watched_look tells of a run's new rows. */
typedef struct listener {
    watcher *watcher;
    int number; /* of the run */
} listener;

static void announce(watcher *self, int number)
{
    const watched_run *run = &self->runs[number];
    bool begun = run->rows.count > 0 || run->unlocked > 0; /* if not, it may have died */
    if (run->state == DT_WATCHED_WAITING && !begun && !self->announced[number] && !self->screen)
        dt_print(stdout, "%s: waiting for the run to begin%s\n", run->directory, run->others);
    self->announced[number] = true;
}

static void print_row(const dt_metrics_row *row, void *context)
{
    const listener *self = context;
    const watched_run *run = &self->watcher->runs[self->number];
    const char *name = self->watcher->count > 1 ? run->directory : "";
    char text[512];
    if (self->watcher->screen)
        return;
    watch_view_row(run, row, text, sizeof text);
    dt_print(stdout, "%s%s%s\n", name, name[0] ? ": " : "", text);
}

static void print_endings(const watcher *self)
{
    for (int i = 0; i < self->count; i++) {
        char text[512];
        watch_view_state(&self->runs[i], text, sizeof text);
        dt_print(stdout, "%s: %s\n", self->runs[i].directory, text);
    }
}

static dt_status look(watcher *self, bool *all_ended, dt_error *error)
{
    *all_ended = true;
    for (int i = 0; i < self->count; i++) {
        listener context = {self, i};
        dt_status status = watched_look(&self->runs[i], print_row, &context, error);
        if (status)
            return status;
        announce(self, i);
        *all_ended &= watched_ended(&self->runs[i]);
    }
    fflush(stdout);
    if (ferror(stdout))
        return dt_fail(error, DT_ERR_IO, "standard output: cannot write: %m");
    return DT_OK;
}

static void stop_for_a_while(watcher *self)
{
    leave(self);
    suspended = 0;
    raise(SIGTSTP);
    enter(self);
}

/* Waits a tick; true when the window has another size. */
static bool rest(watcher *self)
{
    struct winsize size = {0};
    nanosleep(&(struct timespec){.tv_nsec = tick_nanoseconds}, NULL);
    if (self->screen && suspended)
        stop_for_a_while(self);
    if (!self->screen || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ||
        (size.ws_row == self->size.ws_row && size.ws_col == self->size.ws_col))
        return false;
    self->size = size;
    return true;
}

/* Until all runs have ended, or somebody has asked for the end. */
static dt_status follow(watcher *self, dt_error *error)
{
    bool ended = false;
    double last_look = 0;
    while (dt_stop_requested() == DT_STOP_NONE && !ended) {
        bool due = dt_clock() - last_look >= seconds_between_looks;
        dt_status status = DT_OK;
        if (due) {
            last_look = dt_clock();
            status = look(self, &ended, error);
        }
        if (!status && self->screen && !self->entered)
            enter(self);
        if (!status && self->screen && due)
            status = draw(self, true, error);
        if (status)
            return status;
        if (!ended && rest(self))
            last_look = 0;
    }
    return DT_OK;
}

/* That of the first run that is not complete. */
static dt_status outcome(const watcher *self, dt_error *error)
{
    for (int i = 0; i < self->count; i++) {
        switch (self->runs[i].state) {
        case DT_WATCHED_WAITING:
        case DT_WATCHED_RUNNING:
        case DT_WATCHED_COMPLETE:
            break;
        case DT_WATCHED_STOPPED:
            return error->status = DT_STOPPED;
        case DT_WATCHED_FAILED:
            return error->status = DT_ERR_INTERNAL;
        case DT_WATCHED_DIED:
            return error->status = DT_ERR_STALLED;
        }
    }
    return DT_OK;
}

static dt_status open_runs(watcher *self, const dt_invocation *invocation, dt_error *error)
{
    char latest[DT_PATH_SIZE];
    const char *only = latest;
    const char *const *names = invocation->file_count > 0 ? invocation->files : &only;
    int count = invocation->file_count > 0 ? invocation->file_count : 1;
    dt_status status = DT_OK;
    if (invocation->file_count == 0)
        status = dt_run_directory_find("auto", latest, error);
    self->runs = status ? NULL : dt_calloc((size_t)count, sizeof *self->runs, error);
    self->announced = status ? NULL : dt_calloc((size_t)count, sizeof *self->announced, error);
    if (!status && !(self->runs && self->announced))
        status = DT_ERR_INTERNAL;
    for (; self->count < count && !status; self->count++)
        status = watched_open(names[self->count], &self->runs[self->count], error);
    return status;
}

static dt_status watch(const dt_invocation *invocation, dt_error *error)
{
    watcher self = {.screen = is_screen()};
    dt_status status = open_runs(&self, invocation, error);
    if (!status) {
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &self.size);
        status = follow(&self, error);
        leave(&self);
    }
    if (!status && self.screen)
        status = draw(&self, false, error);
    else if (!status && dt_stop_requested() == DT_STOP_NONE)
        print_endings(&self);
    if (!status)
        status = outcome(&self, error);
    for (int i = 0; i < self.count; i++)
        watched_close(&self.runs[i]);
    dt_free(self.runs);
    dt_free(self.announced);
    return status;
}

dt_status command_watch(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    if (dt_comm_rank(comm) != 0)
        return DT_OK;
    dt_status status = watch(invocation, error);
    dt_stop_end();
    return status;
}
