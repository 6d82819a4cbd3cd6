#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "commands.h"
#include "file/atomic_file.h"
#include "train/export.h"
#include "train/need.h"

static dt_status find_format(const char *name, const dt_export_format **out, dt_error *error)
{
    size_t count;
    const dt_export_format *formats = dt_export_formats(&count);
    char list[200] = "";
    dt_text names = {.text = list, .size = sizeof list};
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *out = &formats[i];
            return DT_OK;
        }
        dt_text_add(&names, "%s%s", i == 0 ? "" : i + 1 < count ? ", " : " or ", formats[i].name);
    }
    return dt_fail(error, DT_ERR_USAGE, "export: expected --format %s, found none", list);
}

static dt_status export_model(const dt_invocation *invocation, const dt_export_format *format,
                              dt_error *error)
{
    dt_model model = {0};
    dt_status status = dt_atomic_apart(invocation->out_path, invocation->weights_path, error);
    if (!status)
        status = dt_need_check_file(invocation->weights_path, DT_TIMES_CONVERTED, error);
    if (!status)
        status = dt_model_read(invocation->weights_path, &invocation->config, &model, error);
    if (!status)
        status = format->write(&model, invocation->out_path, error);
    if (!status)
        dt_say("%s: %s, %zu parameters: %s%s%s", invocation->out_path,
               model.file.facts.architecture, model.file.parameter_count, format->help,
               format->loses ? "; without " : "", format->loses ? format->loses : "");
    dt_model_destroy(&model);
    return status;
}

dt_status dt_command_export(dt_comm *comm, const dt_invocation *invocation, dt_error *error)
{
    const dt_export_format *format = NULL;
    dt_status status = find_format(invocation->format, &format, error);
    if (!status && invocation->weights_path[0] == '\0')
        status = dt_fail(error, DT_ERR_USAGE, "export: expected --weights FILE, found none");
    if (!status && invocation->out_path[0] == '\0')
        status = dt_fail(error, DT_ERR_USAGE, "export: expected --out FILE, found none");
    if (!status && dt_comm_rank(comm) == 0)
        status = export_model(invocation, format, error);
    return dt_comm_agree(comm, status, error);
}
