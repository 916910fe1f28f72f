/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/listeners.h"

#include "guest/deferred.h"
#include "guest/listening.h"
#include "qemu/deferred.h"
#include "qemu/listeners.h"
#include "upgrade/cookie.h"

#define COOKIE_MEMBER "listeners"

static GPtrArray *
planned(const Upgrade *upgrade)
{
    const GPtrArray *deferred = upgrade->spawn->plan->deferred;
    GPtrArray *all = qemu_holdings_new();

    for (guint i = 0; i < deferred->len; i++) {
        g_autoptr(GPtrArray) listeners = qemu_deferred_dup_listeners(g_ptr_array_index(deferred, i));
        if (listeners)
            qemu_listeners_append(all, listeners);
    }
    return all;
}

void
upgrade_listeners_note(Upgrade *upgrade)
{
    g_autoptr(GPtrArray) listeners = planned(upgrade);

    if (listeners->len > 0)
        upgrade_cookie_handover(upgrade, COOKIE_MEMBER, qemu_listeners_to_json(listeners));
}

/* Owned; empty when there are none. */
static GPtrArray *
noted(const Upgrade *upgrade)
{
    GPtrArray *listeners = qemu_listeners_from_json(upgrade_cookie_get_handover(upgrade, COOKIE_MEMBER));

    return listeners ? listeners : qemu_holdings_new();
}

bool
upgrade_listeners_make_room(Upgrade *upgrade, GError **error)
{
    g_autoptr(GPtrArray) listeners = noted(upgrade);

    return guest_listening_pass(listeners, upgrade_get_source(upgrade), NULL, error);
}

bool
upgrade_listeners_give_back(Upgrade *upgrade, GError **error)
{
    g_autoptr(GPtrArray) listeners = noted(upgrade);

    return guest_listening_pass(listeners, upgrade_get_target(upgrade), upgrade_get_source(upgrade), error);
}

static void
try_again_later(Upgrade *upgrade, const GPtrArray *listeners)
{
    GuestInstance *source = upgrade_get_source(upgrade);

    if (guest_deferred_awaits(source, QEMU_DEFERRED_LISTEN))
        return; /* a QEMU of which something rests is not upgraded: it is of this upgrade */
    g_ptr_array_add(source->deferred, qemu_deferred_new_listen("the display", listeners));
    if (!guest_instance_save(source, upgrade_get_source_paths(upgrade), NULL))
        g_debug("%s: the next engine will not know of its display", source->definition->name);
}

bool
upgrade_listeners_restore(Upgrade *upgrade, GError **error)
{
    const GuestInstance *source = upgrade_get_source(upgrade);
    g_autoptr(GPtrArray) listeners = noted(upgrade);
    bool is_gone = source->pidfd < 0 || process_has_exited(source->pidfd);
    bool done = listeners->len == 0 || is_gone || guest_listening_pass(listeners, NULL, source, error);

    guest_listening_forget(listeners, upgrade->record->target_id);
    if (is_gone)
        guest_listening_forget(listeners, upgrade->record->source_id);
    if (!done)
        try_again_later(upgrade, listeners);
    return done;
}
