/* The table of layers. */
#include "base/suggest.h"
#include "nn/layer.h"

#define KIND(id)       extern const dt_layer_kind dt_layer_##id;
#define ACTIVATION(id) KIND(id) extern const char dt_layer_##id##_name[];
#include "list.h"
#undef KIND
#undef ACTIVATION

#define KIND(id)       &dt_layer_##id,
#define ACTIVATION(id) KIND(id)
static const dt_layer_kind *const kinds[] = {
#include "list.h"
    NULL};
#undef KIND
#undef ACTIVATION

#define KIND(id)
#define ACTIVATION(id) dt_layer_##id##_name,
const char *const dt_activation_names[] = {
#include "list.h"
    NULL};

const dt_layer_kind *dt_layer_kind_at(int index)
{
    return kinds[index];
}

int dt_layer_kind_find(const char *name)
{
    for (int i = 0; kinds[i]; i++)
        if (dt_edit_distance(name, kinds[i]->name) == 0)
            return i;
    return -1;
}
