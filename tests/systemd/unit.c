/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests whose QEMU is the main process of a unit, with a real systemd: it starts them, they are adopted and upgraded, and
 * their unit knows them afterwards as it did before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../crash/scene.h"
#include "container.h"

#define NAME "g"
#define UNIT "g.service"

/* ---- The unit ---- */

typedef struct {
    ContainerManager manager;
    const char *service; /* of the section [Service], with ExecStart=; @QEMU@ is the command */
} Form;

/* clang-format off */
static const Form simple = {CONTAINER_SYSTEM, "ExecStart=@QEMU@\n"};
static const Form notify = {CONTAINER_SYSTEM,
    "Type=notify\nExecStart=/bin/sh -c 'systemd-notify --pid=$$$$ --ready; exec @QEMU@'\n"};
static const Form forking = {CONTAINER_SYSTEM,
    "Type=forking\nPIDFile=@FOLDER@/pid\nExecStart=@QEMU@ -daemonize -pidfile @FOLDER@/pid\n"};
static const Form of_a_user = {CONTAINER_USER, "ExecStart=@QEMU@\n"};
/* clang-format on */

static const HarnessSpec spec = {.machine = "pc-q35-7.2", .ram_mib = 16};

static char *
replace(const char *text, const char *what, const char *with)
{
    g_auto(GStrv) parts = g_strsplit(text, what, -1);

    return g_strjoinv(with, parts);
}

static char *
path_in(const HarnessEngine *engine, const char *name)
{
    return g_build_filename(engine->folder, name, NULL);
}

/* A unit may have a /tmp of its own, and this checkout may be in the other one: the disk lies with the engine. */
static char *
copy_disk(const HarnessEngine *engine)
{
    char *path = path_in(engine, "disk.raw");
    g_autofree char *contents = NULL;
    gsize size = 0;

    assert_true(g_file_get_contents(harness_tiny_image(), &contents, &size, NULL));
    assert_true(g_file_set_contents(path, contents, (gssize)size, NULL));
    assert_int_equal(chmod(path, 0644), 0);
    return path;
}

static char *
make_command(const HarnessEngine *engine)
{
    g_autofree char *disk = copy_disk(engine);

    return g_strdup_printf("%s -nodefaults -accel tcg -display none -m 16M "
                           "-machine pc-q35-7.2,memory-backend=mem0 "
                           "-object memory-backend-file,id=mem0,size=16M,mem-path=%s/ram,share=on "
                           "-qmp unix:%s/qmp.sock,server=on,wait=off "
                           "-device virtio-blk-pci,drive=boot -drive if=none,id=boot,format=raw,readonly=on,file=%s",
                           harness_build(BUILD_INSTALLED), engine->folder, engine->folder, disk);
}

static void
write_unit(const HarnessEngine *engine, const Form *form, const char *more)
{
    g_autofree char *command = make_command(engine), *service = replace(form->service, "@QEMU@", command);
    g_autofree char *placed = replace(service, "@FOLDER@", engine->folder);
    g_autofree char *text =
        g_strdup_printf("[Unit]\nDefaultDependencies=no\n[Service]\nEnvironment=MOULT_RUNTIME_DIR=%s\n%s%s",
                        engine->runtime, more ? more : "", placed);

    container_write_unit(form->manager, UNIT, text);
}

static void
await_monitor(const HarnessEngine *engine)
{
    g_autofree char *path = path_in(engine, "qmp.sock");

    for (int i = 0; i < 6000 && access(path, F_OK) < 0; i++)
        g_usleep(10000);
    assert_int_equal(access(path, F_OK), 0);
}

static void
expect_property(const Form *form, const char *property, const char *value)
{
    g_autofree char *found = container_dup_property(form->manager, UNIT, property);

    if (!g_str_equal(found, value))
        fail_msg("%s is %s, not %s", property, found, value);
}

/* Its unit is as it was, and knows the guest's QEMU. */
static void
expect_unit(const Form *form, const HarnessGuest *guest)
{
    expect_property(form, "ActiveState", "active");
    expect_property(form, "SubState", "running");
    expect_property(form, "DropInPaths", "");
    expect_property(form, "NotifyAccess", form == &notify ? "main" : "none");
    expect_property(form, "NRestarts", "0");
    assert_int_equal(container_get_main_pid(form->manager, UNIT), guest->pid);
    assert_false(g_file_test("/run/systemd/system/" UNIT ".d", G_FILE_TEST_EXISTS));
    assert_false(g_file_test("/run/user/0/systemd/user/" UNIT ".d", G_FILE_TEST_EXISTS));
}

static void
expect_pidfile(const HarnessGuest *guest)
{
    g_autofree char *path = path_in(guest->engine, "pid"), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_int_equal(atoi(text), guest->pid);
}

static pid_t
start_unit(HarnessEngine *engine, const Form *form, const char *more)
{
    write_unit(engine, form, more);
    container_systemctl(form->manager, "start", UNIT);
    await_monitor(engine);
    return container_get_main_pid(form->manager, UNIT);
}

static HarnessReply *
adopt(HarnessEngine *engine, pid_t pid)
{
    g_autofree char *number = g_strdup_printf("%d", pid);

    return moult(engine, "adopt", NAME, "--pid", number, "--json", NULL);
}

static HarnessGuest *
adopt_and_await(HarnessEngine *engine, pid_t pid)
{
    g_autoptr(HarnessReply) reply = adopt(engine, pid);

    assert_status(reply, EXIT_DONE);
    HarnessGuest *guest = harness_guest_new(engine, NAME, &spec);
    harness_guest_await(guest);
    assert_int_equal(guest->pid, pid);
    return guest;
}

static void
stop_unit(const Form *form, HarnessGuest *guest)
{
    container_systemctl(form->manager, "stop", UNIT);
    expect_property(form, "ActiveState", "inactive");
    expect_property(form, "Result", "success");
    harness_guest_await_gone(guest);
}

static void
expect_rows(HarnessEngine *engine, const char *rows)
{
    g_autoptr(HarnessReply) check = moult(engine, "check", NAME, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_rows(check, rows);
}

/* ---- Each type ---- */

/* Before anybody has adopted it. */
static void
expect_listed(HarnessEngine *engine, pid_t pid)
{
    g_autoptr(HarnessReply) reply = moult(engine, "list", "--all", "--json", NULL);
    json_object *guests = qmp_json_get_array(reply->output, "guests");

    assert_status(reply, EXIT_DONE);
    for (size_t i = 0; i < json_object_array_length(guests); i++) {
        json_object *row = json_object_array_get_idx(guests, i);
        gint64 found = 0;
        if (!qmp_json_get_int64(row, "pid", &found) || found != pid)
            continue;
        assert_string_equal(qmp_json_get_string(row, "owner"), "systemd:" UNIT);
        assert_null(qmp_json_get_string(row, "code"));
        assert_string_equal(qmp_json_get_string(row, "method"), "shared");
        return;
    }
    fail_msg("%d is not in: %s", pid, reply->text);
}

/* Where PID is in each hierarchy: of version 1 there is one for each controller. Owned. */
static char *
dup_groups(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/cgroup", pid);
    char *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    assert_non_null(strstr(text, "/" UNIT "\n"));
    return text;
}

static void
expect_groups(const HarnessGuest *guest, const char *expected)
{
    g_autofree char *found = dup_groups(guest->pid);

    assert_string_equal(found, expected);
}

static void
go_through(const Form *form)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = start_unit(engine, form, NULL);

    expect_listed(engine, pid);
    HarnessGuest *guest = adopt_and_await(engine, pid);
    g_autofree char *groups = dup_groups(pid);
    /* A user's manager has no controllers there. */
    bool is_charged = container_has_version_1() && form->manager == CONTAINER_SYSTEM;

    assert_int_equal(strstr(groups, ":memory:/system.slice/" UNIT "\n") != NULL, is_charged);

    expect_rows(engine, "OK unit-main");
    expect_unit(form, guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_unit(form, guest);
    expect_groups(guest, groups);
    if (form == &forking)
        expect_pidfile(guest);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    expect_unit(form, guest);
    expect_groups(guest, groups);
    stop_unit(form, guest);
    harness_engine_finish(engine);
}

static void
simple_unit_goes_on(void **state G_GNUC_UNUSED)
{
    go_through(&simple);
}

static void
notify_unit_goes_on(void **state G_GNUC_UNUSED)
{
    go_through(&notify);
}

static void
forking_unit_goes_on(void **state G_GNUC_UNUSED)
{
    go_through(&forking);
}

static void
unit_of_a_user_goes_on(void **state G_GNUC_UNUSED)
{
    go_through(&of_a_user);
}

/* ---- Its end ---- */

/* The guest powers off, or its QEMU is killed: the unit ends with it, as it would have before. */
static void
end_of_the_guest_ends_its_unit(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = adopt_and_await(engine, start_unit(engine, &simple, "Restart=on-failure\n"));

    expect_rows(engine, "OK unit-main,WARN unit-restart");
    harness_guest_upgrade(guest, BUILD_SECOND);
    assert_int_equal(kill(guest->pid, SIGTERM), 0);
    container_await_property(CONTAINER_SYSTEM, UNIT, "ActiveState", "inactive");
    harness_guest_await_gone(guest);
    harness_engine_finish(engine);
}

/* ---- On the way back ---- */

static void
roll_back_leaves_the_unit_as_it_was(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = adopt_and_await(engine, start_unit(engine, &simple, NULL));

    harness_guest_upgrade(guest, BUILD_INSTALLED);
    g_setenv("MOULT_CRASH_FAIL", "perform.stop", TRUE);
    harness_engine_stop(engine);
    harness_engine_start(engine, NULL);
    g_unsetenv("MOULT_CRASH_FAIL");
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", NAME, "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "crash-point", NULL);
    harness_guest_check_untouched(guest);
    expect_unit(&simple, guest);
    harness_engine_stop(engine);
    harness_engine_start(engine, NULL);
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_unit(&simple, guest);
    stop_unit(&simple, guest);
    harness_engine_finish(engine);
}

static Scene *
make_scene(const Form *form)
{
    Scene *scene = g_new0(Scene, 1);

    scene->engine = harness_engine_new(NULL);
    scene->engine->may_warn = true;
    scene->spec = &spec;
    scene->guest = adopt_and_await(scene->engine, start_unit(scene->engine, form, NULL));
    harness_guest_upgrade(scene->guest, BUILD_SECOND);
    scene->build = BUILD_SECOND;
    return scene;
}

/*
 * All the way back: the target is the unit's main process, was never let run (--paused), and the step that ends the old one
 * fails. The unit has its old main process again before the target is ended, which would be the end of both.
 */
static void
main_process_comes_back(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_scene(&simple);
    HarnessGuest *guest = scene->guest;

    Program *upgrade = scene_begin_at(scene, "confirm.unit:after", "--paused");
    pid_t target = scene_find_target(scene);
    assert_int_equal(container_get_main_pid(CONTAINER_SYSTEM, UNIT), target);
    assert_true(scene_kill(scene, target));
    scene_continue_engine(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "target-ended", NULL);
    harness_guest_check_untouched(guest);
    expect_unit(&simple, guest);
    stop_unit(&simple, guest);
    harness_engine_finish(scene->engine);
    g_free(scene);
}

/* The same, and the engine dies on that way: before the unit has its old main process again, and after. */
static void
engine_killed_as_the_main_process_comes_back(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {"confirm.unit:undo", "confirm.unit:undone", NULL};
    Scene *scene = make_scene(&simple);

    for (const char *const *point = points; *point; point++) {
        scene_crash_on_the_way_back(scene, *point);
        expect_property(&simple, "ActiveState", "active");
        scene_start_engine(scene, NULL);
        scene_check(scene, SCENE_OLD, *point);
        expect_unit(&simple, scene->guest);
    }
    stop_unit(&simple, scene->guest);
    harness_engine_finish(scene->engine);
    g_free(scene);
}

/* A QEMU that is not in the unit would not be taken for its main process: noticed before the guest is handed over. */
static void
target_outside_of_the_unit_is_not_used(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = adopt_and_await(engine, start_unit(engine, &simple, NULL));

    harness_guest_upgrade(guest, BUILD_SECOND);
    const char *leaver = harness_script(engine, "leaves", "echo 0 >/sys/fs/cgroup/tests/cgroup.procs\nexec %s \"$@\"\n",
                                        harness_build(BUILD_INSTALLED));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", NAME, "--to", leaver, "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "unit-foreign", NULL);
    harness_guest_check_untouched(guest);
    expect_unit(&simple, guest);
    stop_unit(&simple, guest);
    harness_engine_finish(engine);
}

/* ---- What is left alone ---- */

static void
expect_refusal(const Form *form, const char *code)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *pid_path = path_in(engine, "qemu.pid"), *text = NULL;

    start_unit(engine, form, NULL);
    assert_true(g_file_get_contents(pid_path, &text, NULL, NULL));
    g_autoptr(HarnessReply) reply = adopt(engine, atoi(text));
    assert_refusal(reply, EXIT_REFUSED, code, UNIT);
    container_systemctl(form->manager, "stop", UNIT);
    harness_engine_finish(engine);
}

static void
main_process_that_waits_for_it_is_refused(void **state G_GNUC_UNUSED)
{
    static const Form wrapper = {CONTAINER_SYSTEM, "ExecStart=/bin/sh -c '@QEMU@ -pidfile @FOLDER@/qemu.pid; true'\n"};

    expect_refusal(&wrapper, "unit-main-other");
}

/* A script that has started it, and a unit that stays active without a process. */
static void
unit_without_a_main_process_does_not_mind(void **state G_GNUC_UNUSED)
{
    static const Form oneshot = {CONTAINER_SYSTEM,
                                 "Type=oneshot\nRemainAfterExit=yes\n"
                                 "ExecStart=@QEMU@ -daemonize -pidfile @FOLDER@/qemu.pid\n"};
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autofree char *pid_path = path_in(engine, "qemu.pid"), *text = NULL;

    assert_int_equal(start_unit(engine, &oneshot, NULL), 0);
    assert_true(g_file_get_contents(pid_path, &text, NULL, NULL));
    HarnessGuest *guest = adopt_and_await(engine, atoi(text));
    expect_rows(engine, "OK unit-member");
    harness_guest_upgrade(guest, BUILD_SECOND);
    expect_property(&oneshot, "ActiveState", "active");
    expect_property(&oneshot, "SubState", "exited");
    stop_unit(&oneshot, guest);
    harness_engine_finish(engine);
}

static void
expect_refusal_of_confined(const char *service, const char *code)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    const Form form = {CONTAINER_SYSTEM, service};

    g_autoptr(HarnessReply) reply = adopt(engine, start_unit(engine, &form, NULL));
    assert_refusal(reply, EXIT_REFUSED, code, NULL);
    container_systemctl(form.manager, "stop", UNIT);
    harness_engine_finish(engine);
}

static void
system_call_filter_of_the_unit_is_refused(void **state G_GNUC_UNUSED)
{
    expect_refusal_of_confined("SystemCallFilter=~reboot\nExecStart=@QEMU@\n", "process-seccomp");
}

static void
unit_that_does_not_see_the_engine_is_refused(void **state G_GNUC_UNUSED)
{
    expect_refusal_of_confined("ReadOnlyPaths=@FOLDER@/run\nExecStart=@QEMU@\n", "mounts-runtime");
}

/* A manager of machines waits for the end of those it has put there. */
static void
unit_among_the_machines_is_refused(void **state G_GNUC_UNUSED)
{
    expect_refusal_of_confined("Slice=machine.slice\nExecStart=@QEMU@\n", "owner-machine");
}

/* Its start is not over: nobody can say yet what its main process will be. */
static void
unit_that_is_yet_to_be_active_is_refused(void **state G_GNUC_UNUSED)
{
    static const Form silent = {CONTAINER_SYSTEM, "Type=notify\nExecStart=@QEMU@\n"};
    HarnessEngine *engine = harness_engine_new(NULL);

    write_unit(engine, &silent, NULL);
    container_systemctl_begin(silent.manager, "start", UNIT);
    await_monitor(engine);
    g_autoptr(HarnessReply) reply = adopt(engine, container_get_main_pid(silent.manager, UNIT));
    assert_refusal(reply, EXIT_REFUSED, "unit-state", "activating");
    container_systemctl(silent.manager, "stop", UNIT);
    harness_engine_finish(engine);
}

#define USER_SOCKET "/run/user/0/systemd/private"

static void
manager_that_cannot_be_asked_is_refused(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = start_unit(engine, &of_a_user, NULL);

    assert_int_equal(rename(USER_SOCKET, USER_SOCKET ".away"), 0);
    g_autoptr(HarnessReply) reply = adopt(engine, pid);
    assert_int_equal(rename(USER_SOCKET ".away", USER_SOCKET), 0);
    assert_refusal(reply, EXIT_REFUSED, "unit-manager", USER_SOCKET);
    HarnessGuest *guest = adopt_and_await(engine, pid);
    stop_unit(&of_a_user, guest);
    harness_engine_finish(engine);
}

static void
binary_that_the_unit_does_not_see_is_refused(void **state G_GNUC_UNUSED)
{
    g_autofree char *real = realpath(harness_build(BUILD_SECOND), NULL);
    g_autofree char *hidden = g_strdup_printf("InaccessiblePaths=%s\n", real);
    HarnessEngine *engine = harness_engine_new(NULL);
    HarnessGuest *guest = adopt_and_await(engine, start_unit(engine, &simple, hidden));

    expect_rows(engine, "BLOCK mounts-binary");
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", NAME, "--to", real, "--json", NULL);
    assert_outcome(reply, EXIT_REFUSED, "refused", "mounts-binary", real);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    stop_unit(&simple, guest);
    harness_engine_finish(engine);
}

/* ---- What the unit's manager does not take ---- */

#define DROPINS "/run/systemd/system/" UNIT ".d"

/* A file where the folder of its drop-ins would be. */
static void
put_obstacle(void)
{
    assert_true(g_file_set_contents(DROPINS, "", 0, NULL));
}

static void
remove_obstacle(void)
{
    assert_int_equal(unlink(DROPINS), 0);
}

/* It cannot be told to listen: the guest stays where it is. */
static void
expect_roll_back(HarnessGuest *guest)
{
    put_obstacle();
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", NAME, "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "unit-notify", UNIT);
    harness_guest_check_untouched(guest);
    remove_obstacle();
    expect_unit(&simple, guest);
}

/* It no longer listens once the target has the guest: systemd would end it with the old main process, which is kept. */
static void
manager_that_does_not_take_the_new_main_process(void **state G_GNUC_UNUSED)
{
    Scene *scene = make_scene(&simple);

    expect_roll_back(scene->guest);
    Program *upgrade = scene_begin_at(scene, "confirm.unit:before", NULL);
    assert_int_equal(unlink(DROPINS "/zzzz-moult.conf"), 0);
    assert_int_equal(rmdir(DROPINS), 0);
    container_systemctl(CONTAINER_SYSTEM, "daemon-reload", NULL);
    put_obstacle();
    g_autoptr(HarnessReply) reply = scene_go_on(scene, upgrade);
    assert_outcome(reply, EXIT_OPERATOR, "needs-operator", "unit-main-left", UNIT);
    assert_int_equal(container_get_main_pid(CONTAINER_SYSTEM, UNIT), scene->guest->pid);
    remove_obstacle();
    scene_start_engine(scene, NULL);
    scene_check(scene, SCENE_NEW, "told in the end");
    expect_unit(&simple, scene->guest);
    stop_unit(&simple, scene->guest);
    harness_engine_finish(scene->engine);
    g_free(scene);
}

/* ---- What a unit gives its processes ---- */

/* The lines of /proc/PID/status that a unit has a say in. */
static char *
dup_confinement(pid_t pid)
{
    static const char *const keys[] = {"Umask:", "Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:",
                                       "NoNewPrivs:", "Seccomp:", NULL};
    g_autofree char *path = g_strdup_printf("/proc/%d/status", pid), *text = NULL;
    GString *kept = g_string_new(NULL);

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        for (const char *const *key = keys; *key; key++)
            if (g_str_has_prefix(*line, *key))
                g_string_append_printf(kept, "%s\n", *line);
    static const char *const links[] = {"ns/mnt", "ns/net", "ns/ipc", "ns/uts", "ns/user", "cwd", NULL};
    for (const char *const *link = links; *link; link++) {
        g_autofree char *link_path = g_strdup_printf("/proc/%d/%s", pid, *link), *target = g_file_read_link(link_path, NULL);
        g_string_append_printf(kept, "%s %s\n", *link, target);
    }
    static const char *const files[] = {"cgroup", "oom_score_adj", "limits", NULL};
    for (const char *const *file = files; *file; file++) {
        g_autofree char *file_path = g_strdup_printf("/proc/%d/%s", pid, *file), *content = NULL;
        assert_true(g_file_get_contents(file_path, &content, NULL, NULL));
        g_string_append(kept, content);
    }
    g_string_append_printf(kept, "nice %d\n", getpriority(PRIO_PROCESS, (id_t)pid));
    return g_string_free(kept, FALSE);
}

static char *
read_variable(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/environ", pid), *text = NULL;
    gsize length = 0;

    assert_true(g_file_get_contents(path, &text, &length, NULL));
    for (const char *at = text; at < text + length; at += strlen(at) + 1)
        if (g_str_has_prefix(at, name))
            return g_strdup(at);
    return NULL;
}

static void
confinement_of_the_unit_stays(void **state G_GNUC_UNUSED)
{
    static const Form form = {
        CONTAINER_SYSTEM,
        "User=nobody\nGroup=nogroup\nSupplementaryGroups=daemon\nUMask=0027\nWorkingDirectory=/usr\nEnvironment=COLOUR=green\n"
        "AmbientCapabilities=CAP_NET_ADMIN\nCapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\nNoNewPrivileges=yes\n"
        "PrivateTmp=yes\nPrivateNetwork=yes\nPrivateIPC=yes\nNice=3\nOOMScoreAdjust=200\nLimitCORE=4096\n"
        "ExecStart=@QEMU@\n"};
    HarnessEngine *engine = harness_engine_new(NULL);

    assert_int_equal(chmod(engine->folder, 01777), 0); /* for its socket and its memory */
    HarnessGuest *guest = adopt_and_await(engine, start_unit(engine, &form, NULL));
    g_autofree char *before = dup_confinement(guest->pid);
    harness_guest_upgrade(guest, BUILD_INSTALLED);
    g_autofree char *after = dup_confinement(guest->pid), *colour = read_variable(guest->pid, "COLOUR=");
    if (!g_str_equal(before, after))
        fail_msg("before:\n%safter:\n%s", before, after);
    assert_string_equal(colour, "COLOUR=green");
    expect_unit(&form, guest);
    stop_unit(&form, guest);
    harness_engine_finish(engine);
}

/* ---- The engine dies ---- */

static void
kill_engine_at(Scene *scene, const char *point, const char *failing)
{
    scene_start_engine(scene, "MOULT_CRASH_POINT", point, "MOULT_CRASH_FAIL", failing ? failing : "", NULL);
    Program *upgrade = scene_start_upgrade(scene, NULL);
    scene_await_crash(scene);
    g_autoptr(HarnessReply) reply = moult_finish(upgrade);
    expect_property(&simple, "ActiveState", "active");
    scene_start_engine(scene, NULL);
    scene_check(scene, failing || g_str_has_prefix(point, "prepare") ? SCENE_OLD : SCENE_NEW, point);
    expect_unit(&simple, scene->guest);
}

static void
engine_killed_at_every_step_of_the_unit(void **state G_GNUC_UNUSED)
{
    static const char *const points[] = {"prepare.unit:after", "confirm.unit:before", "confirm.unit:after",
                                         "confirm.unit-close:before", NULL};
    Scene *scene = make_scene(&simple);

    for (const char *const *point = points; *point; point++)
        kill_engine_at(scene, *point, NULL);
    kill_engine_at(scene, "prepare.unit:undo", "perform.stop");
    stop_unit(&simple, scene->guest);
    harness_engine_finish(scene->engine);
    g_free(scene);
}

static int
run(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(simple_unit_goes_on),
        HARNESS_TEST(notify_unit_goes_on),
        HARNESS_TEST(forking_unit_goes_on),
        HARNESS_TEST(unit_of_a_user_goes_on),
        HARNESS_TEST(end_of_the_guest_ends_its_unit),
        HARNESS_TEST(roll_back_leaves_the_unit_as_it_was),
        HARNESS_TEST(main_process_comes_back),
        HARNESS_TEST(engine_killed_as_the_main_process_comes_back),
        HARNESS_TEST(target_outside_of_the_unit_is_not_used),
        HARNESS_TEST(main_process_that_waits_for_it_is_refused),
        HARNESS_TEST(unit_without_a_main_process_does_not_mind),
        HARNESS_TEST(system_call_filter_of_the_unit_is_refused),
        HARNESS_TEST(unit_that_does_not_see_the_engine_is_refused),
        HARNESS_TEST(unit_among_the_machines_is_refused),
        HARNESS_TEST(unit_that_is_yet_to_be_active_is_refused),
        HARNESS_TEST(manager_that_cannot_be_asked_is_refused),
        HARNESS_TEST(binary_that_the_unit_does_not_see_is_refused),
        HARNESS_TEST(manager_that_does_not_take_the_new_main_process),
        HARNESS_TEST(confinement_of_the_unit_stays),
        HARNESS_TEST(engine_killed_at_every_step_of_the_unit),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}

int
main(int argc, char **argv)
{
    bool needs_container = argc < 2 || !g_str_equal(argv[1], "--check-names");

    return needs_container ? container_run(run, argc, argv) : run(argc, argv);
}
