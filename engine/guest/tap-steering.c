/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/tap-steering.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/error.h"

/* return 0; */
static const struct bpf_insn program[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT},
};

int
guest_tap_steering_load(void)
{
    static const char license[] = "LGPL-2.1-or-later";
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                                 .insn_cnt = G_N_ELEMENTS(program),
                                 .insns = (uintptr_t)program,
                                 .license = (uintptr_t)license};
    long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)); /* CLOEXEC by itself */

    if (fd < 0)
        g_debug("TAP devices: no steering program: %s", g_strerror(errno));
    return (int)fd;
}

static bool
set_program(int fd, int number, GError **error)
{
    if (ioctl(fd, TUNSETSTEERINGEBPF, &number) == 0)
        return true;
    guest_error_set(error, GUEST_ERROR_FAILED, "tap", NULL, "TAP device: its steering program: %s", g_strerror(errno));
    return false;
}

bool
guest_tap_steering_begin(int fd, int number, GError **error)
{
    return set_program(fd, number, error);
}

bool
guest_tap_steering_end(int fd, GError **error)
{
    return set_program(fd, -1, error);
}
