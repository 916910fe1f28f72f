/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/label.h"

#include "guest/error.h"
#include "process/profile.h"
#include "selinux/label.h"

void
guest_label_clear(GuestLabel *label)
{
    g_clear_pointer(&label->context, g_free);
    g_clear_pointer(&label->profile, g_free);
}

bool
guest_label_read(pid_t pid, GuestLabel *ret_label, GError **error)
{
    g_autoptr(GError) local = NULL;
    g_auto(GuestLabel) label = {0};

    label.context = selinux_label_dup_of_process(pid, &local);
    if (!local)
        label.profile = process_profile_dup(pid, &local);
    if (local) {
        g_propagate_error(error, g_steal_pointer(&local));
        return false;
    }
    *ret_label = label;
    label = (GuestLabel){0};
    return true;
}

void
guest_label_look(const GuestInstance *source, const char *binary, GPtrArray *findings)
{
    g_autoptr(GError) error = NULL;
    g_auto(GuestLabel) label = {0};

    if (!guest_label_read(source->process.pid, &label, &error))
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "label-unreadable", "run the engine as root",
                          "how the running QEMU is confined cannot be read: %s", error->message);
    else if (label.context && !selinux_label_may_run(label.context, binary, &error))
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "label-selinux",
                          "see the engine's policy module, and the label of the binary (restorecon)",
                          "the new QEMU may not run as the old one does: %s", error->message);
    else if (label.context)
        qemu_findings_add(findings, QEMU_FINDING_OK, "label-selinux", NULL, "the new QEMU runs as %s, as the old one", label.context);
    else if (label.profile)
        qemu_findings_add(findings, QEMU_FINDING_OK, "label-apparmor", NULL,
                          "the new QEMU is confined by the AppArmor profile %s, as the old one", label.profile);
}

static bool
wrap(bool done, GError **error)
{
    if (!done)
        guest_error_wrap(error, GUEST_ERROR_FAILED, "label-file", "see the engine's policy module", NULL);
    return done;
}

bool
guest_label_set_path(const GuestLabel *label, const char *path, GError **error)
{
    return wrap(selinux_label_set_file(path, label->context, error), error);
}

bool
guest_label_set_fd(const GuestLabel *label, int fd, GError **error)
{
    return wrap(selinux_label_set_fd(fd, label->context, error), error);
}
