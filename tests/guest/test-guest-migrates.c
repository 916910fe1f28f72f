/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The guest and the sampler through a migration by bare QMP: what moult's own tests rest on. Between the installed QEMU
 * and the second build, both ways, with the memory staying where it is and with a copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"
#include "qmp/commands.h"

/* Known to both. */
#define MACHINE "pc-q35-7.2"
#define APPEND "moult.disk=/dev/vda moult.ip=10.0.2.15/24 moult.load=25"
#define COPY_APPEND APPEND " moult.mem=8"

static char *qemu, *second_qemu;
static Guest guest = GUEST_INIT;
static Vm *target;
static int target_ram_fd = -1;

static int
teardown(void **state)
{
    (void)state;
    vm_free(g_steal_pointer(&target));
    guest_clear(&guest);
    if (target_ram_fd >= 0)
        close(target_ram_fd);
    target_ram_fd = -1;
    return 0;
}

static bool
has_worked(const GuestPage *page)
{
    return page->memory_passes >= 2 && page->disk_verified >= 20;
}

/* A target with the same disk, on RAM_FD. */
static void
target_start(const char *binary, const char *append, int ram_fd)
{
    Guest like = {.ram_fd = ram_fd, .disk = guest.disk, .disk_fd = guest.disk_fd};
    g_autoptr(GPtrArray) arguments = guest_ordinary_arguments(&like, MACHINE, append);
    g_autoptr(GError) error = NULL;

    vm_arguments_add(arguments, "-incoming", "defer", NULL);
    g_ptr_array_add(arguments, NULL);
    target = vm_start(binary, (const char *const *)arguments->pdata, ram_fd, &error);
    assert_ok(target, error);
}

/* More of everything than in BEFORE, in the target, with the source dead. */
static void
check_goes_on(const Sampler *sampler, const GuestPage *before)
{
    gint64 deadline_us = g_get_monotonic_time() + STEP_MS * 1000;
    g_autoptr(GError) error = NULL;
    GuestPage page;

    while (assert_true(sampler_read(sampler, &page)), page.ticks < before->ticks + 1000 ||
                                                          page.memory_passes < before->memory_passes + 2 ||
                                                          page.disk_written < before->disk_written + 20 ||
                                                          page.disk_verified < before->disk_verified + 20 ||
                                                          page.net_announced <= before->net_announced) {
        if (g_get_monotonic_time() > deadline_us)
            guest_fail(&guest, "the guest does not go on");
        g_usleep(20000);
    }
    assert_int_equal(page.nonce, before->nonce);
    assert_ok(sampler_check(sampler, &error), error);
}

static void
source_retire(void)
{
    vm_free(guest.vm);
    guest.vm = g_steal_pointer(&target);
}

static void
migrate_shared(const char *from, const char *to)
{
    g_autoptr(GError) error = NULL;
    GuestPage before;
    WatchResult floor, result;
    gint64 downtime_us;

    guest_start_linux(&guest, from, MACHINE, APPEND);
    guest_wait(&guest, has_worked, "the guest does not do its work");
    target_start(to, APPEND, guest.ram_fd);
    sampler_max_gap(guest.sampler, 500000, &floor);
    assert_true(sampler_read(guest.sampler, &before));

    Watch *watch = watch_start(&guest.sampler, 1);
    bool ok = vm_migrate(guest.vm, target, VM_MIGRATION_SHARED, STEP_MS, &downtime_us, &error);
    g_autoptr(GError) ticks_error = NULL;
    ok = ok && sampler_wait_ticks(guest.sampler, 500, STEP_MS, &ticks_error);
    watch_stop(watch, &result);
    if (!ok)
        guest_fail(&guest, error ? error->message : ticks_error->message);
    source_retire();
    check_goes_on(guest.sampler, &before);

    /* The guest stood still at least while no QEMU ran it; a look and a tick may be missed at either end. */
    print_message("STOP to RESUME %.1f ms, guest's pause %.1f to %.1f ms, ordinary pause %.1f ms\n",
                  (double)downtime_us / 1e3, (double)result.gap_sure_us / 1e3, (double)result.gap_us / 1e3,
                  (double)floor.gap_us / 1e3);
    assert_true(result.gap_us + 1000 >= (uint64_t)downtime_us);
    assert_true(result.ticks_last > result.ticks_first);
}

static void
test_memory_stays_on_the_way_to_the_second_build(void **state)
{
    (void)state;
    migrate_shared(qemu, second_qemu);
}

static void
test_memory_stays_on_the_way_back(void **state)
{
    (void)state;
    migrate_shared(second_qemu, qemu);
}

/*
 * A copy: the guest's page comes to the same place of another file, and the watch goes on there. Within the second
 * build, since a live copy under TCG from QEMU 7.2 may lose pages.
 */
static void
test_watch_follows_a_copy(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Sampler) peer = NULL;
    GuestPage before;
    WatchResult result;
    gint64 downtime_us;

    (void)state;
    guest_start_linux(&guest, second_qemu, MACHINE, COPY_APPEND);
    guest_wait(&guest, has_worked, "the guest does not do its work");
    target_ram_fd = vm_memory_new((uint64_t)RAM_MIB << 20, &error);
    assert_ok(target_ram_fd >= 0, error);
    target_start(second_qemu, COPY_APPEND, target_ram_fd);
    peer = sampler_open_peer(guest.sampler, target->pid, &error);
    assert_ok(peer, error);
    assert_true(sampler_read(guest.sampler, &before));

    Sampler *both[] = {guest.sampler, peer};
    Watch *watch = watch_start(both, 2);
    bool ok = vm_migrate(guest.vm, target, VM_MIGRATION_COPY, READY_MS, &downtime_us, &error);
    g_autoptr(GError) ticks_error = NULL;
    ok = ok && sampler_wait_ticks(peer, 500, STEP_MS, &ticks_error);
    watch_stop(watch, &result);
    if (!ok)
        guest_fail(&guest, error ? error->message : ticks_error->message);
    source_retire();
    check_goes_on(peer, &before);
    print_message("STOP to RESUME %.1f ms, guest's pause %.1f to %.1f ms\n", (double)downtime_us / 1e3,
                  (double)result.gap_sure_us / 1e3, (double)result.gap_us / 1e3);
    assert_true(result.gap_us + 1000 >= (uint64_t)downtime_us);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_memory_stays_on_the_way_to_the_second_build, teardown),
        cmocka_unit_test_teardown(test_memory_stays_on_the_way_back, teardown),
        cmocka_unit_test_teardown(test_watch_follows_a_copy, teardown),
    };
    g_autoptr(GError) error = NULL;

    if (fixture_begin(&error) && (qemu = files_find_qemu(&error)))
        second_qemu = files_find_second_qemu(&error);
    if (!second_qemu)
        return fixture_skip(error);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
