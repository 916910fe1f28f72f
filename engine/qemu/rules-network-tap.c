/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TAP devices: without multi-queue none can be opened twice, so the running QEMU's open queues are handed
 * over as fd= (fds=). Scripts are not run: the device is as they left it. What the target's start does to a
 * device that a guest is using, and how that is put right: guest/tap.h. Of several queues only the first is handed over where the
 * engine can make others for the target (guest/tap-queue.h): then both QEMUs may do with theirs what they like.
 */
#include "qemu/rules.h"

#include <string.h>

/* Invalid beside fd= (net/tap.c:net_init_tap()), or those of "bridge". */
static const char *const instead[] = {"ifname", "script", "downscript", "helper", "br", "vnet_hdr", "queues"};

static void
report(QemuRules *rules, const QemuArg *arg, QemuFindingLevel level, const char *code, const char *hint,
       const char *reason)
{
    qemu_rules_find(rules, level, code, hint, "“%s %.100s”: %s", arg->word, arg->value, reason);
}

static bool
is_tap(const QemuArg *arg)
{
    const char *type = qemu_arg_get_network(arg);

    return type && (strcmp(type, "tap") == 0 || strcmp(type, "bridge") == 0);
}

/* The interface that ARG names; NULL when the kernel or a helper has chosen it. Borrowed. */
static const char *
get_interface(const QemuArg *arg)
{
    const char *name = qemu_keyval_get(arg->settings, "ifname");

    return name && !strchr(name, '%') ? name : NULL;
}

static bool
is_handed(const QemuRules *rules, int number)
{
    for (guint i = 0; i < rules->plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(rules->plan->fds, QemuPlanFd, i);
        if ((fd->kind == QEMU_PLAN_FD_HANDED || fd->kind == QEMU_PLAN_FD_QUEUE) && fd->index == (unsigned)number)
            return true;
    }
    return false;
}

static bool
is_named(const QemuRules *rules, const char *interface)
{
    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if (is_tap(arg) && g_strcmp0(get_interface(arg), interface) == 0)
            return true;
    }
    return false;
}

static bool
is_unnamed(const QemuArg *arg)
{
    return is_tap(arg) && !get_interface(arg) && !qemu_keyval_get(arg->settings, "fd") &&
           !qemu_keyval_get(arg->settings, "fds");
}

/*
 * The queues of the one interface that no option names and that is not handed over yet, for the one option
 * that names none; empty when there are several of either. Owned.
 */
static GPtrArray *
find_unnamed(const QemuRules *rules)
{
    const GPtrArray *holdings = rules->context->holdings;
    const char *only = NULL;
    unsigned n_options = 0;

    for (guint i = 0; i < rules->argv->args->len; i++)
        n_options += is_unnamed(g_ptr_array_index(rules->argv->args, i));
    for (guint i = 0; holdings && i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind != QEMU_HOLDING_TAP || is_named(rules, holding->interface) ||
            is_handed(rules, holding->number))
            continue;
        if (only && strcmp(only, holding->interface) != 0)
            return g_ptr_array_new();
        only = holding->interface;
    }
    return only && n_options == 1 ? qemu_holdings_find_tap(holdings, only) : g_ptr_array_new();
}

guint64
qemu_rules_count_queues(const QemuKeyval *settings)
{
    const char *fds = qemu_keyval_get(settings, "fds"), *text = qemu_keyval_get(settings, "queues");
    g_auto(GStrv) numbers = g_strsplit(fds ? fds : "", ":", -1);
    guint64 queues = 1;

    if (fds)
        return g_strv_length(numbers);
    return text && !g_ascii_string_to_unsigned(text, 10, 1, 1024, &queues, NULL) ? 0 : queues;
}

/* The holdings behind "5" or "5:6"; what is none is left out: rules-process.c tells of it. Owned. */
static GPtrArray *
find_numbers(const QemuRules *rules, const char *text)
{
    GPtrArray *queues = g_ptr_array_new();
    g_auto(GStrv) parts = g_strsplit(text, ":", -1);

    for (char **part = parts; *part; part++) {
        guint64 number = 0;
        const QemuHolding *holding =
            g_ascii_string_to_unsigned(*part, 10, 0, G_MAXINT, &number, NULL)
                ? qemu_holdings_find_number(rules->context->holdings, (int)number)
                : NULL;
        if (holding && holding->kind == QEMU_HOLDING_TAP)
            g_ptr_array_add(queues, (gpointer)holding);
    }
    return queues;
}

/* What the card that uses ARG is told of receive-side scaling; NULL: nothing, or it is made by another option. Borrowed. */
static const char *
find_scaling(const QemuRules *rules, const QemuArg *arg)
{
    const char *netdev = qemu_keyval_get(arg->settings, "id");
    const QemuArg *card = netdev ? qemu_argv_find_with(rules->argv, "device", "netdev", netdev) : NULL;

    return card ? qemu_keyval_get(card->settings, "rss") : NULL;
}

static bool
is_scaled_by_default(const QemuRules *rules)
{
    static const QemuVersion first = {10, 1, 0}; /* "auto" */

    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if ((qemu_arg_is(arg, "global") || qemu_arg_is(arg, "set")) && arg->value && strstr(arg->value, "rss"))
            return true;
    }
    return qemu_version_compare(&rules->context->running, &first) >= 0 ||
           qemu_version_compare(&rules->context->binary->version, &first) >= 0;
}

static bool
is_any_macvtap(const GPtrArray *queues)
{
    for (guint i = 0; i < queues->len; i++)
        if (((const QemuHolding *)g_ptr_array_index(queues, i))->is_macvtap)
            return true;
    return false;
}

/*
 * Packets are to be kept away from new queues by a steering program, of which a device has one; QEMU sets its own for receive-side
 * scaling. A macvtap takes none (drivers/net/tap.c).
 */
static bool
may_make_queues(const QemuRules *rules, const QemuArg *arg, const GPtrArray *queues)
{
    const char *scaling = find_scaling(rules, arg);
    bool is_scaled = scaling ? strcmp(scaling, "off") != 0 : is_scaled_by_default(rules);

    return rules->context->makes_queues && !is_scaled && !is_any_macvtap(queues);
}

/*
 * How many of the QUEUES the guest uses: the first so many. 0: not so, which no virtio-net does. Those of a macvtap all seem to be used
 * (upgrade/taps.c).
 */
static guint
count_used(const GPtrArray *queues)
{
    guint n_used = 0;

    for (guint i = 0; i < queues->len; i++) {
        const QemuHolding *queue = g_ptr_array_index(queues, i);
        if (!queue->is_detached && i > n_used)
            return 0;
        n_used += !queue->is_detached;
    }
    return n_used;
}

/*
 * A QEMU that starts detaches all queues but the first, and to detach one that the guest does not use fails: QEMU
 * then ends (hw/net/virtio-net.c:virtio_net_set_queue_pairs()). FALSE: so it would.
 */
static bool
look_at_queues(QemuRules *rules, const QemuArg *arg, const GPtrArray *queues, bool are_made)
{
    if (queues->len < 2)
        return true;
    guint n_used = count_used(queues);
    if (n_used == 0 || (n_used < queues->len && !are_made)) {
        report(rules, arg, QEMU_FINDING_BLOCK, "net-tap-queues",
               "let it use all of them (ethtool -L), set rss=off, or give the card no more queues than the guest has CPUs",
               "the guest uses not all of the queues, a QEMU that starts on an unused one fails, and the engine can make "
               "no others: it is not root, or the card does receive-side scaling (rss=)");
        return false;
    }
    rules->plan->shares_queues = rules->plan->shares_queues || !are_made;
    report(rules, arg, QEMU_FINDING_OK, "net-tap-queues", NULL,
           are_made ? "the new QEMU gets new queues, all but the first"
                    : "the queues change hands while the guest stands still for some milliseconds");
    return true;
}

static QemuPlanFdKind
kind_of(guint position, bool are_made)
{
    return position > 0 && are_made ? QEMU_PLAN_FD_QUEUE : QEMU_PLAN_FD_HANDED;
}

static void
give(QemuRules *rules, QemuArg *arg, const GPtrArray *queues, bool are_made)
{
    g_autoptr(GString) numbers = g_string_new(NULL);

    for (guint i = 0; i < queues->len; i++) {
        const QemuHolding *queue = g_ptr_array_index(queues, i);
        g_string_append_printf(numbers, "%s%d", i > 0 ? ":" : "",
                               qemu_rules_add_fd(rules, kind_of(i, are_made), (unsigned)queue->number));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(instead); i++)
        qemu_keyval_remove(arg->settings, instead[i]);
    if (g_strcmp0(qemu_keyval_get(arg->settings, "type"), "bridge") == 0)
        qemu_keyval_set_string(arg->settings, "type", "tap");
    qemu_keyval_set_string(arg->settings, queues->len > 1 ? "fds" : "fd", numbers->str);
}

static void
look_at_script(QemuRules *rules, const QemuArg *arg)
{
    const char *script = qemu_keyval_get(arg->settings, "downscript");
    /* A helper's device has none. */
    bool has_default = rules->context->has_default_downscript && !qemu_keyval_get(arg->settings, "helper") &&
                       g_strcmp0(qemu_keyval_get(arg->settings, "type"), "tap") == 0;

    if (script ? strcmp(script, "no") != 0 : has_default)
        report(rules, arg, QEMU_FINDING_WARN, "net-tap-downscript", "run it when the guest has ended",
               "QEMU does not run the script for a device that it was given");
}

/* By its number already: rules-process.c hands it over. */
static void
look_at_numbered(QemuRules *rules, const QemuArg *arg)
{
    const char *fd = qemu_keyval_get(arg->settings, "fd"), *fds = qemu_keyval_get(arg->settings, "fds");
    g_autoptr(GPtrArray) queues = find_numbers(rules, fds ? fds : fd ? fd : "");
    bool are_made = may_make_queues(rules, arg, queues);

    if (!look_at_queues(rules, arg, queues, are_made))
        return;
    for (guint i = 0; i < queues->len; i++) {
        int number = ((const QemuHolding *)g_ptr_array_index(queues, i))->number;
        qemu_rules_hand_over_as(rules, kind_of(i, are_made), number, number);
    }
}

void
qemu_rules_carry_tap(QemuRules *rules, QemuArg *arg)
{
    g_autoptr(GPtrArray) queues = NULL;
    const char *interface = get_interface(arg);

    if (!qemu_rules_is_incoming(rules)) {
        qemu_rules_carry_vhost(rules, arg);
        return;
    }
    if (!interface && !is_unnamed(arg)) {
        look_at_numbered(rules, arg);
        qemu_rules_carry_vhost(rules, arg);
        return;
    }
    queues = interface ? qemu_holdings_find_tap(rules->context->holdings, interface) : find_unnamed(rules);
    if (queues->len == 0 || queues->len != qemu_rules_count_queues(arg->settings)) {
        report(rules, arg, QEMU_FINDING_BLOCK, "net-tap", "name the interface: ifname=",
               "the running QEMU has no such TAP device, or more than one that could be meant");
        return;
    }
    bool are_made = may_make_queues(rules, arg, queues);
    if (!look_at_queues(rules, arg, queues, are_made))
        return;
    look_at_script(rules, arg);
    give(rules, arg, queues, are_made);
    report(rules, arg, QEMU_FINDING_OK, "net-tap", NULL,
           "the open TAP device is handed over; scripts are not run again");
    qemu_rules_carry_vhost(rules, arg);
}
