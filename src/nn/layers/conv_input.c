/* The gradient of a convolution by its input. */
#include "conv_plan.h"
#include "nn/matmul.h"
#include "nn/simd.h"

static int rounded(int count)
{
    enum { LANES = 16 };
    return (count + LANES - 1) / LANES * LANES;
}

bool conv_goes_by_window(const plan *self)
{
    const window *at = &self->at;
    if (product(self->positions, self->patch, 1) > (size_t)1 << 20)
        return false;
    double taps = (double)at->height * at->width / at->down / at->across;
    double by_value = (double)self->height * self->width * rounded(self->in) * taps * self->out;
    double adding = 3.0 * at->height * rounded(at->width * self->in);
    return self->positions * ((double)rounded(self->patch) * self->out + adding) < by_value;
}

/* Of the values of the input that lie in the same rows and columns of their windows, as
 * (y + top) % down = row and (x + left) % across = column say: where their errors and they are, and
 * the part of the kernel that they meet, [taps * out][in]. Returns the number of values. */
static int find_phase(const plan *self, int row, int column, const dt_real *kernel, int *depth)
{
    const window *at = &self->at;
    int count = 0, width = self->errors_width, k = 0;
    for (int y = 0; y < self->height; y++)
        for (int x = 0; x < self->width; x++)
            if ((y + at->top) % at->down == row && (x + at->left) % at->across == column) {
                int above = (y + at->top) / at->down + self->taps_down;
                int beside = (x + at->left) / at->across + self->taps_across;
                self->from[count] = (above * width + beside) * self->out;
                self->to[count++] = (y * self->width + x) * self->in;
            }
    for (int y = row; y < at->height; y += at->down)
        for (int x = column; x < at->width; x += at->across) {
            const dt_real *weights = kernel + product(y * at->width + x, self->in, self->out);
            for (int o = 0; o < self->out; o++, k++) {
                self->tap[k] = o - (y / at->down * width + x / at->across) * self->out;
                for (int c = 0; c < self->in; c++)
                    self->turned[product(k, self->in, 1) + (size_t)c] =
                        weights[product(c, self->out, 1) + (size_t)o];
            }
        }
    *depth = k;
    return count;
}

/* The gradient of the input is a convolution of that of the output with the kernel turned round;
 * with strides, one for each place that a value can have in its window. */
static void go_by_value(const plan *self, const dt_layer_pass *pass)
{
    const window *at = &self->at;
    const dt_tile *dx = pass->input_gradient;
    int border = self->taps_down * self->errors_width + self->taps_across;
    memset(self->errors, 0, errors_size(self) * sizeof *self->errors);
    for (int row = 0; row < least(at->down, at->height); row++)
        for (int column = 0; column < least(at->across, at->width); column++) {
            int depth, count = find_phase(self, row, column, pass->parameters, &depth);
            for (int i = 0; i < pass->input->samples; i++) {
                copy_places(at->rows, at->columns, self->out, dt_tile_row(pass->output_gradient, i),
                            at->columns, self->errors + border * self->out, self->errors_width);
                dt_matmul_gathered((dt_gathered){self->errors, count, depth, self->from, self->tap},
                                   (dt_matrix){self->turned, self->in}, self->in, NULL,
                                   dt_tile_row(dx, i), self->to);
            }
        }
}

/* turned: the kernel as [out][patch]. */
static void turn_kernel(const plan *self, const dt_real *kernel)
{
    for (int k = 0; k < self->patch; k++)
        for (int o = 0; o < self->out; o++)
            self->turned[product(o, self->patch, 1) + (size_t)k] =
                kernel[product(k, self->out, 1) + (size_t)o];
}

/* The windows along a side that reach a value. */
typedef struct reach {
    int first, count;
} reach;

static reach reach_of(int at, int size, int step, int windows)
{
    int first = window_first(at, size, step);
    return (reach){first, larger(window_end(at, step, windows) - first, 0)};
}

static inline __attribute__((always_inline)) dt_vector
add_places(const dt_real *first, int rows, int columns, ptrdiff_t to_row, ptrdiff_t to_column)
{
    dt_vector sum = {0};
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++)
            sum += dt_vector_load(first + i * to_row + j * to_column);
    return sum;
}

/* The sum of `rows` x `columns` places of errors, one after the other. */
static dt_vector add_errors(const dt_real *first, int rows, int columns, ptrdiff_t to_row,
                            ptrdiff_t to_column)
{
    switch (columns) { /* unrolled where windows are small */
    case 1:
        return add_places(first, rows, 1, to_row, to_column);
    case 2:
        return add_places(first, rows, 2, to_row, to_column);
    case 3:
        return add_places(first, rows, 3, to_row, to_column);
    case 4:
        return add_places(first, rows, 4, to_row, to_column);
    case 5:
        return add_places(first, rows, 5, to_row, to_column);
    default:
        return add_places(first, rows, columns, to_row, to_column);
    }
}

/* Sets the gradient of a row of values: of each the sum of what the windows have there, window
 * after window. */
static void add_windows(const plan *self, int y, dt_real *gradient)
{
    const window *at = &self->at;
    int down = y + at->top;
    reach rows = reach_of(down, at->height, at->down, at->rows);
    ptrdiff_t to_row = (ptrdiff_t)at->columns * self->patch - at->down * at->width * self->in;
    ptrdiff_t to_column = self->patch - at->across * self->in;
    const dt_real *errors = self->errors + product(rows.first, at->columns, self->patch) +
                            product(down - rows.first * at->down, at->width, self->in);
    for (int x = 0; x < self->width; x++, gradient += self->in) {
        reach columns = {self->from[x], self->to[x]};
        const dt_real *first = errors + (ptrdiff_t)columns.first * self->patch +
                               (x + at->left - columns.first * at->across) * self->in;
        for (int c = 0; c < self->in; c += DT_LANES)
            dt_vector_store_some(
                gradient + c, least(self->in - c, DT_LANES),
                add_errors(first + c, rows.count, columns.count, to_row, to_column));
    }
}

static void go_by_window(const plan *self, const dt_layer_pass *pass)
{
    turn_kernel(self, pass->parameters);
    for (int o = 0; o < self->out; o++)
        self->tap[o] = o;
    for (int p = 0; p < self->positions; p++)
        self->to_window[p] = p * self->patch;
    for (int x = 0; x < self->width; x++) {
        const window *at = &self->at;
        reach columns = reach_of(x + at->left, at->width, at->across, at->columns);
        self->from[x] = columns.first;
        self->to[x] = columns.count;
    }
    for (int i = 0; i < pass->input->samples; i++) {
        dt_real *dx = dt_tile_row(pass->input_gradient, i);
        dt_matmul_gathered((dt_gathered){dt_tile_row(pass->output_gradient, i), self->positions,
                                         self->out, self->output, self->tap},
                           (dt_matrix){self->turned, self->patch}, self->patch, NULL, self->errors,
                           self->to_window);
        for (int y = 0; y < self->height; y++)
            add_windows(self, y, dx + product(y, self->width, self->in));
    }
}

void conv_input_gradient(const plan *self, const dt_layer *layer, const dt_layer_pass *pass)
{
    if (conv_goes_by_window(self)) {
        go_by_window(self, pass);
        return;
    }
    /* Values that lie in no window, whatever the padding: go_by_value sets all others. */
    bool leaves_out = self->at.down > self->at.height || self->at.across > self->at.width;
    for (int i = 0; leaves_out && i < pass->input->samples; i++)
        memset(dt_tile_row(pass->input_gradient, i), 0, (size_t)layer->inputs * sizeof(dt_real));
    go_by_value(self, pass);
}
