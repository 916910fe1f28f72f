/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A test guest on a QEMU by hand, as the tests of the guest use it. What goes wrong fails the running cmocka test, with
 * the guest's and QEMU's words. Include after <cmocka.h> and what that needs.
 */
#pragma once

#include "files.h"
#include "vm.h"
#include "watch.h"

#define READY_MS 180000 /* from start until the guest works, on a busy machine */
#define STEP_MS 60000
#define RAM_MIB 192
#define DISK_BYTES (32 << 20)

typedef struct Guest {
    Vm *vm;
    Sampler *sampler; /* of the guest, once ready */
    char *disk;       /* raw image; NULL: none */
    int disk_fd;
    int ram_fd; /* -1: private memory */
} Guest;

#define GUEST_INIT                                                                                                     \
    {                                                                                                                  \
        .disk_fd = -1, .ram_fd = -1                                                                                    \
    }

#define assert_ok(condition, error)                                                                                    \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            fail_msg("%s", (error) ? (error)->message : #condition);                                                   \
    } while (0)

/* Finds the guest's files; false: see fixture_skip(). */
bool fixture_begin(GError **error);
/* The exit status of a test program that cannot run for ERROR: 77 if something is not fetched. Prints it. */
int fixture_skip(const GError *error);

/* Fails the test, telling WHAT, and what the guest and QEMU have said. */
void guest_fail(const Guest *guest, const char *what);

/* -kernel, -initrd, -append; the array owns its strings. */
GPtrArray *guest_linux_arguments(const char *append);
/* Makes RAM (a memfd) and the -m, -object, -machine for it. */
void guest_make_ram(Guest *guest, GPtrArray *arguments, const char *machine, unsigned mib);
/* Starts QEMU on ARGUMENTS and waits until the guest is ready. */
void guest_start(Guest *guest, const char *qemu, GPtrArray *arguments);

/*
 * The arguments of the ordinary Linux guest (2 vCPUs, virtio disk, network with echo ports forwarded, rng) on the RAM
 * and disk that GUEST has or, when it has none, gets; so the second call makes a target's arguments.
 */
GPtrArray *guest_ordinary_arguments(Guest *guest, const char *machine, const char *append);

void guest_start_linux(Guest *guest, const char *qemu, const char *machine, const char *append);
void guest_start_tiny(Guest *guest, const char *qemu, const char *machine);
/* Ends QEMU and removes all that was made. */
void guest_clear(Guest *guest);

/* Waits until REACHED says so of the page, at most STEP_MS. */
void guest_wait(const Guest *guest, bool (*reached)(const GuestPage *page), const char *what);
