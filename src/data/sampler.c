#include "data/sampler.h"

#include "base/partition.h"
#include "base/random.h"

/* Swaps each place, from the last down, with one at or below it. */
static void shuffle(dt_random_key key, int64_t n, int32_t *items)
{
    dt_random_sequence sequence = dt_random_sequence_of(key);
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t high = dt_random_next(&sequence), low = dt_random_next(&sequence);
        uint32_t j = dt_below(high, low, (uint32_t)(i + 1));
        int32_t item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}

static void identity(int64_t n, int32_t *items)
{
    for (int64_t i = 0; i < n; i++)
        items[i] = (int32_t)i;
}

void dt_sampler_order(uint64_t seed, uint32_t epoch, int64_t n, int32_t *order)
{
    dt_sampler_order_in_parts(seed, epoch, n, 1, order);
}

void dt_sampler_order_in_parts(uint64_t seed, uint32_t epoch, int64_t n, int64_t parts,
                               int32_t *order)
{
    identity(n, order);
    for (int64_t k = 0; k < parts; k++) {
        dt_range part = dt_partition(n, parts, k);
        dt_random_key key = {
            .seed = seed, .stream = DT_STREAM_ORDER, .epoch = epoch, .sample = (uint32_t)k};
        shuffle(key, part.count, order + part.first);
    }
}

void dt_sampler_split(uint64_t seed, int64_t n, int64_t held_out, int32_t *kept, int32_t *out)
{
    /* Selection sampling, Knuth TAOCP 2, 3.4.2 S: item i is held out with probability
     * (still to be chosen) / (items left). */
    dt_random_sequence sequence =
        dt_random_sequence_of((dt_random_key){.seed = seed, .stream = DT_STREAM_SPLIT});
    int64_t to_choose = held_out;
    for (int64_t i = 0; i < n; i++) {
        uint32_t high = dt_random_next(&sequence), low = dt_random_next(&sequence);
        if (dt_below(high, low, (uint32_t)(n - i)) < to_choose) {
            *out++ = (int32_t)i;
            to_choose--;
        } else {
            *kept++ = (int32_t)i;
        }
    }
}
