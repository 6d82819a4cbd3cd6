#include "sample.h"

#include <math.h>
#include <string.h>

#include "base/hash.h"

enum { COUNT = 60 };

static const char history[] = "epoch,step\n1,15\n2,30\n";

const dt_checkpoint *sample_checkpoint(int64_t step, int variant)
{
    static float parameters[COUNT], velocity[COUNT], square[COUNT];
    static dt_checkpoint sample;
    for (int i = 0; i < COUNT; i++) {
        parameters[i] = (float)sin(i + (double)step + 0.5 * variant);
        velocity[i] = parameters[i] / 8;
        square[i] = parameters[i] * parameters[i];
    }
    sample = (dt_checkpoint){
        .version = "0.1.0",
        .config = "[model]\nlayers = 5, 10\n",
        .architecture = "784-5-10",
        .virtual_ranks = 4,
        .seed = 1,
        .state = {.epoch = 2,
                  .step = step,
                  .samples = 16 * step,
                  .seconds = 1.5,
                  .best = {.epoch = 1,
                           .step = 15,
                           .samples = 240,
                           .val = {.accuracy = 0.75, .loss = 0.5},
                           .test = {(double)NAN, (double)NAN}},
                  .epochs_since_best = 1},
        .parameter_count = COUNT,
        .parameters = parameters,
        .parameter_hash = dt_hash(parameters, sizeof parameters),
        .optimizer = {.kind = "adam", .steps = step, .arrays = {velocity, square}},
        .best_parameters = parameters,
        .data = {.name = "synthetic digits",
                 .fingerprint = 0x0123456789abcdef,
                 .train_samples = 240,
                 .val_samples = 60,
                 .test_samples = 60},
        .history = {.text = history, .length = sizeof history - 1},
    };
    return &sample;
}

bool sample_is(const dt_checkpoint *found, int64_t step, int variant)
{
    const dt_checkpoint *expected = sample_checkpoint(step, variant);
    return found->state.step == step && found->parameter_hash == expected->parameter_hash &&
           found->parameter_count == COUNT &&
           memcmp(found->parameters, expected->parameters, COUNT * sizeof(float)) == 0 &&
           found->optimizer.arrays[DT_STATE_VELOCITY] && found->optimizer.arrays[DT_STATE_SQUARE] &&
           memcmp(found->optimizer.arrays[DT_STATE_SQUARE],
                  expected->optimizer.arrays[DT_STATE_SQUARE], COUNT * sizeof(float)) == 0;
}
