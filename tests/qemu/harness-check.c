/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must be true of engine and guests whenever nothing is under way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness-private.h"
#include "image-lock.h"
#include "processes.h"

#define POLL_US 10000
/* Far above what a pause takes (tens of ms), also on a node with twenty times more to run than it can. */
#define DOWNTIME_MAX_MS 10000.0
#define DISK_BLOCK_BYTES 4096

/* ---- The engine ---- */

static HarnessReply *
list(HarnessEngine *engine)
{
    HarnessReply *reply = moult(engine, "list", "--all", "--json", NULL);

    assert_status(reply, EXIT_DONE);
    return reply;
}

static gint
compare_names(gconstpointer a, gconstpointer b)
{
    return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* Names in FOLDER, sorted; "" for none, or for no folder. Owned. */
static char *
names_in(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    const char *name;

    while (dir && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **)names->pdata);
}

static void
expect_names(const HarnessEngine *engine, const char *folder_name, GPtrArray *names)
{
    g_autofree char *folder = g_build_filename(engine->runtime, folder_name, NULL);
    g_autofree char *found = names_in(folder);

    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    g_autofree char *wanted = g_strjoinv(" ", (char **)names->pdata);
    if (!g_str_equal(found, wanted))
        fail_msg("in %s there is '%s', expected '%s'", folder, found, wanted);
}

static void
expect_process(const GPtrArray *processes, gint64 id, gint64 pid)
{
    g_autofree char *suffix = g_strdup_printf("/instances/%" G_GINT64_FORMAT, id);
    unsigned n = 0;

    for (guint i = 0; i < processes->len; i++) {
        const Process *process = g_ptr_array_index(processes, i);
        if (process->pid == pid && g_str_has_suffix(process->instance, suffix))
            n++;
    }
    if (n != 1)
        fail_msg("%u processes %d of instance %d", n, (int)pid, (int)id);
}

static void
expect_alias(const HarnessEngine *engine, const char *name, gint64 id)
{
    g_autofree char *path = g_build_filename(engine->runtime, "guests", name, NULL);
    g_autofree char *wanted = g_strdup_printf("../instances/%" G_GINT64_FORMAT, id);
    g_autofree char *target = g_file_read_link(path, NULL);

    assert_non_null(target);
    assert_string_equal(target, wanted);
}

static void
expect_no_job_runs(HarnessEngine *engine)
{
    g_autoptr(HarnessReply) reply = moult(engine, "jobs", "--json", NULL);
    json_object *jobs = qmp_json_get_array(reply->output, "jobs");

    assert_status(reply, EXIT_DONE);
    for (size_t i = 0; i < json_object_array_length(jobs); i++) {
        const char *state = qmp_json_get_string(json_object_array_get_idx(jobs, i), "state");
        assert_string_equal(state, "done");
    }
}

static void
check_guests(HarnessEngine *engine, json_object *guests, const GPtrArray *processes)
{
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < json_object_array_length(guests); i++) {
        json_object *guest = json_object_array_get_idx(guests, i);
        const char *name = qmp_json_get_string(guest, "name");
        gint64 id = 0, pid = 0;
        if (!qmp_json_get_int64(guest, "id", &id))
            continue; /* shut off */
        assert_true(qmp_json_get_int64(guest, "pid", &pid));
        expect_process(processes, id, pid);
        expect_alias(engine, name, id);
        g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_add(ids, g_strdup_printf("%" G_GINT64_FORMAT, id));
    }
    if (processes->len != ids->len)
        fail_msg("%u QEMUs for %u running guests", processes->len, ids->len);
    expect_names(engine, "instances", ids);
    expect_names(engine, "guests", names);
}

void
harness_engine_check(HarnessEngine *engine)
{
    g_autoptr(HarnessReply) reply = list(engine);
    g_autoptr(GPtrArray) processes = processes_find(engine->folder);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    json_object *guests = qmp_json_get_array(reply->output, "guests");

    assert_non_null(guests);
    check_guests(engine, guests, processes);
    expect_names(engine, "journal", none);
    expect_no_job_runs(engine);
    if (engine->moultd)
        assert_int_equal(processes_count_zombies(engine->moultd->pid), 0);
}

/* ---- What the engine says of a guest ---- */

static json_object *
find_guest(const HarnessReply *reply, const char *name)
{
    json_object *guests = qmp_json_get_array(reply->output, "guests");

    for (size_t i = 0; guests && i < json_object_array_length(guests); i++) {
        json_object *guest = json_object_array_get_idx(guests, i);
        bool is_managed = false; /* the QEMUs of tests beside this one are listed too */
        qmp_json_get_bool(guest, "managed", &is_managed);
        if (is_managed && g_strcmp0(qmp_json_get_string(guest, "name"), name) == 0)
            return guest;
    }
    return NULL;
}

char *
harness_guest_dup_state(HarnessGuest *guest)
{
    g_autoptr(HarnessReply) reply = list(guest->engine);

    return g_strdup(qmp_json_get_string(find_guest(reply, guest->name), "state"));
}

void
harness_guest_look_up(HarnessGuest *guest)
{
    g_autoptr(HarnessReply) reply = list(guest->engine);
    json_object *object = find_guest(reply, guest->name);
    gint64 pid = 0;

    if (!object || !qmp_json_get_int64(object, "pid", &pid) || !qmp_json_get_int64(object, "id", &guest->id))
        fail_msg("%s does not run: %s", guest->name, reply->text);
    guest->pid = (pid_t)pid;
}

static bool
has_job(HarnessGuest *guest)
{
    g_autoptr(HarnessReply) show = moult(guest->engine, "show", guest->name, "--json", NULL);

    return qmp_json_get_string(qmp_json_get_object(show->output, "details"), "job") != NULL;
}

void
harness_guest_await_recovery(HarnessGuest *guest)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_READY_MS * 1000;

    while (has_job(guest)) {
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("%s is not done with", guest->name);
        g_usleep(POLL_US);
    }
}

void
harness_guest_await_other(HarnessGuest *guest)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;
    gint64 id = guest->id;

    while (harness_guest_look_up(guest), guest->id == id) {
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("%s stays in its QEMU", guest->name);
        g_usleep(POLL_US);
    }
}

/* ---- The guest ---- */

static bool
has_worked(const HarnessSpec *spec, const GuestPage *before, const GuestPage *now)
{
    if (!spec->kernel)
        return now->ticks >= before->ticks + 5;
    return now->ticks >= before->ticks + 200 && now->memory_passes > before->memory_passes &&
           (!now->disk_bytes ||
            (now->disk_written >= before->disk_written + 5 && now->disk_verified >= before->disk_verified + 10));
}

static void
expect_no_error(const HarnessGuest *guest)
{
    g_autoptr(GError) error = NULL;

    if (!sampler_check(guest->sampler, &error))
        fail_msg("%s: %s", guest->name, error->message);
}

void
harness_guest_check(HarnessGuest *guest)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;
    GuestPage now;

    while (assert_true(sampler_read(guest->sampler, &now)), !has_worked(guest->spec, &guest->seen, &now)) {
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("%s does not go on: ticks %d passes %d disk %d/%d", guest->name,
                     (int)(now.ticks - guest->seen.ticks), (int)(now.memory_passes - guest->seen.memory_passes),
                     (int)(now.disk_written - guest->seen.disk_written),
                     (int)(now.disk_verified - guest->seen.disk_verified));
        g_usleep(POLL_US);
    }
    assert_true(now.nonce == guest->seen.nonce);
    expect_no_error(guest);
    guest->seen = now;
}

void
harness_guest_await_reboot(HarnessGuest *guest)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_READY_MS * 1000;
    GuestPage now;

    /* The page keeps its place in the tiny guest; while it is made anew it may be empty. */
    while (assert_true(sampler_read(guest->sampler, &now)), !now.ready || now.nonce == guest->seen.nonce) {
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("%s does not come up again", guest->name);
        g_usleep(POLL_US);
    }
    guest->seen = now;
    harness_guest_check(guest);
}

/* One datagram a second: too slow to be waited for at every look. */
void
harness_guest_check_network(HarnessGuest *guest)
{
    gint64 deadline_us = g_get_monotonic_time() + (gint64)HARNESS_STEP_MS * 1000;
    GuestPage before, now;

    assert_true(sampler_read(guest->sampler, &before) && before.net_up);
    while (assert_true(sampler_read(guest->sampler, &now)), now.net_announced == before.net_announced) {
        if (g_get_monotonic_time() > deadline_us)
            fail_msg("%s does not send any more", guest->name);
        g_usleep(POLL_US);
    }
    expect_no_error(guest);
}

void
harness_guest_check_paused(HarnessGuest *guest)
{
    g_autofree char *state = harness_guest_dup_state(guest);
    uint64_t before = sampler_get_ticks(guest->sampler);

    assert_string_equal(state, "paused");
    g_usleep(200000); /* nothing is waited for: nothing may happen */
    assert_true(sampler_get_ticks(guest->sampler) == before);
}

/* ---- After an upgrade that failed ---- */

static QmpClient *
connect_operator(const HarnessGuest *guest, const QmpWait *wait)
{
    g_autofree char *path = g_strdup_printf("%s/guests/%s/operator.sock", guest->engine->runtime, guest->name);
    g_autoptr(GError) error = NULL;
    g_autoptr(QmpClient) client = qmp_client_connect(path, guest->name, &error);

    if (!client || !qmp_client_wait_ready(client, wait, &error))
        fail_msg("%s: %s", path, error->message);
    return g_steal_pointer(&client);
}

void
harness_guest_check_capabilities(HarnessGuest *guest)
{
    static const char *const wanted_off[] = {"x-ignore-shared", "return-path", "events", NULL};
    QmpWait wait = qmp_wait_from_now(HARNESS_STEP_MS, -1);
    g_autoptr(QmpClient) client = connect_operator(guest, &wait);
    g_autoptr(json_object) found = NULL;

    assert_true(qmp_client_call(client, "query-migrate-capabilities", NULL, &wait, &found, NULL));
    for (size_t i = 0; i < json_object_array_length(found); i++) {
        json_object *item = json_object_array_get_idx(found, i);
        const char *name = qmp_json_get_string(item, "capability");
        bool is_on = false;
        qmp_json_get_bool(item, "state", &is_on);
        if (is_on && g_strv_contains(wanted_off, name))
            fail_msg("%s: capability %s is left on", guest->name, name);
    }
}

/* Those of the engine and of the operator, in the folder of the instance. */
static void
check_sockets(const HarnessGuest *guest)
{
    static const char *const names[] = {"monitor.sock", "operator.sock"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strdup_printf("%s/guests/%s/%s", guest->engine->runtime, guest->name, names[i]);
        struct stat status;
        if (stat(path, &status) < 0 || !S_ISSOCK(status.st_mode))
            fail_msg("%s is not there", path);
    }
}

void
harness_guest_check_untouched(HarnessGuest *guest)
{
    pid_t pid = guest->pid;
    gint64 id = guest->id;

    harness_engine_check(guest->engine);
    harness_guest_look_up(guest);
    assert_int_equal(guest->pid, pid);
    assert_true(guest->id == id);
    harness_guest_check(guest);
    if (guest->disk)
        assert_true(image_is_written(guest->disk));
    check_sockets(guest);
    harness_guest_check_capabilities(guest);
}

void
harness_guest_check_rolled_back(HarnessGuest *guest, HarnessBuild build)
{
    harness_guest_check_untouched(guest);
    if (guest->seen.net_up)
        harness_guest_check_network(guest);
    harness_guest_upgrade(guest, build);
    if (guest->disk && guest->seen.disk_bytes)
        harness_guest_check_disk(guest);
    if (guest->seen.net_up)
        harness_guest_check_network(guest);
}

/* ---- Its disk ---- */

/* The newest number up to LAST that belongs at POSITION; 0: none was ever written there. */
static uint64_t
newest_at(uint64_t position, uint64_t n_blocks, uint64_t last)
{
    uint64_t back = (last + n_blocks - position) % n_blocks;

    return last > back ? last - back : 0;
}

/* See disk.c of the test guest: number, position and nonce begin each block. */
void
harness_guest_check_disk(HarnessGuest *guest)
{
    g_autoptr(GError) error = NULL;
    GuestPage now;
    uint64_t head[3];

    if (!sampler_command(guest->sampler, GUEST_COMMAND_QUIET, 0, HARNESS_STEP_MS, &error))
        fail_msg("%s: %s", guest->name, error->message);
    g_usleep(100000); /* the block that is being written */
    assert_true(sampler_read(guest->sampler, &now) && now.disk_bytes > 0 && now.disk_written > 0);
    uint64_t n_blocks = now.disk_bytes / DISK_BLOCK_BYTES;
    int fd = open(guest->disk, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (uint64_t position = 0; position < n_blocks; position++) {
        uint64_t wanted = newest_at(position, n_blocks, now.disk_written);
        assert_true(pread(fd, head, sizeof(head), (off_t)(position * DISK_BLOCK_BYTES)) == sizeof(head));
        if (wanted && (head[0] != wanted || head[1] != position || head[2] != now.nonce))
            fail_msg("%s: block %d is number %d, acknowledged was %d", guest->name, (int)position, (int)head[0],
                     (int)wanted);
    }
    close(fd);
    if (!sampler_command(guest->sampler, GUEST_COMMAND_RESUME, 0, HARNESS_STEP_MS, &error))
        fail_msg("%s: %s", guest->name, error->message);
}

/* ---- An upgrade ---- */

static gint64
get_number(json_object *object, const char *key)
{
    gint64 number = -1;

    qmp_json_get_int64(object, key, &number);
    return number;
}

void
harness_guest_take_upgrade(HarnessGuest *guest, const HarnessReply *reply, HarnessBuild build)
{
    json_object *result = reply_result(reply);
    const char *outcome = qmp_json_get_string(result, "outcome");
    const char *version = qmp_json_get_string(qmp_json_get_object(result, "to"), "version");

    if (g_strcmp0(outcome, "upgraded") != 0 || qmp_json_get_string(result, "message"))
        fail_msg("%s is not upgraded: %s%s", guest->name, reply->text, reply->messages);
    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(result, "guest"), guest->name);
    assert_string_equal(qmp_json_get_string(result, "method"), "shared");
    assert_true(version && g_str_has_prefix(version, harness_build_version(build)));
    assert_int_equal(get_number(result, "old_pid"), guest->pid);
    assert_int_equal(get_number(result, "old_id"), guest->id);
    gint64 old_id = guest->id;
    harness_guest_look_up(guest);
    assert_int_equal(get_number(result, "new_pid"), guest->pid);
    assert_int_equal(get_number(result, "new_id"), guest->id);
    assert_true(guest->id > old_id);
    harness_engine_check(guest->engine);
}

static double
get_downtime_ms(const HarnessReply *reply)
{
    json_object *downtime = NULL;

    assert_true(json_object_object_get_ex(reply_result(reply), "downtime_ms", &downtime));
    return json_object_get_double(downtime);
}

double
harness_guest_upgrade(HarnessGuest *guest, HarnessBuild build)
{
    assert_true(sampler_read(guest->sampler, &guest->seen));
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", guest->name, "--to", harness_build(build), "--json", NULL);
    harness_guest_take_upgrade(guest, reply, build);
    double downtime_ms = get_downtime_ms(reply);
    assert_true(downtime_ms > 0 && downtime_ms < DOWNTIME_MAX_MS);
    harness_guest_check(guest);
    return downtime_ms;
}

double
harness_guest_copy(HarnessGuest *guest, HarnessBuild build)
{
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", guest->name, "--to", harness_build(build), "--json", NULL);
    json_object *result = reply_result(reply);
    pid_t old_pid = guest->pid;

    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(result, "outcome"), "upgraded");
    assert_string_equal(qmp_json_get_string(result, "method"), "copy");
    harness_guest_await_moved(guest);
    assert_int_not_equal(guest->pid, old_pid);
    harness_engine_check(guest->engine);
    return get_downtime_ms(reply);
}
