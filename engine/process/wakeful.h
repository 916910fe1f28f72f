/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Processors that do not sleep: for the time of a hand-over. Two QEMUs and the engine wait for each other some fifty times in
 * it, and on a node with little to do each time a processor has to be woken first. The kernel takes such wishes at
 * /dev/cpu_dma_latency (its documentation: "PM QoS interface"), for as long as the descriptor is open: a process that dies takes
 * its wish with it. The price is power: the processors wait in a loop. So not for what may take long.
 */
#pragma once

/*
 * A descriptor that keeps them awake until it is closed; owned. -1 where there is no such thing, or this process may not: then
 * it takes as long as it takes.
 */
int process_keep_awake(void);
