#include "network_size.h"

#include "nn/network.h"

/* Of the support: of a layer that does not say it, one. */
static size_t most_intervals(const dt_layer *layer)
{
    return layer->kind->add_support ? (size_t)layer->inputs / 2 + 1 : 1;
}

void network_scratch_add(const dt_layer *layer, network_scratch *room)
{
    size_t indices = 0, work = 0;
    if (layer->kind->needs)
        layer->kind->needs(layer, &indices, &work);
    room->intervals += most_intervals(layer);
    room->indices = indices > room->indices ? indices : room->indices;
    room->work = work > room->work ? work : room->work;
}

/* A matter of speed alone: no result depends on it. While the largest layer's weights stay in the
 * L2 cache, so should a tile, as long as it has enough samples for them; weights that come from
 * memory are worth more samples a pass, where there are so many, as long as the tiles are not what
 * takes the memory. */
static int choose_tile_samples(uint64_t largest_layer, uint64_t values, uint64_t at_once,
                               uint64_t at_most)
{
    enum { FEWEST = 16, LEAST = 32, FEW = 64, MANY = 256 };
    const uint64_t cache = ((uint64_t)2 << 20) / sizeof(dt_real);
    const uint64_t tiles_most = ((uint64_t)256 << 20) / sizeof(dt_real);
    uint64_t samples = largest_layer <= 512 * 1024 ? FEW : MANY;
    if (samples == FEW && samples * values > cache)
        samples = cache / values < FEWEST ? FEWEST : cache / values;
    if (at_once > 0 && at_once < samples && samples > LEAST)
        samples = at_once < LEAST ? LEAST : at_once;
    if (samples * values > tiles_most)
        samples = tiles_most / values;
    if (at_most > 0 && at_most < samples)
        samples = at_most;
    return samples > 0 ? (int)samples : 1;
}

dt_network_size dt_network_measure(const dt_network_spec *spec)
{
    const dt_architecture *architecture = &spec->architecture;
    dt_network_size size = {0};
    dt_layer layer;
    uint64_t inputs = (uint64_t)dt_shape_size(architecture->input), values = inputs,
             columns = inputs;
    uint64_t largest = 0;
    network_scratch room = {0};
    for (int i = 0; dt_architecture_next(architecture, i, &layer); i++) {
        uint64_t tensor = layer.tensor_count > 0 ? dt_tensor_count(&layer.tensors[0]) : 0;
        size.parameters += layer.parameter_count;
        largest = tensor > largest ? tensor : largest;
        network_scratch_add(&layer, &room);
        /* what it gives, and the gradient by that */
        uint64_t tiles = network_shares_gradient(&layer, i) ? 1 : 2;
        values += tiles * (uint64_t)dt_tile_stride(layer.outputs);
        columns += tiles * (uint64_t)layer.outputs;
    }
    size.tile_samples =
        choose_tile_samples(largest, values, (uint64_t)spec->at_once, (uint64_t)spec->at_most);
    size.bytes += (uint64_t)size.tile_samples * (values * sizeof(dt_real) + sizeof(double)) +
                  columns * (sizeof(int32_t) + 1) + room.intervals * sizeof(dt_interval) +
                  room.indices * sizeof(int32_t) + room.work * sizeof(dt_real);
    return size;
}
