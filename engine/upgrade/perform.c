/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Perform, on the source: capabilities on both sides, `migrate-incoming`, `migrate`, wait. Between STOP on the
 * source and RESUME on the target nothing of the engine is needed: QEMU does it alone, and an engine that dies
 * meanwhile leaves no guest standing. But for a guest that must be stopped first (session.h, stops_first): it stands until
 * an engine is there again.
 *
 * The rule without exception: once `migrate` has been issued, the target is killed and reaped before the source is
 * cancelled, resumed or otherwise allowed to run.
 */
#include "guest/error.h"
#include "guest/hold.h"
#include "guest/log.h"
#include "qmp/commands.h"
#include "upgrade/channel.h"
#include "upgrade/completion.h"
#include "upgrade/cookie.h"
#include "upgrade/events.h"
#include "upgrade/handback.h"
#include "upgrade/parameters.h"
#include "upgrade/phase.h"
#include "upgrade/taps.h"
#include "upgrade/threads.h"
#include "upgrade/timeouts.h"

/* Somebody may have paused or resumed the guest since Begin; what it was is what it shall be. */
static bool
look_at_state(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpStatus status = {0};

    if (!qmp_query_status(upgrade_get_source(upgrade)->monitor, wait, &status, error))
        return false;
    upgrade->source_was_running = upgrade->record->source_was_running = status.running;
    qmp_status_clear(&status);
    return true;
}

bool
perform_capabilities(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    bool done = look_at_state(upgrade, &limit, error) && upgrade_set_capabilities(upgrade, &limit, error) &&
                upgrade_set_parameters(upgrade, &limit, error);
    upgrade_forget_answers(upgrade); /* both are compared: what they say from here on is new */
    if (done)
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "capabilities", NULL, "migration capabilities");
    return false;
}

/* With the capability left on, the next save to a file would "succeed" without the memory. */
bool
perform_capabilities_undo(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    bool is_mute = upgrade->seen.source == RECOVER_SOURCE_MUTE;
    QmpWait limit = qmp_wait_from_now(is_mute ? UPGRADE_TIMEOUT_GLANCE_MS : UPGRADE_TIMEOUT_COMMAND_MS, -1);

    if (guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true;
    if (upgrade_clear_capabilities(upgrade, source, &limit, error) &&
        upgrade_restore_parameters(upgrade, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_NEEDS_OPERATOR, "capabilities-left", "see moult show",
                     "the source's migration capabilities are not cleared");
    return false;
}

bool
perform_listen(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    if (upgrade_channel_open(upgrade, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "migrate-incoming", NULL, "the new QEMU does not listen");
    return false;
}

bool
perform_listen_undo(Upgrade *upgrade, GError **error G_GNUC_UNUSED)
{
    upgrade_channel_close(upgrade);
    return true;
}

/* The queues of TAP devices change hands while the command is on its way: a moment later nobody reads them any more. */
static bool
stop_source(Upgrade *upgrade, const QmpWait *wait, GError **error)
{
    QmpClient *monitor = upgrade_get_source(upgrade)->monitor;
    guint64 id = qmp_client_send(monitor, "stop", NULL, error);

    if (id == 0)
        return false;
    upgrade_taps_hand_over(upgrade);
    return qmp_client_collect(monitor, id, wait, NULL, error);
}

bool
perform_stop(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    if (!upgrade_threads_are_free(upgrade_get_source(upgrade), error))
        return false;
    /* Events of the past must not be taken for those of this migration. */
    upgrade_events_discard(upgrade);
    upgrade->stopped_us = g_get_monotonic_time();
    if (!upgrade->stops_first || stop_source(upgrade, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "stop", NULL, "the running QEMU does not stop the guest");
    return false;
}

/* No target has been given anything yet, or it is dead (perform_migrate_undo): the guest may run here again. */
bool
perform_stop_undo(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_RESUME_MS, -1);
    GuestInstance *source = upgrade_get_source(upgrade);
    QmpStatus status = {0};

    if (!upgrade->stops_first || !upgrade->source_was_running ||
        guest_has_ended(source, upgrade_get_source_paths(upgrade)))
        return true;
    if (!source->monitor) {
        guest_error_set(error, GUEST_ERROR_NEEDS_OPERATOR, "source-mute", "see moult show",
                        "whether the source runs again is not known: it does not answer");
        return false;
    }
    if (!qmp_query_status(source->monitor, &limit, &status, error))
        return false;
    bool runs = status.running;
    qmp_status_clear(&status);
    upgrade_taps_restore(upgrade, NULL); /* what fails is told by prepare_handover_undo */
    return runs || qmp_cont(source->monitor, &limit, error);
}

bool
perform_migrate(Upgrade *upgrade, GError **error)
{
    QmpWait limit = qmp_wait_within(&upgrade->wait, UPGRADE_TIMEOUT_COMMAND_MS);

    if (upgrade->method->copies_memory)
        upgrade_let_sleep(upgrade);
    upgrade_taps_hand_over(upgrade);
    if (upgrade_channel_send(upgrade, &limit, error))
        return true;
    guest_error_wrap(error, GUEST_ERROR_FAILED, "migrate", NULL, "the running QEMU does not hand over");
    return false;
}

bool
perform_migrate_undo(Upgrade *upgrade, GError **error)
{
    return upgrade_hand_back(upgrade, error);
}

/* The target's own last words, when it had any; they say more than the source can know. */
static void
explain_failure(Upgrade *upgrade, const char *status, GError **error)
{
    QmpWait limit = qmp_wait_from_now(UPGRADE_TIMEOUT_OBSERVE_MS, -1);
    g_autofree char *words = guest_log_dup_last_words(upgrade_get_target(upgrade), upgrade_get_target_paths(upgrade));
    QmpMigrateInfo info = {0};

    if (!qmp_query_migrate(upgrade_get_source(upgrade)->monitor, &limit, &info, NULL))
        info = (QmpMigrateInfo){0};
    guest_error_set(error, GUEST_ERROR_FAILED, "migration-failed", "see the message: it is QEMU's own",
                    "the migration ended as '%s'%s%s%s%s", status, info.error_desc ? ": " : "",
                    info.error_desc ? info.error_desc : "", *words ? "; the new QEMU says: " : "", words);
    qmp_migrate_info_clear(&info);
}

bool
perform_complete(Upgrade *upgrade, GError **error)
{
    g_autofree char *status = upgrade_await_end(upgrade, error);

    if (!status)
        return false;
    if (!g_str_equal(status, "completed")) {
        upgrade_hold_back(upgrade);
        explain_failure(upgrade, status, error);
        return false;
    }
    upgrade_taps_steer_again(upgrade);
    upgrade_events_collect(upgrade);
    /* A QEMU that runs stops with an event before it is done: this one had been paused at the last moment. */
    if (!upgrade->source_stopped)
        upgrade->source_was_running = upgrade->record->source_was_running = false;
    upgrade_cookie_perform(upgrade);
    return true;
}
