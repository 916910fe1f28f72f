/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * User networking. Its forwarded ports are opened again with hostfwd_add once the old QEMU is gone. libslirp
 * hands over its addresses, but no flow: what is open through it ends with the old QEMU.
 */
#include "qemu/quirks.h"
#include "qemu/rules.h"
#include "qemu/user-networks.h"

#include <string.h>

#define FORWARD_MAX_BYTES 256
#define FORWARDS_MAX 200 /* the record of an instance holds 256 deferred commands, some of which are displays' */

static void
report(QemuRules *rules, const QemuArg *arg, QemuFindingLevel level, const char *code, const char *hint,
       const char *reason)
{
    qemu_rules_find(rules, level, code, hint, "“%s %.100s”: %s", arg->word, arg->value, reason);
}

typedef struct {
    GPtrArray *forwards; /* borrowed values of hostfwd */
    bool has_guest_forward;
} Found;

/* A list has the key once for each; JSON has "hostfwd.0.str". */
static void
look_for_forward(const char *key, const char *value, gpointer data)
{
    Found *found = data;

    if (g_str_has_prefix(key, "hostfwd"))
        g_ptr_array_add(found->forwards, g_strdup(value));
    else if (g_str_has_prefix(key, "guestfwd"))
        found->has_guest_forward = true;
}

static guint
count_stacks(const QemuRules *rules)
{
    g_autoptr(GPtrArray) stacks = qemu_user_networks_list(rules->argv);

    return stacks->len;
}

/* "ID " in front of a forward: needed where there are several stacks; given where the operator gave none.
 * Owned. */
static char *
dup_stack(QemuRules *rules, QemuArg *arg)
{
    const char *id = qemu_keyval_get(arg->settings, "id");
    guint index = 0;

    if (count_stacks(rules) == 1)
        return g_strdup("");
    if (!id) {
        if (!g_ptr_array_find(rules->argv->args, arg, &index))
            g_assert_not_reached();
        g_autofree char *name = g_strdup_printf(QEMU_USER_NETWORK_NAME, index);
        qemu_keyval_set_string(arg->settings, "id", name);
        id = qemu_keyval_get(arg->settings, "id");
    }
    return g_strconcat(id, " ", NULL);
}

/* It becomes a word of a line for the human monitor. */
static bool
is_word(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_[]%";

    return strlen(text) <= FORWARD_MAX_BYTES && text[strspn(text, allowed)] == '\0';
}

/* What hostfwd_remove wants of "tcp:127.0.0.1:22-:22": all before the guest's part. Owned. */
static char *
dup_host_part(const char *forward)
{
    const char *dash = strrchr(forward, '-');

    return g_strndup(forward, dash ? (size_t)(dash - forward) : strlen(forward));
}

/* "tcp::0-:22" */
static bool
has_any_port(const char *forward)
{
    g_autofree char *host = dup_host_part(forward);

    return g_str_has_suffix(host, ":0");
}

static void
defer(QemuRules *rules, const char *stack, const char *forward)
{
    g_autofree char *host = dup_host_part(forward);
    g_autofree char *what = g_strconcat("forwarded port ", forward, NULL);
    g_autofree char *before = g_strconcat("hostfwd_remove ", stack, host, NULL);
    g_autofree char *line = g_strconcat("hostfwd_add ", stack, forward, NULL);

    g_ptr_array_add(rules->plan->deferred, qemu_deferred_new_human(what, before, line));
}

static void
carry_forwards(QemuRules *rules, QemuArg *arg, const GPtrArray *forwards)
{
    g_autofree char *stack = dup_stack(rules, arg);

    if (rules->plan->deferred->len + forwards->len > FORWARDS_MAX) {
        report(rules, arg, QEMU_FINDING_BLOCK, "net-hostfwd", "forward fewer, or plan a restart", "too many ports are forwarded");
        return;
    }
    for (guint i = 0; i < forwards->len; i++) {
        if (has_any_port(forwards->pdata[i])) {
            report(rules, arg, QEMU_FINDING_BLOCK, "net-hostfwd", "name the host's port",
                   "a port that the kernel has chosen would be another one");
            return;
        }
        if (!is_word(forwards->pdata[i]) || !is_word(g_strchomp(stack))) {
            report(rules, arg, QEMU_FINDING_BLOCK, "net-hostfwd", "write it with numbers and plain names",
                   "a forwarded port that cannot be told to the monitor");
            return;
        }
    }
    g_autofree char *prefix = g_strconcat(stack, *stack ? " " : "", NULL);
    for (guint i = 0; i < forwards->len; i++)
        defer(rules, prefix, forwards->pdata[i]);
    while (qemu_keyval_remove(arg->settings, "hostfwd"))
        ;
    report(rules, arg, QEMU_FINDING_OK, "net-hostfwd", NULL,
           "the forwarded ports are opened again when the old QEMU is gone; open connections end with it");
}

static bool
has_quirk(const QemuVersion *version)
{
    return qemu_quirk_find(QEMU_QUIRK_USER_NETWORKS_UNNUMBERED, version, QEMU_ACCELERATOR_UNKNOWN) != NULL;
}

static void
look_at_number(QemuRules *rules, const QemuArg *arg)
{
    const QemuPlanContext *context = rules->context;

    if (count_stacks(rules) > 1 && has_quirk(&context->binary->version) && !has_quirk(&context->running))
        report(rules, arg, QEMU_FINDING_BLOCK, "net-user-several", "choose QEMU 8.2 or newer",
               "the state of several user networks is not understood by a QEMU that old");
}

static bool
is_placeholder(const QemuArg *arg)
{
    const char *id = qemu_keyval_get(arg->settings, "id");

    return id && qemu_user_networks_is_placeholder(id);
}

void
qemu_rules_carry_user(QemuRules *rules, QemuArg *arg)
{
    Found found = {.forwards = g_ptr_array_new_with_free_func(g_free)};
    g_autoptr(GPtrArray) forwards = found.forwards;

    qemu_keyval_foreach(arg->settings, look_for_forward, &found);
    if (found.has_guest_forward)
        report(rules, arg, qemu_rules_hinders_upgrade(rules), "net-guestfwd", "leave guestfwd= out",
               "what the guest's connections are forwarded to would be opened a second time");
    if (!qemu_rules_is_incoming(rules))
        return;
    look_at_number(rules, arg);
    if (is_placeholder(arg))
        g_ptr_array_add(rules->plan->deferred, qemu_deferred_new_netdev(qemu_keyval_get(arg->settings, "id")));
    else if (forwards->len > 0)
        carry_forwards(rules, arg, forwards);
    else
        report(rules, arg, QEMU_FINDING_OK, "net-user", NULL,
               "connections that are open through user networking end with the old QEMU");
}
