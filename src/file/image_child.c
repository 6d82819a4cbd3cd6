#define _GNU_SOURCE /* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "image_decode.h"

/* What a child may take: bytes beyond those of its parent, seconds of a processor. */
#define MEMORY_MOST  ((rlim_t)1 << 30)
#define SECONDS_MOST 20

/* What comes back in front of the pixels. */
typedef struct answer {
    int32_t status, height, width, channels;
    char message[sizeof(((dt_error *)0)->message)];
} answer;

static size_t size_of(const answer *of)
{
    return (size_t)of->height * (size_t)of->width * (size_t)of->channels;
}

/* Of addresses, which sanitizers take by the terabyte. */
static void limit_memory(void)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
    char text[64] = "";
    unsigned long long pages = 0;
    dt_read_start("/proc/self/statm", text, sizeof text);
    if (sscanf(text, "%llu", &pages) != 1)
        return;
    rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MEMORY_MOST;
    struct rlimit now;
    if (getrlimit(RLIMIT_AS, &now) == 0 && most < now.rlim_max)
        setrlimit(RLIMIT_AS, &(struct rlimit){most, most});
#endif
}

/* In the child: decoders that are not ours write to standard error, and may loop or die. */
static void __attribute__((noreturn))
be_child(const void *bytes, size_t size, int channels, const int ends[2])
{
    dt_error error = {0};
    dt_image image;
    dup2(ends[0], STDERR_FILENO); /* the end that is read: what is written to it is lost */
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){SECONDS_MOST, SECONDS_MOST});
    limit_memory();
    dt_status status = image_decode_here(bytes, size, channels, &image, &error);
    answer out = {(int32_t)status, image.height, image.width, image.channels, ""};
    snprintf(out.message, sizeof out.message, "%s", error.message);
    bool done = dt_write_all(ends[1], &out, sizeof out, NULL) &&
                (status || dt_write_all(ends[1], image.pixels, size_of(&out), NULL));
    _exit(done ? 0 : 1);
}

static bool read_all(int from, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(from, (char *)bytes + done, size - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        done += (size_t)count;
    }
    return true;
}

static bool is_sound(const answer *of, int channels)
{
    return of->height >= 1 && of->height <= DT_IMAGE_SIDE_MAX && of->width >= 1 &&
           of->width <= DT_IMAGE_SIDE_MAX && of->channels == channels &&
           (int64_t)of->height * of->width <= DT_IMAGE_PIXELS_MAX;
}

/* What the child hands back; DT_OK without pixels when it did not come to an end. */
static dt_status take_answer(int from, int channels, dt_image *out, dt_error *error)
{
    answer found;
    if (!read_all(from, &found, sizeof found))
        return DT_OK;
    found.message[sizeof found.message - 1] = '\0';
    if (found.status)
        return dt_fail(error, found.status == DT_ERR_INTERNAL ? DT_ERR_INTERNAL : DT_ERR_DATA, "%s",
                       found.message);
    if (!is_sound(&found, channels))
        return DT_OK;
    *out = (dt_image){found.height, found.width, channels, dt_calloc(size_of(&found), 1, error)};
    if (!out->pixels)
        return DT_ERR_INTERNAL;
    if (!read_all(from, out->pixels, size_of(&found))) {
        dt_free(out->pixels);
        out->pixels = NULL;
    }
    return DT_OK;
}

dt_status dt_image_decode(const void *bytes, size_t size, int channels, dt_image *out,
                          dt_error *error)
{
    int ends[2], code = 0;
    *out = (dt_image){0};
    if (pipe2(ends, O_CLOEXEC))
        return dt_fail(error, DT_ERR_INTERNAL, "a picture cannot be decoded: no pipe: %m");
    pid_t child = fork();
    if (child == 0)
        be_child(bytes, size, channels, ends);
    close(ends[1]);
    dt_status status =
        child < 0 ? dt_fail(error, DT_ERR_INTERNAL, "a picture cannot be decoded: no process: %m")
                  : take_answer(ends[0], channels, out, error);
    close(ends[0]);
    while (child > 0 && waitpid(child, &code, 0) < 0 && errno == EINTR)
        ;
    if (!status && !out->pixels) {
        *out = (dt_image){0};
        status = dt_fail(error, DT_ERR_DATA,
                         "expected a picture, found one that takes more than %d s or %d MB to "
                         "decode, or ends its decoder",
                         SECONDS_MOST, (int)(MEMORY_MOST >> 20));
    }
    return status;
}
