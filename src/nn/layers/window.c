#include "window.h"

#include <string.h>

/* A side: windows of `size`, `step` apart, on `length` values. */
static void fit(int length, int size, int step, bool same, int pad, int *front, int *count)
{
    if (same) {
        *count = (length + step - 1) / step;
        int reach = (*count - 1) * step + size - length;
        *front = reach > 0 ? reach / 2 : 0;
    } else {
        *count = length + 2 * pad < size ? 0 : (length + 2 * pad - size) / step + 1;
        *front = pad;
    }
}

/* What windows that reach so far take behind a side of an image. */
static int behind(int reach, int front, int length)
{
    return reach > front + length ? reach - front - length : 0;
}

static dt_status check_sizes(const dt_layer *layer, const window *at, dt_error *error)
{
    const double most = 0x1p30, channels = layer->input.channels;
    const double sizes[] = {(double)at->height * at->width, (double)at->rows * at->columns,
                            (double)at->bordered_height * at->bordered_width};
    for (int i = 0; i < 3; i++)
        if (sizes[i] * channels > most)
            return dt_fail(error, DT_ERR_CONFIG,
                           "%s %dx%d: expected at most %.0f values in a window, in all and with "
                           "their padding, found %.0f",
                           layer->kind->name, at->height, at->width, most, sizes[i] * channels);
    return DT_OK;
}

dt_status window_place(const dt_layer *layer, double stride, double pad, window *self,
                       dt_error *error)
{
    dt_shape input = layer->input;
    bool same = pad == WINDOW_SAME, of_kernel = stride == WINDOW_STRIDE_OF_KERNEL;
    int above = same ? 0 : dt_argument_height(pad), beside = same ? 0 : dt_argument_width(pad);
    self->down = of_kernel ? self->height : dt_argument_height(stride);
    self->across = of_kernel ? self->width : dt_argument_width(stride);
    fit(input.height, self->height, self->down, same, above, &self->top, &self->rows);
    fit(input.width, self->width, self->across, same, beside, &self->left, &self->columns);
    if (self->rows == 0 || self->columns == 0)
        return dt_fail(
            error, DT_ERR_CONFIG,
            "%s %dx%d: expected an input of at least %dx%d, its padding of %dx%d on each "
            "side included, found %dx%dx%d",
            layer->kind->name, self->height, self->width, self->height, self->width, above, beside,
            input.height, input.width, input.channels);
    self->bordered_height = (self->rows - 1) * self->down + self->height;
    self->bordered_width = (self->columns - 1) * self->across + self->width;
    self->bottom = behind(self->bordered_height, self->top, input.height);
    self->right = behind(self->bordered_width, self->left, input.width);
    return check_sizes(layer, self, error);
}

static bool are_zero(const dt_real *pair)
{
    static const dt_real zeros[2];
    return memcmp(pair, zeros, sizeof zeros) == 0;
}

/* The columns of a row of an image from the first that is not all zeros to the last; [width, 0) if
 * there is none. */
static void find_bounds(const dt_real *row, dt_shape image, int32_t *first, int32_t *end)
{
    int i = 0, j = image.width * image.channels;
    while (i + 1 < j && are_zero(row + i))
        i += 2;
    i += i < j && row[i] == 0;
    while (j > i + 1 && are_zero(row + j - 2))
        j -= 2;
    j -= j > i && row[j - 1] == 0;
    *first = i < j ? i / image.channels : image.width;
    *end = i < j ? (j - 1) / image.channels + 1 : 0;
}

void window_find_seeing(const window *self, dt_shape image, const dt_real *values, int32_t *scratch,
                        int32_t *first, int32_t *end)
{
    int32_t *left = scratch, *right = scratch + image.height;
    for (int y = 0; y < image.height; y++)
        find_bounds(values + (ptrdiff_t)y * image.width * image.channels, image, &left[y],
                    &right[y]);
    for (int row = 0; row < self->rows; row++) {
        int above = row * self->down - self->top, least_left = image.width, most_right = 0;
        for (int y = larger(above, 0); y < least(above + self->height, image.height); y++) {
            least_left = least(least_left, left[y]);
            most_right = larger(most_right, right[y]);
        }
        end[row] = most_right > 0
                       ? window_end(most_right - 1 + self->left, self->across, self->columns)
                       : 0;
        first[row] =
            least(window_first(least_left + self->left, self->width, self->across), end[row]);
    }
}
