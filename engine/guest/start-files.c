/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The images of disks are not among them (images.c), nor what a rule leaves out for an upgrade. Firmware and option ROMs are looked for in
 * QEMU's own folders, too, where they are not named from the root on (datadir.c:qemu_find_file()): of those nothing is known.
 */
#include "guest/start-files.h"

#include <errno.h>
#include <string.h>

#include "guest/stat-there.h"
#include "qemu/argv.h"
#include "qemu/finding.h"
#include "qmp/text.h"

typedef enum {
    NAMES_ONE,     /* a path */
    NAMES_SEVERAL, /* paths with colons between them (hw/acpi/core.c:acpi_table_add()) */
    NAMES_MODULES, /* a path, or several with commas between them and arguments behind each (hw/i386/multiboot.c) */
    NAMES_SOUGHT   /* looked for in QEMU's own folders, too */
} Names;

static const struct {
    const char *option, *key; /* KEY NULL: the option's value is the path */
    Names names;
} places[] = {
    {"kernel", NULL, NAMES_ONE},
    {"initrd", NULL, NAMES_MODULES},
    {"dtb", NULL, NAMES_ONE},
    {"shim", NULL, NAMES_ONE},
    {"bios", NULL, NAMES_SOUGHT},
    {"option-rom", "romfile", NAMES_SOUGHT},
    {"device", "romfile", NAMES_SOUGHT},
    {"machine", "kernel", NAMES_ONE},
    {"machine", "initrd", NAMES_MODULES},
    {"machine", "dtb", NAMES_ONE},
    {"machine", "firmware", NAMES_SOUGHT},
    {"fw_cfg", "file", NAMES_ONE},
    {"acpitable", "file", NAMES_SEVERAL},
    {"acpitable", "data", NAMES_SEVERAL},
    {"smbios", "file", NAMES_ONE},
    {"smbios", "path", NAMES_ONE},
    {"object", "file", NAMES_ONE}, /* secret */
    {"object", "dir", NAMES_ONE},  /* tls-creds-x509, tls-creds-psk */
    {"trace", "events", NAMES_ONE},
};

static void
look_at(const GuestInstance *source, const QemuArg *arg, const char *path, GPtrArray *findings)
{
    struct stat status;

    if (*path == '\0' || guest_stat_there(source, path, &status) || (errno != ENOENT && errno != ENOTDIR))
        return;
    g_autofree char *quoted = qmp_text_quote(path, 256);
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, "file-missing", "put it back, or plan a restart of the guest",
                      "“%s” names %s, which a QEMU reads as it starts, and which is not there any more", arg->word, quoted);
}

static void
look_at_value(const GuestInstance *source, const QemuArg *arg, const char *value, Names names, GPtrArray *findings)
{
    g_auto(GStrv) paths = NULL;

    if ((names == NAMES_SOUGHT && *value != '/') || (names == NAMES_MODULES && strchr(value, ',')))
        return;
    paths = names == NAMES_SEVERAL ? g_strsplit(value, ":", -1) : NULL;
    for (char **path = paths; path && *path; path++)
        look_at(source, arg, *path, findings);
    if (!paths)
        look_at(source, arg, value, findings);
}

static void
look_at_arg(const GuestInstance *source, const QemuArg *arg, GPtrArray *findings)
{
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        if (!qemu_arg_is(arg, places[i].option))
            continue;
        const char *value = places[i].key ? qemu_keyval_get(arg->settings, places[i].key) : arg->value;
        if (value)
            look_at_value(source, arg, value, places[i].names, findings);
    }
}

void
guest_start_files_look(const GuestInstance *source, const QemuPlan *plan, GPtrArray *findings)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)plan->argv, NULL);

    for (guint i = 0; argv && i < argv->args->len; i++)
        look_at_arg(source, g_ptr_array_index(argv->args, i), findings);
}
