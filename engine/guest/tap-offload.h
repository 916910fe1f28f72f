/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which offloads a TAP device has on. The kernel lets them be set through the descriptor (TUNSETOFFLOAD) and
 * not be read: they show as features of the network interface, which ethtool(8) reads too.
 */
#pragma once

#include <stdbool.h>

/*
 * *RET_OFFLOAD as TUNSETOFFLOAD takes it (TUN_F_*). FALSE when there is no such interface in our network
 * namespace; one of the same name that is another device (told by the hardware address) counts as none.
 */
bool guest_tap_offload_read(int fd, const char *interface, unsigned *ret_offload);
