/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU started by hand: just the program, its arguments, a monitor and a serial line; nothing of moult but the QMP
 * client. For testing the test guest itself, and for what is to be compared with moult.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "qmp/client.h"

typedef struct Vm {
    pid_t pid; /* 0 once reaped */
    int pidfd;
    char *folder;  /* scratch, removed with the Vm */
    char *serial;  /* file with all the guest has said on its first serial line */
    char *messages; /* file with QEMU's standard error */
    QmpClient *client;
} Vm;

/*
 * Starts QEMU with -nodefaults, TCG, no display, a monitor (greeted when this returns) and a serial line, then
 * ARGUMENTS (NULL-terminated). FD, when not negative, is inherited under its own number. QEMU ends with the caller.
 */
Vm *vm_start(const char *qemu, const char *const *arguments, int fd, GError **error);
/* Kills and reaps QEMU if it still runs. */
void vm_free(Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_free)

/* Waits until QEMU has ended and reaps it. RET_STATUS (may be null) as of wait(2). */
bool vm_wait_end(Vm *vm, unsigned timeout_ms, int *ret_status, GError **error);

/* What the guest has said, and QEMU's own last words; owned, never NULL. */
char *vm_dup_serial(const Vm *vm);
char *vm_dup_messages(const Vm *vm);

/*
 * A memory file for guests: memfd of SIZE_BYTES, CLOEXEC, to be given to vm_start() as FD and named in a
 * memory-backend-file as /proc/self/fd/N. -1 on failure.
 */
int vm_memory_new(uint64_t size_bytes, GError **error);

/*
 * Appends the arguments of a guest whose RAM is FD: -m, the backend (id "pc.ram" as the machines of x86 name theirs)
 * and -machine MACHINE. Strings owned by the array.
 */
void vm_arguments_add_memory(GPtrArray *arguments, const char *machine, unsigned size_mib, int fd);
/* Appends NULL-terminated strings, copied. */
void vm_arguments_add(GPtrArray *arguments, ...) G_GNUC_NULL_TERMINATED;

/*
 * Migrates SOURCE to TARGET (started with -incoming defer) over a socket, with the memory left where it is when IS_SHARED.
 * RET_DOWNTIME_US (may be null): STOP on the source to RESUME on the target, by QEMU's event timestamps.
 */
typedef enum VmMigration { VM_MIGRATION_COPY, VM_MIGRATION_SHARED } VmMigration;
bool vm_migrate(Vm *source, Vm *target, VmMigration how, unsigned timeout_ms, gint64 *ret_downtime_us, GError **error);
