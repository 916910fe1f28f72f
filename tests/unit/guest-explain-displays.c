/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where QEMU says VNC listens against the definition. The answers are those of QEMU 7.2 and 10.0, and what a hostile one
 * might say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/explain-displays.h"
#include "qemu/argv.h"
#include "qmp/json.h"

#define SERVER(family, host, service, websocket)                                                                       \
    "{\"auth\":\"none\",\"family\":\"" family "\",\"service\":\"" service "\",\"host\":\"" host                          \
    "\",\"websocket\":" websocket "}"
#define IPV4(host, port) SERVER("ipv4", host, port, "false")
#define IPV6(host, port) SERVER("ipv6", host, port, "false")
#define UNIX(path) SERVER("unix", "", path, "false")

#define SAME "="
#define UNTOLD "?"

/* NOW: what -vnc would have to say, SAME or UNTOLD. */
static void
expect(const char *vnc, const char *servers, const char *now)
{
    g_autoptr(QemuKeyval) settings = qemu_keyval_parse(qemu_option_find("vnc"), vnc, NULL);
    g_autofree char *text = g_strdup_printf("[%s]", servers), *found = NULL;
    g_autoptr(json_object) answer = qmp_json_parse(text, strlen(text), 16, NULL);

    assert_true(settings && answer);
    bool is_told = guest_explain_vnc(settings, answer, &found);
    if (!is_told)
        assert_non_null(found);
    const char *result = is_told ? (found ? found : SAME) : UNTOLD;
    if (strcmp(result, now) != 0)
        fail_msg("-vnc %s with %s: %s", vnc, servers, result);
}

static void
what_was_defined_is_explained(void **state)
{
    (void)state;
    expect("127.0.0.1:5", IPV4("127.0.0.1", "5905"), SAME);
    expect("localhost:5", IPV6("::1", "5905") "," IPV4("127.0.0.1", "5905"), SAME);
    expect("somewhere:5", IPV4("192.0.2.1", "5905"), SAME);
    expect(":5", IPV6("::", "5905") "," IPV4("0.0.0.0", "5905"), SAME);
    expect("[::]:5,ipv4=off", IPV6("::", "5905"), SAME);
    expect("unix:/run/a,,b", UNIX("/run/a,b"), SAME);
    expect("unix:here", UNIX("here"), SAME);
    expect("none", "", SAME);
    expect("127.0.0.1:5,websocket=on", SERVER("ipv4", "127.0.0.1", "5705", "true") "," IPV4("127.0.0.1", "5905"), SAME);
}

static void
address_of_now_is_told(void **state)
{
    (void)state;
    expect("127.0.0.1:5", IPV4("127.0.0.1", "5906"), "127.0.0.1:6");
    expect("127.0.0.1:5", IPV4("0.0.0.0", "5905"), "0.0.0.0:5");
    expect(":5", IPV4("127.0.0.1", "5905"), "127.0.0.1:5");
    expect(":5", IPV4("0.0.0.0", "5905"), "0.0.0.0:5");
    expect("127.0.0.1:5", IPV6("::", "5905") "," IPV4("0.0.0.0", "5905"), ":5");
    expect("127.0.0.1:5", IPV6("::1", "5905"), "[::1]:5");
    expect("127.0.0.1:0,to=9", IPV4("127.0.0.1", "5903"), "127.0.0.1:3");
    expect("unix:/run/a", UNIX("/run/b"), "unix:/run/b");
    expect("unix:/run/a", IPV4("127.0.0.1", "5900"), "127.0.0.1:0");
    expect("none", UNIX("/run/b"), "unix:/run/b");
    expect("127.0.0.1:5", "", "none");
}

static void
what_no_option_says_is_not_told(void **state)
{
    (void)state;
    expect("127.0.0.1:5", IPV4("127.0.0.1", "5899"), UNTOLD);
    expect("127.0.0.1:5", IPV6("::", "5905"), UNTOLD); /* with or without IPv4 */
    expect("127.0.0.1:5", IPV4("127.0.0.1", "5905") "," UNIX("/run/b"), UNTOLD);
    expect("127.0.0.1:5", IPV4("127.0.0.1", "5905") "," IPV4("127.0.0.2", "5905"), UNTOLD);
    expect("none", IPV4("127.0.0.1", "5905") "," IPV4("127.0.0.2", "5905") "," UNIX("/b"), UNTOLD);
    expect("unix:/run/a", UNIX("b"), UNTOLD); /* relative, or without a file */
}

static void
odd_answers_are_not_told(void **state)
{
    (void)state;
    expect("none", "7", UNTOLD);
    expect("none", "{}", UNTOLD);
    expect("none", IPV4("a b,password=off", "5905"), UNTOLD);
    expect("none", IPV4("127.0.0.1", "5905,x=y"), UNTOLD);
    expect("none", IPV4("127.0.0.1", "65536"), UNTOLD);
    expect("none", IPV4("", "5905"), UNTOLD);
    expect("none", SERVER("vsock", "3", "5905", "false"), UNTOLD);
    expect("none", UNIX("/a\\nb"), UNTOLD);
    expect("none", UNIX(""), UNTOLD);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_defined_is_explained),
        cmocka_unit_test(address_of_now_is_told),
        cmocka_unit_test(what_no_option_says_is_not_told),
        cmocka_unit_test(odd_answers_are_not_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
