/* Safetensors files: tensors of PyTorch, JAX and others, without a pickle.
 *
 * The length N of the header (8 bytes, little-endian); N bytes of JSON, which end in blanks so that
 * what follows is aligned to 8; the values. The header has for each name a dtype, a shape and
 * data_offsets [begin, end) from the first value's byte; "__metadata__" has texts by name. The
 * values fill the rest of the file without gaps. source:
 * https://github.com/huggingface/safetensors, README.md, "Format". */
#ifndef DT_FILE_SAFETENSORS_H
#define DT_FILE_SAFETENSORS_H

#include "file/bundle.h"

/* A header of more bytes is not read. */
#define DT_SAFETENSORS_HEADER_MAX ((size_t)1 << 20)

/* Writes the bundle as the file `path` (dt_atomic_write), its arrays in their order; the same
 * bundle, the same bytes. Not collective. Errors: those of dt_atomic_write; DT_ERR_INTERNAL. */
dt_status dt_safetensors_write(const char *path, const dt_bundle *bundle, dt_error *error);

/* Whether there is a header at all, behind its length: an object. */
bool dt_safetensors_is(const void *bytes, size_t size);

/* Reads a file's bytes. Values of F64, F16 and BF16 become 32-bit floats; integers and truth values
 * are the bundle's others, and what else there is is refused.
 * *out is always set: dt_bundle_destroy. Nothing is allocated for values before all of the header
 * has been found true. Errors: DT_ERR_DATA, with what was expected and found; DT_ERR_INTERNAL. */
dt_status dt_safetensors_decode(const void *bytes, size_t size, dt_bundle *out, dt_error *error);

#endif
