/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/surroundings.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "guest/root.h"
#include "process/confinement.h"
#include "process/filters.h"
#include "qemu/argv.h"
#include "qemu/finding.h"

/* NULL where PATH is in there what it is here; else what is different. */
static const char *
compare_path(const GuestInstance *source, const char *path)
{
    g_autofree char *there = guest_root_dup_path(source, path);
    struct stat ours, theirs;

    if (stat(path, &ours) < 0)
        return NULL; /* somebody else's business */
    if (stat(there, &theirs) < 0)
        return g_strerror(errno);
    return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino ? NULL : "it is another one there";
}

/* Where it was started from cannot be looked at, nor could another be started there. */
static void
look_at_root(GPtrArray *findings)
{
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "chroot",
                      "leave -chroot out in a container, which has a root of its own; elsewhere name its folder by its absolute path",
                      "the QEMU has shut itself into a chroot, and with which root it was started cannot be known: it is in a mount "
                      "namespace of its own, or the folder of that name is another one");
}

static void
look_at_runtime_dir(const GuestInstance *source, const char *runtime_dir, GPtrArray *findings)
{
    g_autofree char *there = guest_root_dup_path(source, runtime_dir);
    const char *problem = compare_path(source, runtime_dir);
    struct statvfs info;

    if (!problem && statvfs(there, &info) == 0 && (info.f_flag & ST_RDONLY))
        problem = "it is read-only there";
    if (problem)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "mounts-runtime",
                          "make it visible and writable there (ReadWritePaths= of a unit), or run the engine in that container",
                          "the QEMU cannot use the engine's %s from its mount namespace: %s", runtime_dir, problem);
}

static void
look_at_binary(const GuestInstance *source, const char *binary, GPtrArray *findings)
{
    const char *problem = compare_path(source, binary);

    if (problem)
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "mounts-binary", "name a QEMU that is there, too, with --to",
                          "%s cannot be executed in the QEMU's mount namespace: %s", binary, problem);
}

/* QEMU's own filter is one, and comes with its command line. */
static unsigned
count_own_filters(const GuestInstance *source)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)source->command_line, NULL);
    const QemuArg *sandbox = argv ? qemu_argv_find(argv, "sandbox") : NULL;

    return sandbox && (g_str_has_prefix(sandbox->value, "on") || g_str_has_prefix(sandbox->value, "enable=on")) ? 1 : 0;
}

static void
look_at_filters(const GuestInstance *source, GPtrArray *findings)
{
    unsigned n = 0, expected = confinement_get_inherited_filters() + count_own_filters(source);

    if (!process_filters_count(source->process.pid, &n) || n <= expected)
        return;
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "process-seccomp",
                      "have QEMU confine itself (-sandbox on) in place of SystemCallFilter= and the like, at its next start",
                      "the QEMU runs under a system call filter from outside, which cannot be given to a new one");
}

void
guest_surroundings_look(const GuestInstance *source, const char *runtime_dir, const char *binary, GPtrArray *findings)
{
    if (!guest_root_is_known(source))
        look_at_root(findings);
    else
        look_at_runtime_dir(source, runtime_dir, findings);
    if (binary && guest_root_is_known(source))
        look_at_binary(source, binary, findings);
    look_at_filters(source, findings);
}
