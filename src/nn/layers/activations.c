/* Element-wise activations, a row each: name, help, f, f', and what others call it. */
#include "nn/layer.h"
#include "nn/vector_math.h"

/* f is an expression in x; f' one in x and y = f(x). The name stands where the list of names finds
 * it too. */
#define ACTIVATION(id, text, says, f, derivative, ...)                                             \
    static void id##_map(size_t n, const dt_real *z, dt_real *a)                                   \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            dt_real x = z[i];                                                                      \
            a[i] = (f);                                                                            \
        }                                                                                          \
    }                                                                                              \
    static void id##_map_gradient(size_t n, const dt_real *z, const dt_real *a, const dt_real *da, \
                                  dt_real *dz)                                                     \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            dt_real x = z[i], y = a[i];                                                            \
            (void)x, (void)y;                                                                      \
            dz[i] = da[i] * (derivative);                                                          \
        }                                                                                          \
    }                                                                                              \
    extern const char dt_layer_##id##_name[];                                                      \
    extern const dt_layer_kind dt_layer_##id;                                                      \
    const char dt_layer_##id##_name[] = text;                                                      \
    const dt_layer_kind dt_layer_##id = {.name = dt_layer_##id##_name,                             \
                                         .help = (says),                                           \
                                         .follows = true,                                          \
                                         .map = id##_map,                                          \
                                         .map_gradient = id##_map_gradient,                        \
                                         __VA_ARGS__}

/* The slope where z < 0 is PyTorch's, and so is that at 0, which is what a convolution without bias
 * gives where an image is black. */
static const dt_real leaky_slope = (dt_real)0.01;

static dt_real normal_distribution(dt_real z)
{
    return (dt_real)0.5 * ((dt_real)1 + dt_erf(z * (dt_real)0.70710678118654752440));
}

static dt_real normal_density(dt_real z)
{
    return (dt_real)0.39894228040143267794 * dt_exp((dt_real)-0.5 * z * z);
}

ACTIVATION(sigmoid, "sigmoid", "1 / (1 + e^-z)", dt_sigmoid(x), y *((dt_real)1 - y),
           .torch = "nn.Sigmoid()", .onnx = {DT_ONNX_STEP("Sigmoid", "x")});

ACTIVATION(tanh, "tanh", "tanh z", dt_tanh(x), dt_fma(-y, y, (dt_real)1), .torch = "nn.Tanh()",
           .onnx = {DT_ONNX_STEP("Tanh", "x")});

/* !(x <= 0): NaN stays NaN and is noticed. */
ACTIVATION(relu, "relu", "max(z, 0)", x <= 0 ? (dt_real)0 : x, x <= 0 ? (dt_real)0 : (dt_real)1,
           .torch = "nn.ReLU()", .onnx = {DT_ONNX_STEP("Relu", "x")});

ACTIVATION(leaky_relu, "leaky-relu", "z, or 0.01 z where z < 0",
           x<0 ? leaky_slope * x : x, x> 0 ? (dt_real)1 : leaky_slope,
           .torch = "nn.LeakyReLU(0.01)",
           .onnx = {DT_ONNX_STEP("LeakyRelu", "x", .attribute = "alpha", .value = 0.01)});

ACTIVATION(gelu, "gelu", "z Phi(z), Phi the normal distribution function (PyTorch's exact form)",
           x *normal_distribution(x), dt_fma(x, normal_density(x), normal_distribution(x)),
           .torch = "nn.GELU()",
           .onnx = {DT_ONNX_STEP("Mul", "xn", .number = 0.70710678118654752440),
                    DT_ONNX_STEP("Erf", "p"), DT_ONNX_STEP("Add", "pn", .number = 1),
                    DT_ONNX_STEP("Mul", "px"), DT_ONNX_STEP("Mul", "pn", .number = 0.5)});

/* Also called swish. source: S. Elfwing et al., arXiv:1702.03118 */
ACTIVATION(silu, "silu", "z / (1 + e^-z)", x *dt_sigmoid(x),
           dt_fma(y, (dt_real)1 - dt_sigmoid(x), dt_sigmoid(x)), .torch = "nn.SiLU()",
           .onnx = {DT_ONNX_STEP("Sigmoid", "x"), DT_ONNX_STEP("Mul", "px")});

/* Never in a list: it is left out. */
ACTIVATION(identity, "identity", "z, as if nothing stood there", x, 1, .torch = "nn.Identity()");
