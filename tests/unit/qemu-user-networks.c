/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The user networks of a command line: in which order QEMU makes them, and what takes the place of one that is gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "qemu/user-networks.h"

static QemuArgv *
parse(const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    QemuArgv *argv = qemu_argv_parse((const char *const *)words, NULL);

    assert_non_null(argv);
    return argv;
}

static void
expect_names(const QemuArgv *argv, const char *expected)
{
    g_autoptr(GPtrArray) names = qemu_user_networks_list_names(argv);

    g_ptr_array_add(names, NULL);
    g_autofree char *text = g_strjoinv(" ", (char **)names->pdata);
    assert_string_equal(text, expected);
}

#define MIXED                                                                                                          \
    "-nic user,id=c -net user -netdev user,id=b -netdev tap,id=t -netdev {\"type\":\"user\",\"id\":\"a\"} -net nic "     \
    "-netdev type=user,id=b2"

static void
order_is_that_of_their_making(void **state)
{
    (void)state;
    g_autoptr(QemuArgv) argv = parse(MIXED), none = parse("-netdev tap,id=t -nic none");

    expect_names(argv, "a b b2 c #");
    expect_names(none, "");
}

static void
placeholder_is_made_before_its_network(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "moult-gone7 a b b2 c #", "a moult-gone7 b b2 c #", "a b moult-gone7 b2 c #", "a b b2 moult-gone7 c #",
        "a b b2 moult-gone7 c #", /* what is made behind a -nic cannot be told: the caller sees that */
    };

    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        g_autoptr(QemuArgv) argv = parse(MIXED);
        g_autoptr(GPtrArray) networks = qemu_user_networks_list(argv);
        qemu_user_networks_insert_placeholder(argv, networks->pdata[i], 7);
        expect_names(argv, expected[i]);
    }
}

static void
names_are_those_of_operators_or_not(void **state)
{
    (void)state;
    assert_true(qemu_user_networks_is_same("a", "a") && qemu_user_networks_is_same("#net012", "moult-net3"));
    assert_false(qemu_user_networks_is_same("a", "b") || qemu_user_networks_is_same("a", "#net012"));
    assert_false(qemu_user_networks_is_same("moult-gone0", "moult-gone0") || qemu_user_networks_is_same("moult-gone0", "#"));
    assert_true(qemu_user_networks_is_placeholder("moult-gone12") && !qemu_user_networks_is_placeholder("moult-net1"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_their_making),
        cmocka_unit_test(placeholder_is_made_before_its_network),
        cmocka_unit_test(names_are_those_of_operators_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
