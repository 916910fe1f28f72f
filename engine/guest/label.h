/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a security module confines a QEMU by: its SELinux context, categories included, or its AppArmor profile. The new
 * one gets the identical one; with another it could use neither the memory that it is passed nor the old one's socket.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "guest/instance.h"
#include "qemu/finding.h"

typedef struct {
    char *context; /* SELinux; NULL: not active */
    char *profile; /* AppArmor; NULL: not active, or unconfined */
} GuestLabel;

void guest_label_clear(GuestLabel *label);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(GuestLabel, guest_label_clear)
/* RET_LABEL is untouched on failure. */
bool guest_label_read(pid_t pid, GuestLabel *ret_label, GError **error);
/* Whether BINARY can be executed as SOURCE's process is labelled. Nothing is found where there are no labels. */
void guest_label_look(const GuestInstance *source, const char *binary, GPtrArray *findings);
/* Has the QEMU of LABEL use PATH, or the file that FD is open for, which the engine has made. */
bool guest_label_set_path(const GuestLabel *label, const char *path, GError **error);
bool guest_label_set_fd(const GuestLabel *label, int fd, GError **error);
