/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The forwarded ports that QEMU tells against those of the definition. The answers are those of QEMU 7.2 and 10.0, and what
 * a hostile one might say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/explain-forwards.h"

#define HEAD                                                                                                           \
    "Hub -1 (n0):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n"
#define TCP_22 "  TCP[HOST_FORWARD]   8       127.0.0.1 34567       10.0.2.15    22     0     0\r\n"
#define UDP_53 "  UDP[HOST_FORWARD]  12               * 34568       10.0.2.15    53     0     0\r\n"
#define FLOW "  TCP[ESTABLISHED]   14       10.0.2.15 40000     192.0.2.1    80     0     0\r\n"

/* FOUND: what differs, separated by commas. */
static void
expect(const char *defined, const char *answer, bool knows_all, const char *found)
{
    g_auto(GStrv) words = g_strsplit(defined, ",", -1);
    g_autoptr(GPtrArray) forwards = g_ptr_array_new();

    for (char **word = words; *word; word++)
        g_ptr_array_add(forwards, *word);
    g_autoptr(GPtrArray) differences = guest_explain_forwards_compare(forwards, answer, knows_all);
    g_ptr_array_add(differences, NULL);
    g_autofree char *text = g_strjoinv(",", (char **)differences->pdata);
    assert_string_equal(text, found);
}

static void
what_was_defined_is_explained(void **state)
{
    (void)state;
    expect("", "", true, "");
    expect("", HEAD FLOW, true, "");
    expect("tcp:127.0.0.1:34567-:22", HEAD TCP_22 FLOW, true, "");
    expect(":localhost:34567-10.0.2.15:22,udp::34568-:53", HEAD UDP_53 TCP_22, true, "");
    expect("tcp:[::1]:34567-[fec0::15]:22", HEAD TCP_22, true, "");
    expect("tcp::34567-:22,tcp:127.0.0.2:34567-:22", HEAD TCP_22 TCP_22, true, "");
    expect("unix:/x-:22", HEAD, true, "");
}

static void
what_was_changed_is_named(void **state)
{
    (void)state;
    expect("", HEAD TCP_22, true, "tcp 34567-22");
    expect("tcp::34567-:22", HEAD TCP_22 TCP_22, true, "tcp 34567-22");
    expect("udp::34567-:22", HEAD TCP_22, true, "tcp 34567-22,removed: udp 34567-22");
    expect("tcp::34567-:2", HEAD TCP_22, true, "tcp 34567-22,removed: tcp 34567-2");
    expect("tcp::34567-:22", HEAD, true, "removed: tcp 34567-22");
    /* It waits to be opened again. */
    expect("tcp::34567-:22", HEAD UDP_53, false, "udp 34568-53");
}

static void
nonsense_is_passed_over(void **state)
{
    (void)state;
    expect("", "[HOST_FORWARD]", true, "");
    expect("", "TCP[HOST_FORWARD] 1 2 3", true, "");
    expect("nonsense,tcp:1,-,tcp:-:,tcp::x-:y", "\r\n\r\nTCP[HOST_FORWARD", true, "");
    expect("", "  [HOST_FORWARD] a b c d e f\n", true, " c-e");
}

/* FOUND: separated by commas; NULL: they cannot be told. */
static void
expect_of(const char *network, const char *answer, const char *found)
{
    g_autoptr(GPtrArray) settings = guest_explain_forwards_of(answer, network);

    assert_int_equal(settings == NULL, found == NULL);
    if (!settings)
        return;
    g_ptr_array_add(settings, NULL);
    g_autofree char *text = g_strjoinv(",", (char **)settings->pdata);
    assert_string_equal(text, found);
}

static void
each_network_has_its_own(void **state)
{
    (void)state;
    static const char answer[] = HEAD TCP_22 FLOW "Hub 0 (#net012):\r\nHub -1 (n1):\r\n" UDP_53 TCP_22;
    g_autoptr(GPtrArray) networks = guest_explain_forwards_networks(answer);

    assert_int_equal(networks->len, 3);
    assert_string_equal(networks->pdata[1], "#net012");
    expect_of("n0", answer, "tcp:127.0.0.1:34567-10.0.2.15:22");
    expect_of("n1", answer, "udp::34568-10.0.2.15:53,tcp:127.0.0.1:34567-10.0.2.15:22");
    expect_of("n", answer, "");
    expect_of("n0", HEAD "  TCP[HOST_FORWARD]   8   x,y 34567       10.0.2.15    22     0     0\r\n", NULL);
    expect_of("n0", HEAD "  TCP[HOST_FORWARD]   8   * 0       10.0.2.15    22     0     0\r\n", NULL);
    expect_of("n0", HEAD "  SCTP[HOST_FORWARD]   8   * 1       10.0.2.15    22     0     0\r\n", NULL);
    expect_of("n0", HEAD "[HOST_FORWARD]\n", NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_defined_is_explained),
        cmocka_unit_test(what_was_changed_is_named),
        cmocka_unit_test(each_network_has_its_own),
        cmocka_unit_test(nonsense_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
