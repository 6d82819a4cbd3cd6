#include "base/cgroup.h"

#include <CUnit/CUnit.h>
#include <math.h>

#include "scratch.h"

CU_SuiteInfo dt_suite_cgroup(void);

static char root[SCRATCH_SIZE];

static void write_text(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

/* A process in the groups of `cgroup`, with a mount of TYPE, ROOT and OPTIONS at mount/. */
static void begin(const char *cgroup, const char *type, const char *top, const char *options)
{
    char mount[PATH_MAX];
    scratch_create(root);
    snprintf(mount, sizeof mount,
             "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
             "29 30 0:27 / %s/elsewhere rw shared:1 - cgroup cgroup rw,cpuset\n"
             "30 22 0:28 %s %s/mount rw,relatime shared:9 - %s cgroup %s\n",
             root, top, root, type, options);
    write_text("mountinfo", mount);
    write_text("cgroup", cgroup);
}

static void ends_with(double processors)
{
    double found = dt_cgroup_processors(root);
    if (found != processors)
        printf("\n  expected %g processors, found %g", processors, found);
    CU_ASSERT_TRUE(found == processors);
    scratch_remove(root);
}

static void v1_quota_over_period(void)
{
    begin("9:cpuset:/\n4:cpu,cpuacct:/jobs/one\n0::/\n", "cgroup", "/", "rw,cpu,cpuacct");
    write_text("mount/jobs/one/cpu.cfs_quota_us", "150000\n");
    write_text("mount/jobs/one/cpu.cfs_period_us", "100000\n");
    ends_with(1.5);
}

static void v1_without_a_quota(void)
{
    begin("4:cpu:/\n", "cgroup", "/", "rw,cpu");
    write_text("mount/cpu.cfs_quota_us", "-1\n");
    write_text("mount/cpu.cfs_period_us", "100000\n");
    ends_with(INFINITY);
}

static void v2_maximum(void)
{
    begin("0::/system/a.scope\n", "cgroup2", "/", "rw,nsdelegate");
    write_text("mount/system/a.scope/cpu.max", "50000 100000\n");
    write_text("mount/system/cpu.max", "max 100000\n");
    ends_with(0.5);
}

static void v2_without_a_limit(void)
{
    begin("0::/\n", "cgroup2", "/", "rw");
    write_text("mount/cpu.max", "max 100000\n");
    ends_with(INFINITY);
}

/* The limit of a group holds for all groups in it. */
static void outer_limits_count(void)
{
    begin("0::/a/b/c\n", "cgroup2", "/", "rw");
    write_text("mount/a/b/c/cpu.max", "400000 100000\n");
    write_text("mount/a/b/cpu.max", "max 100000\n");
    write_text("mount/a/cpu.max", "300000 100000\n");
    ends_with(3);
    begin("0::/a\n", "cgroup2", "/", "rw");
    write_text("mount/a/cpu.max", "max 100000\n");
    write_text("mount/cpu.max", "200000 100000\n");
    ends_with(2);
}

/* The group is named from outside, and its mount begins at itself. */
static void in_a_container(void)
{
    begin("4:cpu,cpuacct:/docker/1234\n", "cgroup", "/docker/1234", "rw,cpuacct,cpu");
    write_text("mount/cpu.cfs_quota_us", "200000\n");
    write_text("mount/cpu.cfs_period_us", "100000\n");
    ends_with(2);
    begin("4:cpu:/docker/1234/inner\n", "cgroup", "/docker/1234", "rw,cpu");
    write_text("mount/inner/cpu.cfs_quota_us", "100000\n");
    write_text("mount/inner/cpu.cfs_period_us", "100000\n");
    ends_with(1);
    begin("4:cpu:/docker/12345\n", "cgroup", "/docker/1234", "rw,cpu");
    write_text("mount/cpu.cfs_quota_us", "400000\n");
    write_text("mount/cpu.cfs_period_us", "100000\n");
    ends_with(4);
}

static void without_groups(void)
{
    CU_ASSERT_TRUE(isinf(dt_cgroup_processors("/nowhere")));
    begin("", "cgroup2", "/", "rw");
    ends_with(INFINITY);
    begin("nonsense\n0::/a\n", "tmpfs", "/", "rw");
    ends_with(INFINITY);
    begin("0::/a\n", "cgroup2", "/", "rw");
    write_text("mount/a/cpu.max", "");
    write_text("mount/cpu.max", "much\n");
    ends_with(INFINITY);
}

CU_SuiteInfo dt_suite_cgroup(void)
{
    static CU_TestInfo tests[] = {
        {"v1: quota over period", v1_quota_over_period},
        {"v1: no quota", v1_without_a_quota},
        {"v2: maximum", v2_maximum},
        {"v2: no limit", v2_without_a_limit},
        {"limits of outer groups count", outer_limits_count},
        {"in a container the mount begins at the own group", in_a_container},
        {"no groups, no files, nonsense: no limit", without_groups},
        CU_TEST_INFO_NULL,
    };
    return (CU_SuiteInfo){.pName = "cgroup", .pTests = tests};
}
