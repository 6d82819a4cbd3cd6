#include "base/stream.h"

#include <stdint.h>
#include <string.h>

/* Copies: on a way before another is tried at first, later at least and at most; that are slow, in
 * a row, before a way is left; after which a try counts as one that went well. */
enum { FIRST = 8, PAUSE_LEAST = 256, PAUSE_MOST = 8192, SLOW_MOST = 2, WELL = 64 };

/* Floats of which a copy tells how near the others are. */
enum { WORTH = 1 << 13 };

static const double much = 2; /* times as slow as past the caches */

static void change(dt_stream *self)
{
    self->through = !self->through;
    self->judged = self->slow = 0;
}

static void judge_past(dt_stream *self, double a_float)
{
    if (self->judged == 1 || a_float < self->best)
        self->best = a_float;
    if (self->judged >= (self->pause ? self->pause : FIRST))
        change(self);
}

static void judge_through(dt_stream *self, double a_float)
{
    self->slow = a_float > much * self->best ? self->slow + 1 : 0;
    if (self->slow < SLOW_MOST)
        return;
    bool in_vain = self->judged < WELL && self->pause > 0;
    self->pause = in_vain && self->pause < PAUSE_MOST ? 2 * self->pause
                  : in_vain                           ? PAUSE_MOST
                                                      : PAUSE_LEAST;
    change(self);
}

void dt_stream_judge(dt_stream *self, size_t count, double seconds)
{
    if (count < WORTH)
        return;
    self->judged += self->judged < PAUSE_MOST;
    if (self->through)
        judge_through(self, seconds / (double)count);
    else
        judge_past(self, seconds / (double)count);
}

#ifdef __SSE2__
#include <immintrin.h>
#endif

#if defined __AVX512F__
typedef __m512 vector;
#define LOAD  _mm512_loadu_ps
#define STORE _mm512_stream_ps
#elif defined __AVX__
typedef __m256 vector;
#define LOAD  _mm256_loadu_ps
#define STORE _mm256_stream_ps
#elif defined __SSE2__
typedef __m128 vector;
#define LOAD  _mm_loadu_ps
#define STORE _mm_stream_ps
#endif

#ifdef __SSE2__

enum { LINE = 64 / sizeof(float), LANES = sizeof(vector) / sizeof(float) };

static void copy_past(float *to, const float *from, size_t count)
{
    size_t head = (LINE - (uintptr_t)to / sizeof(float) % LINE) % LINE, i;
    head = head < count ? head : count;
    memcpy(to, from, head * sizeof *to);
    for (i = head; i + LINE <= count; i += LINE) /* whole lines: parts of one are slow */
        for (size_t j = 0; j < LINE; j += LANES)
            STORE(to + i + j, LOAD(from + i + j));
    memcpy(to + i, from + i, (count - i) * sizeof *to);
}

void dt_stream_end(void)
{
    _mm_sfence();
}

#else

static void copy_past(float *to, const float *from, size_t count)
{
    memcpy(to, from, count * sizeof *to);
}

void dt_stream_end(void) {}

#endif

void dt_stream_copy(const dt_stream *self, float *to, const float *from, size_t count)
{
    if (self->through)
        memcpy(to, from, count * sizeof *to);
    else
        copy_past(to, from, count);
}
