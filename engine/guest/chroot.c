/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which options the running QEMU has, not the definition: an instance that an earlier upgrade has made opens its images once and
 * for all (qemu/rules-chroot.c).
 */
#include "guest/chroot.h"

#include "guest/root.h"
#include "qemu/chroot.h"
#include "qemu/finding.h"
#include "qmp/text.h"

static const char reopen_hint[] = "start it with auto-read-only=off in its -drive options, or with -blockdev; or with moult run";

static void
look_at_options(const GuestInstance *source, GPtrArray *findings)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)source->command_line, NULL);

    for (guint i = 0; argv && i < argv->args->len; i++) {
        const QemuArg *arg = g_ptr_array_index(argv->args, i);
        if (!qemu_chroot_reopens_image(arg))
            continue;
        g_autofree char *quoted = qmp_text_quote(arg->value ? arg->value : arg->word, 100);
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "disk-reopen", reopen_hint,
                          "to hand over the disk %s the running QEMU would have to open its image again, which is not in its chroot",
                          quoted);
    }
}

void
guest_chroot_look(const GuestInstance *source, GPtrArray *findings)
{
    g_autofree char *folder = guest_root_dup_chroot(source);

    if (folder)
        look_at_options(source, findings);
}
