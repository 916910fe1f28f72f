/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bare.h"

#include <unistd.h>

static Vm *
start(const Bare *bare, const char *binary, int ram_fd, bool is_target, GError **error)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new_with_free_func(g_free);

    vm_arguments_add_memory(arguments, bare->machine, bare->ram_mib, ram_fd);
    for (const char *const *argument = bare->arguments; *argument; argument++)
        vm_arguments_add(arguments, *argument, NULL);
    if (is_target)
        vm_arguments_add(arguments, "-incoming", "defer", NULL);
    g_ptr_array_add(arguments, NULL);
    return vm_start(binary, (const char *const *)arguments->pdata, ram_fd, error);
}

bool
bare_start(Bare *bare, unsigned timeout_ms, GError **error)
{
    bare->ram_fd = vm_memory_new((uint64_t)bare->ram_mib << 20, error);
    if (bare->ram_fd < 0)
        return false;
    bare->vm = start(bare, bare->binaries[0], bare->ram_fd, false, error);
    if (!bare->vm)
        return false;
    bare->sampler = sampler_open_ready(bare->vm->pid, timeout_ms, error);
    return bare->sampler;
}

void
bare_clear(Bare *bare)
{
    g_clear_pointer(&bare->sampler, sampler_free);
    g_clear_pointer(&bare->peer, sampler_free);
    g_clear_pointer(&bare->vm, vm_free);
    if (bare->ram_fd >= 0)
        close(bare->ram_fd);
    bare->ram_fd = -1;
}

Vm *
bare_start_target(const Bare *bare, int ram_fd, GError **error)
{
    return start(bare, bare->binaries[1], ram_fd, true, error);
}

void
bare_switch(Bare *bare, Vm *target)
{
    const char *left = bare->binaries[0];

    vm_free(bare->vm);
    bare->vm = target;
    bare->binaries[0] = bare->binaries[1];
    bare->binaries[1] = left;
}

void
bare_switch_memory(Bare *bare, Vm *target, int ram_fd)
{
    Sampler *left = bare->sampler;

    bare_switch(bare, target);
    close(bare->ram_fd);
    bare->ram_fd = ram_fd;
    bare->sampler = bare->peer;
    bare->peer = left;
}

bool
bare_wait_event(Vm *vm, const char *event_name, unsigned timeout_ms, gint64 *ret_time_us, GError **error)
{
    QmpWait wait = qmp_wait_from_now(timeout_ms, -1);
    g_autoptr(QmpEvent) event = qmp_client_wait_event(vm->client, event_name, &wait, error);

    if (!event) {
        g_autofree char *messages = vm_dup_messages(vm);
        g_prefix_error(error, "%s: %s", event_name, messages);
        return false;
    }
    *ret_time_us = event->timestamp_us;
    return true;
}
