/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The test guests do on a real QEMU what they are there for, and notice what they are there to notice.
 *
 *     test-guest-boots installed|second
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "fixture.h"
#include "qmp/commands.h"

#define POLL_US 20000

static char *qemu;
static Guest guest = GUEST_INIT;

static int
teardown(void **state)
{
    (void)state;
    guest_clear(&guest);
    return 0;
}

static bool
has_worked(const GuestPage *page)
{
    return page->memory_passes >= 3 && page->disk_verified >= 50 && page->rng_bytes && page->net_announced;
}

static bool
has_verified_blocks(const GuestPage *page)
{
    return page->disk_verified >= 50;
}

static bool
has_memory_error(const GuestPage *page)
{
    return page->memory_errors;
}

static bool
has_disk_error(const GuestPage *page)
{
    return page->disk_errors;
}

static bool
has_echoed(const GuestPage *page)
{
    return page->net_udp_echoes >= 3 && page->net_tcp_echoes >= 3;
}

/* The host's port that QEMU has chosen for a forwarding. */
static uint16_t
forwarded_port(const char *protocol)
{
    QmpWait wait = qmp_wait_from_now(STEP_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = qmp_human_monitor_command(guest.vm->client, "info usernet", &wait, &error);
    g_autofree char *key = g_strdup_printf("%s[HOST_FORWARD]", protocol);
    unsigned port = 0;

    assert_ok(text, error);
    const char *line = strstr(text, key);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(key), "%*d %*s %u", &port), 1);
    return (uint16_t)port;
}

static void
echo_check(uint16_t port, int type)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval timeout = {.tv_sec = STEP_MS / 1000};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    for (int i = 0; i < 3; i++) {
        char text[16], answer[16];
        int size = snprintf(text, sizeof(text), "hello %d", i);

        assert_int_equal(send(fd, text, (size_t)size, 0), size);
        assert_int_equal(recv(fd, answer, sizeof(answer), 0), size);
        assert_memory_equal(text, answer, (size_t)size);
    }
    close(fd);
}

static void
test_linux_guest_works(const char *machine)
{
    g_autoptr(GError) error = NULL;
    GuestPage page;

    guest_start_linux(&guest, qemu, machine, "moult.disk=/dev/vda moult.ip=10.0.2.15/24");
    guest_wait(&guest, has_worked, "the guest does not do its work");
    echo_check(forwarded_port("UDP"), SOCK_DGRAM);
    echo_check(forwarded_port("TCP"), SOCK_STREAM);
    guest_wait(&guest, has_echoed, "the echoes are not counted");
    assert_ok(sampler_wait_ticks(guest.sampler, 1000, STEP_MS, &error), error);
    assert_ok(sampler_check(guest.sampler, &error), error);
    assert_true(sampler_read(guest.sampler, &page));
    assert_int_equal(page.kind, GUEST_KIND_LINUX);
    assert_int_equal(page.vcpus, 2);
}

static void
test_linux_guest_works_on_q35(void **state)
{
    (void)state;
    test_linux_guest_works("q35");
}

static void
test_linux_guest_works_on_pc(void **state)
{
    (void)state;
    test_linux_guest_works("pc");
}

static void
expect_commands(void)
{
    g_autoptr(GError) error = NULL;
    WatchResult result;
    GuestPage page;

    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_LOAD, 5, STEP_MS, &error), error);
    assert_true(sampler_read(guest.sampler, &page));
    assert_int_equal(page.load_percent, 5);

    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_QUIET, 0, STEP_MS, &error), error);
    sampler_max_gap(guest.sampler, 300000, &result);
    assert_int_equal(result.ticks_first, result.ticks_last);
    assert_true(result.gap_sure_us >= 250000);
    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_RESUME, 0, STEP_MS, &error), error);
    assert_ok(sampler_wait_ticks(guest.sampler, 100, STEP_MS, &error), error);

    assert_false(sampler_command(guest.sampler, 4711, 0, STEP_MS, &error));
    assert_true(g_error_matches(error, SAMPLER_ERROR, SAMPLER_ERROR_GUEST));
}

/* After a reset the old boot's page is still in the RAM; the new one must be found. */
static void
expect_page_after_reboot(void)
{
    QmpWait wait = qmp_wait_from_now(READY_MS, -1);
    g_autoptr(GError) error = NULL;
    GuestPage before, after;

    assert_true(sampler_read(guest.sampler, &before));
    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_REBOOT, 0, STEP_MS, &error), error);
    g_autoptr(QmpEvent) event = qmp_client_wait_event(guest.vm->client, "RESET", &wait, &error);
    assert_ok(event, error);

    gint64 deadline_us = g_get_monotonic_time() + READY_MS * 1000;
    do {
        assert_true(g_get_monotonic_time() < deadline_us);
        sampler_free(guest.sampler);
        guest.sampler = sampler_open_ready(guest.vm->pid, READY_MS, &error);
        assert_ok(guest.sampler, error);
        assert_true(sampler_read(guest.sampler, &after));
        g_usleep(POLL_US); /* looking for the page is work, which the guest would do without */
    } while (after.nonce == before.nonce);
    assert_ok(sampler_wait_ticks(guest.sampler, 100, STEP_MS, &error), error);
}

#define PRESS_AGAIN_MS 10000

/* The button's device may come a little later than all that the guest waits for, and what nobody hears is gone: it is pressed again. */
static void
press_power_button(int *ret_status)
{
    QmpWait wait = qmp_wait_from_now(STEP_MS, -1);

    for (bool has_ended = false; !has_ended;) {
        g_autoptr(GError) error = NULL;
        (void)qmp_system_powerdown(guest.vm->client, &wait, NULL); /* it may just be ending */
        has_ended = vm_wait_end(guest.vm, PRESS_AGAIN_MS, ret_status, &error);
        if (!has_ended && qmp_wait_check(&wait) != QMP_WAIT_READY)
            guest_fail(&guest, error->message);
    }
}

static void
test_commands_reboot_and_power_button(void **state)
{
    int status = -1;

    (void)state;
    guest_start_linux(&guest, qemu, "q35", "moult.load=10");
    expect_commands();
    expect_page_after_reboot();
    press_power_button(&status);
    assert_int_equal(status, 0);
}

static bool
is_pattern(const uint64_t *words)
{
    for (unsigned i = 1; i < 512; i++)
        if (words[i] - words[i - 1] != GUEST_PATTERN_STEP)
            return false;
    return true;
}

/* The guest may write the same page meanwhile: many are spoilt. */
static void
spoil_memory(void)
{
    const size_t size = (size_t)RAM_MIB << 20;
    uint64_t *words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest.ram_fd, 0);
    unsigned spoilt = 0;

    assert_ptr_not_equal(words, MAP_FAILED);
    for (size_t i = 0; i < size / 8 && spoilt < 100; i += 512)
        if (is_pattern(words + i)) {
            words[i + 300] ^= 1;
            spoilt++;
        }
    munmap(words, size);
    assert_int_equal(spoilt, 100);
}

static void
spoil_disk(void)
{
    static char zeroes[1 << 20];

    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(pwrite(guest.disk_fd, zeroes, sizeof(zeroes), (off_t)(i * sizeof(zeroes))), sizeof(zeroes));
}

/* Behind the guest's back. */
static void
test_changed_memory_and_disk_are_noticed(void **state)
{
    GuestPage page;

    (void)state;
    guest_start_linux(&guest, qemu, "q35", "moult.disk=/dev/vda moult.disk_pause_ms=1");
    guest_wait(&guest, has_verified_blocks, "the guest does not do its work");
    assert_true(sampler_read(guest.sampler, &page));
    assert_false(has_memory_error(&page) || has_disk_error(&page));
    spoil_disk();
    guest_wait(&guest, has_disk_error, "the guest has not noticed that its disk has changed");
    assert_true(sampler_read(guest.sampler, &page));
    assert_false(has_memory_error(&page));
    spoil_memory();
    guest_wait(&guest, has_memory_error, "the guest has not noticed that its memory has changed");
}

static void
test_missing_disk_is_an_error(void **state)
{

    (void)state;
    guest_start_linux(&guest, qemu, "q35", "moult.disk=/dev/vdb");
    guest_wait(&guest, has_disk_error, "the guest has not noticed");
}

static void
test_private_memory_is_sampled(void **state)
{
    g_autoptr(GPtrArray) arguments = guest_linux_arguments("moult.load=10");
    g_autoptr(GError) error = NULL;

    (void)state;
    vm_arguments_add(arguments, "-m", "192M", "-M", "pc", NULL);
    guest_start(&guest, qemu, arguments);
    assert_false(sampler_is_shared(guest.sampler));
    assert_ok(sampler_wait_ticks(guest.sampler, 1000, STEP_MS, &error), error);
    if (!sampler_command(guest.sampler, GUEST_COMMAND_POWER_OFF, 0, STEP_MS, &error) ||
        !vm_wait_end(guest.vm, STEP_MS, NULL, &error))
        guest_fail(&guest, error->message);
    assert_false(sampler_check(guest.sampler, &error));
    assert_true(g_error_matches(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE));
}

static void
test_tiny_guest_works(const char *machine)
{
    g_autoptr(GError) error = NULL;
    GuestPage page;
    WatchResult result;

    guest_start_tiny(&guest, qemu, machine);
    assert_ok(sampler_wait_ticks(guest.sampler, 20, STEP_MS, &error), error);
    assert_true(sampler_read(guest.sampler, &page));
    assert_int_equal(page.kind, GUEST_KIND_TINY);
    assert_int_equal(sampler_get_offset(guest.sampler), 0x8000);

    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_QUIET, 0, STEP_MS, &error), error);
    sampler_max_gap(guest.sampler, 200000, &result);
    assert_int_equal(result.ticks_first, result.ticks_last);
    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_RESUME, 0, STEP_MS, &error), error);
    assert_ok(sampler_wait_ticks(guest.sampler, 5, STEP_MS, &error), error);

    g_autofree char *serial = vm_dup_serial(guest.vm);
    assert_non_null(strstr(serial, "moult-tiny ready"));
    assert_ok(sampler_command(guest.sampler, GUEST_COMMAND_POWER_OFF, 0, STEP_MS, &error), error);
    assert_ok(vm_wait_end(guest.vm, STEP_MS, NULL, &error), error);
}

static void
test_tiny_guest_works_on_q35(void **state)
{
    (void)state;
    test_tiny_guest_works("q35");
}

static void
test_tiny_guest_works_on_pc(void **state)
{
    (void)state;
    test_tiny_guest_works("pc");
}

static void
test_other_process_has_no_page(void **state)
{
    g_autoptr(GError) error = NULL;

    (void)state;
    assert_null(sampler_open(getpid(), &error));
    assert_non_null(error);
}

static void
write_page(GuestPage *page, uint32_t ready)
{
    guest_page_make_magic(page->magic, page->magic_inverse);
    page->layout = GUEST_PAGE_LAYOUT;
    page->ready = ready;
}

static gpointer
replace_page(gpointer data)
{
    GuestPage *pages = data;

    g_usleep(POLL_US); /* so that the first has been found; it does no harm if not */
    memset(&pages[3], 0, sizeof(*pages));
    write_page(&pages[7], 1);
    return NULL;
}

/* The old boot's page was found in the moment before it was overwritten. */
static void
test_page_that_goes_is_let_go(void **state)
{
    const size_t size = 2 << 20;
    g_autoptr(GError) error = NULL;

    (void)state;
    guest.ram_fd = vm_memory_new(size, &error);
    GuestPage *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, guest.ram_fd, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    write_page(&pages[3], 0);
    GThread *thread = g_thread_new("replace", replace_page, pages);
    guest.sampler = sampler_open_ready(getpid(), STEP_MS, &error);
    g_thread_join(thread);
    munmap(pages, size);
    assert_ok(guest.sampler, error);
    assert_int_equal(sampler_get_offset(guest.sampler), 7 * GUEST_PAGE_SIZE);
}

/* It is not waited for what will never come. */
static void
test_end_of_qemu_is_noticed(void **state)
{
    const char *arguments[] = {"-M", "q35", "-S", NULL};
    g_autoptr(GError) error = NULL;

    (void)state;
    guest.vm = vm_start(qemu, arguments, -1, &error);
    assert_ok(guest.vm, error);
    assert_int_equal(kill(guest.vm->pid, SIGKILL), 0);
    gint64 begun_us = g_get_monotonic_time();
    assert_null(sampler_open_ready(guest.vm->pid, READY_MS, &error));
    assert_true(g_error_matches(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE));
    assert_true(g_get_monotonic_time() - begun_us < READY_MS * 1000 / 2);
}

/* See fixture.c. */
static void
test_known_abort_is_booted_again(void **state)
{
    g_autofree char *folder = g_dir_make_tmp("moult-boots-XXXXXX", NULL), *script = g_build_filename(folder, "qemu", NULL);
    g_autofree char *flag = g_build_filename(folder, "flag", NULL);
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n[ -e %s ] && exec %s \"$@\"\n>%s\n"
                                            "echo 'physmem.c:1: iotlb_to_section: Assertion failed' >&2\nkill -ABRT $$\n",
                                            flag, qemu, flag);

    (void)state;
    assert_true(g_file_set_contents_full(script, text, -1, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    guest_start_tiny(&guest, script, "pc");
    assert_true(g_unlink(flag) == 0 && g_unlink(script) == 0 && g_rmdir(folder) == 0);
}

#define GUEST_TEST(name) cmocka_unit_test_teardown(name, teardown)

int
main(int argc, char **argv)
{
    /* What depends on the QEMU. */
    const struct CMUnitTest work_tests[] = {
        GUEST_TEST(test_tiny_guest_works_on_q35),
        GUEST_TEST(test_tiny_guest_works_on_pc),
        GUEST_TEST(test_linux_guest_works_on_q35),
        GUEST_TEST(test_linux_guest_works_on_pc),
    };
    /* What does not. */
    const struct CMUnitTest guest_tests[] = {
        GUEST_TEST(test_commands_reboot_and_power_button),
        GUEST_TEST(test_changed_memory_and_disk_are_noticed),
        GUEST_TEST(test_missing_disk_is_an_error),
        GUEST_TEST(test_private_memory_is_sampled),
        cmocka_unit_test(test_other_process_has_no_page),
        GUEST_TEST(test_page_that_goes_is_let_go),
        GUEST_TEST(test_end_of_qemu_is_noticed),
        GUEST_TEST(test_known_abort_is_booted_again),
    };
    g_autoptr(GError) error = NULL;
    bool is_second = argc == 2 && !strcmp(argv[1], "second");

    if (fixture_begin(&error))
        qemu = is_second ? files_find_second_qemu(&error) : files_find_qemu(&error);
    if (!qemu)
        return fixture_skip(error);
    int failed = cmocka_run_group_tests(work_tests, NULL, NULL);
    return is_second ? failed : failed + cmocka_run_group_tests(guest_tests, NULL, NULL);
}
