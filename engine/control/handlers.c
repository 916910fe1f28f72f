/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "control/handlers.h"

#include "guest/error.h"
#include "qmp/json.h"

static const ControlMethod methods[] = {
    {"io.moult.Run", control_handle_run},
    {"io.moult.Define", control_handle_define},
    {"io.moult.Start", control_handle_start},
    {"io.moult.Undefine", control_handle_undefine},
    {"io.moult.Stop", control_handle_stop},
    {"io.moult.Wait", control_handle_wait},
    {"io.moult.Adopt", control_handle_adopt},
    {"io.moult.Release", control_handle_release},
    {"io.moult.List", control_handle_list},
    {"io.moult.Show", control_handle_show},
    {"io.moult.Check", control_handle_check},
    {"io.moult.Upgrade", control_handle_upgrade},
    {"io.moult.Jobs", control_handle_jobs},
    {"io.moult.Cancel", control_handle_cancel},
    {"io.moult.Resolve", control_handle_resolve},
    {"io.moult.Watch", control_handle_watch},
    {"io.moult.History", control_handle_history},
    {"io.moult.Capabilities", control_handle_capabilities},
};

const ControlMethod *
control_handlers_get(size_t *ret_n)
{
    *ret_n = G_N_ELEMENTS(methods);
    return methods;
}

static const char *
error_name(const GError *error)
{
    switch (guest_error_get_kind(error)) {
    case GUEST_ERROR_REFUSED:
        return "io.moult.Refused";
    case GUEST_ERROR_FAILED:
        return "io.moult.Failed";
    case GUEST_ERROR_TIMED_OUT:
    case GUEST_ERROR_CANCELLED:
        return "io.moult.TimedOut";
    case GUEST_ERROR_NEEDS_OPERATOR:
        return "io.moult.NeedsOperator";
    }
    return "io.moult.Failed";
}

void
control_fail_with(ControlCall *call, const char *guest, const GError *error)
{
    json_object *parameters = json_object_new_object();

    qmp_json_add_string(parameters, "guest", guest);
    qmp_json_add_string(parameters, "code", guest_error_get_code(error));
    qmp_json_add_string(parameters, "message", error->message);
    qmp_json_add_string(parameters, "hint", guest_error_get_hint(error));
    control_call_fail(call, error_name(error), parameters);
}

json_object *
control_wrap(const char *key, json_object *value)
{
    json_object *object = json_object_new_object();

    qmp_json_add_value(object, key, value);
    return object;
}
