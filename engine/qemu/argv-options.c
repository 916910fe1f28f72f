/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is not in here is an error for us as it is for QEMU: whether the word after an unknown option belongs
 * to it cannot be known. Options that are gone stay in the table, so that a rule can name or replace them.
 */
#include "qemu/argv-options.h"

#include <string.h>

/* clang-format off */
#define NONE(name) {name, name, QEMU_SYNTAX_NONE, NULL, 0, 0}
#define TEXT(name) {name, name, QEMU_SYNTAX_TEXT, NULL, 0, 0}
#define OPTS(name, implied) {name, name, QEMU_SYNTAX_OPTS, implied, 0, 0}
#define KEYVAL(name, implied) {name, name, QEMU_SYNTAX_KEYVAL, implied, 0, 0}
#define OPTS_JSON(name, implied) {name, name, QEMU_SYNTAX_OPTS_JSON, implied, 0, 0}
#define KEYVAL_JSON(name, implied) {name, name, QEMU_SYNTAX_KEYVAL_JSON, implied, 0, 0}
#define ALIAS(name, canonical, syntax, implied) {name, canonical, syntax, implied, 0, 0}
#define ADDED(name, syntax, major, minor) {name, name, syntax, NULL, QEMU_RELEASE(major, minor), 0}
#define GONE(name, syntax, major, minor) {name, name, syntax, NULL, 0, QEMU_RELEASE(major, minor)}

static const QemuOption options[] = {
    /* Standard */
    ALIAS("h", "help", QEMU_SYNTAX_NONE, NULL), NONE("help"), NONE("version"),
    KEYVAL("machine", "type"), ALIAS("M", "machine", QEMU_SYNTAX_KEYVAL, "type"),
    TEXT("cpu"), OPTS("accel", "accel"), KEYVAL("smp", "cpus"), OPTS("numa", "type"), OPTS("add-fd", NULL),
    TEXT("set"), TEXT("global"), KEYVAL("boot", "order"), OPTS("m", "size"), TEXT("mem-path"), NONE("mem-prealloc"),
    TEXT("k"), KEYVAL("audio", "driver"), KEYVAL_JSON("audiodev", "driver"), OPTS_JSON("device", "driver"),
    OPTS("name", "guest"), TEXT("uuid"),
    /* Disks */
    TEXT("fda"), TEXT("fdb"), TEXT("hda"), TEXT("hdb"), TEXT("hdc"), TEXT("hdd"), TEXT("cdrom"),
    KEYVAL_JSON("blockdev", "driver"), OPTS("drive", NULL), TEXT("mtdblock"), TEXT("sd"), TEXT("pflash"),
    NONE("snapshot"), OPTS("fsdev", "fsdriver"), OPTS("virtfs", "fsdriver"), OPTS("iscsi", NULL),
    /* USB, display. parse_display() also takes "vnc=...", which has the form of a first key. */
    NONE("usb"), TEXT("usbdevice"), OPTS_JSON("display", "type"), NONE("nographic"), OPTS("spice", NULL),
    TEXT("vga"), NONE("full-screen"), TEXT("g"), OPTS("vnc", "vnc"),
    /* Guest, firmware, boot */
    NONE("win2k-hack"), NONE("no-fd-bootchk"), OPTS("acpitable", "data"), OPTS("smbios", NULL), TEXT("bios"),
    TEXT("kernel"), ADDED("shim", QEMU_SYNTAX_TEXT, 10, 0), TEXT("append"), TEXT("initrd"), TEXT("dtb"),
    KEYVAL_JSON("compat", NULL), OPTS("fw_cfg", "name"), OPTS("option-rom", "romfile"), OPTS("rtc", NULL),
    OPTS("icount", "shift"), TEXT("prom-env"), NONE("semihosting"), OPTS("semihosting-config", "enable"),
    NONE("old-param"),
    /* Network, character devices, monitors */
    OPTS_JSON("netdev", "type"), OPTS("nic", "type"), OPTS("net", "type"), OPTS("chardev", "backend"),
    OPTS("tpmdev", "type"), TEXT("serial"), TEXT("parallel"), TEXT("debugcon"), TEXT("monitor"), TEXT("qmp"),
    TEXT("qmp-pretty"), OPTS("mon", "chardev"),
    /* The process */
    TEXT("pidfile"), NONE("preconfig"), NONE("S"), OPTS("overcommit", NULL), TEXT("gdb"), NONE("s"), TEXT("d"),
    TEXT("D"), TEXT("dfilter"), TEXT("seed"), TEXT("L"), NONE("enable-kvm"), TEXT("xen-domid"), NONE("xen-attach"),
    NONE("xen-domid-restrict"), NONE("no-reboot"), NONE("no-shutdown"), OPTS("action", NULL), TEXT("loadvm"),
    NONE("daemonize"), TEXT("watchdog-action"), TEXT("echr"), TEXT("incoming"), NONE("only-migratable"),
    NONE("nodefaults"), OPTS("sandbox", "enable"), TEXT("readconfig"), NONE("no-user-config"),
    OPTS("trace", "enable"), TEXT("plugin"), TEXT("qtest"), TEXT("qtest-log"), OPTS("msg", NULL),
    TEXT("dump-vmstate"), NONE("enable-sync-profile"), OPTS_JSON("object", "qom-type"),
    {"run-with", "run-with", QEMU_SYNTAX_OPTS, NULL, QEMU_RELEASE(8, 1), 0},
    ADDED("perfmap", QEMU_SYNTAX_NONE, 8, 0), ADDED("jitdump", QEMU_SYNTAX_NONE, 8, 0),
    /* Gone */
    GONE("runas", QEMU_SYNTAX_TEXT, 10, 0), GONE("chroot", QEMU_SYNTAX_TEXT, 9, 0),
    {"async-teardown", "async-teardown", QEMU_SYNTAX_NONE, NULL, QEMU_RELEASE(7, 2), QEMU_RELEASE(9, 0)},
    GONE("no-acpi", QEMU_SYNTAX_NONE, 9, 0), GONE("no-hpet", QEMU_SYNTAX_NONE, 9, 0),
    GONE("singlestep", QEMU_SYNTAX_NONE, 9, 0), GONE("portrait", QEMU_SYNTAX_NONE, 9, 2),
    GONE("rotate", QEMU_SYNTAX_TEXT, 9, 2), GONE("audio-help", QEMU_SYNTAX_NONE, 8, 2),
    GONE("watchdog", QEMU_SYNTAX_TEXT, 7, 2), GONE("soundhw", QEMU_SYNTAX_TEXT, 7, 1),
    GONE("enable-fips", QEMU_SYNTAX_NONE, 7, 1), GONE("writeconfig", QEMU_SYNTAX_TEXT, 7, 1),
    GONE("alt-grab", QEMU_SYNTAX_NONE, 7, 1), GONE("ctrl-grab", QEMU_SYNTAX_NONE, 7, 1),
    GONE("sdl", QEMU_SYNTAX_NONE, 7, 1), GONE("curses", QEMU_SYNTAX_NONE, 7, 1),
    GONE("no-quit", QEMU_SYNTAX_NONE, 7, 0), GONE("realtime", QEMU_SYNTAX_TEXT, 6, 0),
    GONE("show-cursor", QEMU_SYNTAX_NONE, 6, 0), GONE("tb-size", QEMU_SYNTAX_TEXT, 6, 0),
    GONE("no-kvm", QEMU_SYNTAX_NONE, 5, 2), GONE("balloon", QEMU_SYNTAX_TEXT, 3, 1),
    GONE("localtime", QEMU_SYNTAX_NONE, 3, 1), GONE("startdate", QEMU_SYNTAX_TEXT, 3, 1),
    GONE("rtc-td-hack", QEMU_SYNTAX_NONE, 3, 1), GONE("nodefconfig", QEMU_SYNTAX_NONE, 3, 1),
    GONE("no-kvm-irqchip", QEMU_SYNTAX_NONE, 3, 0), GONE("no-kvm-pit-reinjection", QEMU_SYNTAX_NONE, 3, 0),
    GONE("no-kvm-pit", QEMU_SYNTAX_NONE, 2, 12), GONE("tdf", QEMU_SYNTAX_NONE, 2, 12),
};
/* clang-format on */

const QemuOption *
qemu_option_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    }
    return NULL;
}

bool
qemu_option_is_in(const QemuOption *option, int release)
{
    return release >= option->added && (option->removed == 0 || release < option->removed);
}

bool
qemu_option_asks_help(const QemuOption *option, const char *value)
{
    static const char *const opaque_lists[] = {"cpu", "d", "L", "vga", "watchdog", "soundhw", NULL};

    if (g_strcmp0(value, "help") != 0 && g_strcmp0(value, "?") != 0)
        return false;
    return g_strv_contains(opaque_lists, option->canonical);
}
