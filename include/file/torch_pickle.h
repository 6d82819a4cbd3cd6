/* PyTorch's own files, .pt and .pth, as torch.save writes them from 1.6 on.
 *
 * A ZIP archive of NAME/data.pkl, a pickle that says which tensors there are, and of their values,
 * NAME/data/0, 1, .... A pickle is a program for a machine with a stack. Here it is not run: of its
 * instructions a list is known, which make numbers, texts, lists, dictionaries and tensors; of the
 * functions and classes that it may name only those that these need. Every other one is refused by
 * name. source: PyTorch, torch/serialization.py, torch/_utils.py; Python, Lib/pickletools.py. */
#ifndef DT_FILE_TORCH_PICKLE_H
#define DT_FILE_TORCH_PICKLE_H

#include "file/bundle.h"
#include "file/zip.h"

/* The member NAME/data.pkl; the number of members: it is no such archive. */
size_t dt_torch_find(const dt_zip *zip);

/* Reads all tensors, in their order, whatever strides they have; dictionaries inside of others are
 * joined by dots, "model.fc1.weight". What is no tensor of floats, and optimizers, are the bundle's
 * others. *out is always set: dt_bundle_destroy. Errors: DT_ERR_DATA, with what was expected and
 * found; DT_ERR_INTERNAL. */
dt_status dt_torch_read(dt_zip *zip, size_t pickle, dt_bundle *out, dt_error *error);

#endif
