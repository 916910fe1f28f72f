/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel's half of a TAP's card (vhost). Its descriptor belongs to one process for good (VHOST_SET_OWNER), so that the
 * target gets descriptors of its own, which the engine opens, one for each queue. The rest is as without: of the device the kernel takes
 * no packet before the target runs (VHOST_NET_SET_BACKEND), and none any more once the source stands still; where in the rings
 * they have come to is in the state that QEMU hands over.
 */
#include "qemu/rules.h"

#include <string.h>

/* As net/tap.c:net_init_tap_one() decides. */
static bool
has_vhost(const QemuKeyval *settings)
{
    if (qemu_keyval_get(settings, "vhost"))
        return qemu_keyval_is_on(settings, "vhost");
    return qemu_keyval_get(settings, "vhostfd") || qemu_keyval_get(settings, "vhostfds") ||
           qemu_keyval_is_on(settings, "vhostforce");
}

static bool
is_replaced(const QemuRules *rules, int number)
{
    for (guint i = 0; i < rules->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(rules->plan->fds, QemuPlanFd, i);
        if (fd->kind == QEMU_PLAN_FD_VHOST_NET && fd->index == (unsigned)number)
            return true;
    }
    return false;
}

/* One that the running QEMU has, and in whose stead nothing is opened yet; NULL: no more. */
static const QemuHolding *
find_next(const QemuRules *rules)
{
    const GPtrArray *holdings = rules->context->holdings;

    for (guint i = 0; holdings && i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind == QEMU_HOLDING_VHOST_NET && !is_replaced(rules, holding->number))
            return holding;
    }
    return NULL;
}

/*
 * One for each queue; QEMU wants "fds" and "vhostfds", or "fd" and "vhostfd". FALSE: the running QEMU has fewer. What is no more
 * than said on a command line is not given: it may be that of a user who may not open the device.
 */
static bool
give(QemuRules *rules, QemuArg *arg)
{
    bool is_plural = qemu_keyval_get(arg->settings, "fds");
    guint64 n = qemu_rules_count_queues(arg->settings);
    g_autoptr(GString) numbers = g_string_new(NULL);

    for (guint64 i = 0; i < n; i++) {
        const QemuHolding *holding = find_next(rules);
        if (!holding)
            return false;
        g_string_append_printf(numbers, "%s%d", i > 0 ? ":" : "",
                               qemu_rules_add_fd(rules, QEMU_PLAN_FD_VHOST_NET, (unsigned)holding->number));
    }
    qemu_keyval_set_string(arg->settings, is_plural ? "vhostfds" : "vhostfd", numbers->str);
    return true;
}

void
qemu_rules_carry_vhost(QemuRules *rules, QemuArg *arg)
{
    /* Those of the operator's own numbers: rules-process.c. */
    bool is_numbered = qemu_keyval_get(arg->settings, "vhostfd") || qemu_keyval_get(arg->settings, "vhostfds");

    if (!has_vhost(arg->settings) || !qemu_rules_is_incoming(rules))
        return;
    if (is_numbered || give(rules, arg))
        qemu_rules_find(rules, QEMU_FINDING_OK, "net-vhost", NULL,
                        "“%s %.100s”: the new QEMU gets descriptors of /dev/vhost-net of its own", arg->word, arg->value);
    else
        qemu_rules_find(rules, QEMU_FINDING_BLOCK, "net-vhost", "set vhost=off, and restart the guest",
                        "“%s %.100s”: the running QEMU has not opened /dev/vhost-net for each queue", arg->word, arg->value);
}
