#include "base/stream.h"

#include <stdint.h>
#include <string.h>

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

void dt_stream_copy(float *to, const float *from, size_t count)
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

void dt_stream_copy(float *to, const float *from, size_t count)
{
    memcpy(to, from, count * sizeof *to);
}

void dt_stream_end(void)
{
}

#endif
