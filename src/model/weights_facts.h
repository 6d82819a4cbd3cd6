/* The facts of a weights file, one table: what reads and writes them in any format uses it. */
#ifndef DT_MODEL_WEIGHTS_FACTS_H
#define DT_MODEL_WEIGHTS_FACTS_H

#include "file/bundle.h"
#include "model/weights.h"

typedef enum fact_kind {
    FACT_TEXT,
    FACT_INTEGER,
    FACT_REAL,
    FACT_SHAPE /* int64_t[3] */
} fact_kind;

typedef struct fact {
    const char *name; /* with DT_WEIGHTS_PREFIX */
    fact_kind kind;
    size_t offset; /* in dt_weights_facts */
    bool optional;
    bool old; /* read, and not written any more */
} fact;

/* DT_WEIGHTS_FACTS of them, in the order of the file. */
extern const fact weights_facts[];

/* What a fact that is missing is: "", -1, NaN. value: points into dt_weights_facts. */
dt_status weights_fact_missing(const fact *what, void *value, dt_error *error);

/* What no table can say: the shape's sizes are >= 1, scale and shift are finite. */
dt_status weights_facts_check(const dt_weights_facts *facts, dt_error *error);

/* Expects that `text` is the hash of the parameters. */
dt_status weights_hash_check(const char *text, uint64_t hash, dt_error *error);

/* Adds the parameter hash and the facts, each a text of the name of its attribute, those that are
 * missing left out. */
dt_status weights_facts_to_texts(const dt_weights_file *file, dt_bundle *to, dt_error *error);

/* The reverse, from a bundle that has a parameter hash, which must be that of *to; sets `own`: it
 * has one. */
dt_status weights_facts_from_texts(const dt_bundle *from, dt_weights_file *to, dt_error *error);

#endif
