/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host may ask of the guest; see page.h for how it asks. Runs in the thread of the ticks. */
#include "guest.h"

#include <fcntl.h>
#include <sys/reboot.h>
#include <unistd.h>

static void
command_acknowledge(uint64_t seq, uint64_t result)
{
    PAGE_SET(ack_result, result);
    PAGE_SET(ack_seq, seq);
}

/* There is no file system to sync: the disk's blocks are flushed one by one. */
static void
end(int how)
{
    gate_close_for_good();
    if (reboot(how) < 0)
        log_line("ERROR the machine does not end: %s", log_errno());
}

void
power_off(void)
{
    log_line("power off");
    end(RB_POWER_OFF);
}

static void
crash_kernel(void)
{
    int trigger = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

    if (trigger < 0 || write(trigger, "c", 1) != 1)
        log_line("ERROR cannot crash: %s", log_errno());
}

/* Those that come back; false: not one of them, or a bad argument. */
static bool
command_run(uint32_t command, uint64_t argument)
{
    switch (command) {
    case GUEST_COMMAND_QUIET:
        gate_set(false);
        return true;
    case GUEST_COMMAND_RESUME:
        gate_set(true);
        return true;
    case GUEST_COMMAND_LOAD:
        if (argument > 100)
            return false;
        memory_set_load((unsigned)argument);
        return true;
    case GUEST_COMMAND_TICK_NS:
        if (argument > 1000000000)
            return false;
        tick_set_period(argument);
        return true;
    default:
        return false;
    }
}

void
command_poll(void)
{
    uint64_t seq = PAGE_GET(command_seq);

    if (seq == page->ack_seq)
        return;

    uint32_t command = PAGE_GET(command);
    switch (command) {
    case GUEST_COMMAND_POWER_OFF:
        command_acknowledge(seq, 0);
        power_off();
        break;
    case GUEST_COMMAND_REBOOT:
        command_acknowledge(seq, 0);
        end(RB_AUTOBOOT);
        break;
    case GUEST_COMMAND_PANIC:
        command_acknowledge(seq, 0);
        crash_kernel();
        break;
    default:
        command_acknowledge(seq, command_run(command, PAGE_GET(command_argument)) ? 0 : 1);
    }
}
