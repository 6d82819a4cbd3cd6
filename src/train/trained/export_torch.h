/* A network for PyTorch. */
#ifndef DT_TRAIN_EXPORT_TORCH_H
#define DT_TRAIN_EXPORT_TORCH_H

#include "train/model.h"

/* Writes the state_dict of a torch.nn.Sequential as the safetensors file `path`, and beside it a
 * Python file that makes that network of it, `path` with .py for its extension. A file of that name
 * that has not been written here is not replaced.
 * Errors: those of dt_atomic_write; DT_ERR_CREATE: such a file, or no name for one;
 * DT_ERR_INTERNAL. */
dt_status export_torch(const dt_model *model, const char *path, dt_error *error);

#endif
