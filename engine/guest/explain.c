/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of the explanation have in common. All of it is compared with the definition, not with the command line
 * of this instance: what was plugged into an earlier one is in that already, and will be looked at anew.
 */
#include "guest/explain-private.h"

#include <string.h>

#include "qmp/commands.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define MAX_LISTED 4096

static const char undo_hint[] = "undo what was changed at run time, or plan a restart of the guest";

void
guest_present_free(GuestPresent *present)
{
    if (!present)
        return;
    g_strfreev(present->argv);
    g_hash_table_unref(present->plugged);
    g_ptr_array_unref(present->memory);
    g_hash_table_unref(present->terminals);
    g_free(present);
}

const GPtrArray *
guest_present_get_memory(const GuestPresent *present, const GuestInstance *instance)
{
    return present ? present->memory : instance->memory;
}

void
explain_block(Explanation *explanation, const char *code, const char *what, const char *name)
{
    g_autofree char *quoted = qmp_text_quote(name, 128);

    explanation->n_unexplained++;
    qemu_findings_add(explanation->findings, QEMU_FINDING_BLOCK, code, undo_hint, "%s '%s'", what, quoted);
}

void
explain_carried(Explanation *explanation, const char *code, const char *what, const char *name)
{
    g_autofree char *quoted = qmp_text_quote(name, 128);

    explanation->n_carried++;
    qemu_findings_add(explanation->findings, QEMU_FINDING_OK, code, NULL, "%s '%s'", what, quoted);
}

void
explain_unanswered(Explanation *explanation, const char *what, const GError *error)
{
    explanation->n_unexplained++;
    qemu_findings_add(explanation->findings, QEMU_FINDING_BLOCK, "monitor", "see the guest's qemu.log", "%s: %s", what,
                      error->message);
}

json_object *
explain_query(Explanation *explanation, const char *command, json_object *arguments, const char *what)
{
    g_autoptr(GError) error = NULL;
    json_object *list = NULL;

    if (!qmp_client_call(explanation->instance->monitor, command, arguments, explanation->wait, &list, &error)) {
        explain_unanswered(explanation, what, error);
        return NULL;
    }
    if (json_object_is_type(list, json_type_array) && json_object_array_length(list) <= MAX_LISTED)
        return list;
    json_object_put(list);
    explain_block(explanation, "monitor", "the monitor gives no proper answer to", command);
    return NULL;
}

QemuArg *
explain_find(const Explanation *explanation, const char *name, const char *id)
{
    return qemu_argv_find_with(explanation->argv, name, "id", id);
}

void
explain_append_text(Explanation *explanation, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    /* The values are a QEMU's: what is no setting is no bug of ours. */
    g_autoptr(QemuKeyval) parsed = qemu_keyval_parse(qemu_option_find(name), text, &error);

    if (parsed)
        qemu_argv_append(explanation->argv, name, text);
    else
        explain_unanswered(explanation, name, error);
}

void
explain_append(Explanation *explanation, const char *name, json_object *settings)
{
    explain_append_text(explanation, name, qmp_json_to_text(settings, NULL));
    json_object_put(settings);
}

static GuestPresent *
make_present(Explanation *explanation)
{
    GuestPresent *present = g_new0(GuestPresent, 1);

    present->argv = qemu_argv_to_words(explanation->argv);
    present->plugged = g_hash_table_ref(explanation->plugged);
    present->memory = g_ptr_array_ref(explanation->memory);
    present->terminals = g_hash_table_ref(explanation->terminals);
    return present;
}

GuestPresent *
guest_explain(const GuestEnvironment *environment, const GuestInstance *instance, const QemuBinary *target,
              const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)instance->definition->argv, &error);
    g_autoptr(GHashTable) plugged = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) memory = qemu_memory_list_new();
    g_autoptr(GHashTable) terminals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Explanation explanation = {.environment = environment,
                               .instance = instance,
                               .target = target,
                               .wait = wait,
                               .argv = argv,
                               .findings = findings,
                               .plugged = plugged,
                               .memory = memory,
                               .terminals = terminals};

    if (!argv) {
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "arguments", "see moult(1) on what the command line may hold",
                          "%s", error->message);
        return NULL;
    }
    explain_memory(&explanation);
    explain_objects(&explanation);
    explain_chardevs(&explanation);
    explain_devices(&explanation);
    explain_netdevs(&explanation);
    explain_disks(&explanation);
    explain_displays(&explanation);
    explain_chroot(&explanation);
    if (explanation.n_unexplained + explanation.n_carried == 0)
        qemu_findings_add(findings, QEMU_FINDING_OK, "explained", NULL,
                          "the guest is what its command line says: nothing was plugged or changed that it does not explain");
    bool is_needed = explanation.n_carried > 0 || g_hash_table_size(terminals) > 0;
    return explanation.n_unexplained == 0 && is_needed ? make_present(&explanation) : NULL;
}
