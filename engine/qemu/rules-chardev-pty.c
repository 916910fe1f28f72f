/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pseudo terminals. A second QEMU would get another one, with another name: so the target starts with a
 * device that is nothing (null), and is given the terminal of that name when the old QEMU is gone
 * (guest/terminal.h), by the command chardev-change. That command is refused for all but a few users of a
 * character device, which are listed here; found by trying on 7.2 and 10.0.
 */
#include "qemu/rules.h"

#include <string.h>

#include "qmp/json.h"

static const char no_change[] =
    "QEMU can give another terminal only to serial ports (isa-serial, pci-serial) and virtio consoles, and a "
    "second QEMU's would have another name";

/* Devices whose chardev can be changed at any time. */
static const char *const serial_ports[] = {"isa-serial", "pci-serial", "pci-serial-2x", "pci-serial-4x",
                                           NULL};
/* Only while the guest runs: otherwise they let go of it (virtconsole_enable_backend). */
static const char *const consoles[] = {"virtconsole", "virtserialport", NULL};

/* "chardev", "chardev1" (pci-serial-4x), "chardevs.0" (hub), and those of -object filter-*, colo-compare. */
static bool
names_chardev(const char *key)
{
    static const char *const others[] = {"indev", "outdev", "primary_in", "secondary_in", "notify_dev", NULL};

    return g_str_has_prefix(key, "chardev") || g_strv_contains(others, key);
}

typedef struct {
    const char *id;
    bool is_named;
} Search;

static void
compare(const char *key, const char *value, gpointer data)
{
    Search *search = data;

    search->is_named = search->is_named || (value && names_chardev(key) && strcmp(value, search->id) == 0);
}

static bool
uses(const QemuArg *arg, const char *id)
{
    g_autofree char *reference = g_strconcat("chardev:", id, NULL);
    Search search = {.id = id};

    if (arg->settings)
        qemu_keyval_foreach(arg->settings, compare, &search);
    return search.is_named || g_strcmp0(arg->value, reference) == 0;
}

/* -serial is an isa-serial on these; on others it is what the machine has. */
static bool
is_pc(const QemuRules *rules)
{
    static const char *const targets[] = {"x86_64", "i386", NULL};
    const char *target = rules->context->binary->target;

    return !target || g_strv_contains(targets, target);
}

/* Why USER, an option that uses the chardev, cannot be given another; NULL: it can. */
static const char *
judge_user(const QemuRules *rules, const QemuArg *user)
{
    const char *driver = qemu_arg_is(user, "device") ? qemu_keyval_get(user->settings, "driver") : NULL;

    if (qemu_arg_is(user, "serial"))
        return is_pc(rules) ? NULL : no_change;
    if (driver && g_strv_contains(serial_ports, driver))
        return NULL;
    if (!driver || !g_strv_contains(consoles, driver))
        return no_change;
    return rules->context->stands_still ? "the guest is not to run, and QEMU can give another terminal to a "
                                          "virtio console only while it does"
                                        : NULL;
}

/* One of the operator's shorthands is its own user: "-serial pty". */
static const char *
judge_users(const QemuRules *rules, const QemuArg *arg, const char *id)
{
    const char *hindrance = NULL;

    if (!qemu_arg_is(arg, "chardev"))
        return judge_user(rules, arg);
    for (guint i = 0; !hindrance && i < rules->argv->args->len; i++) {
        const QemuArg *user = g_ptr_array_index(rules->argv->args, i);
        if (user != arg && user->option && uses(user, id))
            hindrance = judge_user(rules, user);
    }
    return hindrance;
}

static const char *
find_hindrance(const QemuRules *rules, const QemuArg *arg, const QemuKeyval *settings, bool is_multiplexed)
{
    const char *id = qemu_keyval_get(settings, "id");

    if (is_multiplexed)
        return "QEMU cannot give another terminal to a multiplexed device, and a second QEMU's would have "
               "another name";
    if (qemu_keyval_get(settings, "path"))
        return "QEMU would make the link to its terminal (path=) a second time";
    if (qemu_keyval_get(settings, "logfile") && rules->plan->run_as)
        return "the user that QEMU changes to opens logfile= anew, and may not be able to";
    return id ? judge_users(rules, arg, id) : NULL; /* without an id QEMU refuses it */
}

static const QemuHolding *
find_any(const GPtrArray *holdings)
{
    for (guint i = 0; holdings && i < holdings->len; i++) {
        const QemuHolding *holding = g_ptr_array_index(holdings, i);
        if (holding->kind == QEMU_HOLDING_TERMINAL)
            return holding;
    }
    return NULL;
}

/* NULL: it is none (any more), or which one it is cannot be told. */
static const QemuHolding *
find_terminal(const QemuRules *rules, const char *id)
{
    GHashTable *terminals = rules->context->terminals;
    const char *name = terminals ? g_hash_table_lookup(terminals, id) : NULL;
    guint number = 0;

    if (rules->context->is_unasked)
        return find_any(rules->context->holdings);
    return name && qemu_terminal_parse(name, &number)
               ? qemu_holdings_find_terminal(rules->context->holdings, number)
               : NULL;
}

static void
defer(QemuRules *rules, const QemuKeyval *settings, const QemuHolding *holding)
{
    const char *id = qemu_keyval_get(settings, "id"), *log = qemu_keyval_get(settings, "logfile");
    g_autofree char *what = g_strdup_printf("the terminal of %.100s", id);
    g_autofree char *name = qemu_plan_dup_fd_name((unsigned)holding->number);
    QemuPlanFd fd = {.kind = QEMU_PLAN_FD_NAMED, .number = -1, .index = (unsigned)holding->number};
    json_object *data = json_object_new_object();

    if (log) {
        qmp_json_add_string(data, "logfile", log);
        qmp_json_add_bool(data, "logappend", true);
    }
    g_array_append_val(rules->plan->fds, fd);
    g_ptr_array_add(rules->plan->deferred,
                    qemu_deferred_new_terminal(what, id, &holding->terminal, name, data));
}

bool
qemu_rules_carry_pty(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings, bool is_multiplexed)
{
    const char *hindrance = find_hindrance(rules, arg, settings, is_multiplexed),
               *id = qemu_keyval_get(settings, "id");

    if (hindrance)
        qemu_rules_find(rules, qemu_rules_hinders_upgrade(rules), "chardev-pty", "use a UNIX socket",
                        "“%s %.100s”: %s", arg->word, arg->value, hindrance);
    if (hindrance || !id || !qemu_rules_is_incoming(rules))
        return false;
    const QemuHolding *holding = find_terminal(rules, id);
    if (!holding) {
        qemu_rules_find(rules, QEMU_FINDING_BLOCK, "chardev-pty",
                        "restart moultd, which opens what could not be opened; or plan a restart",
                        "“%s %.100s”: the running QEMU has no terminal there, or does not say which",
                        arg->word, arg->value);
        return false;
    }
    defer(rules, settings, holding);
    qemu_rules_find(rules, QEMU_FINDING_WARN, "chardev-pty", NULL,
                    "“%s %.100s”: who has /dev/pts/%u open is hung up, and opens it again; what is typed "
                    "meanwhile is lost",
                    arg->word, arg->value, holding->terminal.number);
    qemu_keyval_set_string(settings, "backend", "null");
    return true;
}
