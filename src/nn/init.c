#include "nn/init.h"

#include <math.h>

#include "base/random.h"

const char *const dt_init_names[] = {"article", "pytorch", "glorot", "he", NULL};

static void fill_normal(const dt_random_key *key, uint32_t first_block, double deviation,
                        dt_real *values, size_t count)
{
    for (size_t i = 0; i < count; i += 4) {
        dt_random_block block = dt_random_at(key, first_block + (uint32_t)(i / 4));
        double normal[4];
        dt_normal_pair(block.word[0], block.word[1], normal);
        dt_normal_pair(block.word[2], block.word[3], normal + 2);
        for (size_t j = 0; j < 4 && i + j < count; j++)
            values[i + j] = (dt_real)(deviation * normal[j]);
    }
}

static void fill_uniform(const dt_random_key *key, uint32_t first_block, double limit,
                         dt_real *values, size_t count)
{
    for (size_t i = 0; i < count; i += 4) {
        dt_random_block block = dt_random_at(key, first_block + (uint32_t)(i / 4));
        for (size_t j = 0; j < 4 && i + j < count; j++)
            values[i + j] = (dt_real)(limit * (2 * dt_uniform(block.word[j]) - 1));
    }
}

void dt_init_layer(dt_init kind, uint64_t seed, uint32_t layer, int64_t fan_in, int64_t fan_out,
                   dt_real *weights, size_t weight_count, dt_real *biases, size_t bias_count)
{
    dt_random_key key = {.seed = seed, .stream = DT_STREAM_INIT, .sample = layer};
    uint32_t bias_block = (uint32_t)((weight_count + 3) / 4);
    double in = (double)fan_in, out = (double)fan_out;
    for (size_t i = 0; i < bias_count; i++)
        biases[i] = 0;
    switch (kind) {
    case DT_INIT_ARTICLE:
        fill_normal(&key, 0, sqrt(1 / out), weights, weight_count);
        break;
    case DT_INIT_PYTORCH:
        fill_uniform(&key, 0, 1 / sqrt(in), weights, weight_count);
        fill_uniform(&key, bias_block, 1 / sqrt(in), biases, bias_count);
        break;
    case DT_INIT_GLOROT:
        fill_uniform(&key, 0, sqrt(6 / (in + out)), weights, weight_count);
        break;
    case DT_INIT_HE:
        fill_normal(&key, 0, sqrt(2 / in), weights, weight_count);
        break;
    }
}
