/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Displays that QEMU opens only as it starts, and for which it takes no descriptor: the target opens them as its command line
 * says, at the addresses of the running QEMU, and the two take turns in listening there (guest/listening.h).
 */
#include "qemu/listeners.h"
#include "qemu/rules.h"

static bool
take_turns(QemuRules *rules, const char *what, const GPtrArray *sockets)
{
    if (sockets->len > 0)
        g_ptr_array_add(rules->plan->deferred, qemu_deferred_new_listen(what, sockets));
    return sockets->len > 0;
}

bool
qemu_rules_take_turns(QemuRules *rules, const char *what, const char *host, guint16 port)
{
    g_autoptr(GPtrArray) sockets =
        qemu_holdings_find_inet(rules->context->holdings, QEMU_HOLDING_LISTENER, host, port, port);

    return take_turns(rules, what, sockets);
}

bool
qemu_rules_take_turns_at(QemuRules *rules, const char *what, const char *path)
{
    g_autoptr(GPtrArray) sockets = qemu_holdings_find_unix(rules->context->holdings, QEMU_HOLDING_LISTENER, path, false);

    return g_path_is_absolute(path) && take_turns(rules, what, sockets);
}
