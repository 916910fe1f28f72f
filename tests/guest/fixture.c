/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

static Files *files;

bool
fixture_begin(GError **error)
{
    files = files_find("cloud", error);
    return files;
}

int
fixture_skip(const GError *error)
{
    fprintf(stderr, "%s\n", error->message);
    return g_error_matches(error, FILES_ERROR, FILES_ERROR_MISSING) ? 77 : 1;
}

void
guest_fail(const Guest *guest, const char *what)
{
    g_autofree char *serial = vm_dup_serial(guest->vm);
    g_autofree char *messages = vm_dup_messages(guest->vm);

    print_error("%s\nthe guest: %s\nQEMU: %s\n", what, serial, messages);
    fail();
}

void
guest_clear(Guest *guest)
{
    sampler_free(guest->sampler);
    vm_free(guest->vm);
    if (guest->disk) {
        unlink(guest->disk);
        g_free(guest->disk);
    }
    if (guest->disk_fd >= 0)
        close(guest->disk_fd);
    if (guest->ram_fd >= 0)
        close(guest->ram_fd);
    *guest = (Guest)GUEST_INIT;
}

/*
 * QEMU 10.0.2 under TCG, seen on the machine pc: a vCPU looks up a section of the memory map that another thread has just replaced,
 * while the firmware moves things about, and QEMU aborts. It is rare, and takes a busy host.
 */
#define KNOWN_ABORT "iotlb_to_section: Assertion"
#define BOOTS_MAX 3

/* What QEMU said is in the error when it ended before its greeting, else with the Vm. */
static bool
died_of_known_abort(const Guest *guest, const GError *error)
{
    g_autofree char *messages = guest->vm ? vm_dup_messages(guest->vm) : g_strdup(error->message);

    return (!guest->vm || g_error_matches(error, SAMPLER_ERROR, SAMPLER_ERROR_GONE)) && strstr(messages, KNOWN_ABORT);
}

/* Nothing of the boot before may be taken for this one's. */
static void
empty_ram(const Guest *guest)
{
    struct stat info;

    if (guest->ram_fd < 0)
        return;
    assert_int_equal(fstat(guest->ram_fd, &info), 0);
    assert_int_equal(ftruncate(guest->ram_fd, 0), 0);
    assert_int_equal(ftruncate(guest->ram_fd, info.st_size), 0);
}

void
guest_start(Guest *guest, const char *qemu, GPtrArray *arguments)
{
    g_ptr_array_add(arguments, NULL);
    for (int boot = 1;; boot++) {
        g_autoptr(GError) error = NULL;
        guest->vm = vm_start(qemu, (const char *const *)arguments->pdata, guest->ram_fd, &error);
        guest->sampler = guest->vm ? sampler_open_ready(guest->vm->pid, READY_MS, &error) : NULL;
        if (guest->sampler)
            return;
        if (boot == BOOTS_MAX || !died_of_known_abort(guest, error)) {
            assert_ok(guest->vm, error);
            guest_fail(guest, error->message);
        }
        print_message("QEMU has died of \"%s\" as the guest booted: once more\n", KNOWN_ABORT);
        g_clear_pointer(&guest->vm, vm_free);
        empty_ram(guest);
    }
}

void
guest_make_ram(Guest *guest, GPtrArray *arguments, const char *machine, unsigned mib)
{
    g_autoptr(GError) error = NULL;

    if (guest->ram_fd < 0)
        guest->ram_fd = vm_memory_new((uint64_t)mib << 20, &error);
    assert_ok(guest->ram_fd >= 0, error);
    vm_arguments_add_memory(arguments, machine, mib, guest->ram_fd);
}

static void
guest_make_disk(Guest *guest, GPtrArray *arguments)
{
    g_autoptr(GError) error = NULL;

    if (guest->disk_fd < 0) {
        guest->disk_fd = g_file_open_tmp("moult-vm-disk-XXXXXX", &guest->disk, &error);
        assert_ok(guest->disk_fd >= 0, error);
        assert_int_equal(ftruncate(guest->disk_fd, DISK_BYTES), 0);
    }
    vm_arguments_add(arguments, "-device", "virtio-blk-pci,drive=disk0", "-drive", NULL);
    g_ptr_array_add(arguments, g_strdup_printf("if=none,id=disk0,format=raw,file=%s", guest->disk));
}

GPtrArray *
guest_linux_arguments(const char *append)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);

    vm_arguments_add(arguments, "-kernel", files->kernel, "-initrd", files->initramfs, "-append", NULL);
    g_ptr_array_add(arguments, g_strdup_printf("console=ttyS0 quiet no_timer_check %s", append));
    return arguments;
}

GPtrArray *
guest_ordinary_arguments(Guest *guest, const char *machine, const char *append)
{
    GPtrArray *arguments = guest_linux_arguments(append);

    guest_make_ram(guest, arguments, machine, RAM_MIB);
    guest_make_disk(guest, arguments);
    vm_arguments_add(arguments, "-netdev", "user,id=net0,hostfwd=udp:127.0.0.1:0-:7,hostfwd=tcp:127.0.0.1:0-:7",
                     "-device", "virtio-net-pci,netdev=net0", "-device", "virtio-rng-pci", "-smp", "2", NULL);
    return arguments;
}

void
guest_start_linux(Guest *guest, const char *qemu, const char *machine, const char *append)
{
    g_autoptr(GPtrArray) arguments = guest_ordinary_arguments(guest, machine, append);

    guest_start(guest, qemu, arguments);
}

void
guest_start_tiny(Guest *guest, const char *qemu, const char *machine)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

    guest_make_ram(guest, arguments, machine, 16);
    vm_arguments_add(arguments, "-device", "virtio-blk-pci,drive=disk0", "-drive", NULL);
    g_ptr_array_add(arguments, g_strdup_printf("if=none,id=disk0,format=raw,readonly=on,file=%s", files->tiny));
    guest_start(guest, qemu, arguments);
}

void
guest_wait(const Guest *guest, bool (*reached)(const GuestPage *page), const char *what)
{
    gint64 deadline_us = g_get_monotonic_time() + STEP_MS * 1000;
    GuestPage page;

    while (assert_true(sampler_read(guest->sampler, &page)), !reached(&page)) {
        if (g_get_monotonic_time() > deadline_us)
            guest_fail(guest, what);
        g_usleep(20000);
    }
}
