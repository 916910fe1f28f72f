/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The machine's own memory: what -m, -mem-path and -mem-prealloc make when no backend is named. QEMU would
 * allocate it privately, under the id that the machine type prescribes (default-ram-id); the same backend is
 * given explicitly, shared.
 */
#include "qemu/rules.h"

#include <string.h>

#include "qemu/argv-error.h"
#include "qemu/argv-size.h"

/* hw/core/machine.c:machine_set_mem() rounds -m up to this; backend and machine must agree. */
#define RAM_ALIGNMENT_BYTES 8192U
#define DEFAULT_RAM_BYTES (G_GUINT64_CONSTANT(128) << 20)

/* TRUE when the operator's own backends make up the machine's memory. */
static bool
has_own_memory(const QemuRules *rules)
{
    if (qemu_argv_get_merged(rules->argv, "machine", "memory-backend"))
        return true;
    for (guint i = 0; i < rules->argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(rules->argv->args, i);
        if (qemu_arg_is(arg, "numa") && qemu_keyval_get(arg->settings, "memdev"))
            return true;
    }
    return false;
}

/* -m; else the machine's memory.size; FALSE with an error on what is no size. 0: none is given. */
static bool
read_ram_size(const QemuRules *rules, guint64 *ret_size_bytes, GError **error)
{
    const char *text = qemu_argv_get_merged(rules->argv, "m", "size");
    guint64 size_bytes = 0;

    if (text && !qemu_size_parse_memory(text, &size_bytes, error)) {
        g_prefix_error(error, "“-m”: ");
        return false;
    }
    if (size_bytes == 0) { /* "-m 0" is as if it were not there */
        text = qemu_argv_get_merged(rules->argv, "machine", "memory.size");
        if (text && !qemu_size_parse(text, 'B', &size_bytes, error)) {
            g_prefix_error(error, "“-machine memory.size”: ");
            return false;
        }
    }
    *ret_size_bytes = size_bytes;
    return true;
}

static bool
get_ram_size(const QemuRules *rules, guint64 *ret_size_bytes, GError **error)
{
    static const char *const known_targets[] = {"x86_64", "i386", NULL};
    const char *target = rules->context->binary->target;
    guint64 size_bytes = 0;

    if (!read_ram_size(rules, &size_bytes, error))
        return false;
    if (size_bytes == 0 && target && !g_strv_contains(known_targets, target))
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS,
                              "no memory size is given, and that of a %s machine is not known: add “-m SIZE”",
                              target);
    if (size_bytes == 0)
        size_bytes = DEFAULT_RAM_BYTES;
    if (size_bytes > G_MAXINT64)
        return qemu_argv_fail(error, QEMU_PLAN_ERROR_ARGUMENTS, "“-m”: no host has as much memory");
    *ret_size_bytes = (size_bytes + RAM_ALIGNMENT_BYTES - 1) & ~(guint64)(RAM_ALIGNMENT_BYTES - 1);
    return true;
}

static void
give_ours(QemuRules *rules, const char *id, guint64 size_bytes, guint64 page_size_bytes)
{
    const QemuMemoryBackend *backend = qemu_rules_add_backend(rules, id, size_bytes, page_size_bytes);
    g_autofree char *mem_path = qemu_rules_dup_mem_path(backend);
    g_autofree char *value = g_strdup_printf("memory-backend-file,id=%s,size=%" G_GUINT64_FORMAT ",share=on",
                                             backend->id, backend->size_bytes);
    QemuArg *object = qemu_argv_append(rules->argv, "object", value);

    qemu_keyval_set_string(object->settings, "mem-path", mem_path);
    qemu_rules_set_block_name(rules, object->settings);
    qemu_rules_set_machine(rules, "memory-backend", backend->id);
}

/*
 * -mem-path: in a folder in memory (hugetlbfs, tmpfs) QEMU makes a file that nobody else can open; ours has
 * the same pages. A file, or a folder on a disk, stays as it is, and private.
 */
static bool
take_mem_path(QemuRules *rules, const QemuRule *rule, const char *id, guint64 *ret_page_size_bytes)
{
    QemuArg *arg = qemu_argv_find(rules->argv, "mem-path");
    bool ours;

    if (!arg)
        return true;
    ours = qemu_rules_is_ours_to_make(rules, id, arg->value, ret_page_size_bytes) ||
           (rules->context->hugepage_size_bytes && !qemu_rules_is_incoming(rules));
    for (; ours && arg; arg = qemu_argv_find(rules->argv, "mem-path")) {
        qemu_rules_find(rules, QEMU_FINDING_OK, "memory-rewritten", NULL,
                        "“-mem-path %.200s” is replaced: %s", arg->value, rule->reason);
        qemu_argv_remove(rules->argv, arg);
    }
    return ours;
}

bool
qemu_rule_memory_default(QemuRules *rules, const QemuRule *rule, QemuArg *arg G_GNUC_UNUSED, GError **error)
{
    guint64 size_bytes = 0, page_size_bytes = 0;
    const char *id = rules->machine ? rules->machine->default_ram_id : NULL;

    if (!id || has_own_memory(rules))
        return true;
    if (!get_ram_size(rules, &size_bytes, error) || !qemu_rules_check_backend_id(rules, id, error))
        return false;
    if (take_mem_path(rules, rule, id, &page_size_bytes))
        give_ours(rules, id, size_bytes, page_size_bytes);
    else
        qemu_rules_keep_backend(rules, id, size_bytes, qemu_argv_find(rules->argv, "mem-path")->value, false);
    return true;
}
