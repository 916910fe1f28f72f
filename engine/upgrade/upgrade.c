/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One upgrade as an object: made, run, read. The work is in the phases (phase.c), the way through them in driver.c,
 * the way out of trouble in settle.c.
 */
#include "upgrade/upgrade.h"

#include <errno.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/explain.h"
#include "guest/hold.h"
#include "process/wakeful.h"
#include "qemu/memory.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "upgrade/completion.h"
#include "upgrade/cookie.h"
#include "upgrade/driver.h"
#include "upgrade/interrupt.h"
#include "upgrade/phase.h"
#include "upgrade/preflight.h"
#include "upgrade/result.h"
#include "upgrade/session.h"
#include "upgrade/settle.h"
#include "upgrade/taps.h"
#include "upgrade/timeouts.h"

GuestInstance *
upgrade_get_source(const Upgrade *upgrade)
{
    return objlist_domain_get_data(upgrade->source);
}

PathsInstance *
upgrade_get_source_paths(const Upgrade *upgrade)
{
    return objlist_domain_get_paths(upgrade->source);
}

bool
upgrade_wants_run(const Upgrade *upgrade)
{
    return upgrade->source_was_running && !upgrade->request.start_paused;
}

guint64
upgrade_get_memory_bytes(const Upgrade *upgrade)
{
    return qemu_memory_sum_bytes(guest_present_get_memory(upgrade->present, upgrade_get_source(upgrade)));
}

gint64
upgrade_get_copy_ms(const Upgrade *upgrade)
{
    if (!upgrade->method || !upgrade->method->copies_memory)
        return 0;
    return (gint64)(upgrade_get_memory_bytes(upgrade) / UPGRADE_TIMEOUT_COPY_BYTES_PER_MS);
}

bool
upgrade_expects_run(const Upgrade *upgrade)
{
    return upgrade_wants_run(upgrade) && !upgrade->stops_first;
}

GuestInstance *
upgrade_get_target(const Upgrade *upgrade)
{
    if (upgrade->spawn && upgrade->spawn->instance)
        return upgrade->spawn->instance;
    return upgrade->target ? objlist_domain_get_data(upgrade->target) : NULL;
}

PathsInstance *
upgrade_get_target_paths(const Upgrade *upgrade)
{
    if (upgrade->spawn && upgrade->spawn->paths)
        return upgrade->spawn->paths;
    return upgrade->target ? objlist_domain_get_paths(upgrade->target) : NULL;
}

UpgradePreflightRequest
upgrade_get_preflight_request(const Upgrade *upgrade)
{
    return (UpgradePreflightRequest){.to = upgrade->request.to,
                                     .method = upgrade->request.method,
                                     .max_downtime_ms = upgrade->request.max_downtime_ms};
}

/*
 * The method's among those that INSTANCE lists, or has listed before (KNOWN, may be NULL). Free with g_free; the
 * strings are the method's.
 */
static const char **
find_capabilities(const Upgrade *upgrade, const GuestInstance *instance, GHashTable *known, const QmpWait *wait, GError **error)
{
    const UpgradeMethod *method = upgrade->method;

    if (!instance->monitor) {
        guest_error_set(error, GUEST_ERROR_FAILED, "monitor", NULL, "QEMU %d does not answer on its monitor",
                        instance->process.pid);
        return NULL;
    }
    if (!method) { /* a record of an engine that knew more */
        guest_error_set(error, GUEST_ERROR_FAILED, "method-unknown", NULL, "this engine has no method '%s'",
                        upgrade->record->method ? upgrade->record->method : "");
        return NULL;
    }
    if (known)
        return upgrade_method_list_capabilities(method, known);
    g_autoptr(GHashTable) listed = qmp_query_migrate_capabilities(instance->monitor, wait, error);

    return listed ? upgrade_method_list_capabilities(method, listed) : NULL;
}

bool
upgrade_clear_capabilities(const Upgrade *upgrade, GuestInstance *instance, const QmpWait *wait, GError **error)
{
    g_autofree const char **names = find_capabilities(upgrade, instance, NULL, wait, error);

    return names && qmp_migrate_set_capabilities(instance->monitor, names, false, wait, error);
}

/* Every event that is written between STOP and RESUME keeps the guest waiting (completion.h). */
static void
leave_out_events(const char **names)
{
    gsize n = 0;

    for (const char **name = names; *name; name++)
        if (!g_str_equal(*name, "events"))
            names[n++] = *name;
    names[n] = NULL;
}

bool
upgrade_set_capabilities(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade), *target = upgrade_get_target(upgrade);
    g_autofree const char **of_source = find_capabilities(upgrade, source, upgrade->source_capabilities, wait, error);
    GHashTable *known = upgrade->binary ? upgrade->binary->migrate_capabilities : NULL;
    g_autofree const char **of_target = of_source ? find_capabilities(upgrade, target, known, wait, error) : NULL;

    if (of_target && upgrade_asks_for_end(upgrade)) {
        leave_out_events(of_source);
        leave_out_events(of_target);
    }
    guint64 source_id = of_target ? qmp_migrate_send_capabilities(source->monitor, of_source, true, error) : 0;

    if (source_id == 0)
        return false;
    upgrade_cookie_capabilities(upgrade, of_target);
    guint64 target_id = qmp_migrate_send_capabilities(target->monitor, of_target, true, error);
    bool done = target_id && qmp_client_collect(source->monitor, source_id, wait, NULL, error) &&
                qmp_client_collect(target->monitor, target_id, wait, NULL, error);
    qmp_client_forget(source->monitor, source_id);
    qmp_client_forget(target->monitor, target_id);
    return done;
}

void
upgrade_forget_answers(Upgrade *upgrade)
{
    const GuestInstance *instances[] = {upgrade_get_source(upgrade), upgrade_get_target(upgrade)};

    for (gsize i = 0; i < G_N_ELEMENTS(instances); i++)
        if (instances[i] && instances[i]->monitor)
            qmp_client_forget_ahead(instances[i]->monitor);
}

void
upgrade_let_sleep(Upgrade *upgrade)
{
    if (upgrade->wakeful_fd >= 0)
        close(upgrade->wakeful_fd);
    upgrade->wakeful_fd = -1;
}

void
upgrade_tell(Upgrade *upgrade, const char *phase, const char *step, gint64 copied_bytes, gint64 total_bytes)
{
    const UpgradeProgress progress = {.guest = objlist_domain_get_name(upgrade->source),
                                      .phase = phase,
                                      .step = step,
                                      .copied_bytes = copied_bytes,
                                      .total_bytes = total_bytes};

    if (upgrade->progress)
        upgrade->progress(&progress, upgrade->progress_data);
}

static GuestBinary
copy_binary(const GuestBinary *binary)
{
    return (GuestBinary){.path = g_strdup(binary->path),
                         .version = g_strdup(binary->version),
                         .package = g_strdup(binary->package)};
}

static UpgradeRecord *
record_for(const GuestInstance *source)
{
    UpgradeRecord *record = upgrade_record_new(source->definition->name, source->definition->uuid);

    record->source_id = source->domain_id;
    record->source = source->process;
    record->from = upgrade_qemu_to_json(&source->binary);
    record->started = guest_instance_dup_now();
    return record;
}

Upgrade *
upgrade_new(const GuestEnvironment *environment, ObjlistDomain *source_domain, const UpgradeRequest *request, int cancel_fd,
            UpgradeProgressFunc progress, gpointer user_data)
{
    Upgrade *upgrade = g_new0(Upgrade, 1);
    const GuestInstance *source = objlist_domain_get_data(source_domain);

    upgrade->environment = environment;
    upgrade->request = *request;
    upgrade->request.to = g_strdup(request->to);
    upgrade->request.method = g_strdup(request->method);
    upgrade->progress = progress;
    upgrade->progress_data = user_data;
    upgrade->source = objlist_domain_ref(source_domain);
    upgrade->record = record_for(source);
    upgrade->record->start_paused = request->start_paused;
    upgrade->from = copy_binary(&source->binary);
    upgrade->old_id = source->domain_id;
    upgrade->old_pid = source->process.pid;
    upgrade->times = (UpgradeTimes)UPGRADE_TIMES_UNKNOWN;
    upgrade->warnings = g_ptr_array_new_with_free_func(g_free);
    upgrade->outcome = UPGRADE_OUTCOME_UNCHANGED;
    upgrade->wait.cancel_fd = cancel_fd;
    upgrade->interrupt_fd = upgrade->wakeful_fd = -1;
    upgrade->reserve = (ProcessReserve)PROCESS_RESERVE_NONE;
    return upgrade;
}

void
upgrade_free(Upgrade *upgrade)
{
    if (!upgrade)
        return;
    upgrade_taps_let_go(upgrade);
    upgrade_let_sleep(upgrade);
    process_reserve_release(&upgrade->reserve);
    if (upgrade->interrupt_fd >= 0)
        close(upgrade->interrupt_fd);
    g_free(upgrade->request.to);
    g_free(upgrade->request.method);
    objlist_domain_unref(upgrade->source);
    if (upgrade->target)
        objlist_domain_unref(upgrade->target);
    guest_spawn_free(upgrade->spawn);
    guest_unit_free(upgrade->unit);
    if (upgrade->binary)
        qemu_binary_unref(upgrade->binary);
    if (upgrade->source_capabilities)
        g_hash_table_unref(upgrade->source_capabilities);
    guest_present_free(upgrade->present);
    upgrade_record_free(upgrade->record);
    g_free(upgrade->from.path);
    g_free(upgrade->from.version);
    g_free(upgrade->from.package);
    g_free(upgrade->to.path);
    g_free(upgrade->to.version);
    g_free(upgrade->to.package);
    g_ptr_array_unref(upgrade->warnings);
    g_free(upgrade->trouble_code);
    g_clear_error(&upgrade->error);
    json_object_put(upgrade->evidence);
    g_free(upgrade);
}

/* The time allowed counts from here: a guest that waits for a free worker has not begun. */
static void
start_clock(Upgrade *upgrade)
{
    gint64 timeout_ms = upgrade->request.timeout_ms > 0 ? upgrade->request.timeout_ms : UPGRADE_TIMEOUT_DEFAULT_MS;

    upgrade->started_us = g_get_monotonic_time();
    upgrade->wait = qmp_wait_from_now(timeout_ms, upgrade->wait.cancel_fd);
}

static void
watch_source(Upgrade *upgrade)
{
    upgrade->interrupt_fd = upgrade_interrupt_new(upgrade->wait.cancel_fd, upgrade_get_source(upgrade)->pidfd);
    if (upgrade->interrupt_fd >= 0)
        upgrade->wait.cancel_fd = upgrade->interrupt_fd;
}

/* Nothing was begun, so there is nothing to settle. A guest that has ended is the node's, which cleans up after it. */
static void
give_up(Upgrade *upgrade)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    bool is_refusal = guest_error_get_kind(upgrade->error) == GUEST_ERROR_REFUSED;
    bool was_mute = guest_error_get_kind(upgrade->error) == GUEST_ERROR_TIMED_OUT ||
                    g_strcmp0(guest_error_get_code(upgrade->error), "monitor") == 0;

    upgrade->outcome = is_refusal ? UPGRADE_OUTCOME_REFUSED : UPGRADE_OUTCOME_ROLLED_BACK;
    if (was_mute) /* it may be the connection: the next one shall not wait on it, too */
        guest_connect(source, upgrade_get_source_paths(upgrade));
    if (source->pidfd < 0 || !process_has_exited(source->pidfd))
        return;
    g_clear_error(&upgrade->error);
    guest_error_set(&upgrade->error, GUEST_ERROR_FAILED, "guest-ended", "see moult history and the guest's log",
                    "the guest ended before anything was begun");
    upgrade->outcome = UPGRADE_OUTCOME_FAILED;
}

static bool
take_reserve(Upgrade *upgrade)
{
    if (process_reserve_take(&upgrade->reserve))
        return true;
    guest_error_set(&upgrade->error, GUEST_ERROR_FAILED, "no-descriptors",
                    "raise the engine's limit of open files (LimitNOFILE=)", "the upgrade is not begun: %s", g_strerror(errno));
    return false;
}

void
upgrade_run(Upgrade *upgrade)
{
    int failed = 0;

    start_clock(upgrade);
    watch_source(upgrade);
    upgrade->wakeful_fd = process_keep_awake();
    bool done = take_reserve(upgrade) && upgrade_drive(upgrade, 0, &failed, &upgrade->error);
    upgrade_let_sleep(upgrade);
    upgrade_forget_answers(upgrade);
    if (done) {
        upgrade->outcome = UPGRADE_OUTCOME_UPGRADED;
        g_autoptr(GError) error = NULL;
        if (!upgrade_record_remove(upgrade->record, upgrade->environment->dirs, &error))
            upgrade_warn(upgrade, NULL, error);
    } else if (upgrade->begun) {
        upgrade_settle(upgrade, failed);
    } else {
        give_up(upgrade);
    }
    upgrade->duration_us = g_get_monotonic_time() - upgrade->started_us;
}

void
upgrade_warn(Upgrade *upgrade, const char *what, const GError *error)
{
    const char *code = error ? guest_error_get_code(error) : "failed";

    g_ptr_array_add(upgrade->warnings, g_strdup_printf("%s%s%s (%s)", what ? what : "", what ? ": " : "",
                                                       error ? error->message : "no reason is known", code));
    g_free(upgrade->trouble_code);
    upgrade->trouble_code = g_strdup(code);
}

static json_object *
steps_to_json(void)
{
    json_object *steps = json_object_new_array();

    for (int i = 0; upgrade_steps[i].name; i++) {
        json_object *step = json_object_new_object();
        qmp_json_add_string(step, "phase", upgrade_phase_to_string(upgrade_steps[i].phase));
        qmp_json_add_string(step, "step", upgrade_steps[i].name);
        qmp_json_add_string(step, "what", upgrade_steps[i].what);
        json_object_array_add(steps, step);
    }
    return steps;
}

json_object *
upgrade_plan(Upgrade *upgrade)
{
    json_object *plan = json_object_new_object();
    g_autoptr(GError) error = NULL;
    start_clock(upgrade);
    const UpgradePreflightRequest request = upgrade_get_preflight_request(upgrade);
    g_autoptr(UpgradePreflight) preflight = upgrade_preflight_new(
        upgrade->environment, upgrade_get_source(upgrade), &request, &upgrade->wait, &error);

    qmp_json_add_string(plan, "guest", objlist_domain_get_name(upgrade->source));
    qmp_json_add_value(plan, "from", upgrade_qemu_to_json(&upgrade->from));
    if (!preflight) {
        g_autoptr(GPtrArray) findings = qemu_findings_new();
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, guest_error_get_code(error), guest_error_get_hint(error), "%s",
                          error->message);
        qmp_json_add_value(plan, "rows", qemu_findings_to_json(findings));
        qmp_json_add_value(plan, "steps", json_object_new_array());
        qmp_json_add_value(plan, "command_line", json_object_new_array());
        return plan;
    }
    if (preflight->binary)
        guest_binary_set(&upgrade->to, preflight->binary);
    bool passes = upgrade_preflight_passes(preflight);
    qmp_json_add_string(plan, "method", passes ? preflight->method->name : NULL);
    qmp_json_add_value(plan, "to", upgrade_qemu_to_json(&upgrade->to));
    qmp_json_add_value(plan, "rows", qemu_findings_to_json(preflight->findings));
    qmp_json_add_value(plan, "steps", passes ? steps_to_json() : json_object_new_array());
    const char *const *argv = preflight->plan ? (const char *const *)preflight->plan->argv : NULL;
    qmp_json_add_value(plan, "command_line", qmp_json_strv_new(argv));
    return plan;
}

UpgradeOutcome
upgrade_get_outcome(const Upgrade *upgrade)
{
    return upgrade->outcome;
}

bool
upgrade_has_passed_no_return(const Upgrade *upgrade)
{
    return g_atomic_int_get(&upgrade->passed_no_return) != 0;
}

/* Of the one that had the guest last. */
static bool
target_had_guest(const Upgrade *upgrade)
{
    return upgrade->record && upgrade->record->target_ran == UPGRADE_RAN_YES;
}

const ProcessExit *
upgrade_get_guest_end(const Upgrade *upgrade)
{
    return target_had_guest(upgrade) ? &upgrade->target_end : &upgrade->source_end;
}

const char *
upgrade_get_guest_end_reason(const Upgrade *upgrade)
{
    const GuestInstance *instance = target_had_guest(upgrade) ? upgrade_get_target(upgrade) : upgrade_get_source(upgrade);

    return instance ? instance->last_shutdown : NULL;
}

ObjlistDomain *
upgrade_get_survivor(const Upgrade *upgrade)
{
    if (upgrade->guest_ended)
        return NULL;
    return upgrade->outcome == UPGRADE_OUTCOME_UPGRADED ? upgrade->target : upgrade->source;
}
