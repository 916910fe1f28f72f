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

/* FOUND: what differs of what ANSWER has for n0, separated by commas; "-" is in front of what is no longer there. */
static void
expect_with(const char *defined, const char *first_guest, const char *answer, const char *found)
{
    g_auto(GStrv) words = g_strsplit(defined, ",", -1);
    g_autoptr(GPtrArray) forwards = g_ptr_array_new(), now = g_ptr_array_new();
    g_autoptr(GPtrArray) added = g_ptr_array_new(), removed = g_ptr_array_new();
    g_autoptr(GPtrArray) open = guest_explain_forwards_of(answer, "n0");
    g_autoptr(GString) text = g_string_new(NULL);

    for (char **word = words; *word; word++)
        g_ptr_array_add(forwards, *word);
    for (guint i = 0; i < open->len; i++)
        g_ptr_array_add(now, ((GuestForward *)open->pdata[i])->setting);
    guest_explain_forwards_compare(forwards, now, first_guest, added, removed);
    for (guint i = 0; i < added->len; i++)
        g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", (char *)added->pdata[i]);
    for (guint i = 0; i < removed->len; i++)
        g_string_append_printf(text, "%s-%s", text->len > 0 ? "," : "", (char *)removed->pdata[i]);
    assert_string_equal(text->str, found);
}

static void
expect(const char *defined, const char *answer, const char *found)
{
    expect_with(defined, NULL, answer, found);
}

#define NOW_22 "tcp:127.0.0.1:34567-10.0.2.15:22"
#define NOW_53 "udp::34568-10.0.2.15:53"

static void
what_was_defined_is_explained(void **state)
{
    (void)state;
    expect("", "", "");
    expect("", HEAD FLOW, "");
    expect("tcp:127.0.0.1:34567-:22", HEAD TCP_22 FLOW, "");
    expect(":127.0.0.1:34567-10.0.2.15:22,udp::34568-:53", HEAD UDP_53 TCP_22, "");
    expect("tcp:127.1:0x8707-:026,udp:0.0.0.0:34568-:53", HEAD UDP_53 TCP_22, "");
    expect_with("tcp:127.0.0.1:34567-:22", "10.0.2.15", HEAD TCP_22, "");
}

static void
what_was_changed_is_named(void **state)
{
    (void)state;
    expect("", HEAD TCP_22, NOW_22);
    expect("tcp:127.0.0.1:34567-:22", HEAD TCP_22 TCP_22, NOW_22);
    expect("udp:127.0.0.1:34567-:22", HEAD TCP_22, NOW_22 ",-udp:127.0.0.1:34567-:22");
    expect("tcp:127.0.0.1:34567-:2", HEAD TCP_22, NOW_22 ",-tcp:127.0.0.1:34567-:2");
    expect("tcp:127.0.0.1:34567-:22", HEAD, "-tcp:127.0.0.1:34567-:22");
    /* the same ports at other addresses */
    expect("tcp::34567-:22", HEAD TCP_22, NOW_22 ",-tcp::34567-:22");
    expect("tcp:127.0.0.1:34567-10.0.2.16:22", HEAD TCP_22, NOW_22 ",-tcp:127.0.0.1:34567-10.0.2.16:22");
    expect_with("udp::34568-:53", "10.0.2.20", HEAD UDP_53, NOW_53 ",-udp::34568-:53");
    expect("tcp:127.0.0.1:9-:22", HEAD "  TCP[HOST_FORWARD]   8       127.0.0.1     9       10.0.2.77    22     0     0\r\n",
           "tcp:127.0.0.1:9-10.0.2.77:22,-tcp:127.0.0.1:9-:22");
    /* the kernel has chosen the port */
    expect("udp::0-:53", HEAD UDP_53, NOW_53 ",-udp::0-:53");
}

static void
nonsense_is_no_forward(void **state)
{
    (void)state;
    expect("", "[HOST_FORWARD]", "");
    expect("", "TCP[HOST_FORWARD] 1 2 3", "");
    expect("nonsense,tcp:1,tcp:-:,tcp::x-:y,unix:/x-:22,tcp::1:2-3", "\r\n\r\nTCP[HOST_FORWARD",
           "-nonsense,-tcp:1,-tcp:-:,-tcp::x-:y,-unix:/x-:22,-tcp::1:2-3");
}

/* FOUND: separated by commas; NULL: they cannot be told. */
static void
expect_of(const char *network, const char *answer, const char *found)
{
    g_autoptr(GPtrArray) settings = guest_explain_forwards_of(answer, network);

    assert_int_equal(settings == NULL, found == NULL);
    if (!settings)
        return;
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < settings->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "", ((GuestForward *)settings->pdata[i])->setting);
    assert_string_equal(text->str, found);
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
    expect_of("n0", HEAD "  TCP[HOST_FORWARD]   x   * 1       10.0.2.15    22     0     0\r\n", NULL);
    expect_of("n0", HEAD "[HOST_FORWARD]\n", NULL);
}

static void
socket_is_told_of(void **state)
{
    (void)state;
    g_autoptr(GPtrArray) forwards = guest_explain_forwards_of(HEAD TCP_22 UDP_53, "n0");
    const GuestForward *tcp = forwards->pdata[0], *udp = forwards->pdata[1];

    assert_true(!tcp->is_udp && tcp->descriptor == 8 && tcp->port == 34567);
    assert_string_equal(tcp->host, "127.0.0.1");
    assert_true(udp->is_udp && udp->descriptor == 12 && udp->port == 34568);
    assert_string_equal(udp->host, "0.0.0.0");
}

/* More than can be carried are not told in part. */
static void
too_many_are_not_told(void **state)
{
    (void)state;
    g_autoptr(GString) answer = g_string_new(HEAD);

    for (unsigned i = 0; i < 256; i++)
        g_string_append(answer, TCP_22);
    g_autoptr(GPtrArray) all = guest_explain_forwards_of(answer->str, "n0");
    assert_int_equal(all->len, 256);
    g_string_append(answer, TCP_22);
    assert_null(guest_explain_forwards_of(answer->str, "n0"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_defined_is_explained),
        cmocka_unit_test(what_was_changed_is_named),
        cmocka_unit_test(each_network_has_its_own),
        cmocka_unit_test(socket_is_told_of),
        cmocka_unit_test(too_many_are_not_told),
        cmocka_unit_test(nonsense_is_no_forward),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
