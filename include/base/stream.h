/* Writing what other processors read: through the caches, or past them.
 *
 * A processor that writes to a line which others have in their caches must first take it from each
 * of them, one line after the other. Where they share a cache, that costs nothing, and whoever
 * reads the line finds it there. Where they do not, a store that goes past the caches, and needs no
 * line, is eight times as fast: of 218 KB, handed to and fro by two processors, 9 us through shared
 * caches, 73 to 94 through others, 9 past them. A virtual machine's processors are near each other
 * now, and far later. So whoever writes takes the time of what it writes, and the way follows. */
#ifndef DT_BASE_STREAM_H
#define DT_BASE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

/* Floats of a vector of which it is worth having a copy to work on and one to hand on: a larger one
 * leaves the caches before anybody takes its lines. */
#define DT_STREAM_MOST ((size_t)1 << 20)

/* The way that one writer's copies take, past the caches at first: all zeros. */
typedef struct dt_stream {
    bool through; /* the caches */
    int judged;   /* copies on this way */
    int slow;     /* of them, the last ones, in a row */
    int pause;    /* copies past the caches before it tries the other way; 0: it has not yet */
    double best;  /* seconds a float past the caches, lately */
} dt_stream;

/* Copies `count` floats on the way of `stream`. Where the processor has no stores that go past the
 * caches, it is memcpy. */
void dt_stream_copy(const dt_stream *stream, float *to, const float *from, size_t count);

/* Whoever sees what this thread writes from now on sees what it has copied. */
void dt_stream_end(void);

/* It took `seconds` to copy `count` floats, about as many as the last time, and the work beside it;
 * of few floats it tells nothing. The stream goes through the caches while that takes at most twice
 * as long as past them, and tries it now and then, the more rarely the more often in vain. */
void dt_stream_judge(dt_stream *stream, size_t count, double seconds);

#endif
