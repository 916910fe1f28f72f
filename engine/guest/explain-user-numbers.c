/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From 8.2 on the state of a user network has a number, one more than the highest there is when it is made, and a QEMU does not
 * load a number that it has not. One that was removed before others leaves them their numbers: so the new QEMU makes a
 * placeholder in its place, which gets no state and is as new (measured, 10.0.2), and is removed when the guest is there.
 *
 * Which numbers there are is not told. Those that QEMU was started with are known; what was added comes next, if the last of
 * them is still there. One that was added and removed before another leaves a gap that nobody sees: the hand-over then fails,
 * and is rolled back. One that was removed, as all before it, and added again under its name, has another number than it
 * seems to have: its leases are then lost.
 */
#include "guest/explain-user-numbers.h"

#include "qemu/quirks.h"
#include "qemu/user-networks.h"

static bool
has_numbers(const Explanation *explanation)
{
    QemuVersion version = {0};

    qmp_client_get_version(explanation->instance->monitor, &version.major, &version.minor, &version.micro);
    return !qemu_quirk_find(QEMU_QUIRK_USER_NETWORKS_UNNUMBERED, &version, QEMU_ACCELERATOR_UNKNOWN);
}

/* For each number the name of its network; NULL where there is none, and a higher one. NULL: they are not known. Borrowed. */
static GPtrArray *
list_numbered(const GPtrArray *at_start, const GPtrArray *users)
{
    g_autoptr(GPtrArray) numbered = g_ptr_array_new();
    guint n_found = 0, n_used = 0;

    for (guint i = 0; i < at_start->len; i++) {
        bool is_there = n_found < users->len && qemu_user_networks_is_same(at_start->pdata[i], users->pdata[n_found]);
        g_ptr_array_add(numbered, is_there ? users->pdata[n_found++] : NULL);
        if (is_there)
            n_used = numbered->len;
    }
    if (n_found < users->len && n_used < numbered->len)
        return NULL;
    g_ptr_array_set_size(numbered, (gint)n_used);
    while (n_found < users->len)
        g_ptr_array_add(numbered, users->pdata[n_found++]);
    return g_steal_pointer(&numbered);
}

/* Whether the command line makes them in the order of NUMBERED; SKIPS: but for the placeholders. */
static bool
is_in_order(const QemuArgv *argv, const GPtrArray *numbered, bool skips)
{
    g_autoptr(GPtrArray) names = qemu_user_networks_list_names(argv);
    guint at = 0;

    for (guint i = 0; i < numbered->len; i++) {
        const char *wanted = numbered->pdata[i], *name = at < names->len ? names->pdata[at] : "";
        if (!wanted && skips)
            continue;
        if (wanted ? !qemu_user_networks_is_same(wanted, name) : !qemu_user_networks_is_placeholder(name))
            return false;
        at++;
    }
    return at == names->len;
}

static guint
insert_placeholders(QemuArgv *argv, const GPtrArray *numbered)
{
    g_autoptr(GPtrArray) networks = qemu_user_networks_list(argv);
    guint n_passed = 0;

    for (guint i = 0; i < numbered->len; i++) {
        if (numbered->pdata[i])
            n_passed++;
        else
            qemu_user_networks_insert_placeholder(argv, networks->pdata[n_passed], i);
    }
    return numbered->len - n_passed;
}

/* No definition may have one: the rules would take it for ours. Those of an adopted guest have been seen by nobody. */
static bool
has_placeholder(const QemuArgv *argv)
{
    g_autoptr(GPtrArray) names = qemu_user_networks_list_names(argv);

    for (guint i = 0; i < names->len; i++)
        if (qemu_user_networks_is_placeholder(names->pdata[i]))
            return true;
    return false;
}

void
explain_user_numbers(Explanation *explanation, const GPtrArray *users)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)explanation->instance->command_line, NULL);
    g_autoptr(GPtrArray) at_start = argv ? qemu_user_networks_list_names(argv) : g_ptr_array_new();
    g_autoptr(GPtrArray) numbered = list_numbered(at_start, users);
    const char *last = users->len > 0 ? users->pdata[users->len - 1] : "";
    bool is_ours = has_placeholder(explanation->argv);
    bool fits = numbered && !is_ours && is_in_order(explanation->argv, numbered, true);

    if (!is_ours && (users->len == 0 || !has_numbers(explanation)))
        return;
    guint n_placeholders = fits ? insert_placeholders(explanation->argv, numbered) : 0;
    if (!fits || !is_in_order(explanation->argv, numbered, false))
        explain_block(explanation, "netdev-removed",
                      "user networks came and went, and QEMU has numbered what is left as a new one would not, up to", last);
    else if (n_placeholders > 0)
        explain_carried(explanation, "netdev-removed",
                        "placeholders have the numbers of user networks that were removed until the guest has moved, up to",
                        last);
}
