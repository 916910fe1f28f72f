/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/method.h"

static const UpgradeMethod *const methods[] = {&upgrade_method_shared};

const UpgradeMethod *
upgrade_method_find(const char *name)
{
    if (g_strcmp0(name, "auto") == 0)
        return methods[0];
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
        if (g_strcmp0(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

const char *const *
upgrade_method_list(void)
{
    static const char *const names[] = {"shared", NULL};

    return names;
}
