/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/result.h"

#include "guest/error.h"
#include "qmp/json.h"
#include "upgrade/session.h"

static const char *const outcome_names[] = {
    [UPGRADE_OUTCOME_UPGRADED] = "upgraded",   [UPGRADE_OUTCOME_ROLLED_BACK] = "rolled-back",
    [UPGRADE_OUTCOME_REFUSED] = "refused",     [UPGRADE_OUTCOME_FAILED] = "failed",
    [UPGRADE_OUTCOME_NEEDS_OPERATOR] = "needs-operator", [UPGRADE_OUTCOME_UNCHANGED] = "unchanged",
};

const char *
upgrade_outcome_to_string(UpgradeOutcome outcome)
{
    return outcome_names[outcome];
}

json_object *
upgrade_qemu_to_json(const GuestBinary *binary)
{
    if (!binary->path)
        return NULL;
    json_object *object = json_object_new_object();
    qmp_json_add_string(object, "path", binary->path);
    qmp_json_add_string(object, "version", binary->version ? binary->version : "");
    qmp_json_add_string(object, "package", binary->package ? binary->package : "");
    return object;
}

static void
add_ms(json_object *object, const char *key, gint64 duration_us)
{
    double duration_ms = (double)duration_us / 1000.0;
    g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT ".%03d", duration_us / 1000, (int)(ABS(duration_us) % 1000));

    json_object_object_add(object, key, json_object_new_double_s(duration_ms, text));
}

static void
add_process(json_object *object, const char *pid_key, pid_t pid, const char *id_key, guint64 id)
{
    if (pid > 0)
        qmp_json_add_int64(object, pid_key, pid);
    if (id > 0)
        qmp_json_add_uint64(object, id_key, id);
}

static void
add_error(json_object *object, const GError *error)
{
    qmp_json_add_string(object, "code", guest_error_get_code(error));
    qmp_json_add_string(object, "message", error->message);
    qmp_json_add_string(object, "hint", guest_error_get_hint(error));
    if (guest_error_get_kind(error) == GUEST_ERROR_TIMED_OUT)
        qmp_json_add_bool(object, "timed_out", true);
}

/* What failed on the way back behind why it was taken: the guest may lack its network, or its display. */
static void
add_trouble(json_object *object, const Upgrade *upgrade)
{
    const GPtrArray *warnings = upgrade->warnings;

    if (warnings->len == 0)
        return;
    g_autofree char *message = g_strdup_printf("%s; on the way back: %s", upgrade->error->message,
                                               (const char *)g_ptr_array_index(warnings, warnings->len - 1));
    qmp_json_add_string(object, "message", message);
}

/* TRUE when the events' own dates were of no use. */
static bool
add_downtime(json_object *object, const UpgradeTimes *times)
{
    gint64 downtime_us = 0;
    bool is_seen = false;

    if (!upgrade_times_get_downtime(times, &downtime_us, &is_seen))
        return false;
    add_ms(object, "downtime_ms", downtime_us);
    return is_seen;
}

json_object *
upgrade_dup_result(const Upgrade *upgrade)
{
    json_object *object = json_object_new_object();

    qmp_json_add_string(object, "guest", objlist_domain_get_name(upgrade->source));
    qmp_json_add_string(object, "outcome", upgrade_outcome_to_string(upgrade->outcome));
    qmp_json_add_string(object, "method", upgrade->method ? upgrade->method->name : NULL);
    qmp_json_add_value(object, "from", upgrade_qemu_to_json(&upgrade->from));
    qmp_json_add_value(object, "to", upgrade_qemu_to_json(&upgrade->to));
    bool was_set = false;
    if (upgrade->outcome == UPGRADE_OUTCOME_UPGRADED)
        was_set = add_downtime(object, &upgrade->times);
    add_ms(object, "duration_ms", upgrade->duration_us);
    bool has_new = upgrade->outcome == UPGRADE_OUTCOME_UPGRADED || upgrade->outcome == UPGRADE_OUTCOME_NEEDS_OPERATOR;
    add_process(object, "old_pid", upgrade->old_pid, "old_id", upgrade->old_id);
    if (has_new)
        add_process(object, "new_pid", upgrade->new_pid, "new_id", upgrade->new_id);
    if (upgrade->error) {
        add_error(object, upgrade->error);
        if (upgrade->outcome == UPGRADE_OUTCOME_ROLLED_BACK)
            add_trouble(object, upgrade);
    } else if (upgrade->warnings->len > 0) {
        qmp_json_add_string(object, "message", g_ptr_array_index(upgrade->warnings, 0));
    } else if (was_set) {
        qmp_json_add_string(object, "message",
                            "the clock of this host was set meanwhile: the downtime is as the engine saw it");
    }
    return object;
}
