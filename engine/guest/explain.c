/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each function asks one question. Where the command line is not certain (devices without an id, what options make
 * besides -device), the answer errs towards "explained": before anything is handed over, the new QEMU is compared
 * with the running one (compare.h), and the upgrade fails there, undone, if this was wrong.
 */
#include "guest/explain.h"

#include <string.h>

#include "guest/explain-forwards.h"
#include "guest/inspect.h"
#include "qemu/argv.h"
#include "qemu/finding.h"
#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define PERIPHERAL "/machine/peripheral"
#define PERIPHERAL_ANON "/machine/peripheral-anon"
#define CHILD_PREFIX "child<"

typedef struct {
    const GuestInstance *instance;
    const QemuArgv *argv;
    const QmpWait *wait;
    GPtrArray *findings;
    guint n_unexplained;
} Explanation;

static const char undo_hint[] = "undo what was changed at run time, or plan a restart of the guest";

static void
report(Explanation *explanation, const char *code, const char *what, const char *name)
{
    g_autofree char *quoted = qmp_text_quote(name, 128);

    explanation->n_unexplained++;
    qemu_findings_add(explanation->findings, QEMU_FINDING_BLOCK, code, undo_hint, "%s '%s'", what, quoted);
}

static void
report_unanswered(Explanation *explanation, const char *what, const GError *error)
{
    explanation->n_unexplained++;
    qemu_findings_add(explanation->findings, QEMU_FINDING_BLOCK, "monitor", "see the guest's qemu.log", "%s: %s", what,
                      error->message);
}

/* TRUE when some option NAME has the id ID. */
static bool
has_id(const QemuArgv *argv, const char *name, const char *id)
{
    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, name) && arg->settings && g_strcmp0(qemu_keyval_get(arg->settings, "id"), id) == 0)
            return true;
    }
    return false;
}

/* ---- Devices ---- */

static void
look_for_plugged(Explanation *explanation, GHashTable *children)
{
    GHashTableIter iter;
    gpointer name, type;

    g_hash_table_iter_init(&iter, children);
    while (g_hash_table_iter_next(&iter, &name, &type))
        if (g_str_has_prefix(type, CHILD_PREFIX) && !has_id(explanation->argv, "device", name))
            report(explanation, "device-plugged", "a device was plugged into the guest since its start:", name);
}

static void
look_for_unplugged(Explanation *explanation, GHashTable *children)
{
    for (guint i = 0; i < explanation->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(explanation->argv->args, i);
        const char *id = qemu_arg_is(arg, "device") ? qemu_keyval_get(arg->settings, "id") : NULL;
        if (id && !g_hash_table_contains(children, id))
            report(explanation, "device-unplugged", "a device was unplugged from the guest since its start:", id);
    }
}

/* Devices without an id: -device, and what some options make of themselves. */
static guint
count_anonymous(const QemuArgv *argv)
{
    static const char *const makers[] = {"virtfs", "watchdog"};
    guint n = 0;

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (qemu_arg_is(arg, "device") && !qemu_keyval_get(arg->settings, "id"))
            n++;
        if (qemu_arg_is(arg, "drive") && g_strcmp0(qemu_keyval_get(arg->settings, "if"), "virtio") == 0)
            n++;
        for (gsize j = 0; j < G_N_ELEMENTS(makers); j++)
            n += qemu_arg_is(arg, makers[j]);
    }
    return n;
}

static void
look_for_anonymous(Explanation *explanation, GHashTable *children)
{
    guint expected = count_anonymous(explanation->argv), found = 0;
    GHashTableIter iter;
    gpointer name, type;

    g_hash_table_iter_init(&iter, children);
    while (g_hash_table_iter_next(&iter, &name, &type))
        found += g_str_has_prefix(type, CHILD_PREFIX);
    if (found > expected)
        report(explanation, "device-plugged", "a device was plugged into the guest since its start:", "without an id");
}

static void
explain_devices(Explanation *explanation)
{
    QmpClient *monitor = explanation->instance->monitor;
    g_autoptr(GError) error = NULL;
    g_autoptr(GHashTable) named = qmp_qom_list(monitor, PERIPHERAL, explanation->wait, &error);
    g_autoptr(GHashTable) anonymous = named ? qmp_qom_list(monitor, PERIPHERAL_ANON, explanation->wait, &error) : NULL;

    if (!anonymous) {
        report_unanswered(explanation, "devices", error);
        return;
    }
    look_for_plugged(explanation, named);
    look_for_unplugged(explanation, named);
    look_for_anonymous(explanation, anonymous);
}

/* ---- CPUs ---- */

/* How many CPUs -smp starts with; 0: it does not say. */
static guint64
count_cpus(const QemuArgv *argv)
{
    static const char *const factors[] = {"drawers", "books", "sockets", "dies", "clusters", "modules", "cores", "threads"};
    const char *cpus = qemu_argv_get_merged(argv, "smp", "cpus");
    guint64 product = 1;

    if (!qemu_argv_find(argv, "smp"))
        return 1;
    if (cpus)
        return g_ascii_strtoull(cpus, NULL, 10);
    if (qemu_argv_get_merged(argv, "smp", "maxcpus"))
        return 0;
    for (gsize i = 0; i < G_N_ELEMENTS(factors); i++) {
        const char *value = qemu_argv_get_merged(argv, "smp", factors[i]);
        product *= value ? g_ascii_strtoull(value, NULL, 10) : 1;
    }
    return product;
}

static void
explain_cpus(Explanation *explanation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) cpus = qmp_query_cpus_fast(explanation->instance->monitor, explanation->wait, &error);
    guint64 expected = count_cpus(explanation->argv);

    if (!cpus) {
        report_unanswered(explanation, "CPUs", error);
        return;
    }
    if (expected == 0 || cpus->len == expected)
        return;
    g_autofree char *count = g_strdup_printf("%u instead of %" G_GUINT64_FORMAT, cpus->len, expected);
    report(explanation, "cpu-plugged", "CPUs were plugged or unplugged since the guest's start:", count);
}

/* ---- Media ---- */

/* TRUE when one of the operator's words speaks of FILE. */
static bool
is_mentioned(const QemuArgv *argv, const char *file)
{
    g_autofree char *escaped = qemu_keyval_escape(file);

    for (guint i = 0; i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        const char *text = arg->value ? arg->value : arg->word;
        if (strstr(text, file) || strstr(text, escaped))
            return true;
    }
    return false;
}

/* QEMU writes out as json: what has no short form; the names in there are compared once the new QEMU is up. */
static void
look_at_medium(Explanation *explanation, json_object *device)
{
    json_object *inserted = qmp_json_get_object(device, "inserted");
    const char *file = qmp_json_get_string(inserted, "file");

    if (!file || g_str_has_prefix(file, "json:") || is_mentioned(explanation->argv, file))
        return;
    report(explanation, "medium-changed", "the guest has a disk or medium that its command line does not name:", file);
}

static void
look_at_bitmaps(Explanation *explanation, json_object *device)
{
    json_object *bitmaps = qmp_json_get_array(qmp_json_get_object(device, "inserted"), "dirty-bitmaps");

    for (size_t i = 0; bitmaps && i < json_object_array_length(bitmaps); i++) {
        json_object *bitmap = json_object_array_get_idx(bitmaps, i);
        const char *name = qmp_json_get_string(bitmap, "name");
        bool persistent = false;
        qmp_json_get_bool(bitmap, "persistent", &persistent);
        if (!persistent) /* others are stored in the image, where the new QEMU finds them */
            report(explanation, "dirty-bitmap", "a disk has a dirty bitmap that only the running QEMU knows:",
                   name ? name : "");
    }
}

static void
explain_media(Explanation *explanation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) devices = NULL;

    if (!qmp_client_call(explanation->instance->monitor, "query-block", NULL, explanation->wait, &devices, &error)) {
        report_unanswered(explanation, "disks", error);
        return;
    }
    size_t n = json_object_is_type(devices, json_type_array) ? json_object_array_length(devices) : 0;
    for (size_t i = 0; i < n; i++) {
        look_at_medium(explanation, json_object_array_get_idx(devices, i));
        look_at_bitmaps(explanation, json_object_array_get_idx(devices, i));
    }
}

/* ---- Character devices ---- */

/* Labels that QEMU gives what other options make: serial0, compat_monitor0, vc1, "-base" of a multiplexed one. */
static bool
is_made_by_itself(const char *label)
{
    static const char *const prefixes[] = {"serial", "parallel", "compat_monitor", "debugcon", "vc",
                                           "gdb",    "seabios",  "usb",            "mux",      "spice"};

    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(label, prefixes[i]))
            return true;
    return g_str_has_suffix(label, "-base");
}

static void
explain_chardevs(Explanation *explanation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_object) chardevs = NULL;

    if (!qmp_client_call(explanation->instance->monitor, "query-chardev", NULL, explanation->wait, &chardevs, &error)) {
        report_unanswered(explanation, "character devices", error);
        return;
    }
    size_t n = json_object_is_type(chardevs, json_type_array) ? json_object_array_length(chardevs) : 0;
    for (size_t i = 0; i < n; i++) {
        const char *label = qmp_json_get_string(json_object_array_get_idx(chardevs, i), "label");
        if (label && !is_made_by_itself(label) && !has_id(explanation->argv, "chardev", label))
            report(explanation, "chardev-added", "a character device was added since the guest's start:", label);
    }
}

/* ---- Forwarded ports ---- */

static void
explain_forwards(Explanation *explanation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) changed = guest_explain_forwards(explanation->instance, explanation->wait, &error);

    if (!changed)
        report_unanswered(explanation, "forwarded ports", error);
    for (guint i = 0; changed && i < changed->len; i++)
        report(explanation, "net-hostfwd-changed", "a forwarded port was added or removed since the guest's start:",
               g_ptr_array_index(changed, i));
}

void
guest_explain(const GuestInstance *instance, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)instance->command_line, &error);
    Explanation explanation = {.instance = instance, .argv = argv, .wait = wait, .findings = findings};

    if (!argv) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "arguments", "see moult(1) on what the command line may hold",
                          "%s", error->message);
        return;
    }
    explain_devices(&explanation);
    explain_cpus(&explanation);
    explain_media(&explanation);
    explain_chardevs(&explanation);
    explain_forwards(&explanation);
    if (explanation.n_unexplained == 0)
        qemu_findings_add(findings, QEMU_FINDING_OK, "explained", NULL,
                          "the guest is what its command line says: nothing was plugged or changed that it does not explain");
}
