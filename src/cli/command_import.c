#include "base/log.h"
#include "base/memory.h"
#include "commands.h"
#include "file/atomic_file.h"
#include "model/weights_bundle.h"
#include "train/model.h"
#include "train/need.h"

/* A file of this program keeps the version that trained it. */
static dt_status state_version(dt_model *model, dt_error *error)
{
    if (model->file.own)
        return DT_OK;
    dt_free((char *)model->file.facts.version);
    model->file.facts.version = dt_strdup(DT_VERSION, error);
    return model->file.facts.version ? DT_OK : DT_ERR_INTERNAL;
}

static void tell(const char *path, const dt_model *model, const dt_import_note *note)
{
    dt_say("%s: %s, %zu parameters, from %s%s%s%s%s%s", path, model->file.facts.architecture,
           model->file.parameter_count, note->format, note->layers[0] ? "; layers in order: " : "",
           note->layers, note->converted ? "; " : "", note->converted ? note->converted : "",
           note->converted ? " became 32-bit floats" : "");
}

static dt_status import_model(const dt_invocation *invocation, dt_error *error)
{
    dt_weights_file file = {0};
    dt_import_note note;
    dt_model model = {0};
    dt_status status = dt_atomic_apart(invocation->out_path, invocation->from_path, error);
    if (!status)
        status = dt_need_check_file(invocation->from_path, DT_TIMES_CONVERTED, error);
    if (!status)
        status = dt_weights_import(invocation->from_path, &file, &note, error);
    if (status) {
        dt_weights_destroy(&file);
        return status;
    }
    status = dt_model_of(invocation->from_path, &file, &invocation->config, &model, error);
    if (!status)
        status = state_version(&model, error);
    if (!status)
        status = dt_model_write(&model, invocation->out_path, error);
    if (!status)
        tell(invocation->out_path, &model, &note);
    dt_model_destroy(&model);
    return status;
}

dt_status dt_command_import(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    dt_status status = DT_OK;
    if (invocation->from_path[0] == '\0')
        status = dt_fail(error, DT_ERR_USAGE, "import: expected --from FILE, found none");
    else if (invocation->out_path[0] == '\0')
        status = dt_fail(error, DT_ERR_USAGE, "import: expected --out FILE, found none");
    if (!status && dt_comm_rank(comm) == 0)
        status = import_model(invocation, error);
    return dt_comm_agree(comm, status, error);
}
