/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Security contexts as text: user:role:type[:range]; the range may hold colons itself. Needs no libselinux.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct {
    char *user, *role, *type;
    char *range; /* "s0:c1,c2"; NULL on a policy without levels */
} SelinuxContext;

/* FALSE when TEXT is not of this form; RET_CONTEXT is then untouched. */
bool selinux_context_parse(const char *text, SelinuxContext *ret_context);
void selinux_context_clear(SelinuxContext *context);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SelinuxContext, selinux_context_clear)
char *selinux_context_to_string(const SelinuxContext *context);

/*
 * The file context for a virtual machine's process: IMAGE_CONTEXTS' first one, with the process's range, when
 * the process's type is among those of DOMAIN_CONTEXTS; NULL otherwise. Both are the texts of the policy's
 * virtual_image_context and virtual_domain_context (one context a line, '#' comments); owned.
 */
char *selinux_context_derive_image(const char *process_context, const char *domain_contexts,
                                   const char *image_contexts);
