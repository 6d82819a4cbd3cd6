/* A trained network as one page of HTML: whoever opens it draws a digit and sees at once what the
 * network makes of it. Weights, style and script are inside; the page needs no server and no
 * network, and forbids itself to use one (Content-Security-Policy). */
#ifndef DT_MODEL_DEMO_H
#define DT_MODEL_DEMO_H

#include "base/status.h"
#include "model/weights.h"
#include "nn/network.h"

/* More parameters than this make a page that browsers do not open. */
#define DT_DEMO_PARAMETERS_MAX ((size_t)1 << 25)

/* Writes `path`, atomically. Equal networks and facts give equal bytes. Not collective.
 * Errors: those of dt_atomic_write; DT_ERR_DATA for images of neither one nor three channels and
 * for more than DT_DEMO_PARAMETERS_MAX parameters, with the path; DT_ERR_INTERNAL. */
dt_status dt_demo_write(const char *path, const dt_network_spec *network,
                        const dt_weights_file *file, dt_error *error);

#endif
