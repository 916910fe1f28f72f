/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The floor: the migration that moult does, by the bare QMP commands that it takes and nothing else. No preflight, no
 * comparison of the two QEMUs, no record on disk, no names to keep apart; what fails, fails. It starts where moult's
 * command starts: with no new QEMU yet.
 */
#include "bare.h"
#include "qmp/commands.h"

#define TIMEOUT_MS 60000

static bool
migrate(Vm *source, Vm *target, GError **error)
{
    const char *const capabilities[] = {"x-ignore-shared", "return-path", NULL};
    QmpWait wait = qmp_wait_from_now(TIMEOUT_MS, -1);
    g_autofree char *uri = g_strdup_printf("unix:%s/migrate.sock", target->folder);

    return qmp_migrate_set_capabilities(source->client, capabilities, true, &wait, error) &&
           qmp_migrate_set_capabilities(target->client, capabilities, true, &wait, error) &&
           qmp_migrate_incoming(target->client, uri, &wait, error) && qmp_migrate(source->client, uri, &wait, error);
}

bool
floor_move(Bare *bare, Watch *watch, Move *ret_move, GError **error)
{
    (void)watch;
    ret_move->command_us = g_get_real_time();
    g_autoptr(Vm) target = bare_start_target(bare, bare->ram_fd, error);
    if (!target || !migrate(bare->vm, target, error) ||
        !bare_wait_event(bare->vm, "STOP", TIMEOUT_MS, &ret_move->stop_us, error) ||
        !bare_wait_event(target, "RESUME", TIMEOUT_MS, &ret_move->resume_us, error))
        return false;
    bare_switch(bare, g_steal_pointer(&target));
    ret_move->end_us = g_get_real_time();
    return true;
}
