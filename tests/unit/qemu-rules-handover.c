/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the rules make of the descriptors that a running QEMU holds: which is handed over for which part of
 * the command line, and what is refused because it is not there.
 */
#include "qemu-fixture.h"
#include "qmp/json.h"

#define UNIX(n, k, p)                                                                                        \
    {                                                                                                        \
        .kind = QEMU_HOLDING_##k, .number = n, .family = AF_UNIX, .path = (char *)p                          \
    }
#define INET(n, k, h, p)                                                                                     \
    {                                                                                                        \
        .kind = QEMU_HOLDING_##k, .number = n, .family = AF_INET, .host = (char *)h, .port = p               \
    }
#define INET6(n, k, h, p)                                                                                    \
    {                                                                                                        \
        .kind = QEMU_HOLDING_##k, .number = n, .family = AF_INET6, .host = (char *)h, .port = p              \
    }

#define TAP(n, i, d) {.kind = QEMU_HOLDING_TAP, .number = n, .interface = (char *)i, .is_detached = d}

static QemuHolding held[] = {
    {.kind = QEMU_HOLDING_OTHER, .number = 0},
    {.kind = QEMU_HOLDING_STANDARD, .number = 1},
    {.kind = QEMU_HOLDING_LOG, .number = 2},
    {.kind = QEMU_HOLDING_LOG, .number = 19},
    UNIX(20, LISTENER, "/run/a,b"),
    UNIX(21, LISTENER, "c"),
    {.kind = QEMU_HOLDING_LISTENER,
     .number = 22,
     .family = AF_UNIX,
     .path = (char *)"name",
     .is_abstract = true},
    INET(23, LISTENER, "127.0.0.1", 4444),
    INET6(24, LISTENER, "::1", 4445),
    INET(25, LISTENER, "127.0.0.1", 4445),
    INET(26, LISTENER, "0.0.0.0", 4446),
    UNIX(27, CONNECTION, "/run/peer"),
    UNIX(28, CONNECTION, "/run/two"),
    UNIX(29, CONNECTION, "/run/two"),
    INET(31, LISTENER, "127.0.0.1", 5950),
    INET(32, LISTENER, "0.0.0.0", 5951),
    INET6(33, LISTENER, "::", 5951),
    INET(34, LISTENER, "127.0.0.1", 5750),
    INET(35, LISTENER, "192.0.2.1", 5751),
    INET6(36, RESTING, "::1", 5952),
    INET(37, LISTENER, "0.0.0.0", 5960),
    INET(38, LISTENER, "0.0.0.0", 5961),
    INET(30, CONNECTION, "127.0.0.1", 7000),
    INET6(52, CONNECTION, "::1", 7002),
    INET(53, CONNECTION, "127.0.0.1", 7003),
    INET(54, CONNECTION, "127.0.0.1", 7003),
    TAP(40, "one", false),
    TAP(41, "two", false),
    TAP(42, "two", false),
    TAP(43, "idle", false),
    TAP(44, "idle", true),
    TAP(47, "odd", true),
    TAP(48, "odd", false),
    {.kind = QEMU_HOLDING_VHOST_NET, .number = 50},
    {.kind = QEMU_HOLDING_VHOST_NET, .number = 51},
    {.kind = QEMU_HOLDING_TAP, .number = 45, .interface = (char *)"card", .is_macvtap = true},
    {.kind = QEMU_HOLDING_TAP, .number = 46, .interface = (char *)"card", .is_macvtap = true},
};

static bool has_default_downscript;

/* RUNNING: the source's version; MAKES_QUEUES: as the engine of root can. */
static QemuPlan *
plan_target_with(const char *version, const char *line, QemuVersion running, bool makes_queues)
{
    QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
    g_autoptr(QemuPlan) source = fixture_plan(line, &fresh);
    g_autoptr(GPtrArray) holdings = g_ptr_array_new();

    for (size_t i = 0; i < G_N_ELEMENTS(held); i++)
        g_ptr_array_add(holdings, &held[i]);
    incoming = fixture_incoming(version, source);
    incoming.holdings = holdings;
    incoming.running = running;
    incoming.makes_queues = makes_queues;
    incoming.has_default_downscript = has_default_downscript;
    return fixture_plan(line, &incoming);
}

static QemuPlan *
plan_target(const char *version, const char *line)
{
    return plan_target_with(version, line, (QemuVersion){7, 2, 0}, false);
}

/* The number under which QEMU gets the running one's descriptor SOURCE_NUMBER; -1: it does not. */
static int
passed_as(const QemuPlan *plan, QemuPlanFdKind kind, unsigned source_number)
{
    for (guint i = 0; i < plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(plan->fds, QemuPlanFd, i);
        if (fd->kind == kind && fd->index == source_number)
            return fd->number;
    }
    return -1;
}

static int
handed_as(const QemuPlan *plan, unsigned source_number)
{
    return passed_as(plan, QEMU_PLAN_FD_HANDED, source_number);
}

static bool
has_words(const QemuPlan *plan, const char *words)
{
    g_autofree char *line = g_strjoinv(" ", plan->argv);

    return strstr(line, words) != NULL;
}

static void
listeners_are_handed_over_in_all_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned source_number;
        const char *expected; /* %d: the descriptor in the target */
    } cases[] = {
        {"-chardev socket,id=c,path=/run/a,,b,server=on,wait=off", 20,
         "-chardev socket,id=c,server=on,wait=off,fd=%d"},
        {"-chardev socket,id=c,path=/run/a,,b,server,nowait", 20,
         "-chardev socket,id=c,server,wait=off,fd=%d"},
        {"-chardev socket,id=c,path=c,server=on", 21, "-chardev socket,id=c,server=on,fd=%d,wait=off"},
        {"-chardev socket,id=c,path=name,abstract=on,tight=on,server=on", 22,
         "-chardev socket,id=c,server=on,fd=%d,wait=off"},
        {"-chardev socket,id=c,host=127.0.0.1,port=4444,server=on,telnet=on,mux=on", 23,
         "-chardev socket,id=c,server=on,telnet=on,mux=on,fd=%d,wait=off"},
        {"-chardev socket,id=c,host=127.0.0.1,port=4440,to=4444,server=on,wait=off", 23,
         "-chardev socket,id=c,server=on,wait=off,fd=%d"},
        {"-chardev socket,id=c,port=4446,host=,server=on,wait=off", 26,
         "-chardev socket,id=c,server=on,wait=off,fd=%d"},
        {"-serial unix:/run/a,,b,server", 20, "-chardev socket,id=serial0,server,fd=%d,wait=off"},
        {"-serial mon:unix:c,server=on,wait=off", 21,
         "-chardev socket,id=serial0,server=on,wait=off,mux=on,fd=%d -mon chardev=serial0,mode=readline"},
        {"-serial telnet:localhost:4444,server,nowait", 23,
         "-chardev socket,id=serial0,telnet=on,server,wait=off,fd=%d"},
        {"-parallel websocket:hostname:4444,server=on", 23,
         "-chardev socket,id=parallel0,websocket=on,server=on,fd=%d,wait=off"},
        {"-debugcon tcp::4446,server=on,wait=off", 26,
         "-chardev socket,id=debugcon,server=on,wait=off,fd=%d"},
        {"-monitor unix:c,server,nowait", 21, "-chardev socket,id=compat_monitor0,server,wait=off,fd=%d"},
        {"-monitor stdio -qmp tcp:127.0.0.1:4444,server=on,wait=off", 23,
         "-chardev socket,id=compat_monitor1,server=on,wait=off,fd=%d"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        int number = handed_as(plan, cases[i].source_number);
        g_autofree char *number_text = g_strdup_printf("%d", number);
        g_auto(GStrv) parts = g_strsplit(cases[i].expected, "%d", 2);
        g_autofree char *expected = g_strjoinv(number_text, parts);
        if (number < 5 || !has_words(plan, expected)) {
            g_autofree char *line = g_strjoinv(" ", plan->argv);
            fail_msg("“%s” became “%s”", cases[i].line, line);
        }
        fixture_assert_finding(plan, "chardev-handed", QEMU_FINDING_OK);
        assert_null(qemu_findings_get_block(plan->findings));
    }
}

static void
one_of_two_addresses_is_handed_over_and_said(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) plan = plan_target("7.2", "-serial tcp:localhost:4445,server=on");

    assert_true(handed_as(plan, 25) > 4);
    assert_int_equal(handed_as(plan, 24), -1);
    fixture_assert_finding(plan, "chardev-listener-second", QEMU_FINDING_WARN);
    assert_null(qemu_findings_get_block(plan->findings));
}

static void
connections_are_handed_over_when_they_would_not_come_again(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) path = plan_target("7.2", "-chardev socket,id=c,path=/run/peer");
    g_autoptr(QemuPlan) port = plan_target("7.2", "-serial tcp:127.0.0.1:7000,nodelay");
    g_autoptr(QemuPlan) again = plan_target("7.2", "-chardev socket,id=c,path=/run/peer,reconnect=1");

    assert_true(has_words(path, "-chardev socket,id=c,fd=") && handed_as(path, 27) > 4);
    assert_true(has_words(port, "-chardev socket,id=serial0,nodelay,fd=") && handed_as(port, 30) > 4);
    assert_int_equal(handed_as(again, 27), -1);
    fixture_assert_finding(again, "chardev-client-again", QEMU_FINDING_WARN);
}

static void
what_is_not_there_or_not_certain_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *code;
    } cases[] = {
        {"-chardev socket,id=c,path=/run/other,server=on", "chardev-listener"},
        {"-chardev socket,id=c,path=name,server=on", "chardev-listener"},
        {"-chardev socket,id=c,path=/run/peer,server=on", "chardev-listener"}, /* connected, not listening */
        {"-chardev socket,id=c,host=127.0.0.1,port=http,server=on", "chardev-listener"},
        {"-serial tcp:127.0.0.2:4444,server=on", "chardev-listener"},
        {"-serial unix:c,server=on -parallel unix:c,server=on", "chardev-listener"}, /* once only */
        {"-chardev socket,id=c,path=/run/gone", "chardev-client"},
        {"-chardev socket,id=c,path=/run/two", "chardev-client"},
        {"-chardev socket,id=c,path=/run/a,,b", "chardev-client"}, /* listening, not connected */
        {"-qmp unix:/run/peer", "chardev-client"},
        {"-chardev socket,id=c,path=/run/peer -mon chardev=c", "chardev-client"},
        {"-chardev socket,id=c,path=/run/peer -monitor chardev:c", "chardev-client"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        const QemuFinding *block = qemu_findings_get_block(plan->findings);
        if (!block || strcmp(block->code, cases[i].code) != 0)
            fail_msg("“%s”: %s", cases[i].line, block ? block->reason : "passes");
    }
}

static void
standard_output_goes_where_it_went(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) plan = plan_target("7.2", "-serial stdio");

    assert_int_equal(handed_as(plan, 1), 1);
    assert_int_equal(handed_as(plan, 0), -1); /* /dev/null */
    assert_true(has_words(plan, "-serial stdio"));
}

/* Of QEMU's own that it has opened, and what it was started with. */
static void
log_goes_on_as_standard_error(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) plan = plan_target("7.2", "-D /log -d unimp"), without = plan_target("7.2", "-d unimp");

    assert_int_equal(handed_as(plan, 19), STDERR_FILENO);
    assert_int_equal(handed_as(plan, 2), -1);
    assert_false(has_words(plan, "/log"));
    assert_int_equal(handed_as(without, 19), -1);
}

/* "BEFORE; LINE" of the deferred monitor lines, each on a line of its own. Owned. */
static char *
dup_deferred(const QemuPlan *plan)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < plan->deferred->len; i++) {
        const QemuDeferred *one = g_ptr_array_index(plan->deferred, i);
        json_object *line = json_object_object_get(one->arguments, "command-line");
        g_string_append_printf(text, "%s; %s\n", one->before, json_object_get_string(line));
    }
    return g_string_free(text, FALSE);
}

static void
forwarded_ports_are_opened_later(void **state)
{
    (void)state;
    static const struct {
        const char *line, *left, *deferred;
    } cases[] = {
        {"-netdev user,id=n,hostfwd=tcp::2222-:22,net=10.1.0.0/16,hostfwd=udp:127.0.0.1:53-10.1.0.15:53",
         "-netdev user,id=n,net=10.1.0.0/16 ",
         "hostfwd_remove tcp::2222; hostfwd_add tcp::2222-:22\n"
         "hostfwd_remove udp:127.0.0.1:53; hostfwd_add udp:127.0.0.1:53-10.1.0.15:53\n"},
        {"-nic user,hostfwd=tcp::1-:2", "-nic user ", "hostfwd_remove tcp::1; hostfwd_add tcp::1-:2\n"},
        {"-netdev user,id=a -netdev user,id=b,hostfwd=tcp::1-:2", "-netdev user,id=b ",
         "hostfwd_remove b tcp::1; hostfwd_add b tcp::1-:2\n"},
        {"-nic user,hostfwd=tcp::1-:2 -nic user", "-nic user,id=moult-net0 -nic user ",
         "hostfwd_remove moult-net0 tcp::1; hostfwd_add moult-net0 tcp::1-:2\n"},
        {"-netdev "
         "{\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::1-:2\"},{\"str\":\"tcp::3-:4\"}]}",
         "{\"type\":\"user\",\"id\":\"n\"} ",
         "hostfwd_remove tcp::1; hostfwd_add tcp::1-:2\nhostfwd_remove tcp::3; hostfwd_add tcp::3-:4\n"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autofree char *deferred = dup_deferred(plan);
        g_autofree char *line = g_strjoinv(" ", plan->argv);
        if (!strstr(line, cases[i].left) || strcmp(deferred, cases[i].deferred) != 0)
            fail_msg("“%s” became “%s” and “%s”", cases[i].line, line, deferred);
        fixture_assert_finding(plan, "net-hostfwd", QEMU_FINDING_OK);
    }
    g_autoptr(QemuPlan) odd = plan_target("7.2", "-nic user,hostfwd=tcp:a\"b:1-:2");
    fixture_assert_finding(odd, "net-hostfwd", QEMU_FINDING_BLOCK);
}

/* It is in a command line of the present; its others are spoken of by name. */
static void
placeholder_is_removed_later(void **state)
{
    (void)state;
    QemuPlanContext fresh = fixture_fresh("10.0");
    g_autoptr(QemuPlan) source = fixture_plan("-netdev user,id=n0 -nic user", &fresh);
    QemuPlanContext incoming = fixture_incoming("10.0", source);
    static const char *const refused[] = {"-netdev", "user,id=moult-gone0", NULL};
    g_autoptr(GError) error = NULL;

    incoming.running = (QemuVersion){10, 0, 0};
    g_autoptr(QemuPlan) plan =
        fixture_plan("-netdev user,id=moult-gone0,restrict=on -nic user,hostfwd=tcp::1-:2", &incoming);
    const QemuDeferred *first = plan->deferred->pdata[0], *second = plan->deferred->pdata[1];

    assert_int_equal(plan->deferred->len, 2);
    assert_true(has_words(plan, "-netdev user,id=moult-gone0,restrict=on -nic user,id=moult-net1"));
    assert_string_equal(first->command, QEMU_DEFERRED_NETDEV);
    assert_string_equal(qmp_json_get_string(first->arguments, "id"), "moult-gone0");
    assert_string_equal(qmp_json_get_string(second->arguments, "command-line"), "hostfwd_add moult-net1 tcp::1-:2");
    assert_null(qemu_plan_new(refused, &fresh, &error)); /* it is no operator's */
}

static void
vnc_is_opened_later(void **state)
{
    (void)state;
    static const struct {
        const char *line, *left, *arguments;
    } cases[] = {
        {"-vnc :3,share=ignore", "-vnc none,share=ignore ",
         "{\"type\":\"inet\",\"host\":\"\",\"port\":\"5903\"}"},
        {"-display vnc=127.0.0.1:5", "-display vnc=none ",
         "{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"5905\"}"},
        {"-vnc [::1]:7,ipv6=on", "-vnc none,ipv6=on ",
         "{\"type\":\"inet\",\"host\":\"::1\",\"port\":\"5907\",\"ipv6\":true}"},
        {"-vnc 127.0.0.1:0,to=99", "-vnc none,to=99 ",
         "{\"type\":\"inet\",\"host\":\"127.0.0.1\",\"port\":\"5900\"}"},
        {"-vnc unix:/run/a,,b", "-vnc none ", "{\"type\":\"unix\",\"path\":\"/run/a,b\"}"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autofree char *line = g_strjoinv(" ", plan->argv);
        g_autofree char *expected =
            g_strdup_printf("{\"type\":\"vnc\",\"addresses\":[%s]}", cases[i].arguments);
        assert_int_equal(plan->deferred->len, 1);
        const QemuDeferred *deferred = plan->deferred->pdata[0];
        assert_string_equal(deferred->command, "display-update");
        const char *arguments =
            json_object_to_json_string_ext(deferred->arguments, JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!strstr(line, cases[i].left) || strcmp(arguments, expected) != 0)
            fail_msg("“%s” became “%s” and “%s”", cases[i].line, line, arguments);
    }
}

/* The sockets are the monitor's until then; -1: QEMU does not inherit them. */
static void
vnc_sockets_are_handed_over(void **state)
{
    (void)state;
    static const struct {
        const char *line, *sockets;
        unsigned first, n;
    } cases[] = {
        {"-vnc 127.0.0.1:50", "{\"type\":\"fd\",\"str\":\"moult-fd-31\"}", 31, 1},
        {"-vnc :51", "{\"type\":\"fd\",\"str\":\"moult-fd-32\"},{\"type\":\"fd\",\"str\":\"moult-fd-33\"}", 32, 2},
        {"-vnc unix:/run/a,,b", "{\"type\":\"fd\",\"str\":\"moult-fd-20\"}", 20, 1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autofree char *expected = g_strdup_printf("{\"type\":\"vnc\",\"addresses\":[%s]}", cases[i].sockets);
        const QemuDeferred *deferred = plan->deferred->pdata[0];
        unsigned n_named = 0;
        assert_string_equal(qmp_json_to_text(deferred->handed, NULL), expected);
        for (guint j = 0; j < plan->fds->len; j++) {
            const QemuPlanFd *fd = &g_array_index(plan->fds, QemuPlanFd, j);
            if (fd->kind != QEMU_PLAN_FD_NAMED)
                continue;
            assert_int_equal(fd->number, -1);
            assert_int_equal(fd->index, cases[i].first + n_named++);
        }
        assert_int_equal(n_named, cases[i].n);
    }
    g_autoptr(QemuPlan) plan = plan_target("7.2", "-vnc 127.0.0.1:49");
    assert_null(((const QemuDeferred *)plan->deferred->pdata[0])->handed);
}

/* What a viewer that listens is connected with goes to the monitor, and is no socket that QEMU inherits. */
static void
viewers_are_connected_to_later(void **state)
{
    (void)state;
    static const struct {
        const char *line, *left, *host;
    } cases[] = {
        {"-vnc 127.0.0.1:7000,reverse=on,share=ignore", "-vnc none,share=ignore ", "127.0.0.1"},
        {"-display vnc=[::1]:7002,reverse=on", "-display vnc=none ", "::1"},
        {"-vnc viewer:7002,reverse=on", "-vnc none ", "::1"},
        {"-vnc 127.0.0.1:7001,reverse=on", "-vnc none ", NULL}, /* it has gone */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autofree char *line = g_strjoinv(" ", plan->argv);
        if (!strstr(line, cases[i].left))
            fail_msg("“%s” became “%s”", cases[i].line, line);
        fixture_assert_finding(plan, "display-vnc-reverse", QEMU_FINDING_OK);
        assert_int_equal(plan->deferred->len, cases[i].host ? 1 : 0);
        if (!cases[i].host)
            continue;
        const QemuDeferred *deferred = plan->deferred->pdata[0];
        assert_string_equal(deferred->command, QEMU_DEFERRED_VIEWER);
        json_object *address = json_object_array_get_idx(qmp_json_get_array(deferred->arguments, "addresses"), 0);
        assert_string_equal(qmp_json_get_string(address, "host"), cases[i].host);
        const QemuPlanFd *fd = &g_array_index(plan->fds, QemuPlanFd, plan->fds->len - 1);
        assert_int_equal(fd->kind, QEMU_PLAN_FD_NAMED);
        assert_int_equal(fd->number, -1);
    }
}

static void
viewers_that_cannot_be_told_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-vnc 127.0.0.1:7003,reverse=on", /* two connections */
        "-vnc unix:/run/peer,reverse=on",
        "-vnc 127.0.0.1:7000,reverse=on -vnc :51",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", lines[i]);
        fixture_assert_finding(plan, "display-vnc-reverse", QEMU_FINDING_BLOCK);
    }
}

/* The addresses at which the target is to listen, one option a line. */
static char *
dup_turns(const QemuPlan *plan)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < plan->deferred->len; i++) {
        const QemuDeferred *deferred = plan->deferred->pdata[i];
        g_autoptr(GPtrArray) listeners = qemu_deferred_dup_listeners(deferred);
        for (guint j = 0; j < listeners->len; j++) {
            const QemuHolding *listener = listeners->pdata[j];
            if (listener->path)
                g_string_append_printf(text, "%s;", listener->path);
            else
                g_string_append_printf(text, "%s %u,", listener->host, (unsigned)listener->port);
        }
    }
    return g_string_free(text, FALSE);
}

static void
what_a_target_opens_itself_is_shared_in_turns(void **state)
{
    (void)state;
    static const struct {
        const char *line, *code, *turns; /* NULL: refused */
    } cases[] = {
        {"-vnc 127.0.0.1:50,websocket=on", "display-vnc-websocket", "127.0.0.1 5950,127.0.0.1 5750,"},
        {"-vnc 127.0.0.1:50,websocket=5750", "display-vnc-websocket", "127.0.0.1 5950,127.0.0.1 5750,"},
        {"-vnc :51,websocket=192.0.2.1:5751", "display-vnc-websocket", "0.0.0.0 5951,:: 5951,192.0.2.1 5751,"},
        {"-vnc 127.0.0.1:50,websocket=192.0.2.1:5751", "display-vnc-websocket", "127.0.0.1 5950,192.0.2.1 5751,"},
        {"-vnc :51,websocket=on", "display-vnc-websocket", NULL},
        {"-vnc 127.0.0.1:50,websocket=5751", "display-vnc-websocket", NULL},
        {"-vnc 127.0.0.1:50,websocket=off", "display-vnc-websocket", NULL},
        {"-vnc 127.0.0.1:49,websocket=5750", "display-vnc-websocket", NULL},
        {"-vnc [::1]:52,websocket=5750", "display-vnc-websocket", NULL}, /* it rests: nobody has let it listen again */
        {"-vnc unix:/run/a,,b,websocket=127.0.0.1:5750", "display-vnc-websocket", "/run/a,b;127.0.0.1 5750,"},
        {"-vnc unix:/run/a,,b,websocket=5960", "display-vnc-websocket", "/run/a,b;0.0.0.0 5960,"},
        {"-vnc unix:/run/a,,b,websocket=on", "display-vnc-websocket", NULL}, /* nor does QEMU take it */
        {"-vnc 127.0.0.1:50 -vnc :51", "display-vnc-several", "127.0.0.1 5950,0.0.0.0 5951,:: 5951,"},
        {"-vnc unix:/run/a,,b -vnc 127.0.0.1:50", "display-vnc-several", "/run/a,b;127.0.0.1 5950,"},
        {"-vnc unix:c -vnc 127.0.0.1:50", "display-vnc-several", NULL},
        {"-vnc unix:/run/d -vnc 127.0.0.1:50", "display-vnc-several", NULL},
        {"-spice port=5960,tls-port=5961,disable-ticketing=on", "display-spice", "0.0.0.0 5960,0.0.0.0 5961,"},
        {"-spice addr=127.0.0.1,port=5950,tls-port=0,disable-ticketing=on", "display-spice", "127.0.0.1 5950,"},
        {"-spice unix=on,addr=/run/a,,b,disable-ticketing=on", "display-spice", "/run/a,b;"},
        {"-spice unix=on,addr=c,disable-ticketing=on", "display-spice", NULL},
        {"-spice unix=on,addr=/run/d,disable-ticketing=on", "display-spice", NULL},
        {"-spice addr=127.0.0.1,port=5960,disable-ticketing=on", "display-spice", NULL},
        {"-spice port=5960,tls-port=5962,disable-ticketing=on", "display-spice", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autofree char *turns = dup_turns(plan);
        if (!has_words(plan, cases[i].line))
            fail_msg("“%s” was changed", cases[i].line);
        if (cases[i].turns && strcmp(turns, cases[i].turns) != 0)
            fail_msg("“%s”: %s", cases[i].line, turns);
        fixture_assert_finding(plan, cases[i].code, cases[i].turns ? QEMU_FINDING_OK : QEMU_FINDING_BLOCK);
    }
}

static void
queues_of_taps_are_handed_over(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned first, n;
        const char *expected; /* %d, %e: the descriptors in the target */
    } cases[] = {
        {"-netdev tap,id=n,ifname=one,script=/x,downscript=no", 40, 1, "-netdev tap,id=n,fd=%d"},
        {"-netdev tap,id=n,ifname=two,queues=2,script=no,vnet_hdr=on", 41, 2, "-netdev tap,id=n,fds=%d:%e"},
        {"-netdev tap,id=n,fds=41:42", 41, 2, "-netdev tap,id=n,fds=41:42"},
        {"-netdev tap,id=n,fd=40", 40, 1, "-netdev tap,id=n,fd=40"},
        {"-netdev tap,id=n,fd=45", 45, 1, "-netdev tap,id=n,fd=45"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autoptr(GString) expected = g_string_new(cases[i].expected);
        g_autofree char *first = g_strdup_printf("%d", handed_as(plan, cases[i].first));
        g_autofree char *last = g_strdup_printf("%d", handed_as(plan, cases[i].first + cases[i].n - 1));
        g_string_replace(expected, "%d", first, 0);
        g_string_replace(expected, "%e", last, 0);
        if (!has_words(plan, expected->str)) {
            g_autofree char *line = g_strjoinv(" ", plan->argv);
            fail_msg("“%s” became “%s”", cases[i].line, line);
        }
        assert_null(qemu_findings_get_block(plan->findings));
        assert_int_equal(plan->shares_queues, cases[i].n > 1);
        if (cases[i].n > 1)
            fixture_assert_finding(plan, "net-tap-queues", QEMU_FINDING_OK);
    }
}

/* All but the first are made anew. */
static void
queues_of_taps_are_made(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned first;
        QemuVersion running;
        bool are_made;
    } cases[] = {
        {"-netdev tap,id=n,ifname=idle,queues=2 -device virtio-net-pci,netdev=n,mq=on", 43, {7, 2, 0}, true},
        {"-netdev tap,id=n,ifname=two,queues=2 -device virtio-net-pci,netdev=n,mq=on,rss=off", 41, {7, 2, 0}, true},
        {"-netdev tap,id=n,fds=43:44 -device virtio-net-pci,netdev=n", 43, {7, 2, 0}, true},
        {"-netdev tap,id=n,fds=41:42 -device virtio-net-pci,netdev=n,rss=on", 41, {7, 2, 0}, false},
        {"-netdev tap,id=n,fds=41:42 -device virtio-net-pci,netdev=n,rss=auto", 41, {7, 2, 0}, false},
        {"-netdev tap,id=n,fds=41:42 -device virtio-net-pci,netdev=n -global virtio-net-pci.rss=on", 41, {7, 2, 0}, false},
        /* One that says nothing may do it, from this version on. */
        {"-netdev tap,id=n,fds=41:42 -device virtio-net-pci,netdev=n", 41, {10, 1, 0}, false},
        {"-netdev tap,id=n,fds=41:42 -device virtio-net-pci,netdev=n,rss=off", 41, {10, 1, 0}, true},
        /* A macvtap takes no program. */
        {"-netdev tap,id=n,fds=45:46 -device virtio-net-pci,netdev=n", 45, {7, 2, 0}, false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target_with("7.2", cases[i].line, cases[i].running, true);
        int made = passed_as(plan, QEMU_PLAN_FD_QUEUE, cases[i].first + 1), handed = handed_as(plan, cases[i].first + 1);
        assert_true(handed_as(plan, cases[i].first) > 4);
        if ((made > 4) != cases[i].are_made || (handed > 4) == cases[i].are_made)
            fail_msg("“%s”: %d made, %d handed over", cases[i].line, made, handed);
        assert_int_equal(plan->shares_queues, !cases[i].are_made);
        assert_null(qemu_findings_get_block(plan->findings));
        fixture_assert_finding(plan, "net-tap-queues", QEMU_FINDING_OK);
    }
}

static void
queues_that_cannot_be_made_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"-netdev tap,id=n,ifname=odd,queues=2",
                                        "-netdev tap,id=n,fds=43:44 -device virtio-net-pci,netdev=n,rss=on"};

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(QemuPlan) plan = plan_target_with("7.2", lines[i], (QemuVersion){7, 2, 0}, true);
        fixture_assert_finding(plan, "net-tap-queues", QEMU_FINDING_BLOCK);
    }
}

static void
default_script_is_missed_too(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool has_default, is_told;
    } cases[] = {
        {"-netdev tap,id=n,ifname=one", true, true},
        {"-netdev tap,id=n,ifname=one", false, false},
        {"-netdev tap,id=n,ifname=one,downscript=no", true, false},
        {"-netdev tap,id=n,ifname=one,downscript=/x", false, true},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        has_default_downscript = cases[i].has_default;
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        assert_int_equal(fixture_find(plan, "net-tap-downscript") != NULL, cases[i].is_told);
    }
    has_default_downscript = false;
}

static void
queues_that_nobody_uses_are_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {"-netdev tap,id=n,ifname=idle,queues=2", "-netdev tap,id=n,fds=43:44"};

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", lines[i]);
        fixture_assert_finding(plan, "net-tap-queues", QEMU_FINDING_BLOCK);
    }
    /* Fewer or more than the option asks for: another device. */
    g_autoptr(QemuPlan) fewer = plan_target("7.2", "-netdev tap,id=n,ifname=two,queues=4");
    fixture_assert_finding(fewer, "net-tap", QEMU_FINDING_BLOCK);
}

/* What the target is to have of /dev/vhost-net: "5:6"; "" for none. Owned. */
static char *
dup_vhost_numbers(const QemuPlan *plan)
{
    GString *numbers = g_string_new(NULL);

    for (guint i = 0; i < plan->fds->len; i++) {
        const QemuPlanFd *fd = &g_array_index(plan->fds, QemuPlanFd, i);
        if (fd->kind == QEMU_PLAN_FD_VHOST_NET)
            g_string_append_printf(numbers, "%s%d", numbers->len > 0 ? ":" : "", fd->number);
    }
    return g_string_free(numbers, FALSE);
}

static void
vhost_is_opened_anew_for_each_queue(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned n;
        const char *expected; /* %s: the target's descriptors of /dev/vhost-net */
    } cases[] = {
        {"-netdev tap,id=n,ifname=one,vhost=on", 1, ",vhost=on,fd=6,vhostfd=%s"},
        {"-netdev tap,id=n,ifname=one,vhostforce=on", 1, ",vhostforce=on,fd=6,vhostfd=%s"},
        {"-netdev tap,id=n,fd=40,vhost=on", 1, ",fd=40,vhost=on,vhostfd=%s"},
        {"-netdev tap,id=n,fd=40,vhostfd=50", 1, ",fd=40,vhostfd=50"},
        {"-netdev tap,id=n,fds=41:42,vhost=on", 2, ",fds=41:42,vhost=on,vhostfds=%s"},
        {"-netdev tap,id=n,fds=41:42,vhostfds=50:51", 2, ",fds=41:42,vhostfds=50:51"},
        {"-netdev tap,id=n,ifname=two,queues=2,vhost=on", 2, ",vhostfds=%s"},
        {"-netdev {\"type\":\"tap\",\"id\":\"n\",\"fd\":\"40\",\"vhost\":true,\"vhostfd\":\"50\"}", 1,
         "\"vhostfd\":\"50\""},
        {"-netdev tap,id=n,ifname=one,vhost=off,vhostforce=on", 0, ",vhostforce=on,fd=6"},
        {"-netdev tap,id=n,ifname=one,vhost=off", 0, ",vhost=off,fd=6"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuPlan) plan = plan_target("7.2", cases[i].line);
        g_autofree char *numbers = dup_vhost_numbers(plan);
        g_autoptr(GString) expected = g_string_new(cases[i].expected);
        g_auto(GStrv) parts = g_strsplit(numbers, ":", -1);
        g_string_replace(expected, "%s", numbers, 0);
        if (g_strv_length(parts) != cases[i].n || !has_words(plan, expected->str)) {
            g_autofree char *line = g_strjoinv(" ", plan->argv);
            fail_msg("“%s” became “%s”, with vhost in %s", cases[i].line, line, numbers);
        }
        if (qemu_findings_get_block(plan->findings))
            fail_msg("“%s”: %s", cases[i].line, qemu_findings_get_block(plan->findings)->reason);
        assert_int_equal(fixture_find(plan, "net-vhost") != NULL, cases[i].n > 0);
    }
}

/* A command line alone is no right to a descriptor. */
static void
vhost_that_the_running_qemu_has_not_is_refused(void **state)
{
    (void)state;
    g_autoptr(QemuPlan) unknown = plan_target("7.2", "-netdev tap,id=n,fd=40,vhostfd=60");
    g_autoptr(QemuPlan) other = plan_target("7.2", "-netdev tap,id=n,fd=40,vhostfd=41");
    g_autoptr(QemuPlan) more = plan_target("7.2", "-netdev tap,id=n,ifname=one,vhost=on -netdev tap,id=m,fd=41,vhost=on -netdev tap,id=o,fd=43,vhost=on");
    g_autoptr(QemuPlan) queues = plan_target("7.2", "-netdev tap,id=n,fd=40,vhost=on -netdev tap,id=m,fds=41:42,vhost=on");

    g_autofree char *opened = dup_vhost_numbers(other);
    fixture_assert_finding(unknown, "fd-argument", QEMU_FINDING_BLOCK);
    assert_string_equal(opened, "");
    assert_string_equal(qemu_findings_get_block(more->findings)->code, "net-vhost");
    assert_string_equal(qemu_findings_get_block(queues->findings)->code, "net-vhost");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_are_handed_over_in_all_spellings),
        cmocka_unit_test(one_of_two_addresses_is_handed_over_and_said),
        cmocka_unit_test(connections_are_handed_over_when_they_would_not_come_again),
        cmocka_unit_test(what_is_not_there_or_not_certain_is_refused),
        cmocka_unit_test(standard_output_goes_where_it_went),
        cmocka_unit_test(log_goes_on_as_standard_error),
        cmocka_unit_test(forwarded_ports_are_opened_later),
        cmocka_unit_test(placeholder_is_removed_later),
        cmocka_unit_test(vnc_is_opened_later),
        cmocka_unit_test(vnc_sockets_are_handed_over),
        cmocka_unit_test(viewers_are_connected_to_later),
        cmocka_unit_test(viewers_that_cannot_be_told_are_refused),
        cmocka_unit_test(what_a_target_opens_itself_is_shared_in_turns),
        cmocka_unit_test(queues_of_taps_are_handed_over),
        cmocka_unit_test(default_script_is_missed_too),
        cmocka_unit_test(queues_of_taps_are_made),
        cmocka_unit_test(queues_that_cannot_be_made_are_refused),
        cmocka_unit_test(vhost_is_opened_anew_for_each_queue),
        cmocka_unit_test(vhost_that_the_running_qemu_has_not_is_refused),
        cmocka_unit_test(queues_that_nobody_uses_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
