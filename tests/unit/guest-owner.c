/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who owns a QEMU, judged from texts as the managers leave them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/foreign.h"
#include "guest/owner.h"

static void
expect_owner(const char *expected, const char *cgroups, const char *argument, const char *parent, const char *mark)
{
    const char *const command_line[] = {"qemu-system-x86_64", "-m", "512", argument, NULL};
    GuestOwner owner = guest_owner_judge(cgroups, command_line, parent, mark);
    g_autofree char *text = guest_owner_to_string(&owner);

    assert_string_equal(text, expected);
    guest_owner_clear(&owner);
}

static void
a_shell_leaves_nothing(void **state G_GNUC_UNUSED)
{
    expect_owner("other", "0::/user.slice/user-0.slice/session-3.scope\n", "-nodefaults", "bash", NULL);
    expect_owner("other", "9:name=systemd:/\n4:memory:/x\n0::/\n", "-nodefaults", "", NULL);
}

static void
libvirt_is_known_by_any_of_three(void **state G_GNUC_UNUSED)
{
    expect_owner("libvirt", "0::/machine.slice/machine-qemu\\x2d1\\x2dweb1.scope/libvirt/emulator\n", "-S", "systemd", NULL);
    expect_owner("libvirt", "0::/\n",
                 "{\"qom-type\":\"secret\",\"id\":\"masterKey0\",\"format\":\"raw\",\"file\":\"/x/master-key.aes\"}", "", NULL);
    expect_owner("libvirt", "0::/\n", "-nodefaults", "virtqemud", NULL);
}

static void
proxmox_and_incus_are_known(void **state G_GNUC_UNUSED)
{
    expect_owner("proxmox", "0::/qemu.slice/100.scope\n", "-nodefaults", "systemd", NULL);
    expect_owner("proxmox", "0::/\n", "/var/run/qemu-server/100.pid", "systemd", NULL);
    expect_owner("incus", "0::/\n", "/run/incus/web1/qemu.conf", "systemd", NULL);
    expect_owner("incus", "0::/\n", "-nodefaults", "incusd", NULL);
}

static void
a_machine_of_somebodys_is_known(void **state G_GNUC_UNUSED)
{
    expect_owner("machine", "0::/machine.slice/machine-web1.scope\n", "-nodefaults", "systemd-vmspawn", NULL);
}

static void
a_unit_is_named(void **state G_GNUC_UNUSED)
{
    expect_owner("systemd:web1.service", "0::/system.slice/web1.service\n", "-nodefaults", "systemd", NULL);
    expect_owner("systemd:vm@7.service", "5:cpu:/\n1:name=systemd:/system.slice/system-vm.slice/vm@7.service\n", "-S", "", NULL);
    expect_owner("other", "0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n", "-S", "", NULL);
}

static void
another_engines_mark_comes_first(void **state G_GNUC_UNUSED)
{
    expect_owner("moult", "0::/system.slice/moultd.service\n", "-nodefaults", "moultd", "/run/moult/instances/7");
}

static void
those_that_must_be_left_alone_have_a_code(void **state G_GNUC_UNUSED)
{
    static const struct {
        GuestOwnerKind kind;
        const char *code; /* NULL: may be adopted */
    } cases[] = {
        {GUEST_OWNER_MOULT, "owner-moult"},     {GUEST_OWNER_LIBVIRT, "owner-libvirt"},
        {GUEST_OWNER_INCUS, "owner-incus"},     {GUEST_OWNER_MACHINE, "owner-machine"},
        {GUEST_OWNER_SYSTEMD, NULL},
        {GUEST_OWNER_PROXMOX, NULL},            {GUEST_OWNER_OTHER, NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const GuestOwner owner = {.kind = cases[i].kind};
        const char *reason = NULL, *hint = NULL;
        const char *code = guest_owner_get_refusal(&owner, &reason, &hint);
        assert_true(g_strcmp0(code, cases[i].code) == 0);
        assert_true(!code || (reason && hint));
    }
}

static void
names_are_made_acceptable(void **state G_GNUC_UNUSED)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {{"web1", "web1"}, {"my vm/1", "my_vm_1"}, {"../x", "qemu-42"}, {"", "qemu-42"}, {"-x", "qemu-42"}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = guest_foreign_make_name(cases[i].text, 42);
        assert_string_equal(name, cases[i].expected);
    }
    g_autofree char *none = guest_foreign_make_name(NULL, 7);
    assert_string_equal(none, "qemu-7");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shell_leaves_nothing),
        cmocka_unit_test(libvirt_is_known_by_any_of_three),
        cmocka_unit_test(proxmox_and_incus_are_known),
        cmocka_unit_test(a_machine_of_somebodys_is_known),
        cmocka_unit_test(a_unit_is_named),
        cmocka_unit_test(another_engines_mark_comes_first),
        cmocka_unit_test(those_that_must_be_left_alone_have_a_code),
        cmocka_unit_test(names_are_made_acceptable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
