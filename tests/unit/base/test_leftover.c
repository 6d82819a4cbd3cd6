#include "base/leftover.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

CU_SuiteInfo dt_suite_leftover(void);

static char scratch[SCRATCH_SIZE];

/* A file to go, one that was dropped, one that is not there, a directory as a save makes it. */
static void make(int directory)
{
    static const char *const files[] = {"goes", "stays", "tree/lock", "tree/inner/file"};
    mkdirat(directory, "tree", 0777);
    mkdirat(directory, "tree/inner", 0777);
    dt_leftover_add(directory, "goes");
    dt_leftover_add(directory, "never made");
    dt_leftover_drop(dt_leftover_add(directory, "stays"));
    dt_leftover_add(directory, "tree");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        scratch_write(scratch_path(scratch, files[i]), "text");
}

/* In a process of its own, which what is remembered ends with. */
static int in_a_child(void (*act)(int directory))
{
    int status = -1, directory = open(scratch, O_RDONLY | O_DIRECTORY);
    pid_t child = fork();
    if (child == 0) {
        act(directory);
        _exit(0);
    }
    CU_ASSERT_FATAL(child > 0);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    close(directory);
    return status;
}

static bool is_there(const char *name)
{
    struct stat status;
    return lstat(scratch_path(scratch, name), &status) == 0;
}

static void make_and_remove(int directory)
{
    make(directory);
    dt_leftovers_remove();
}

static void what_is_remembered_goes(void)
{
    scratch_create(scratch);
    CU_ASSERT_EQUAL(in_a_child(make), 0);
    CU_ASSERT(is_there("goes") && is_there("stays") && is_there("tree/inner/file"));
    scratch_remove(scratch_path(scratch, "tree"));
    CU_ASSERT_EQUAL(in_a_child(make_and_remove), 0);
    CU_ASSERT(!is_there("goes") && is_there("stays") && !is_there("tree"));
    scratch_remove(scratch);
}

static void fill(int directory)
{
    int kept[DT_LEFTOVERS];
    for (int i = 0; i < DT_LEFTOVERS; i++)
        kept[i] = dt_leftover_add(directory, "a");
    dt_leftover_drop(dt_leftover_add(directory, "one too many"));
    for (int i = 0; i < DT_LEFTOVERS; i++)
        dt_leftover_drop(kept[i]);
    scratch_write(scratch_path(scratch, "a"), "text");
    scratch_write(scratch_path(scratch, "b"), "text");
    dt_leftover_add(directory, "b");
    dt_leftovers_remove();
}

static void there_is_room_again(void)
{
    scratch_create(scratch);
    CU_ASSERT_EQUAL(in_a_child(fill), 0);
    CU_ASSERT(is_there("a") && !is_there("b"));
    scratch_remove(scratch);
}

static void remove_and_add(int directory)
{
    alarm(1);
    dt_leftovers_remove();
    dt_leftover_add(directory, "too late");
}

static void nothing_is_begun_at_the_end(void)
{
    scratch_create(scratch);
    int status = in_a_child(remove_and_add);
    CU_ASSERT(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
    scratch_remove(scratch);
}

CU_SuiteInfo dt_suite_leftover(void)
{
    static CU_TestInfo tests[] = {
        {"what is remembered goes, what was dropped stays", what_is_remembered_goes},
        {"there is room again", there_is_room_again},
        {"who begins after the end waits for it", nothing_is_begun_at_the_end},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "leftover", .pTests = tests};
}
