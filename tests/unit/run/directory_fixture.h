/* A test inside a fresh directory, where it makes run directories. */
#ifndef DT_TESTS_DIRECTORY_FIXTURE_H
#define DT_TESTS_DIRECTORY_FIXTURE_H

#include <fcntl.h>
#include <stdbool.h>

#include "run/directory.h"
#include "scratch_folder.h"

/* As a new run does it, without the lock. That is what dt_run_directory_try tells before. */
static inline dt_status create(const char *name, bool overwrite, char path[DT_PATH_SIZE],
                               dt_error *error)
{
    dt_error tried = {0}, found = {0};
    CU_ASSERT_EQUAL(dt_run_directory_try(name, overwrite, &tried), tried.status);
    dt_status status = dt_run_directory_make(name, path, &found);
    if (!status)
        status = dt_run_directory_clear(path, overwrite, &found);
    if (overwrite) { /* what cannot be removed is seen when it is removed */
        CU_ASSERT_TRUE(tried.status == DT_OK || tried.status == status);
    } else {
        CU_ASSERT_EQUAL(tried.status, status);
        CU_ASSERT_STRING_EQUAL(tried.message, found.message);
    }
    if (error && status)
        *error = found;
    return status;
}

static int home;

static inline void set_up(void)
{
    make_folder();
    home = open(".", O_RDONLY | O_DIRECTORY);
    CU_ASSERT_TRUE_FATAL(home >= 0);
    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);
}

static inline void tear_down(void)
{
    CU_ASSERT_EQUAL_FATAL(fchdir(home), 0);
    close(home);
    remove_folder();
}

static inline int is_folder(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static inline int exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

static inline void assert_refused(const char *name, bool overwrite, const char *path,
                                  const char *reason)
{
    char made[DT_PATH_SIZE];
    dt_error error = {0};
    CU_ASSERT_EQUAL(create(name, overwrite, made, &error), DT_ERR_CREATE);
    CU_ASSERT_EQUAL(error.status, DT_ERR_CREATE);
    CU_ASSERT_EQUAL(strncmp(error.message, path, strlen(path)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message, reason));
}

#endif
