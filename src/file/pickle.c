#include "pickle.h"

#include <string.h>

#include "base/memory.h"

/* Names that a pickle may use: with the newline between module and name. */
static const char *const globals[] = {
    "collections\nOrderedDict",
    "torch._utils\n_rebuild_tensor_v2",
    "torch._utils\n_rebuild_parameter",
    "torch\nFloatStorage",
    "torch\nDoubleStorage",
    "torch\nHalfStorage",
    "torch\nBFloat16Storage",
    "torch\nLongStorage",
    "torch\nIntStorage",
    "torch\nShortStorage",
    "torch\nCharStorage",
    "torch\nByteStorage",
    "torch\nBoolStorage",
};

/* The machine. */
typedef struct machine {
    const uint8_t *at, *end;
    pickle *out;
    size_t *stack, height, stack_room;
    size_t *memo, memo_count, memo_room; /* SIZE_MAX: nothing */
} machine;

static dt_status broken(const char *what, dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA, "the pickle: expected %s, found another", what);
}

static dt_status put(size_t **list, size_t *count, size_t *room, size_t value, dt_error *error)
{
    size_t *grown = dt_grow(*list, room, *count + 1, sizeof *grown, error);
    if (!grown)
        return DT_ERR_INTERNAL;
    *list = grown;
    grown[(*count)++] = value;
    return DT_OK;
}

/* Takes over the value's elements. */
static dt_status push(machine *self, pickle_value value, dt_error *error)
{
    pickle *out = self->out;
    pickle_value *values = dt_grow(out->values, &out->room, out->count + 1, sizeof *values, error);
    if (!values) {
        dt_free(value.elements);
        return DT_ERR_INTERNAL;
    }
    out->values = values;
    values[out->count++] = value;
    return put(&self->stack, &self->height, &self->stack_room, out->count - 1, error);
}

/* The value `depth` below the top; NULL: there are not so many. */
static pickle_value *top(const machine *self, size_t depth)
{
    return depth < self->height ? &self->out->values[self->stack[self->height - 1 - depth]] : NULL;
}

/* So many bytes, little-endian, as a number; false: they are not there. */
static bool take(machine *self, size_t bytes, uint64_t *out)
{
    *out = 0;
    if ((size_t)(self->end - self->at) < bytes)
        return false;
    for (size_t i = 0; i < bytes; i++)
        *out |= (uint64_t)*self->at++ << (8 * i);
    return true;
}

static dt_status push_text(machine *self, uint64_t length, dt_error *error)
{
    if (length > (size_t)(self->end - self->at))
        return broken("a text within the file", error);
    const char *text = (const char *)self->at;
    self->at += length;
    return push(self, (pickle_value){.type = PICKLE_TEXT, .text = text, .length = (size_t)length},
                error);
}

static dt_status push_integer(machine *self, int64_t integer, dt_error *error)
{
    return push(self, (pickle_value){.type = PICKLE_INTEGER, .integer = integer}, error);
}

/* MODULE \n NAME \n */
static dt_status push_global(machine *self, dt_error *error)
{
    const char *text = (const char *)self->at;
    const uint8_t *line = memchr(self->at, '\n', (size_t)(self->end - self->at));
    const uint8_t *end = line ? memchr(line + 1, '\n', (size_t)(self->end - line - 1)) : NULL;
    if (!end)
        return broken("a name within the file", error);
    pickle_value value = {.type = PICKLE_GLOBAL, .text = text, .length = (size_t)(end - self->at)};
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (pickle_is(&value, globals[i])) {
            self->at = end + 1;
            return push(self, value, error);
        }
    int module = (int)(line - self->at), name = (int)(end - line - 1);
    return dt_fail(error, DT_ERR_DATA,
                   "expected a pickle of tensors, texts and numbers, found %.*s.%.*s, which would "
                   "have to be run; in PyTorch, torch.save(model.state_dict(), \"model.pt\")",
                   module < 80 ? module : 80, text, name < 80 ? name : 80, (const char *)line + 1);
}

/* Puts what stands above the last mark, or the `count` on top, into *to as its elements. */
static dt_status gather(machine *self, bool marked, size_t count, pickle_value *to, dt_error *error)
{
    dt_status status = DT_OK;
    size_t first = self->height;
    if (marked)
        while (first > 0 && self->out->values[self->stack[first - 1]].type != PICKLE_MARK)
            first--;
    if (marked ? first == 0 : count > self->height)
        return broken("as many values as an instruction takes", error);
    first = marked ? first : self->height - count;
    for (size_t i = first; i < self->height && !status; i++)
        status = put(&to->elements, &to->count, &to->room, self->stack[i], error);
    self->height = marked ? first - 1 : first;
    return status;
}

static dt_status push_list(machine *self, bool marked, size_t count, dt_error *error)
{
    pickle_value list = {.type = PICKLE_LIST};
    dt_status status = gather(self, marked, count, &list, error);
    if (!status)
        return push(self, list, error);
    dt_free(list.elements);
    return status;
}

/* Adds to the list or dictionary below. */
static dt_status add(machine *self, bool marked, pickle_type type, dt_error *error)
{
    pickle_value more = {.type = PICKLE_LIST};
    dt_status status = gather(self, marked, type == PICKLE_DICT ? 2 : 1, &more, error);
    pickle_value *to = status ? NULL : top(self, 0);
    if (!status && (!to || to->type != type || (type == PICKLE_DICT && more.count % 2)))
        status = broken("a list or a dictionary to add to", error);
    for (size_t i = 0; i < more.count && !status; i++)
        status = put(&to->elements, &to->count, &to->room, more.elements[i], error);
    dt_free(more.elements);
    return status;
}

/* A call, of which three are known: function, arguments. */
static dt_status reduce(machine *self, dt_error *error)
{
    pickle_value *arguments = top(self, 0), *function = top(self, 1);
    if (!function || function->type != PICKLE_GLOBAL || arguments->type != PICKLE_LIST)
        return broken("a call of a function that is known", error);
    bool dict = pickle_is(function, globals[0]), tensor = pickle_is(function, globals[1]);
    bool parameter = pickle_is(function, globals[2]);
    if ((dict && arguments->count > 0) || (tensor && arguments->count < 4) ||
        (parameter && arguments->count < 1) || (!dict && !tensor && !parameter))
        return broken("a call that makes a dictionary or a tensor", error);
    self->height--;
    if (parameter)
        self->stack[self->height - 1] = arguments->elements[0];
    if (parameter)
        return DT_OK;
    self->height--;
    pickle_value made = *arguments;
    made.type = dict ? PICKLE_DICT : PICKLE_TENSOR;
    arguments->elements = NULL; /* theirs now */
    arguments->count = arguments->room = 0;
    return push(self, made, error);
}

static dt_status remember(machine *self, uint64_t place, dt_error *error)
{
    dt_status status = DT_OK;
    if (self->height == 0 || place > (uint64_t)self->out->count)
        return broken("a value to remember", error);
    while (self->memo_count <= place && !status)
        status = put(&self->memo, &self->memo_count, &self->memo_room, SIZE_MAX, error);
    if (!status)
        self->memo[place] = self->stack[self->height - 1];
    return status;
}

static dt_status recall(machine *self, uint64_t place, dt_error *error)
{
    if (place >= self->memo_count || self->memo[place] == SIZE_MAX)
        return broken("a value that was remembered", error);
    return put(&self->stack, &self->height, &self->stack_room, self->memo[place], error);
}

/* What takes a number of `bytes` bytes. */
static dt_status step_with_number(machine *self, uint8_t code, size_t bytes, dt_error *error)
{
    uint64_t number;
    if (!take(self, bytes, &number))
        return broken("a number within the file", error);
    switch (code) {
    case 0x80: /* PROTO */
        return number <= 5 ? DT_OK : broken("version 2 to 5", error);
    case 0x95: /* FRAME */
        return DT_OK;
    case 'X':
    case 0x8c:
        return push_text(self, number, error);
    case 'q':
    case 'r':
        return remember(self, number, error);
    case 'h':
    case 'j':
        return recall(self, number, error);
    case 'J':
        return push_integer(self, (int32_t)(uint32_t)number, error);
    case 'G':
        return push(self, (pickle_value){.type = PICKLE_SCALAR}, error);
    case 0x8a: { /* LONG1: so many bytes */
        uint64_t value;
        return number <= 7 && take(self, number, &value)
                   ? push_integer(self, (int64_t)value, error)
                   : broken("an integer of at most 7 bytes", error);
    }
    default: /* BININT1, BININT2 */
        return push_integer(self, (int64_t)number, error);
    }
}

static dt_status step_alone(machine *self, uint8_t code, dt_error *error)
{
    switch (code) {
    case 'c':
        return push_global(self, error);
    case '(':
        return push(self, (pickle_value){.type = PICKLE_MARK}, error);
    case 'N':
    case 0x88:
    case 0x89:
        return push(self, (pickle_value){.type = PICKLE_SCALAR}, error);
    case '}':
        return push(self, (pickle_value){.type = PICKLE_DICT}, error);
    case ']':
    case ')':
        return push(self, (pickle_value){.type = PICKLE_LIST}, error);
    case 't':
        return push_list(self, true, 0, error);
    case 0x85:
    case 0x86:
    case 0x87:
        return push_list(self, false, code - 0x84u, error);
    case 'a':
    case 'e':
        return add(self, code == 'e', PICKLE_LIST, error);
    case 's':
    case 'u':
        return add(self, code == 'u', PICKLE_DICT, error);
    case 'R':
        return reduce(self, error);
    case 0x94: /* MEMOIZE */
        return remember(self, self->memo_count, error);
    case 'Q': /* what persistent_load would make a storage of */
        if (!top(self, 0) || top(self, 0)->type != PICKLE_LIST || top(self, 0)->count != 5)
            return broken("a storage of five values", error);
        top(self, 0)->type = PICKLE_STORAGE;
        return DT_OK;
    case 'b': /* attributes of a dictionary, which say nothing of its tensors */
        if (!top(self, 1) || top(self, 1)->type != PICKLE_DICT)
            return broken("attributes of a dictionary", error);
        self->height--;
        return DT_OK;
    default:
        return dt_fail(error, DT_ERR_DATA,
                       "the pickle: expected instructions that make tensors, texts and numbers, "
                       "found 0x%02x",
                       code);
    }
}

static dt_status step(machine *self, uint8_t code, dt_error *error)
{
    static const struct {
        uint8_t code, bytes;
    } numbers[] = {{0x80, 1}, {0x95, 8}, {'X', 4}, {0x8c, 1}, {'q', 1}, {'r', 4}, {'h', 1},
                   {'j', 4},  {'J', 4},  {'K', 1}, {'M', 2},  {'G', 8}, {0x8a, 1}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i].code == code)
            return step_with_number(self, code, numbers[i].bytes, error);
    return step_alone(self, code, error);
}

dt_status pickle_read(const void *bytes, size_t size, pickle *out, dt_error *error)
{
    machine self = {.at = bytes, .end = (const uint8_t *)bytes + size, .out = out};
    dt_status status = DT_OK;
    bool ended = false;
    *out = (pickle){0};
    while (!status && !ended && self.at < self.end) {
        uint8_t code = *self.at++;
        ended = code == '.';
        status = ended ? DT_OK : step(&self, code, error);
    }
    if (!status && (!ended || self.height != 1))
        status = broken("one value and an end", error);
    if (!status)
        out->root = self.stack[0];
    dt_free(self.stack);
    dt_free(self.memo);
    return status;
}

void pickle_destroy(pickle *self)
{
    for (size_t i = 0; i < self->count; i++)
        dt_free(self->values[i].elements);
    dt_free(self->values);
    *self = (pickle){0};
}

const pickle_value *pickle_element(const pickle *self, const pickle_value *of, size_t index)
{
    return of && index < of->count ? &self->values[of->elements[index]] : NULL;
}

bool pickle_is(const pickle_value *value, const char *text)
{
    return value && (value->type == PICKLE_TEXT || value->type == PICKLE_GLOBAL) &&
           value->length == strlen(text) && memcmp(value->text, text, value->length) == 0;
}
