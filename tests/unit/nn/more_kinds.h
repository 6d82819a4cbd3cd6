/* In the list of kinds for the gradient check alone, which defines it. */
KIND(affine)
