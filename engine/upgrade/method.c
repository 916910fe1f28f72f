/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of methods, cheapest first, and the choice among them.
 */
#include "upgrade/method.h"

#include "qemu/finding.h"

static const UpgradeMethod *const methods[] = {&upgrade_method_shared, &upgrade_method_copy};

const UpgradeMethod *
upgrade_method_find(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (g_strcmp0(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

const char *const *
upgrade_method_list(void)
{
    static const char *names[G_N_ELEMENTS(methods) + 1];

    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        names[i] = methods[i]->name;
    return names;
}

const char **
upgrade_method_list_capabilities(const UpgradeMethod *method, GHashTable *capabilities)
{
    const char *own = method->get_capability ? method->get_capability(capabilities) : NULL;
    const char **names = g_new0(const char *, 4);
    gsize n = 0;

    if (own)
        names[n++] = own;
    names[n++] = "return-path";
    if (g_hash_table_contains(capabilities, "events"))
        names[n++] = "events";
    return names;
}

bool
upgrade_method_check_return_path(const char *which, GHashTable *capabilities, GPtrArray *findings)
{
    if (g_hash_table_contains(capabilities, "return-path"))
        return true;
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "capability-missing", "QEMU 2.4 or newer is needed",
                      "the %s QEMU has no migration return path", which);
    return false;
}

/* "auto". Every guest's memory fits one method or another; the last one takes what no other does. */
static const UpgradeMethod *
find_fitting(const GPtrArray *memory, GPtrArray *findings)
{
    gsize i = 0;

    while (i + 1 < G_N_ELEMENTS(methods) && !methods[i]->fits(memory))
        i++;
    qemu_findings_add(findings, QEMU_FINDING_OK, "method", NULL, "method %s: %s", methods[i]->name, methods[i]->what);
    return methods[i];
}

const UpgradeMethod *
upgrade_method_choose(const char *name, const UpgradeMethodContext *context, GPtrArray *findings)
{
    const UpgradeMethod *method =
        g_strcmp0(name, "auto") == 0 ? find_fitting(context->memory, findings) : upgrade_method_find(name);

    if (!method)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "method-unknown", "see moult capabilities",
                          "this engine has no method '%s'", name);
    return method && method->check(context, findings) ? method : NULL;
}
