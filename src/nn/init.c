#include "nn/init.h"

#include <math.h>
#include <string.h>

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

typedef struct fans {
    double in, out;
} fans;

static fans fans_of(const dt_tensor *weights)
{
    double field = 1;
    for (int i = 0; i + 2 < weights->rank; i++)
        field *= (double)weights->shape[i];
    return (fans){field * (double)weights->shape[weights->rank - 2],
                  field * (double)weights->shape[weights->rank - 1]};
}

static void fill_weights(dt_init kind, const dt_random_key *key, uint32_t block, fans fan,
                         dt_real *values, size_t count)
{
    switch (kind) {
    case DT_INIT_ARTICLE:
        fill_normal(key, block, sqrt(1 / fan.out), values, count);
        break;
    case DT_INIT_PYTORCH:
        fill_uniform(key, block, 1 / sqrt(fan.in), values, count);
        break;
    case DT_INIT_GLOROT:
        fill_uniform(key, block, sqrt(6 / (fan.in + fan.out)), values, count);
        break;
    case DT_INIT_HE:
        fill_normal(key, block, sqrt(2 / fan.in), values, count);
        break;
    }
}

void dt_init_tensors(dt_init kind, uint64_t seed, uint32_t layer, const dt_tensor *tensors,
                     int count, dt_real *parameters)
{
    dt_random_key key = {.seed = seed, .stream = DT_STREAM_INIT, .sample = layer};
    uint32_t block = 0;
    fans fan = {1, 1};
    for (int i = 0; i < count; i++) {
        dt_real *values = parameters + tensors[i].offset;
        size_t size = dt_tensor_count(&tensors[i]);
        switch (tensors[i].role) {
        case DT_TENSOR_WEIGHT:
            fan = fans_of(&tensors[i]);
            fill_weights(kind, &key, block, fan, values, size);
            break;
        case DT_TENSOR_BIAS:
            if (kind == DT_INIT_PYTORCH)
                fill_uniform(&key, block, 1 / sqrt(fan.in), values, size);
            else
                memset(values, 0, size * sizeof *values);
            break;
        case DT_TENSOR_GAIN:
            for (size_t j = 0; j < size; j++)
                values[j] = 1;
            break;
        case DT_TENSOR_SHIFT:
            memset(values, 0, size * sizeof *values);
            break;
        }
        block += (uint32_t)((size + 3) / 4);
    }
}
