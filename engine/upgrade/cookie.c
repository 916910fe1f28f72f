/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/cookie.h"

#include "qemu/memory.h"
#include "qmp/json.h"

#define HANDOVER "handover"

static void
put(Upgrade *upgrade, const char *phase, json_object *cookie)
{
    json_object_object_add(upgrade->record->cookies, phase, cookie);
}

void
upgrade_cookie_begin(Upgrade *upgrade)
{
    const GuestInstance *source = upgrade_get_source(upgrade);
    json_object *cookie = json_object_new_object();
    const GPtrArray *present = guest_present_get_memory(upgrade->present, source);
    json_object *memory = json_object_new_array();

    for (guint i = 0; i < present->len; i++)
        json_object_array_add(memory, qemu_memory_backend_to_json(g_ptr_array_index(present, i)));
    qmp_json_add_string(cookie, "session", upgrade->record->session);
    qmp_json_add_string(cookie, "machine_type", source->machine_type);
    qmp_json_add_value(cookie, "memory", memory);
    qmp_json_add_string(cookie, "method", upgrade->method->name);
    qmp_json_add_bool(cookie, "source_was_running", upgrade->source_was_running);
    put(upgrade, "begin", cookie);
}

void
upgrade_cookie_prepare(Upgrade *upgrade)
{
    const GuestInstance *target = upgrade_get_target(upgrade);
    json_object *cookie = json_object_new_object();

    qmp_json_add_uint64(cookie, "domain_id", target->domain_id);
    qmp_json_add_int64(cookie, "pid", target->process.pid);
    qmp_json_add_uint64(cookie, "start_time", target->process.start_time);
    qmp_json_add_strv(cookie, "command_line", (const char *const *)target->command_line);
    put(upgrade, "prepare", cookie);
}

void
upgrade_cookie_handover(Upgrade *upgrade, const char *member, json_object *array)
{
    json_object *cookie = qmp_json_get_object(upgrade->record->cookies, HANDOVER);

    if (!cookie) {
        cookie = json_object_new_object();
        put(upgrade, HANDOVER, cookie);
    }
    qmp_json_add_value(cookie, member, array);
}

json_object *
upgrade_cookie_get_handover(const Upgrade *upgrade, const char *member)
{
    return qmp_json_get_array(qmp_json_get_object(upgrade->record->cookies, HANDOVER), member);
}

void
upgrade_cookie_capabilities(Upgrade *upgrade, const char *const *names)
{
    json_object *cookie = json_object_new_object();

    qmp_json_add_strv(cookie, "target", names);
    put(upgrade, "capabilities", cookie);
}

char **
upgrade_cookie_dup_capabilities(const Upgrade *upgrade)
{
    json_object *cookie = qmp_json_get_object(upgrade->record->cookies, "capabilities");

    return cookie ? qmp_json_dup_strv(cookie, "target") : NULL;
}

void
upgrade_cookie_perform(Upgrade *upgrade)
{
    json_object *cookie = json_object_new_object();

    qmp_json_add_bool(cookie, "completed", true);
    upgrade_times_add_stop(&upgrade->times, cookie);
    put(upgrade, "perform", cookie);
}

void
upgrade_cookie_finish(Upgrade *upgrade)
{
    json_object *cookie = json_object_new_object();

    qmp_json_add_bool(cookie, "running", upgrade->record->target_ran == UPGRADE_RAN_YES);
    upgrade_times_add_resume(&upgrade->times, cookie);
    put(upgrade, "finish", cookie);
}

void
upgrade_cookie_confirm(Upgrade *upgrade)
{
    json_object *cookie = json_object_new_object();

    qmp_json_add_int64(cookie, "retired", upgrade->old_pid);
    put(upgrade, "confirm", cookie);
}
