/* Every kind of layer, a line each, in the order of --help layers: KIND(NAME) where a file of this
 * folder defines dt_layer_NAME, ACTIVATION(NAME) where it is an element-wise one, which the setting
 * `activation` may name. */
KIND(dense)
KIND(conv)
KIND(maxpool)
KIND(avgpool)
KIND(flatten)
KIND(add)
KIND(rms)
KIND(layernorm)
KIND(groupnorm)
KIND(dropout)
KIND(softmax)
ACTIVATION(sigmoid)
ACTIVATION(tanh)
ACTIVATION(relu)
ACTIVATION(leaky_relu)
ACTIVATION(gelu)
ACTIVATION(silu)
ACTIVATION(identity)
/* Kinds that only a test has. */
#ifdef DT_MORE_KINDS
#include DT_MORE_KINDS
#endif
