/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a TAP device with several queues puts its packets. The kernel spreads them over all that take part: over those, too, that a
 * QEMU has for its start, and that nobody reads. A steering program (TUNSETSTEERINGEBPF, Linux 4.16) that says "the first" of each
 * packet keeps them where they are read. The first is the first of the guest's card as long as a QEMU has the device: as it starts
 * it takes all others out (hw/net/virtio-net.c), and those that come later come behind (drivers/net/tun.c:tun_attach()).
 *
 * The program belongs to the device and outlives whoever has set it. Left behind, it costs the other queues their share of the work,
 * and no packet. Which one is set cannot be read: where QEMU may set one of its own (receive-side scaling), this is not to be used.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/*
 * The program's descriptor, owned; -1 where the kernel does not let us load it (that takes CAP_BPF or CAP_SYS_ADMIN). To be called
 * before confinement_apply(), for which bpf(2) is the call of an intruder.
 */
int guest_tap_steering_load(void);
/* All packets for the device of the queue FD go to its first queue from now on. */
bool guest_tap_steering_begin(int fd, int program, GError **error);
/* As the kernel has it by itself. */
bool guest_tap_steering_end(int fd, GError **error);
