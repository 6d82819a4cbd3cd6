#include "layer_order.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* Looks at an order: more of them, and it cannot be told. */
#define STEPS_MAX 100000
#define LIST_SIZE 400

typedef struct search {
    const found_layer *layers;
    size_t count;
    bool used[LAYERS_MAX];
    size_t order[LAYERS_MAX], found[LAYERS_MAX];
    int solutions; /* up to 2 */
    long steps;
} search;

char *layer_name(size_t layer, char name[LAYER_NAME])
{
    if (layer == 0)
        snprintf(name, LAYER_NAME, "dense");
    else
        snprintf(name, LAYER_NAME, "dense_%zu", layer);
    return name;
}

/* The name up to a last "_" and digits, which Keras adds to all but the first of its layers. */
static size_t stem_length(const char *name)
{
    size_t length = strlen(name), digits = length;
    while (digits > 0 && isdigit((unsigned char)name[digits - 1]))
        digits--;
    return digits < length && digits > 1 && name[digits - 1] == '_' ? digits - 1 : length;
}

/* The number at text[0 .. size), its digits; *size becomes their count. */
static uint64_t number_at(const char *text, size_t *size)
{
    uint64_t value = 0;
    size_t i = 0;
    for (; i < *size && isdigit((unsigned char)text[i]); i++)
        value = value * 10 + (uint64_t)(text[i] - '0');
    *size = i;
    return value;
}

/* Whether the names differ in their numbers alone, and the first has the lower ones. */
static bool is_before(const char *a, const char *b)
{
    size_t left = stem_length(a), right = stem_length(b), i = 0, j = 0;
    int order = 0;
    while (i < left && j < right) {
        size_t m = left - i, n = right - j;
        uint64_t x = number_at(a + i, &m), y = number_at(b + j, &n);
        if ((m > 0) != (n > 0) || (m == 0 && a[i] != b[j]))
            return false;
        if (order == 0)
            order = (x > y) - (x < y);
        i += m > 0 ? m : 1;
        j += n > 0 ? n : 1;
    }
    if (i < left || j < right)
        return false;
    if (order == 0) {
        size_t m = strlen(a) - left, n = strlen(b) - right;
        uint64_t x = 0, y = 0;
        if (m > 0)
            m--, x = 1 + number_at(a + left + 1, &m);
        if (n > 0)
            n--, y = 1 + number_at(b + right + 1, &n);
        order = (x > y) - (x < y);
    }
    return order < 0;
}

static bool may_be_next(const search *self, size_t at, size_t layer)
{
    const found_layer *it = &self->layers[layer];
    if (self->used[layer] || (at > 0 && it->inputs != self->layers[self->order[at - 1]].outputs))
        return false;
    for (size_t i = 0; i < self->count; i++)
        if (!self->used[i] && i != layer && is_before(self->layers[i].name, it->name))
            return false;
    return true;
}

/* Finds orders that begin with order[0 .. at). */
static void find_orders(search *self, size_t at)
{
    if (at == self->count) {
        memcpy(self->found, self->order, sizeof self->found);
        self->solutions++;
        return;
    }
    for (size_t i = 0; i < self->count && self->solutions < 2; i++) {
        if (++self->steps > STEPS_MAX)
            return;
        if (!may_be_next(self, at, i))
            continue;
        self->used[i] = true;
        self->order[at] = i;
        find_orders(self, at + 1);
        self->used[i] = false;
    }
}

static dt_status no_order(const search *self, dt_error *error)
{
    char list[LIST_SIZE] = "";
    dt_text text = {.text = list, .size = sizeof list};
    for (size_t i = 0; i < self->count; i++)
        dt_text_add(&text, "%s%s [%" PRId64 " -> %" PRId64 "]", i > 0 ? ", " : "",
                    self->layers[i].name, self->layers[i].inputs, self->layers[i].outputs);
    if (self->solutions == 0 && self->steps <= STEPS_MAX)
        return dt_fail(error, DT_ERR_DATA,
                       "expected dense layers that take what the one before gives, in the order of "
                       "their numbers, where weight is [outputs][inputs] as in PyTorch and kernel "
                       "[inputs][outputs] as in Keras; found %s",
                       list);
    return dt_fail(error, DT_ERR_DATA,
                   "expected dense layers whose order their sizes or numbers tell, found %s; call "
                   "them 0, 1, 2, ... in their order",
                   list);
}

dt_status layer_order(found_layer *layers, size_t count, dt_error *error)
{
    search self = {.layers = layers, .count = count};
    find_orders(&self, 0);
    if (self.solutions != 1 || self.steps > STEPS_MAX)
        return no_order(&self, error);
    /* found[i] is where the layer of place i is: moved there by swaps, of which each puts one in
     * its place. */
    for (size_t i = 0; i < count; i++) {
        size_t from = self.found[i];
        while (from < i)
            from = self.found[from];
        found_layer layer = layers[i];
        layers[i] = layers[from];
        layers[from] = layer;
    }
    return DT_OK;
}
