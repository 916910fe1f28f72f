/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which pseudo terminals can be given to another QEMU, and what the rules make of those.
 */
#include "qemu-fixture.h"
#include "qmp/json.h"

static QemuHolding held[] = {
    {.kind = QEMU_HOLDING_OTHER, .number = 20},
    {.kind = QEMU_HOLDING_TERMINAL,
     .number = 21,
     .terminal = {.number = 7, .file_system = 26, .uid = 1, .gid = 5, .mode = 0620}},
    {.kind = QEMU_HOLDING_TERMINAL, .number = 22, .terminal = {.number = 8, .file_system = 26}},
    {.kind = QEMU_HOLDING_TERMINAL, .number = 23, .terminal = {.number = 9, .file_system = 26}},
    {.kind = QEMU_HOLDING_TERMINAL, .number = 24, .terminal = {.number = 9, .file_system = 27}},
};

static QemuPlan *
plan_target(const char *line, bool stands_still)
{
    static const char *const labels[][2] = {{"serial0", "/dev/pts/7"},   {"c", "/dev/pts/7"},
                                            {"serial1", "/dev/pts/8"},   {"two", "/dev/pts/9"},
                                            {"gone", "/dev/pts/10"},     {"odd", "/dev/pts/7/../8"},
                                            {"parallel0", "/dev/pts/7"}, {"compat_monitor0", "/dev/pts/7"},
                                            {"debugcon", "/dev/pts/7"}};
    g_autoptr(GHashTable) terminals = g_hash_table_new(g_str_hash, g_str_equal);
    QemuPlanContext fresh = fixture_fresh("7.2");
    g_autoptr(QemuPlan) source = fixture_plan(line, &fresh);
    QemuPlanContext incoming = fixture_incoming("7.2", source);
    g_autoptr(GPtrArray) holdings = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(held); i++)
        g_ptr_array_add(holdings, &held[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
        g_hash_table_insert(terminals, (gpointer)labels[i][0], (gpointer)labels[i][1]);
    incoming.holdings = holdings;
    incoming.terminals = terminals;
    incoming.stands_still = stands_still;
    return fixture_plan(line, &incoming);
}

static void
terminals_are_opened_later(void **state)
{
    (void)state;
    static const struct {
        const char *line, *words;
    } cases[] = {
        {"-serial pty", "-chardev null,id=serial0 "},
        {"-chardev pty,id=c", "-chardev null,id=c "},
        {"-chardev pty,id=c -serial chardev:c", "-chardev null,id=c -serial chardev:c"},
        {"-chardev pty,id=c -device isa-serial,chardev=c", "-chardev null,id=c "},
        {"-chardev pty,id=c -device {\"driver\":\"pci-serial\",\"chardev\":\"c\"}", "-chardev null,id=c "},
        {"-chardev pty,id=c -device pci-serial-4x,chardev3=c", "-chardev null,id=c "},
        {"-chardev pty,id=c -device virtio-serial-pci -device virtconsole,chardev=c", "-chardev null,id=c "},
        {"-chardev pty,id=c -device virtio-serial-pci -device virtserialport,chardev=c",
         "-chardev null,id=c "},
        /* another chardev's user */
        {"-chardev pty,id=c -parallel chardev:d -chardev null,id=d -netdev user,id=c", "-chardev null,id=c "},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QemuPlanContext fresh = fixture_fresh("7.2");
        g_autoptr(QemuPlan) started = fixture_plan(cases[i].line, &fresh);
        g_autoptr(QemuPlan) plan = plan_target(cases[i].line, false);
        g_autofree char *line = g_strjoinv(" ", plan->argv), *padded = g_strconcat(line, " ", NULL);
        if (!strstr(padded, cases[i].words) || plan->deferred->len != 1)
            fail_msg("“%s” became “%s”, with %u deferred", cases[i].line, line, plan->deferred->len);
        fixture_assert_finding(plan, "chardev-pty", QEMU_FINDING_WARN);
        assert_null(fixture_find(started, "chardev-pty"));
    }
}

static void
record_names_the_terminal(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) plan = plan_target("-serial pty", false);
    g_autoptr(QemuPlan) logged = plan_target("-chardev pty,id=c,logfile=/x", false);
    const QemuDeferred *one = plan->deferred->pdata[0], *other = logged->deferred->pdata[0];
    const QemuPlanFd *fd = &g_array_index(plan->fds, QemuPlanFd, plan->fds->len - 1);

    assert_string_equal(one->command, QEMU_DEFERRED_TERMINAL);
    assert_string_equal(one->what, "the terminal of serial0");
    assert_string_equal(qmp_json_to_text(one->arguments, NULL),
                        "{\"id\":\"serial0\",\"number\":7,\"filesystem\":26,\"uid\":1,\"gid\":5,"
                        "\"mode\":400,\"fdname\":\"moult-fd-21\",\"data\":{}}");
    assert_int_equal(fd->kind, QEMU_PLAN_FD_NAMED);
    assert_int_equal(fd->index, 21);
    assert_non_null(
        strstr(qmp_json_to_text(other->arguments, NULL), "\"data\":{\"logfile\":\"/x\",\"logappend\":true}"));
    g_autofree char *line = g_strjoinv(" ", logged->argv);
    assert_non_null(strstr(line, "-chardev null,id=c,logfile=/x,logappend=on"));
}

static void
what_cannot_be_changed_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-monitor pty",
        "-parallel pty",
        "-debugcon pty",
        "-serial mon:pty",
        "-qmp pty",
        "-serial pty:/run/link",
        "-chardev pty,id=c,mux=on -serial chardev:c",
        "-chardev pty,id=c,path=/run/link -serial chardev:c",
        "-chardev pty,id=c -mon chardev=c",
        "-chardev pty,id=c -monitor chardev:c",
        "-chardev pty,id=c -device usb-serial,chardev=c",
        "-chardev pty,id=c -device isa-debugcon,chardev=c",
        "-chardev pty,id=c -object rng-egd,id=r,chardev=c",
        "-netdev user,id=n -chardev pty,id=c -object filter-mirror,id=f,netdev=n,queue=tx,outdev=c",
        "-chardev pty,id=c,logfile=/x -runas nobody",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        QemuPlanContext fresh = fixture_fresh("7.2");
        g_autoptr(QemuPlan) started = fixture_plan(lines[i], &fresh);
        g_autoptr(QemuPlan) plan = plan_target(lines[i], false);
        const QemuFinding *found = fixture_find(plan, "chardev-pty");
        if (!found || found->level != QEMU_FINDING_BLOCK || plan->deferred->len > 0)
            fail_msg("“%s”: %s", lines[i], found ? found->reason : "passes");
        fixture_assert_finding(started, "chardev-pty", QEMU_FINDING_WARN);
    }
}

/* QEMU's virtio consoles let go of their chardev while the guest stands. */
static void
guest_that_does_not_run(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) console =
        plan_target("-chardev pty,id=c -device virtio-serial-pci -device virtconsole,chardev=c", true);
    g_autoptr(QemuPlan) serial = plan_target("-serial pty", true);

    fixture_assert_finding(console, "chardev-pty", QEMU_FINDING_BLOCK);
    fixture_assert_finding(serial, "chardev-pty", QEMU_FINDING_WARN);
}

/* It is another's number, in another devpts, not a name of a terminal, or QEMU has said nothing of it. */
static void
what_is_not_certain_is_refused(void **state)
{
    (void)state;
    static const char *const ids[] = {"two", "gone", "odd", "unknown"};

    for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *line = g_strdup_printf("-chardev pty,id=%s", ids[i]);
        g_autoptr(QemuPlan) plan = plan_target(line, false);
        fixture_assert_finding(plan, "chardev-pty", QEMU_FINDING_BLOCK);
        assert_int_equal(plan->deferred->len, 0);
    }
}

/* Of a QEMU that is not taken over yet it is not known which of its terminals is whose. */
static void
one_that_was_not_asked_is_believed(void **state)
{
    (void)state;
    QemuPlanContext fresh = fixture_fresh("7.2");
    g_autoptr(QemuPlan) source = fixture_plan("-serial pty", &fresh);
    QemuPlanContext incoming = fixture_incoming("7.2", source);
    g_autoptr(GPtrArray) holdings = g_ptr_array_new();

    incoming.holdings = holdings;
    incoming.is_unasked = true;
    g_autoptr(QemuPlan) none = fixture_plan("-serial pty", &incoming);
    fixture_assert_finding(none, "chardev-pty", QEMU_FINDING_BLOCK);
    g_ptr_array_add(holdings, &held[1]);
    g_autoptr(QemuPlan) one = fixture_plan("-serial pty", &incoming);
    fixture_assert_finding(one, "chardev-pty", QEMU_FINDING_WARN);
    incoming.is_unasked = false;
    g_autoptr(QemuPlan) asked = fixture_plan("-serial pty", &incoming);
    fixture_assert_finding(asked, "chardev-pty", QEMU_FINDING_BLOCK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terminals_are_opened_later),        cmocka_unit_test(record_names_the_terminal),
        cmocka_unit_test(what_cannot_be_changed_is_refused), cmocka_unit_test(guest_that_does_not_run),
        cmocka_unit_test(what_is_not_certain_is_refused),
        cmocka_unit_test(one_that_was_not_asked_is_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
