#include "model/input_shape.h"

#include <inttypes.h>
#include <stddef.h>

#include "base/text.h"
#include "model/planes.h"

enum { USUAL_SIDE = 28, LONGEST_SIDE = 256, HALVED = 32 };

typedef bool check(const dt_architecture *architecture, const void *what);

static bool try(dt_architecture *architecture, int side, int channels, check *fits,
                const void *what)
{
    dt_shape output;
    architecture->input = (dt_shape){side, side, channels};
    return !dt_architecture_check(architecture, &output, NULL) && fits(architecture, what);
}

bool dt_find_input(dt_architecture *architecture, check *fits, const void *what)
{
    int most = dt_planes_needed(&architecture->list) ? 3 : 1;
    for (int channels = 1; channels <= most; channels += 2) {
        if (try(architecture, USUAL_SIDE, channels, fits, what))
            return true;
        for (int step = HALVED; step > 0; step /= 2)
            for (int side = step; side <= LONGEST_SIDE; side += step)
                if (try(architecture, side, channels, fits, what))
                    return true;
    }
    return false;
}

dt_status dt_fail_without_layers(const dt_tensor *tensors, size_t count, dt_error *error)
{
    char list[400] = "";
    dt_text text = {.text = list, .size = sizeof list};
    for (size_t i = 0; i < count; i++) {
        const int64_t *shape = tensors[i].shape;
        const char *before = text.length > 0 ? " ..., " : "";
        if (tensors[i].rank == 4)
            dt_text_add(&text, "%sconv %" PRId64 " %" PRId64 "x%" PRId64, before, shape[3],
                        shape[0], shape[1]);
        else if (tensors[i].rank == 2)
            dt_text_add(&text, "%sdense %" PRId64, before, shape[1]);
        else if (tensors[i].role == DT_TENSOR_GAIN)
            dt_text_add(&text, "%slayernorm", before);
    }
    return dt_fail(error, DT_ERR_DATA,
                   "found other layers than dense ones, and nothing that says their settings, and "
                   "what is between them; expected --layers \"%s\" with that in it",
                   list);
}
