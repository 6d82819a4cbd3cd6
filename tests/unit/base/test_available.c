#include "base/available.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>

#include "base/memory.h"

CU_SuiteInfo dt_suite_available(void);

static char root[64];

/* Writes a file of the kernel below the root, with the directories above it. */
static void write_file(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root); (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        CU_ASSERT_FATAL(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

/* A root where control groups are mounted as they are on most machines. */
static void begin(void)
{
    char mounts[512];
    snprintf(root, sizeof root, "/tmp/dist-train-available-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(root));
    snprintf(mounts, sizeof mounts,
             "30 22 0:28 / %s/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "31 22 0:29 / %s/sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
             root, root);
    write_file("proc/self/mountinfo", mounts);
}

static void end(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void test_machine(void)
{
    dt_available found;
    begin();
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.machine, UINT64_MAX);
    CU_ASSERT_EQUAL(found.group, UINT64_MAX);
    CU_ASSERT_EQUAL(found.group_id, 0);
    write_file("proc/meminfo", "MemTotal:  900 kB\nMemFree:  1 kB\nMemAvailable:     300 kB\n"
                               "SwapTotal:   80 kB\nSwapFree:    50 kB\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.machine, 350 * 1024);
    end();
}

/* The group that leaves least counts, be it one above; files in the page cache count as free. */
static void test_group_2(void)
{
    dt_available found, above;
    begin();
    write_file("proc/self/cgroup", "0::/job/step\n");
    write_file("sys/fs/cgroup/job/step/memory.max", "max\n");
    write_file("sys/fs/cgroup/job/step/memory.current", "700\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.group, UINT64_MAX);
    write_file("sys/fs/cgroup/job/memory.max", "5000\n");
    write_file("sys/fs/cgroup/job/memory.current", "3000\n");
    write_file("sys/fs/cgroup/job/memory.stat",
               "anon 1\nactive_file 300\ninactive_file 200\nworkingset_x 5\n");
    dt_available_look_below(root, &above);
    CU_ASSERT_EQUAL(above.group, 2500);
    CU_ASSERT_NOT_EQUAL(above.group_id, 0);
    write_file("sys/fs/cgroup/job/step/memory.max", "1000\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.group, 300);
    CU_ASSERT_NOT_EQUAL(found.group_id, above.group_id);
    write_file("sys/fs/cgroup/job/step/memory.current", "1001\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.group, 0);
    /* In a container: the names of outside are not there, and its own group is the root. */
    write_file("proc/self/cgroup", "0::/elsewhere/deep\n");
    write_file("sys/fs/cgroup/memory.max", "100\n");
    write_file("sys/fs/cgroup/memory.current", "60\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.group, 40);
    end();
}

static void test_group_1(void)
{
    dt_available found;
    begin();
    write_file("proc/self/cgroup", "9:name=systemd:/\n5:cpu:/a\n4:memory:/a/b\n0::/\n");
    write_file("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    write_file("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "10\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.group, UINT64_MAX);
    write_file("sys/fs/cgroup/memory/memory.limit_in_bytes", "900\n");
    write_file("sys/fs/cgroup/memory/memory.usage_in_bytes", "500\n");
    write_file("sys/fs/cgroup/memory/memory.stat", "inactive_file 9\ntotal_inactive_file 50\n"
                                                   "total_active_file 7\n");
    dt_available_look_below(root, &found);
    CU_ASSERT_EQUAL(found.group, 457);
    end();
}

static void test_limits(void)
{
    struct rlimit before[2], low;
    dt_available found;
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_AS, &before[0]), 0);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_DATA, &before[1]), 0);
    low = before[0];
    low.rlim_cur = (rlim_t)1 << 47; /* the shadow of a sanitizer has room */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_AS, &low), 0);
    low = before[1];
    low.rlim_cur = (rlim_t)1 << 46;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_DATA, &low), 0);
    dt_available_look(&found);
    getrlimit(RLIMIT_DATA, &low);
    if (low.rlim_cur == before[1].rlim_cur)
        return; /* qemu-user sets no such limit, and says that it did */
    CU_ASSERT(found.address_space < (uint64_t)1 << 47 && found.address_space > (uint64_t)1 << 46);
    CU_ASSERT(found.data < (uint64_t)1 << 46 && found.data > (uint64_t)1 << 45);
    setrlimit(RLIMIT_AS, &before[0]);
    setrlimit(RLIMIT_DATA, &before[1]);
}

/* A block that is more than the machine has is refused, not promised. */
static void test_block(void)
{
    dt_available there;
    dt_error error = {0};
    dt_available_look(&there);
    CU_ASSERT_FATAL(there.machine < (uint64_t)1 << 50);
    CU_ASSERT_PTR_NULL(dt_calloc(there.machine + there.machine / 4, 1, &error));
    CU_ASSERT_EQUAL(error.status, DT_ERR_INTERNAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, "expected"));
    CU_ASSERT_PTR_NULL(dt_resize(NULL, there.machine + there.machine / 4, NULL));
    void *block = dt_calloc(65 << 20, 1, &error);
    CU_ASSERT_PTR_NOT_NULL(block);
    dt_free(block);
}

static void test_check(void)
{
    const dt_available there = {100, 200, 7, 300, 400};
    static const struct {
        dt_available needed;
        const char *words;
    } cases[] = {
        {{100, 200, 0, 300, 400}, NULL},      {{101, 0, 0, 0, 0}, "found 0 kB free"},
        {{0, 201, 0, 0, 0}, "control group"}, {{0, 0, 0, 301, 0}, "ulimit -v"},
        {{0, 0, 0, 0, 401}, "ulimit -d"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dt_error error = {0};
        dt_status status = dt_available_check(&there, &cases[i].needed, &error);
        CU_ASSERT_EQUAL(status, cases[i].words ? DT_ERR_CONFIG : DT_OK);
        CU_ASSERT(!cases[i].words || strstr(error.message, cases[i].words));
    }
}

static void test_text(void)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {
        {0, "0 kB"},         {1499, "1 kB"},     {999499, "999 kB"},      {999500, "1.0 MB"},
        {9940000, "9.9 MB"}, {9950000, "10 MB"}, {12800000000u, "13 GB"}, {UINT64_MAX, "18 EB"}};
    char text[DT_BYTES_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CU_ASSERT_STRING_EQUAL(dt_bytes_text(cases[i].bytes, text), cases[i].text);
}

CU_SuiteInfo dt_suite_available(void)
{
    static CU_TestInfo tests[] = {
        {"the machine: available memory and free swap", test_machine},
        {"control groups, version 2", test_group_2},
        {"control groups, version 1", test_group_1},
        {"limits of the process", test_limits},
        {"a block that is not there", test_block},
        {"what is needed against what there is", test_check},
        {"sizes for people", test_text},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "available", .pTests = tests};
}
