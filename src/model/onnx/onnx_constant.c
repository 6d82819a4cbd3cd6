#include "onnx_constant.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "file/float_type.h"

enum { NO_TYPE = -1, SMALL = 1 << 20 };

static bool is_list_of_floats(const onnx_constant *self)
{
    return !self->tensor && self->attribute->n_floats > 0;
}

static size_t list_count(const onnx_constant *self)
{
    return self->attribute->n_floats + self->attribute->n_ints;
}

int onnx_constant_shape(const onnx_constant *self, int64_t *shape)
{
    if (!self->tensor) {
        shape[0] = (int64_t)list_count(self);
        return shape[0] > 0;
    }
    size_t rank = self->tensor->n_dims;
    if (rank > DT_RANK_MAX)
        return -1;
    for (size_t i = 0; i < rank; i++)
        shape[i] = self->tensor->dims[self->turned ? rank - 1 - i : i];
    return (int)rank;
}

/* 0: it has none, or more than there can be. */
size_t onnx_constant_count(const onnx_constant *self)
{
    size_t count = 1;
    if (!self->tensor)
        return list_count(self) > 0 ? list_count(self) : 1;
    for (size_t i = 0; i < self->tensor->n_dims; i++) {
        int64_t size = self->tensor->dims[i];
        if (size < 1 || __builtin_mul_overflow(count, (size_t)size, &count) ||
            count > (size_t)1 << 36)
            return 0;
    }
    return count;
}

/* A type of floats as file/float_type.h has it. */
static int type_of(const Onnx__TensorProto *tensor)
{
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        return DT_FLOAT_32;
    case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
        return DT_FLOAT_64;
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
        return DT_FLOAT_16;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
        return DT_FLOAT_B16;
    default:
        return NO_TYPE;
    }
}

/* How many values of a type lie in the field that is theirs. */
static size_t field_count(const Onnx__TensorProto *tensor, int type)
{
    return type == DT_FLOAT_32   ? tensor->n_float_data
           : type == DT_FLOAT_64 ? tensor->n_double_data
                                 : tensor->n_int32_data;
}

static void read_field(const Onnx__TensorProto *tensor, int type, size_t count, float *to)
{
    for (size_t i = 0; i < count; i++) {
        if (type == DT_FLOAT_32)
            to[i] = tensor->float_data[i];
        else if (type == DT_FLOAT_64)
            to[i] = (float)tensor->double_data[i];
        else
            dt_float_type_read((dt_float_type)type,
                               (const uint8_t *)&(uint16_t){(uint16_t)tensor->int32_data[i]}, 1,
                               &to[i]);
    }
}

static dt_status refuse(const onnx_constant *self, const char *expected, const char *found,
                        dt_error *error)
{
    return dt_fail(error, DT_ERR_DATA, "initializer %.80s: expected %s, found %s", self->name,
                   expected, found);
}

dt_status onnx_constant_check(const onnx_constant *self, dt_error *error)
{
    const Onnx__TensorProto *tensor = self->tensor;
    if (!tensor)
        return is_list_of_floats(self) || self->attribute->has_f
                   ? DT_OK
                   : refuse(self, "floats", "others", error);
    int type = type_of(tensor);
    if (tensor->n_external_data > 0 ||
        tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
        return refuse(self,
                      "its values in the file (in PyTorch, external_data=False; in ONNX, "
                      "onnx.save(onnx.load(\"OLD\"), \"NEW\"))",
                      "that they are in another file", error);
    if (type == NO_TYPE)
        return refuse(self, "floats of 16, 32 or 64 bits", "another type", error);
    size_t count = onnx_constant_count(self), width = dt_float_type_width((dt_float_type)type);
    size_t found = tensor->has_raw_data ? tensor->raw_data.len / width : field_count(tensor, type);
    if (count > 0 && found == count && (!tensor->has_raw_data || tensor->raw_data.len % width == 0))
        return DT_OK;
    return dt_fail(error, DT_ERR_DATA,
                   "initializer %.80s: expected the %zu values of its shape, found %zu", self->name,
                   count, found);
}

dt_status onnx_constant_floats(const onnx_constant *self, float *to, const char **converted,
                               dt_error *error)
{
    dt_status status = onnx_constant_check(self, error);
    if (status)
        return status;
    if (!self->tensor) {
        memcpy(to, is_list_of_floats(self) ? self->attribute->floats : &self->attribute->f,
               onnx_constant_count(self) * sizeof *to);
        return DT_OK;
    }
    int type = type_of(self->tensor);
    if (type != DT_FLOAT_32)
        *converted = dt_float_type_names[type];
    size_t count = onnx_constant_count(self);
    if (self->tensor->has_raw_data)
        dt_float_type_read((dt_float_type)type, self->tensor->raw_data.data, count, to);
    else
        read_field(self->tensor, type, count, to);
    return DT_OK;
}

bool onnx_constant_number(const onnx_constant *self, double *number)
{
    float value;
    int64_t whole;
    size_t count;
    const char *converted;
    if (onnx_constant_count(self) != 1)
        return false;
    if (!onnx_constant_floats(self, &value, &converted, NULL)) {
        *number = (double)value;
        return true;
    }
    if (!onnx_constant_list(self, &whole, 1, &count))
        return false;
    *number = (double)whole;
    return true;
}

bool onnx_constant_is(const onnx_constant *self, double number)
{
    size_t count = onnx_constant_count(self);
    const char *converted;
    float *values = count > 0 && count <= SMALL ? dt_calloc(count, sizeof *values, NULL) : NULL;
    bool all = values && !onnx_constant_floats(self, values, &converted, NULL);
    for (size_t i = 0; all && i < count; i++)
        all = (double)values[i] == number;
    dt_free(values);
    return all;
}

bool onnx_constant_list(const onnx_constant *self, int64_t *list, size_t room, size_t *count)
{
    const Onnx__TensorProto *tensor = self->tensor;
    const Onnx__AttributeProto *attribute = self->attribute;
    if (!tensor) {
        *count = attribute->n_ints > 0 ? attribute->n_ints : attribute->has_i != 0;
        if (*count == 0 || *count > room)
            return false;
        memcpy(list, attribute->n_ints > 0 ? attribute->ints : &attribute->i,
               *count * sizeof *list);
        return true;
    }
    *count = onnx_constant_count(self);
    if (tensor->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__INT64 || *count > room || *count == 0)
        return false;
    if (tensor->has_raw_data && tensor->raw_data.len == *count * sizeof *list)
        memcpy(list, tensor->raw_data.data, *count * sizeof *list);
    else if (!tensor->has_raw_data && tensor->n_int64_data == *count)
        memcpy(list, tensor->int64_data, *count * sizeof *list);
    else
        return false;
    return true;
}
