/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine as contrib/systemd runs it, and the package manager's hook. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "container.h"
#include "harness-private.h"

#define SERVICE "moultd.service"
#define SOCKET "moultd.socket"
#define UPGRADE "moult-upgrade.service"
#define TIMER "moult-upgrade.timer"

static char *
read_source(const char *name)
{
    g_autofree char *path = g_build_filename(MOULT_SOURCE_DIR, "contrib", name, NULL);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static char *
replace(const char *text, const char *what, const char *with)
{
    g_auto(GStrv) parts = g_strsplit(text, what, -1);

    return g_strjoinv(with, parts);
}

/* A unit of the source, with PROGRAM in the place of PLACE, and MORE behind it: no dependence on what is not in here. */
static void
install(const char *source, const char *unit, const char *place, const char *program, const char *more)
{
    g_autofree char *name = g_build_filename("systemd", source, NULL), *text = read_source(name);
    g_autofree char *placed = replace(text, place, program);
    g_autofree char *whole = g_strdup_printf("%s\n[Unit]\nDefaultDependencies=no\n%s", placed, more);

    container_write_unit(CONTAINER_SYSTEM, unit, whole);
}

static void
install_all(const HarnessEngine *engine)
{
    g_auto(GStrv) environment = harness_environment(engine);
    g_autofree char *variables = g_strjoinv(" ", environment);
    g_autofree char *service = g_strdup_printf("[Service]\nEnvironment=%s\n", variables);
    g_autofree char *socket = g_strdup_printf("[Socket]\nListenStream=\nListenStream=%s/control.sock\n", engine->runtime);

    install("moultd.service.in", SERVICE, "@sbindir@/moultd", HARNESS_MOULTD, service);
    install("moultd.socket", SOCKET, "@", "@", socket);
    install("moult-upgrade.service.in", UPGRADE, "@bindir@/moult", HARNESS_MOULT, service);
    install("moult-upgrade.timer", TIMER, "@", "@", "");
}

static void
expect_property(const char *unit, const char *property, const char *value)
{
    g_autofree char *found = container_dup_property(CONTAINER_SYSTEM, unit, property);

    assert_string_equal(found, value);
}

/* systemd's own opinion of the files. */
static void
units_are_correct(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_prepare();
    const char *argv[] = {"systemd-analyze", "verify", "--man=no", SERVICE, SOCKET, UPGRADE, TIMER, NULL};
    g_autofree char *messages = NULL;
    int status = -1;

    install_all(engine);
    assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, &messages, &status, NULL));
    assert_string_equal(messages, "");
    assert_int_equal(status, 0);
    harness_engine_finish(engine);
}

static void
expect_served(HarnessEngine *engine)
{
    g_autoptr(HarnessReply) reply = moult(engine, "list", "--json", NULL);

    assert_status(reply, EXIT_DONE);
    expect_property(SERVICE, "ActiveState", "active");
}

/* It is started when somebody calls; stopped, restarted and killed, it leaves guests alone. */
static void
guests_outlive_the_service(void **state G_GNUC_UNUSED)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2", .ram_mib = 16};
    HarnessEngine *engine = harness_engine_prepare();

    install_all(engine);
    container_systemctl(CONTAINER_SYSTEM, "start", SOCKET);
    expect_property(SERVICE, "ActiveState", "inactive");
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &spec);
    expect_served(engine);
    container_systemctl(CONTAINER_SYSTEM, "restart", SERVICE);
    expect_served(engine);
    harness_guest_upgrade(guest, BUILD_SECOND);
    pid_t engine_pid = container_get_main_pid(CONTAINER_SYSTEM, SERVICE);
    assert_int_equal(kill(engine_pid, SIGKILL), 0);
    container_await_property(CONTAINER_SYSTEM, SERVICE, "NRestarts", "1");
    container_await_property(CONTAINER_SYSTEM, SERVICE, "ActiveState", "active");
    harness_guest_check(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    container_systemctl(CONTAINER_SYSTEM, "stop", SERVICE);
    harness_guest_check(guest);
    harness_guest_power_off(guest);
    container_systemctl(CONTAINER_SYSTEM, "stop", SERVICE);
    container_systemctl(CONTAINER_SYSTEM, "stop", SOCKET);
    harness_engine_finish(engine);
}

static int
run_hook(const HarnessEngine *engine, const char *path)
{
    g_autofree char *hook = g_build_filename(MOULT_SOURCE_DIR, "contrib/hooks/after-packages", NULL);
    const char *argv[] = {"/bin/sh", hook, NULL};
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "MOULT_CONFIG_DIR", engine->config, TRUE);
    g_autofree char *output = NULL, *messages = NULL;
    int status = -1;

    if (path)
        environment = g_environ_setenv(environment, "PATH", path, TRUE);
    assert_true(g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, &output, &messages, &status, NULL));
    assert_string_equal(output, "");
    assert_string_equal(messages, "");
    return status;
}

static void
hook_starts_the_timer_where_it_is_asked_for(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_prepare();
    g_autofree char *wish = g_build_filename(engine->config, "upgrade-after-packages", NULL);

    install_all(engine);
    assert_int_equal(run_hook(engine, NULL), 0);
    expect_property(TIMER, "ActiveState", "inactive");
    assert_int_equal(g_mkdir_with_parents(engine->config, 0700), 0);
    assert_true(g_file_set_contents(wish, "", 0, NULL));
    assert_int_equal(run_hook(engine, "/nonexistent"), 0); /* a host without systemctl: no failure either */
    expect_property(TIMER, "ActiveState", "inactive");
    assert_int_equal(run_hook(engine, NULL), 0);
    container_await_property(CONTAINER_SYSTEM, TIMER, "ActiveState", "active");
    expect_property(TIMER, "Unit", UPGRADE);
    container_systemctl(CONTAINER_SYSTEM, "stop", TIMER);
    container_systemctl(CONTAINER_SYSTEM, "start", UPGRADE); /* what it comes to, with no guest: nothing to do */
    expect_property(UPGRADE, "Result", "success");
    container_systemctl(CONTAINER_SYSTEM, "stop", SERVICE);
    container_systemctl(CONTAINER_SYSTEM, "stop", SOCKET);
    assert_int_equal(unlink(wish), 0);
    harness_engine_finish(engine);
}

static int
run(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(units_are_correct),
        HARNESS_TEST(guests_outlive_the_service),
        HARNESS_TEST(hook_starts_the_timer_where_it_is_asked_for),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}

int
main(int argc, char **argv)
{
    bool needs_container = argc < 2 || !g_str_equal(argv[1], "--check-names");

    return needs_container ? container_run(run, argc, argv) : run(argc, argv);
}
