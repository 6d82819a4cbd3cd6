#include "base/worker.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

typedef struct task {
    dt_work *work;
    void *job;
} task;

struct dt_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    task queue[DT_WORKER_QUEUE];
    int first, count; /* of the queue */
    bool busy, ending, gives_way;
};

static void give_way(void)
{
    enum { LAST = 19 };
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), LAST); /* of the thread, on Linux */
}

static void *serve(void *argument)
{
    dt_worker *self = argument;
    if (self->gives_way)
        give_way();
    pthread_mutex_lock(&self->lock);
    while (self->count > 0 || !self->ending) {
        if (self->count == 0) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        task next = self->queue[self->first];
        self->first = (self->first + 1) % DT_WORKER_QUEUE;
        self->count--;
        self->busy = true;
        pthread_cond_broadcast(&self->changed);
        pthread_mutex_unlock(&self->lock);
        next.work(next.job);
        pthread_mutex_lock(&self->lock);
        self->busy = false;
        pthread_cond_broadcast(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

dt_status dt_worker_create(bool gives_way, dt_worker **out, dt_error *error)
{
    dt_worker *self = dt_calloc(1, sizeof *self, error);
    if (!self)
        return error->status;
    self->gives_way = gives_way;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits it */
    int reason = pthread_create(&self->thread, NULL, serve, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (reason) {
        pthread_cond_destroy(&self->changed);
        pthread_mutex_destroy(&self->lock);
        dt_free(self);
        return dt_fail(error, DT_ERR_INTERNAL, "cannot start a thread: %s", strerror(reason));
    }
    *out = self;
    return DT_OK;
}

void dt_worker_destroy(dt_worker *self)
{
    if (!self)
        return;
    pthread_mutex_lock(&self->lock);
    self->ending = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    dt_free(self);
}

void dt_worker_do(dt_worker *self, dt_work *work, void *job)
{
    pthread_mutex_lock(&self->lock);
    while (self->count == DT_WORKER_QUEUE)
        pthread_cond_wait(&self->changed, &self->lock);
    self->queue[(self->first + self->count) % DT_WORKER_QUEUE] = (task){work, job};
    self->count++;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

bool dt_worker_wait(dt_worker *self, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    double whole = floor(seconds);
    until.tv_sec += (time_t)whole;
    until.tv_nsec += (long)(1e9 * (seconds - whole));
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&self->lock);
    int reason = 0;
    while ((self->count > 0 || self->busy) && reason == 0)
        reason = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    bool done = self->count == 0 && !self->busy;
    pthread_mutex_unlock(&self->lock);
    return done;
}
