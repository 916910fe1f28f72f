/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "selinux/context.h"

bool
selinux_context_parse(const char *text, SelinuxContext *ret_context)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 4);
    guint n = g_strv_length(parts);
    if (n < 3)
        return false;
    for (guint i = 0; i < n; i++)
        if (parts[i][0] == '\0')
            return false;
    ret_context->user = g_steal_pointer(&parts[0]);
    ret_context->role = g_steal_pointer(&parts[1]);
    ret_context->type = g_steal_pointer(&parts[2]);
    ret_context->range = n > 3 ? g_steal_pointer(&parts[3]) : NULL;
    return true;
}

void
selinux_context_clear(SelinuxContext *context)
{
    g_clear_pointer(&context->user, g_free);
    g_clear_pointer(&context->role, g_free);
    g_clear_pointer(&context->type, g_free);
    g_clear_pointer(&context->range, g_free);
}

char *
selinux_context_to_string(const SelinuxContext *context)
{
    return g_strjoin(":", context->user, context->role, context->type, context->range, NULL);
}

/* The next context of a policy file; *POSITION moves on. FALSE at the end. */
static bool
next_context(char ***position, SelinuxContext *ret_context)
{
    while (**position) {
        const char *line = g_strstrip(*(*position)++);
        if (line[0] != '\0' && line[0] != '#' && selinux_context_parse(line, ret_context))
            return true;
    }
    return false;
}

static bool
has_type(const char *contexts, const char *type)
{
    g_auto(GStrv) lines = g_strsplit(contexts, "\n", -1);
    for (char **position = lines;;) {
        g_auto(SelinuxContext) context = {0};
        if (!next_context(&position, &context))
            return false;
        if (g_str_equal(context.type, type))
            return true;
    }
}

char *
selinux_context_derive_image(const char *process_context, const char *domain_contexts,
                             const char *image_contexts)
{
    g_auto(SelinuxContext) process = {0};
    g_auto(SelinuxContext) image = {0};
    g_auto(GStrv) lines = g_strsplit(image_contexts, "\n", -1);
    char **position = lines;
    if (!selinux_context_parse(process_context, &process) || !has_type(domain_contexts, process.type) ||
        !next_context(&position, &image))
        return NULL;
    g_free(image.range);
    image.range = g_strdup(process.range);
    return selinux_context_to_string(&image);
}
