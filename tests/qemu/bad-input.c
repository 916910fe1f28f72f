/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked for wrongly: a clear message, the documented exit status, nothing changed, nothing left behind. A guest
 * that has nothing to do with it stands by and must not notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gate.h"
#include "harness.h"

#define LONG_NAME "a123456789b123456789c123456789d123456789e123456789f123456789g1234" /* 65 bytes */

static HarnessEngine *engine;
static HarnessGuest *bystander;

static void
begin(void)
{
    engine = harness_engine_new(NULL);
    bystander = harness_guest_run(engine, "bystander", BUILD_INSTALLED, &harness_tiny);
}

static void
end(void)
{
    harness_guest_check_untouched(bystander);
    harness_guest_upgrade(bystander, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* `moult VERB NAME --json -- ARGV...`, ARGV being a NULL-terminated vector. */
static HarnessReply *
launch(const char *verb, const char *name, const char *const *argv)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new();

    for (const char *const *word = (const char *const[]){verb, "--json", name, "--", NULL}; *word; word++)
        g_ptr_array_add(args, (gpointer)*word);
    for (; *argv; argv++)
        g_ptr_array_add(args, (gpointer)*argv);
    g_ptr_array_add(args, NULL);
    return moult_v(engine, (const char *const *)args->pdata);
}

/* The tiny guest's arguments and MORE (blank-separated, may be null) on the installed build. */
static HarnessReply *
launch_tiny(const char *verb, const char *name, const char *more)
{
    HarnessSpec spec = harness_tiny;

    spec.arguments = more;
    HarnessGuest *guest = harness_guest_new(engine, "unborn", &spec);
    g_auto(GStrv) argv = harness_guest_make_argv(guest, harness_build(BUILD_INSTALLED));
    g_ptr_array_remove(engine->guests, guest);
    return launch(verb, name, (const char *const *)argv);
}

static void
expect_refused_check(const HarnessReply *reply, const char *code)
{
    assert_status(reply, EXIT_REFUSED);
    json_object *check = json_object_array_get_idx(qmp_json_get_array(reply->output, "checks"), 0);
    json_object *rows = qmp_json_get_array(check, "rows");
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        if (g_strcmp0(qmp_json_get_string(json_object_array_get_idx(rows, i), "code"), code) == 0)
            return;
    fail_msg("no row %s: %s", code, reply->text);
}

/* ---- Names ---- */

static void
unknown_guest(void **state)
{
    static const char *const verbs[] = {"show", "stop", "start", "undefine", "release", "resolve", "watch"};

    (void)state;
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        g_autoptr(HarnessReply) reply = moult(engine, verbs[i], "nobody", "--json", NULL);
        assert_refusal(reply, EXIT_REFUSED, "guest-unknown", "'nobody'");
    }
    g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", "nobody", "--json", NULL);
    assert_outcome(upgrade, EXIT_REFUSED, "refused", "guest-unknown", "'nobody'");
    g_autoptr(HarnessReply) check = moult(engine, "check", "nobody", "--json", NULL);
    expect_refused_check(check, "guest-unknown");
    g_autoptr(HarnessReply) job = moult(engine, "cancel", "4711", "--json", NULL);
    assert_int_not_equal(job->status, EXIT_DONE);
    end();
}

static void
one_of_two_is_unknown(void **state)
{
    (void)state;
    begin();
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", "bystander", "nobody", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_status(reply, EXIT_SOME);
    harness_guest_look_up(bystander);
    end();
}

static void
bad_names(void **state)
{
    static const char *const names[] = {"a/b", "..", ".", "", LONG_NAME, "a\nb", "\x1b[31m", "a b", "\xc3\xbc", "\x7f"};

    (void)state;
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autoptr(HarnessReply) run = launch_tiny("run", names[i], NULL);
        assert_refusal(run, EXIT_REFUSED, "name-invalid", "name");
        g_autoptr(HarnessReply) define = launch_tiny("define", names[i], NULL);
        assert_refusal(define, EXIT_REFUSED, "name-invalid", "name");
        g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", "--json", names[i], NULL);
        assert_outcome(upgrade, EXIT_REFUSED, "refused", "name-invalid", "name");
        g_autoptr(HarnessReply) stop = moult(engine, "stop", "--json", names[i], NULL);
        assert_refusal(stop, EXIT_REFUSED, "name-invalid", "name");
        /* What a terminal would obey is not printed. */
        for (const char *c = run->messages; *c; c++)
            assert_true(*c == '\n' || ((unsigned char)*c >= ' ' && *c != '\x7f'));
        harness_engine_check(engine);
    }
    end();
}

static void
name_of_64_bytes_is_good(void **state)
{
    g_autofree char *name = g_strndup(LONG_NAME, 64);

    (void)state;
    begin();
    HarnessGuest *guest = harness_guest_run(engine, name, BUILD_INSTALLED, &harness_tiny);
    harness_guest_upgrade(guest, BUILD_SECOND);
    end();
}

static void
name_taken(void **state)
{
    static const char *const verbs[] = {"run", "define"};

    (void)state;
    begin();
    g_autoptr(HarnessReply) defined = launch_tiny("define", "kept", NULL);
    assert_status(defined, EXIT_DONE);
    for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
        g_autoptr(HarnessReply) running = launch_tiny(verbs[i], "bystander", NULL);
        assert_refusal(running, EXIT_REFUSED, "name-taken", "bystander");
        g_autoptr(HarnessReply) shut_off = launch_tiny(verbs[i], "kept", NULL);
        assert_refusal(shut_off, EXIT_REFUSED, "name-taken", "kept");
    }
    end();
}

static void
uuid_taken(void **state)
{
    static const char uuid[] = "-uuid 11111111-2222-3333-4444-555555555555";

    (void)state;
    begin();
    g_autoptr(HarnessReply) first = launch_tiny("define", "first", uuid);
    assert_status(first, EXIT_DONE);
    g_autoptr(HarnessReply) started = moult(engine, "start", "first", "--json", NULL);
    assert_status(started, EXIT_DONE);
    g_autoptr(HarnessReply) second = launch_tiny("run", "second", uuid);
    assert_refusal(second, EXIT_REFUSED, "name-taken", "11111111-2222-3333-4444-555555555555");
    g_autoptr(HarnessReply) stopped = moult(engine, "stop", "first", "--force", "--json", NULL);
    assert_status(stopped, EXIT_DONE);
    end();
}

static void
edit_definition(const char *name, const char *old, const char *new)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s.json", engine->config, name);
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) parts = g_strsplit(text, old, 2);
    assert_int_equal(g_strv_length(parts), 2);
    g_autofree char *edited = g_strjoinv(new, parts);
    assert_true(g_file_set_contents(path, edited, -1, NULL));
}

static void
definition_edited_by_hand(void **state)
{
    (void)state;
    begin();
    g_autoptr(HarnessReply) one =
        launch_tiny("define", "differs", "-uuid 11111111-2222-3333-4444-555555555555");
    g_autoptr(HarnessReply) two = launch_tiny("define", "broken", NULL);
    assert_true(one->status == EXIT_DONE && two->status == EXIT_DONE);
    harness_engine_stop(engine);
    edit_definition("differs", "11111111-2222", "99999999-2222");
    edit_definition("broken", "{", "[");
    engine->may_warn = true;
    harness_engine_start(engine, NULL);
    g_autoptr(HarnessReply) differs = moult(engine, "start", "differs", "--json", NULL);
    assert_refusal(differs, EXIT_REFUSED, "uuid-differs", "99999999-2222");
    g_autoptr(HarnessReply) broken = moult(engine, "start", "broken", "--json", NULL);
    assert_refusal(broken, EXIT_REFUSED, "guest-unknown", "broken");
    end();
}

/* ---- Binaries ---- */

typedef struct {
    const char *path, *code, *words;
} Binary;

static void
binary_is_no_qemu(void **state)
{
    (void)state;
    begin();
    const char *liar = harness_script(engine, "liar", "echo 'QEMU emulator version 99.0.0'");
    const char *loud = harness_script(engine, "loud", "yes '\033[31mnonsense'");
    const Binary binaries[] = {
        {"/does/not/exist", "binary-missing", "No such file"},
        {"/etc/passwd", "binary-not-executable", "not executable"},
        {"/etc", "binary-not-executable", "/etc"},
        {"/bin/true", "binary-not-qemu", "/bin/true"},
        {"/bin/false", "binary-not-qemu", "/bin/false"},
        {liar, "binary-not-qemu", "liar"},
        {loud, "binary-not-qemu", "loud"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(binaries); i++) {
        const char *path = binaries[i].path;
        g_autoptr(HarnessReply) run = launch("run", "other", (const char *const[]){path, "-m", "16", NULL});
        assert_refusal(run, EXIT_REFUSED, binaries[i].code, binaries[i].words);
        g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", "bystander", "--to", path, "--json", NULL);
        assert_outcome(upgrade, EXIT_REFUSED, "refused", binaries[i].code, binaries[i].words);
        g_autoptr(HarnessReply) check = moult(engine, "check", "bystander", "--to", path, "--json", NULL);
        expect_refused_check(check, binaries[i].code);
        harness_guest_check_untouched(bystander);
    }
    end();
}

static void
binary_hangs(void **state)
{
    (void)state;
    begin();
    const char *hangs = harness_script(engine, "hangs", "exec sleep 1000");
    g_autoptr(HarnessReply) upgrade =
        moult(engine, "upgrade", "bystander", "--to", hangs, "--timeout", "2", "--json", NULL);
    assert_status(upgrade, EXIT_TIMED_OUT);
    harness_guest_check_untouched(bystander);
    g_autoptr(HarnessReply) run = launch("run", "other", (const char *const[]){hangs, "-m", "16", NULL});
    assert_refusal(run, EXIT_REFUSED, "binary-hangs", "hangs");
    end();
}

/* ---- Arguments ---- */

typedef struct {
    const char *arguments;
    int status;
    const char *code, *words;
} Arguments;

static void
arguments_that_are_refused(void **state)
{
    static const Arguments all[] = {
        {"-device nonsense", EXIT_FAILED, "qemu-start", "'nonsense' is not a valid device model name"},
        {"-drive file=/does/not/exist", EXIT_FAILED, "qemu-start", "No such file or directory"},
        {"-machine pc-q35-99.9", EXIT_REFUSED, "machine-unknown", "pc-q35-99.9"},
        {"-nonsense", EXIT_REFUSED, "arguments", "-nonsense"},
        {"-m 16X", EXIT_REFUSED, "arguments", "16X"},
        {"-uuid nonsense", EXIT_REFUSED, "arguments", "nonsense"},
        {"-incoming defer", EXIT_REFUSED, "arguments", "-incoming"},
        {"-readconfig /dev/null", EXIT_REFUSED, "arguments", "-readconfig"},
        {"-chardev null,id=moult-monitor", EXIT_REFUSED, "arguments", "moult-"},
        {"-object memory-backend-ram,id=pc.ram,size=16M", EXIT_REFUSED, "arguments", "pc.ram"},
        {"stray", EXIT_FAILED, "qemu-start", "stray"}, /* an image of a disk, to QEMU */
    };

    (void)state;
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(HarnessReply) reply = launch_tiny("run", "other", all[i].arguments);
        assert_refusal(reply, all[i].status, all[i].code, all[i].words);
        harness_engine_check(engine);
    }
    /* The name is free again. */
    harness_guest_run(engine, "other", BUILD_INSTALLED, &harness_tiny);
    end();
}

static void
usage(void **state)
{
    (void)state;
    begin();
    const char *const lines[][6] = {
        {"upgrade", NULL},
        {"upgrade", "bystander", "--method", "telepathy", NULL},
        {"upgrade", "bystander", "--timeout", "0", NULL},
        {"upgrade", "bystander", "--timeout", "soon", NULL},
        {"upgrade", "bystander", "--parallel", "1000", NULL},
        {"upgrade", "bystander", "--all", NULL},
        {"run", "other", NULL},
        {"run", "other", "--hugepages=3M", "--", "qemu-system-x86_64", NULL},
        {"stop", NULL},
        {"stop", "bystander", "other", NULL},
        {"nonsense", NULL},
        {"list", "--nonsense", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(HarnessReply) reply = moult_v(engine, lines[i]);
        assert_status(reply, EXIT_USAGE);
        assert_true(*reply->messages);
    }
    end();
}

/* ---- At the wrong time ---- */

static void
guest_that_is_shut_off(void **state)
{
    (void)state;
    begin();
    g_autoptr(HarnessReply) defined = launch_tiny("define", "kept", NULL);
    assert_status(defined, EXIT_DONE);
    g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", "kept", "--json", NULL);
    assert_outcome(upgrade, EXIT_REFUSED, "refused", "guest-shut-off", "kept");
    g_autoptr(HarnessReply) stop = moult(engine, "stop", "kept", "--json", NULL);
    assert_refusal(stop, EXIT_REFUSED, "guest-shut-off", "kept");
    g_autoptr(HarnessReply) check = moult(engine, "check", "kept", "--json", NULL);
    expect_refused_check(check, "guest-shut-off");
    g_autoptr(HarnessReply) started = moult(engine, "start", "bystander", "--json", NULL);
    assert_refusal(started, EXIT_REFUSED, "guest-running", "bystander");
    end();
}

static void
second_upgrade_meanwhile(void **state)
{
    (void)state;
    begin();
    g_autoptr(Gate) gate = gate_new(engine, BUILD_SECOND);
    Program *first = moult_start(engine, "upgrade", "bystander", "--to", gate->script, "--json", NULL);
    gate_await(gate);
    g_autoptr(HarnessReply) second =
        moult(engine, "upgrade", "bystander", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(second, EXIT_REFUSED, "refused", "job-running", "upgrade");
    g_autoptr(HarnessReply) stop = moult(engine, "stop", "bystander", "--force", "--json", NULL);
    assert_refusal(stop, EXIT_REFUSED, "job-running", "upgrade");
    g_autoptr(HarnessReply) undefine = moult(engine, "undefine", "bystander", "--json", NULL);
    assert_refusal(undefine, EXIT_REFUSED, "job-running", "upgrade");
    g_autoptr(HarnessReply) run = launch_tiny("run", "bystander", NULL);
    assert_refusal(run, EXIT_REFUSED, "name-taken", "bystander");
    g_autoptr(HarnessReply) show = moult(engine, "show", "bystander", "--json", NULL);
    assert_status(show, EXIT_DONE);
    assert_non_null(strstr(show->text, "\"job\":\"upgrade"));
    harness_guest_check(bystander);
    gate_open(gate);
    g_autoptr(HarnessReply) reply = moult_finish(first);
    harness_guest_take_upgrade(bystander, reply, BUILD_SECOND);
    end();
}

/* ---- What cannot be upgraded ---- */

static void
expect_refused_upgrade(const HarnessSpec *spec, HarnessBuild from, HarnessBuild to, const char *code, const char *words)
{
    HarnessGuest *guest = harness_guest_run(engine, "other", from, spec);
    g_autoptr(HarnessReply) check = moult(engine, "check", "other", "--to", harness_build(to), "--json", NULL);
    expect_refused_check(check, code);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "other", "--to", harness_build(to), "--json", NULL);

    assert_outcome(reply, EXIT_REFUSED, "refused", code, words);
    harness_guest_check_untouched(guest);
}

static void
machine_that_the_target_lacks(void **state)
{
    const HarnessSpec spec = {.machine = "q35", .ram_mib = 16};

    (void)state;
    begin();
    expect_refused_upgrade(&spec, BUILD_SECOND, BUILD_INSTALLED, "machine-unknown", "pc-q35-");
    end();
}

static void
device_that_the_target_lacks(void **state)
{
    const HarnessSpec spec = {.machine = "pc-q35-7.2", .ram_mib = 16,
                              .arguments = "-netdev user,id=n -device igb,netdev=n"};

    (void)state;
    begin();
    expect_refused_upgrade(&spec, BUILD_SECOND, BUILD_INSTALLED, "device-unknown", "igb");
    end();
}

static void
device_that_cannot_migrate(void **state)
{
    const HarnessSpec spec = {.machine = "pc-q35-7.2", .ram_mib = 16,
                              .arguments = "-drive if=none,id=d,format=raw,file=@d.raw@ "
                                           "-device nvme,drive=d,serial=1"};

    (void)state;
    begin();
    expect_refused_upgrade(&spec, BUILD_INSTALLED, BUILD_SECOND, "migration-blocked", "nvme");
    end();
}

static void
memory_that_is_private(void **state)
{
    (void)state;
    begin();
    g_autofree char *more = g_strdup_printf(
        "-machine memory-backend=m0 -object memory-backend-file,id=m0,size=16M,share=off,mem-path=%s/ram", engine->folder);
    g_autoptr(HarnessReply) run = launch_tiny("run", "other", more);
    assert_status(run, EXIT_DONE);
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", "other", "--method", "shared", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_REFUSED, "refused", "ram-not-shared", "m0");
    g_autoptr(HarnessReply) stop = moult(engine, "stop", "other", "--force", "--json", NULL);
    assert_status(stop, EXIT_DONE);
    end();
}

/* ---- Bad clients of the control socket ---- */

static int
connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", engine->runtime);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Until the engine closes. Whatever it answers meanwhile is read away. */
static void
expect_closed(int fd)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;
    char buffer[4096];

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        gint64 left_ms = (deadline_us - g_get_monotonic_time()) / 1000;
        assert_true(left_ms > 0 && poll(&poll_fd, 1, (int)left_ms) > 0);
        if (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) <= 0)
            break;
    }
    close(fd);
}

static void
send_all(int fd, const void *data, size_t size)
{
    assert_true(send(fd, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void
client_sends_garbage(void **state)
{
    static const char *const garbage[] = {
        "GET / HTTP/1.1\r\n\r\n", "\xff\xfe\xfd", "[]", "null", "{}", "{\"method\":1}", "{\"method\":\"io.moult.List\"",
        "{\"method\":\"io.moult.List\",\"more\":\"yes\"}", "{\"method\":\"\\u0000\"}", "}", "\"",
    };

    (void)state;
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(garbage); i++) {
        int fd = connect_raw();
        send_all(fd, garbage[i], strlen(garbage[i]) + 1);
        expect_closed(fd);
    }
    end();
}

static void
call_raw(int fd, const char *call, char *buffer, size_t size)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    send_all(fd, call, strlen(call) + 1);
    assert_int_equal(poll(&poll_fd, 1, HARNESS_STEP_MS), 1);
    ssize_t n = recv(fd, buffer, size, 0);
    assert_true(n > 0 && buffer[n - 1] == '\0');
}

/* What `moult` would not send. */
static void
client_asks_for_what_there_is_not(void **state)
{
    static const struct {
        const char *call, *code;
    } rows[] = {
        {"{\"method\":\"io.moult.Check\",\"parameters\":{\"guests\":[\"bystander\"],\"method\":\"warp\"}}", "method-unknown"},
        {"{\"method\":\"io.moult.Run\",\"parameters\":{\"name\":\"x\",\"binary\":\"true\",\"argv\":[],\"cwd\":\"/\"}}",
         "definition-invalid"},
    };
    char buffer[65536];
    int fd;

    (void)state;
    begin();
    fd = connect_raw();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *code = g_strdup_printf("\"code\":\"%s\"", rows[i].code);
        call_raw(fd, rows[i].call, buffer, sizeof(buffer));
        if (!strstr(buffer, code))
            fail_msg("%s is answered with %s", rows[i].call, buffer);
    }
    close(fd);
    end();
}

/* Well-formed calls that ask for what there is not are answered, not punished. */
static void
client_calls_nonsense(void **state)
{
    static const char *const calls[] = {
        "{\"method\":\"io.moult.Nonsense\"}",
        "{\"method\":\"io.moult.Upgrade\",\"parameters\":{}}",
        "{\"method\":\"io.moult.Upgrade\",\"parameters\":{\"guests\":\"bystander\"}}",
        "{\"method\":\"io.moult.Upgrade\",\"parameters\":{\"guests\":[1]}}",
        "{\"method\":\"io.moult.Upgrade\",\"parameters\":{\"guests\":[\"bystander\"],\"to\":\"relative\"}}",
        "{\"method\":\"io.moult.Upgrade\",\"parameters\":{\"guests\":[\"bystander\"],\"timeout_ms\":-1}}",
        "{\"method\":\"io.moult.Upgrade\",\"parameters\":{\"guests\":[\"bystander\"],\"parallel\":99999999999999999999}}",
        "{\"method\":\"io.moult.Run\",\"parameters\":{\"name\":\"x\"}}",
        "{\"method\":\"io.moult.Run\",\"parameters\":{\"name\":\"x\",\"binary\":\"/bin/true\",\"argv\":[1],\"cwd\":\"/\"}}",
        "{\"method\":\"io.moult.Run\",\"parameters\":{\"name\":\"x\",\"binary\":\"true\",\"argv\":[],\"cwd\":\"/\"}}",
        "{\"method\":\"io.moult.Watch\"}",
        "{\"method\":\"io.moult.Cancel\",\"parameters\":{\"job\":-1}}",
    };
    int fd;

    (void)state;
    begin();
    fd = connect_raw();
    for (size_t i = 0; i < G_N_ELEMENTS(calls); i++) {
        char buffer[65536];
        call_raw(fd, calls[i], buffer, sizeof(buffer));
        if (!strstr(buffer, "\"error\":\"org.varlink.service.") && !strstr(buffer, "\"error\":\"io.moult.Refused\""))
            fail_msg("%s is answered with %s", calls[i], buffer);
    }
    close(fd);
    end();
}

/* Half a message, then silence: others are served meanwhile, and it is thrown out in the end. */
static void
client_sends_half_a_message(void **state)
{
    int silent, leaves;

    (void)state;
    begin();
    silent = connect_raw();
    send_all(silent, "{\"method\":\"io.moult", 19);
    leaves = connect_raw();
    send_all(leaves, "{\"method\":\"io.moult", 19);
    close(leaves);
    harness_guest_upgrade(bystander, BUILD_SECOND);
    expect_closed(silent);
    end();
}

static guint64
peak_memory_kib(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid);
    g_autofree char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    const char *line = strstr(text, "VmHWM:");
    assert_non_null(line);
    return g_ascii_strtoull(line + 6, NULL, 10);
}

static void
client_sends_100_megabytes(void **state)
{
    static char block[1 << 16];
    size_t sent = 0;
    int fd;

    (void)state;
    begin();
    guint64 before_kib = peak_memory_kib(engine->moultd->pid);
    fd = connect_raw();
    memset(block, 'x', sizeof(block));
    send_all(fd, "{\"method\":\"", 11);
    while (sent < 100 << 20) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
        assert_int_equal(poll(&poll_fd, 1, HARNESS_STEP_MS), 1);
        ssize_t n = send(fd, block, sizeof(block), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0)
            break; /* thrown out */
        sent += (size_t)n;
    }
    assert_true(sent < 100 << 20);
    expect_closed(fd);
    assert_true(peak_memory_kib(engine->moultd->pid) < before_kib + 32 * 1024);
    end();
}

/* Many who connect and say nothing, and one who asks and never reads the answers. */
static void
clients_that_do_not_read(void **state)
{
    static const char call[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                               "\"parameters\":{\"interface\":\"io.moult\"}}";
    int fds[200];

    (void)state;
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
        fds[i] = connect_raw();
        for (unsigned n = 0; n < 200; n++)
            if (send(fds[i], call, sizeof(call), MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
                break;
    }
    harness_guest_upgrade(bystander, BUILD_SECOND);
    for (size_t i = 0; i < G_N_ELEMENTS(fds); i++)
        close(fds[i]);
    end();
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(unknown_guest),
        HARNESS_TEST(one_of_two_is_unknown),
        HARNESS_TEST(bad_names),
        HARNESS_TEST(name_of_64_bytes_is_good),
        HARNESS_TEST(name_taken),
        HARNESS_TEST(uuid_taken),
        HARNESS_TEST(definition_edited_by_hand),
        HARNESS_TEST(binary_is_no_qemu),
        HARNESS_TEST(binary_hangs),
        HARNESS_TEST(arguments_that_are_refused),
        HARNESS_TEST(usage),
        HARNESS_TEST(guest_that_is_shut_off),
        HARNESS_TEST(second_upgrade_meanwhile),
        HARNESS_TEST(machine_that_the_target_lacks),
        HARNESS_TEST(device_that_the_target_lacks),
        HARNESS_TEST(device_that_cannot_migrate),
        HARNESS_TEST(memory_that_is_private),
        HARNESS_TEST(client_sends_garbage),
        HARNESS_TEST(client_calls_nonsense),
        HARNESS_TEST(client_asks_for_what_there_is_not),
        HARNESS_TEST(client_sends_half_a_message),
        HARNESS_TEST(client_sends_100_megabytes),
        HARNESS_TEST(clients_that_do_not_read),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
