/* A scratch directory and whole files for unit tests. */
#ifndef DT_TESTS_SCRATCH_H
#define DT_TESTS_SCRATCH_H

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CUnit/CUnit.h>

#define SCRATCH_SIZE 64

/* Makes a fresh directory; its path is in `path`. */
static inline void scratch_create(char path[SCRATCH_SIZE])
{
    snprintf(path, SCRATCH_SIZE, "/tmp/dist-train-test-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(path));
}

/* Removes a file or a directory with all that is in it; links are not followed. */
static inline void scratch_remove(const char *path)
{
    struct stat status;
    DIR *list = lstat(path, &status) == 0 && S_ISDIR(status.st_mode) ? opendir(path) : NULL;
    const struct dirent *entry;
    while (list && (entry = readdir(list))) {
        char inner[PATH_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        CU_ASSERT_TRUE_FATAL(length < (int)sizeof inner);
        scratch_remove(inner);
    }
    if (list)
        closedir(list);
    CU_ASSERT_EQUAL(remove(path), 0);
}

/* "DIRECTORY/NAME" in one of four buffers that take turns. */
static inline const char *scratch_path(const char *directory, const char *name)
{
    static char paths[4][PATH_MAX];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", directory, name);
    return path;
}

/* The whole file, zero-terminated; malloc'd; NULL when it cannot be read. */
static inline char *scratch_read(const char *path, size_t *size)
{
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    struct stat status;
    char *bytes = NULL;
    if (fstat(fileno(file), &status) == 0 && S_ISREG(status.st_mode))
        bytes = calloc((size_t)status.st_size + 1, 1);
    if (bytes)
        *size = fread(bytes, 1, (size_t)status.st_size, file);
    fclose(file);
    return bytes;
}

static inline void scratch_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(text, file) >= 0);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static inline int scratch_holds(const char *path, const void *bytes, size_t size)
{
    size_t found;
    char *content = scratch_read(path, &found);
    int same = content && found == size && memcmp(content, bytes, size) == 0;
    free(content);
    return same;
}

static inline int scratch_holds_text(const char *path, const char *text)
{
    return scratch_holds(path, text, strlen(text));
}

/* Entries of a directory but for . and ..; -1 when it cannot be read. */
static inline int scratch_entries(const char *path)
{
    DIR *list = opendir(path);
    if (!list)
        return -1;
    int count = -2;
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}

/* Lets no file of this process grow beyond `bytes`: a disk that is full. RLIM_INFINITY ends it. */
static inline void scratch_limit_files(rlim_t bytes)
{
    struct rlimit limit;
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    signal(SIGXFSZ, bytes == RLIM_INFINITY ? SIG_DFL : SIG_IGN);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

#endif
