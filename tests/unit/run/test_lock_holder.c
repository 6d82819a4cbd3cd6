#include <pthread.h>
#include <sys/wait.h>

#include "draw.h"
#include "run/lock_holder.h"
#include "scratch.h"

CU_SuiteInfo dt_suite_lock_holder(void);

static void self_knows_itself(void)
{
    dt_lock_holder self, again;
    const char *reason = "";
    dt_lock_holder_self(&self);
    dt_lock_holder_self(&again);
    CU_ASSERT_TRUE(self.known);
    CU_ASSERT_EQUAL(self.pid, getpid());
    CU_ASSERT_TRUE(self.started > 0);
    CU_ASSERT_STRING_NOT_EQUAL(self.host, "");
    CU_ASSERT_EQUAL(strlen(self.boot), 36);
    CU_ASSERT_EQUAL(strncmp(self.spaces, "pid:[", 5), 0);
    CU_ASSERT_STRING_NOT_EQUAL(self.nonce, again.nonce);
    CU_ASSERT_EQUAL(self.started, again.started);
    CU_ASSERT_EQUAL(dt_lock_holder_life(&self, &again, &reason), DT_LOCK_ALIVE);
}

static void a_text_is_read_as_it_was_written(void)
{
    static const char *const jobs[] = {"", "4711"};
    for (int i = 0; i < 2; i++) {
        dt_lock_holder self, read;
        char text[DT_LOCK_TEXT], again[DT_LOCK_TEXT];
        setenv("SLURM_JOB_ID", jobs[i], 1);
        setenv("SLURM_RESTART_COUNT", "3", 1);
        dt_lock_holder_self(&self);
        unsetenv("SLURM_JOB_ID");
        unsetenv("SLURM_RESTART_COUNT");
        CU_ASSERT_EQUAL(self.slurm_restarts, 3);
        size_t length = dt_lock_holder_write(&self, text);
        CU_ASSERT_EQUAL(length, strlen(text));
        dt_lock_holder_read(text, length, &read);
        CU_ASSERT_TRUE(read.known);
        CU_ASSERT_STRING_EQUAL(read.slurm_job, jobs[i]);
        CU_ASSERT_EQUAL(dt_lock_holder_write(&read, again), length);
        CU_ASSERT_STRING_EQUAL(text, again);
        for (size_t cut = 0; cut < length; cut++) {
            dt_lock_holder_read(text, cut, &read);
            CU_ASSERT_FALSE(read.known);
        }
    }
}

static void any_bytes_are_read_without_harm(void)
{
    dt_random_sequence random = draw_begin(1);
    dt_lock_holder self, read;
    char text[DT_LOCK_TEXT], name[DT_LOCK_NAME];
    dt_lock_holder_self(&self);
    for (int round = 0; round < 2000; round++) {
        size_t length = dt_lock_holder_write(&self, text);
        for (int i = draw_int(&random, 1, 8); i > 0; i--)
            text[draw_int(&random, 0, (int)length - 1)] = (char)draw_int(&random, 0, 255);
        dt_lock_holder_read(text, length, &read);
        CU_ASSERT_TRUE(strnlen(dt_lock_holder_name(&read, name), sizeof name) < sizeof name);
    }
    memset(text, 'a', sizeof text);
    dt_lock_holder_read(text, sizeof text, &read);
    CU_ASSERT_FALSE(read.known);

    /* The longest of all fields fit. */
    char *fields[] = {self.host,      self.machine, self.boot, self.spaces,
                      self.slurm_job, self.since,   self.nonce};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        memset(fields[i], 'x', DT_LOCK_FIELD - 1);
        fields[i][DT_LOCK_FIELD - 1] = '\0';
    }
    self.slurm_restarts = self.pid = INT_MAX;
    self.started = ~0ull;
    size_t length = dt_lock_holder_write(&self, text);
    CU_ASSERT_TRUE(length < DT_LOCK_TEXT);
    dt_lock_holder_read(text, length, &read);
    CU_ASSERT_STRING_EQUAL(read.nonce, self.nonce);
    dt_lock_holder_name(&read, name);
    CU_ASSERT_TRUE(strlen(name) < DT_LOCK_NAME - 1);
}

static const dt_lock_holder here = {.known = true,
                                    .pid = 1,
                                    .started = 7,
                                    .host = "n1",
                                    .machine = "m1",
                                    .boot = "b1",
                                    .spaces = "s1",
                                    .slurm_job = "42",
                                    .slurm_restarts = 2};

static void life_of(const dt_lock_holder *holder, dt_lock_life expected,
                    const char *expected_reason)
{
    const char *reason = "";
    dt_lock_life life = dt_lock_holder_life(holder, &here, &reason);
    CU_ASSERT_EQUAL(life, expected);
    if (life == DT_LOCK_DEAD)
        CU_ASSERT_PTR_NOT_NULL(strstr(reason, expected_reason));
}

static void what_cannot_be_seen_is_not_called_dead(void)
{
    dt_lock_holder other = here;
    snprintf(other.boot, DT_LOCK_FIELD, "b2");
    other.slurm_job[0] = '\0';
    life_of(&other, DT_LOCK_DEAD, "booted again");
    snprintf(other.machine, DT_LOCK_FIELD, "m2"); /* two hosts of one name */
    life_of(&other, DT_LOCK_UNSEEN, "");
    other.machine[0] = '\0';
    life_of(&other, DT_LOCK_UNSEEN, "");
    other = here;
    snprintf(other.spaces, DT_LOCK_FIELD, "s2"); /* a container of this host */
    life_of(&other, DT_LOCK_UNSEEN, "");
    other = (dt_lock_holder){.known = true, .pid = 1, .started = 7, .host = "n1", .machine = "m1"};
    life_of(&other, DT_LOCK_UNSEEN, "");
    other.known = false;
    life_of(&other, DT_LOCK_UNSEEN, "");
}

static void a_requeued_job_is_its_own_heir(void)
{
    dt_lock_holder other = here;
    snprintf(other.host, DT_LOCK_FIELD, "n2");
    snprintf(other.boot, DT_LOCK_FIELD, "b2");
    for (int restarts = 0; restarts < 5; restarts++) {
        other.slurm_restarts = restarts;
        life_of(&other, restarts < 2 ? DT_LOCK_DEAD : DT_LOCK_UNSEEN, "requeued");
    }
    other.slurm_restarts = 0;
    snprintf(other.slurm_job, DT_LOCK_FIELD, "43");
    life_of(&other, DT_LOCK_UNSEEN, "");
    other.slurm_job[0] = '\0';
    life_of(&other, DT_LOCK_UNSEEN, "");
    /* On this machine the process itself is looked at. */
    dt_lock_holder self;
    const char *reason = "";
    dt_lock_holder_self(&self);
    other = self;
    snprintf(self.slurm_job, DT_LOCK_FIELD, "42");
    snprintf(other.slurm_job, DT_LOCK_FIELD, "42");
    self.slurm_restarts = 1;
    CU_ASSERT_EQUAL(dt_lock_holder_life(&other, &self, &reason), DT_LOCK_ALIVE);
}

static void *write_on(void *nothing)
{
    pause();
    return nothing;
}

static void wait_for_state(pid_t child, char state)
{
    char path[64], text[64], found = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)child);
    for (int i = 0; i < 5000 && found != state; i++) {
        FILE *file = fopen(path, "r");
        while (file && fgets(text, sizeof text, file))
            if (sscanf(text, "State: %c", &found) == 1)
                break;
        if (file)
            fclose(file);
        usleep(1000);
    }
    CU_ASSERT_EQUAL_FATAL(found, state);
}

static dt_lock_life seen_from_here(const dt_lock_holder *holder)
{
    dt_lock_holder self;
    const char *reason = "";
    dt_lock_holder_self(&self);
    return dt_lock_holder_life(holder, &self, &reason);
}

/* A child that says who it is, and then lives on as a thread without the first one (`threaded`), or
 * ends. */
static pid_t start_child(bool threaded, dt_lock_holder *out)
{
    int ready[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    CU_ASSERT_TRUE_FATAL(child >= 0);
    if (child == 0) {
        dt_lock_holder self;
        pthread_t thread;
        dt_lock_holder_self(&self);
        if (write(ready[1], &self, sizeof self) != (ssize_t)sizeof self)
            _exit(1);
        if (threaded && pthread_create(&thread, NULL, write_on, NULL) == 0)
            pthread_exit(NULL);
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(ready[0], out, sizeof *out), (ssize_t)sizeof *out);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void zombies_are_dead_but_for_their_threads(void)
{
    dt_lock_holder child;
    pid_t pid = start_child(false, &child);
    wait_for_state(pid, 'Z');
    CU_ASSERT_EQUAL(seen_from_here(&child), DT_LOCK_DEAD);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_EQUAL(seen_from_here(&child), DT_LOCK_DEAD);

    pid = start_child(true, &child);
    wait_for_state(pid, 'Z');
    CU_ASSERT_EQUAL(seen_from_here(&child), DT_LOCK_ALIVE);
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
    CU_ASSERT_EQUAL(seen_from_here(&child), DT_LOCK_DEAD);
}

static void a_stopped_process_lives(void)
{
    dt_lock_holder self, child;
    int ready[2];
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    CU_ASSERT_TRUE_FATAL(pid >= 0);
    if (pid == 0) {
        dt_lock_holder_self(&self);
        if (write(ready[1], &self, sizeof self) == (ssize_t)sizeof self)
            raise(SIGSTOP);
        _exit(0);
    }
    CU_ASSERT_EQUAL(read(ready[0], &child, sizeof child), (ssize_t)sizeof child);
    close(ready[0]);
    close(ready[1]);
    wait_for_state(pid, 'T');
    CU_ASSERT_EQUAL(seen_from_here(&child), DT_LOCK_ALIVE);
    child.started++;
    CU_ASSERT_EQUAL(seen_from_here(&child), DT_LOCK_DEAD);
    kill(pid, SIGKILL);
    CU_ASSERT_EQUAL(waitpid(pid, NULL, 0), pid);
}

CU_SuiteInfo dt_suite_lock_holder(void)
{
    static CU_TestInfo tests[] = {
        {"self knows itself", self_knows_itself},
        {"a text is read as it was written", a_text_is_read_as_it_was_written},
        {"any bytes are read without harm", any_bytes_are_read_without_harm},
        {"what cannot be seen is not called dead", what_cannot_be_seen_is_not_called_dead},
        {"a requeued job is its own heir", a_requeued_job_is_its_own_heir},
        {"zombies are dead but for their threads", zombies_are_dead_but_for_their_threads},
        {"a stopped process lives", a_stopped_process_lives},
        CU_TEST_INFO_NULL};
    return (CU_SuiteInfo){.pName = "lock_holder", .pTests = tests};
}
