/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Begin, on the source: checks, chooses the method, makes the plan. The guest's job lock is the caller's already.
 * Nothing is created but a number, so there is nothing to undo.
 */
#include "guest/error.h"
#include "upgrade/cookie.h"
#include "upgrade/phase.h"
#include "upgrade/preflight.h"
#include "upgrade/result.h"
#include "upgrade/timeouts.h"
#include "upgrade/units.h"

static bool
refuse(const UpgradePreflight *preflight, GError **error)
{
    const QemuFinding *block = qemu_findings_get_block(preflight->findings);

    guest_error_set(error, GUEST_ERROR_REFUSED, block ? block->code : "failed", block ? block->hint : NULL, "%s",
                    block ? block->reason : "the guest cannot be upgraded in place");
    return false;
}

/* The default is made for memory that stays where it is; an operator's own timeout stands. */
static void
allow_for_copy(Upgrade *upgrade)
{
    if (upgrade->request.timeout_ms == 0)
        upgrade->wait.deadline_us += upgrade_get_copy_ms(upgrade) * 1000;
}

bool
begin_preflight(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);
    const UpgradePreflightRequest request = upgrade_get_preflight_request(upgrade);
    g_autoptr(UpgradePreflight) preflight =
        upgrade_preflight_new(upgrade->environment, source, &request, &upgrade->wait, error);

    if (!preflight)
        return false;
    if (preflight->binary)
        guest_binary_set(&upgrade->to, preflight->binary);
    upgrade->record->to = upgrade_qemu_to_json(&upgrade->to);
    upgrade->method = preflight->method;
    if (!upgrade_preflight_passes(preflight))
        return refuse(preflight, error);
    upgrade->unit = g_steal_pointer(&preflight->unit);
    upgrade->binary = qemu_binary_ref(preflight->binary);
    upgrade->present = g_steal_pointer(&preflight->present);
    upgrade->source_capabilities = g_steal_pointer(&preflight->source_capabilities);
    upgrade->source_was_running = preflight->source_is_running;
    upgrade->record->source_was_running = preflight->source_is_running;
    upgrade->stops_first = preflight->stops_first;
    upgrade->record->stops_first = preflight->stops_first;
    upgrade->record->method = g_strdup(upgrade->method->name);
    allow_for_copy(upgrade);
    return true;
}

bool
begin_plan(Upgrade *upgrade, GError **error)
{
    GuestInstance *source = upgrade_get_source(upgrade);

    const GuestSpawnOptions options = {.start_paused = upgrade->request.start_paused,
                                       .stands_still = !upgrade_wants_run(upgrade),
                                       .copies_memory = upgrade->method->copies_memory,
                                       .present = upgrade->present};

    upgrade->spawn =
        guest_spawn_new(upgrade->environment, source->definition, upgrade->binary, source, &options, error);
    if (!upgrade->spawn)
        return false;
    upgrade->new_id = upgrade->spawn->paths->domain_id;
    upgrade->record->target_id = upgrade->new_id;
    upgrade_cookie_begin(upgrade);
    upgrade_unit_note(upgrade);
    return true;
}
