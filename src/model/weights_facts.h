/* The facts of a weights file in any format, from one table. */
#ifndef DT_MODEL_WEIGHTS_FACTS_H
#define DT_MODEL_WEIGHTS_FACTS_H

#include "file/bundle.h"
#include "file/hdf5_reader.h"
#include "model/weights.h"

/* dt_weights_decode of a file that is open. */
dt_status weights_of_hdf5(const dt_hdf5_reader *reader, dt_weights_file *out, dt_error *error);

/* Reads the facts of a file of ours: sets `own`: it has a parameter hash, which must be that of
 * *to. Errors: DT_ERR_DATA, with what was expected and found; DT_ERR_INTERNAL. */
dt_status weights_facts_of_hdf5(const dt_hdf5_reader *reader, dt_weights_file *to, dt_error *error);

/* The same from the texts of a bundle, but for the hash, which is checked when the parameters are
 * there. */
dt_status weights_facts_of_texts(const dt_bundle *from, dt_weights_file *to, dt_error *error);
dt_status weights_facts_check_hash(const dt_bundle *from, const dt_weights_file *file,
                                   dt_error *error);

/* Adds the facts of a file of ours that has them as texts: attributes of /. Errors: as above. */
dt_status weights_facts_read_texts(const dt_hdf5_reader *reader, dt_bundle *to, dt_error *error);

/* Adds the parameter hash and the facts, each a text of the name of its attribute, those that are
 * missing left out. */
dt_status weights_facts_to_texts(const dt_weights_file *file, dt_bundle *to, dt_error *error);

#endif
