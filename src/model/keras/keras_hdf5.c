#include "keras_hdf5.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "keras_listing.h"

#define VARS "/vars/"

/* What training needs, and the network does not. */
static const char *const beside[] = {"optimizer",       "optimizer_weights", "metrics",
                                     "compile_metrics", "loss_tracker",      "compile_loss",
                                     "seed_generator",  "seed_generators"};

/* Classes of Keras' whose variables look like those of others. */
static const char *const alike[] = {"conv2d_transpose", "depthwise_conv2d", "conv1d_transpose",
                                    "embedding",        "p_re_lu",          "rms_normalization",
                                    "normalization",    "simple_rnn",       "einsum_dense"};

#define COUNT_OF(list) (sizeof(list) / sizeof *(list))

static void leave_out(dt_text *left_out, const char *name)
{
    if (strstr(left_out->text, name) == NULL)
        dt_text_add(left_out, "%s%s", left_out->length > 0 ? ", " : "", name);
}

const char *keras_beside(const char *path)
{
    for (const char *at = path; *at;) {
        size_t skip = strspn(at, "/_"), length = strcspn(at + skip, "/");
        for (size_t i = 0; i < COUNT_OF(beside); i++)
            if (strlen(beside[i]) == length && strncmp(at + skip, beside[i], length) == 0)
                return beside[i];
        at += skip + length;
    }
    return NULL;
}

/* ---- Keras 3: LAYER/vars/0, LAYER/vars/1, ... ---- */

/* Without the names of the lists that layers are in. source: Keras, saving_lib.py, _save_state;
 * Keras 2.12 to 2.15 have the second. */
static void short_name(const char *path, size_t length, char name[DT_HDF5_PATH_SIZE])
{
    static const char *const lists[] = {"layers", "_layer_checkpoint_dependencies"};
    size_t to = 0;
    for (size_t at = 0; at < length;) {
        at += path[at] == '/';
        size_t part = strcspn(path + at, "/");
        part = part < length - at ? part : length - at;
        bool list = false;
        for (size_t i = 0; i < COUNT_OF(lists); i++)
            list |= strlen(lists[i]) == part && strncmp(path + at, lists[i], part) == 0;
        if (!list && part > 0)
            to += (size_t)snprintf(name + to, DT_HDF5_PATH_SIZE - to, "%s%.*s", to > 0 ? "/" : "",
                                   (int)part, path + at);
        at += part;
    }
    name[to] = '\0';
}

/* Variables of one layer. */
enum { VARIABLES_MAX = 4 };
typedef struct variables {
    const char *group; /* the path of the first, as far as "/vars/" */
    size_t length;
    char name[DT_HDF5_PATH_SIZE];
    size_t count;
    struct {
        const char *path;
        int rank;
        int64_t shape[DT_HDF5_RANK_MAX];
    } list[VARIABLES_MAX];
} variables;

static const planned_layer *planned(const network_plan *plan, const char *path)
{
    for (size_t i = 0; plan && i < plan->count; i++)
        if (strcmp(plan->layers[i].path, path) == 0)
            return &plan->layers[i];
    for (size_t i = 0; plan && i < plan->count; i++)
        if (strcmp(plan->layers[i].name, path) == 0)
            return &plan->layers[i];
    return NULL;
}

static dt_status refuse_variables(const variables *self, dt_error *error)
{
    char shapes[160] = "";
    dt_text text = {.text = shapes, .size = sizeof shapes};
    for (size_t i = 0; i < self->count; i++) {
        dt_text_add(&text, "%s", i > 0 ? ", " : "");
        for (int j = 0; j < self->list[i].rank; j++)
            dt_text_add(&text, "[%lld]", (long long)self->list[i].shape[j]);
    }
    return dt_fail(error, DT_ERR_DATA,
                   "%.*s: expected the variables of a dense layer or convolution (a kernel of two "
                   "or four dimensions, and a bias of one) or of a normalisation, found %s",
                   (int)self->length, self->group, shapes);
}

/* The class that a layer's name says: without "_1". */
static bool is_of(const char *path, const char *class)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(class);
    if (strncmp(name, class, length) != 0)
        return false;
    name += length;
    return *name == '\0' || (*name == '_' && name[1] && !name[1 + strspn(name + 1, "0123456789")]);
}

/* What the variables are called; NULL: they are no layer's of ours. */
static const char *const *names_of(const variables *self, const network_plan *plan)
{
    static const char *const dense[] = {"kernel", "bias", NULL};
    static const char *const norm[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    static const char *const gain[] = {"gamma", "moving_mean", "moving_variance"};
    const planned_layer *said = planned(plan, self->name);
    int rank = self->list[0].rank;
    for (size_t i = 0; i < COUNT_OF(alike); i++)
        if (is_of(self->name, alike[i]))
            return NULL;
    bool batch = said ? said->norm : is_of(self->name, "batch_normalization");
    for (size_t i = 1; i < self->count; i++)
        if (self->list[i].rank != (rank % 2 ? rank : 1))
            return NULL;
    if (rank == 2 || rank == 4)
        return self->count <= 2 ? dense : NULL;
    if (rank != 1 && rank != 3)
        return NULL;
    if (self->count == 4 || (self->count == 2 && !batch))
        return norm;
    if (self->count == 2)
        return norm + 2;
    return self->count == 3 && said && batch ? (said->scales ? gain : norm + 1) : NULL;
}

static dt_status add_variables(const dt_hdf5_reader *reader, const variables *self,
                               const network_plan *plan, dt_bundle *to, dt_error *error)
{
    const char *const *names = self->count > 0 ? names_of(self, plan) : NULL;
    dt_status status = names || self->count == 0 ? DT_OK : refuse_variables(self, error);
    for (size_t i = 0; i < self->count && !status; i++) {
        char name[DT_HDF5_PATH_SIZE + 20];
        float *values;
        int rank = self->list[i].rank;
        const int64_t *shape = self->list[i].shape;
        snprintf(name, sizeof name, "%s/%s", self->name, names[i]);
        status = dt_bundle_add(to, name, rank, shape, &values, error);
        if (!status)
            status = dt_hdf5_reader_floats(reader, self->list[i].path, rank, shape, values, error);
    }
    return status;
}

/* The next variable of a layer: their names are numbers, and come in order. */
static dt_status add_variable(const dt_hdf5_reader *reader, const char *path, const char *number,
                              variables *to, dt_error *error)
{
    char expected[8];
    snprintf(expected, sizeof expected, "%zu", to->count);
    if (to->count == VARIABLES_MAX || strcmp(number, expected) != 0)
        return dt_fail(error, DT_ERR_DATA,
                       "%s: expected at most %d variables of a layer, LAYER" VARS "0 to %d, found "
                       "another",
                       path, VARIABLES_MAX, VARIABLES_MAX - 1);
    size_t i = to->count++;
    to->list[i].path = path;
    return dt_hdf5_reader_shape(reader, path, &to->list[i].rank, to->list[i].shape, error);
}

bool keras_is_3(const dt_hdf5_reader *reader)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    for (size_t i = 0; i < count; i++)
        if (strstr(objects[i].path, VARS) && !objects[i].group)
            return true;
    return false;
}

dt_status keras3_read(const dt_hdf5_reader *reader, const network_plan *plan, dt_bundle *out,
                      dt_text *left_out, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(reader, &count);
    variables layer = {.count = 0};
    dt_status status = DT_OK;
    *out = (dt_bundle){0};
    for (size_t i = 0; i < count && !status; i++) {
        const char *path = objects[i].path, *vars = strstr(path, VARS);
        if (objects[i].group)
            continue;
        if (keras_beside(path)) {
            leave_out(left_out, keras_beside(path));
            continue;
        }
        if (!vars)
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected LAYER" VARS "NUMBER, as in files of Keras 3, found "
                           "another dataset",
                           path);
        size_t length = (size_t)(vars - path);
        if (layer.count == 0 || length != layer.length || strncmp(path, layer.group, length) != 0) {
            status = add_variables(reader, &layer, plan, out, error);
            layer = (variables){.group = path, .length = length};
            short_name(path, length, layer.name);
        }
        if (!status)
            status = add_variable(reader, path, vars + strlen(VARS), &layer, error);
    }
    return status ? status : add_variables(reader, &layer, plan, out, error);
}

/* ---- the older layout: lists of layers, and of weights ---- */

/* A file that is being read. */
typedef struct reading {
    const dt_hdf5_reader *reader;
    bool planned; /* it is known what stands between layers */
    bool *used;   /* [objects of the file] */
    dt_bundle *out;
    dt_text *left_out;
} reading;

static dt_status check_between(const keras_weight *weight, dt_error *error)
{
    const char *between = weight->before;
    if (!between || !strstr(weight->name, "moving_mean") || strncmp(between, "dropout", 7) == 0)
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "batch normalisation %s: expected it directly behind a dense layer or "
                   "convolution, of which it then is a part, found %s before it",
                   weight->layer, between);
}

/* "dense/kernel:0" of layer "dense" is "dense/kernel"; "kernel" is too. Of a model "part" inside it
 * is "part/dense/kernel". */
static dt_status add_weight(void *of, const keras_weight *weight, dt_error *error)
{
    reading *self = of;
    char name[DT_HDF5_PATH_SIZE];
    const char *layer = weight->layer, *path = weight->path, *colon = strrchr(weight->name, ':');
    int length = colon ? (int)(colon - weight->name) : (int)strlen(weight->name), rank;
    int64_t shape[DT_HDF5_RANK_MAX];
    float *values;
    dt_status status = self->planned ? DT_OK : check_between(weight, error);
    if (status || keras_beside(path)) {
        if (!status)
            leave_out(self->left_out, keras_beside(path));
        return status;
    }
    bool own =
        strncmp(weight->name, layer, strlen(layer)) == 0 && weight->name[strlen(layer)] == '/';
    snprintf(name, sizeof name, "%s%s%.*s", own ? "" : layer, own ? "" : "/", length, weight->name);
    status = dt_hdf5_reader_shape(self->reader, path, &rank, shape, error);
    if (!status)
        status = dt_bundle_add(self->out, name, rank, shape, &values, error);
    return status ? status : dt_hdf5_reader_floats(self->reader, path, rank, shape, values, error);
}

/* Whatever else there is. */
static dt_status check_used(reading *self, dt_error *error)
{
    size_t count;
    const dt_hdf5_object *objects = dt_hdf5_reader_objects(self->reader, &count);
    for (size_t i = 0; i < count; i++) {
        const char *path = objects[i].path;
        if (objects[i].group || self->used[i])
            continue;
        if (!keras_beside(path))
            return dt_fail(error, DT_ERR_DATA,
                           "%s: expected datasets that weight_names of their layers list, found "
                           "another",
                           path);
        leave_out(self->left_out, keras_beside(path));
    }
    return DT_OK;
}

dt_status keras2_read(const dt_hdf5_reader *reader, const network_plan *plan, dt_bundle *out,
                      dt_text *left_out, dt_error *error)
{
    const char *root = keras_listing_root(reader);
    reading self = {.reader = reader, .planned = plan != NULL, .out = out, .left_out = left_out};
    size_t objects;
    *out = (dt_bundle){.ordered = true};
    dt_hdf5_reader_objects(reader, &objects);
    self.used = dt_calloc(objects, sizeof *self.used, error);
    dt_status status = DT_ERR_INTERNAL;
    if (self.used)
        status = keras_list(reader, root ? root : "", add_weight, &self, self.used, error);
    if (!status)
        status = check_used(&self, error);
    dt_free(self.used);
    return status;
}
