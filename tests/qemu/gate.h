/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that waits at the gate: a script in place of the target, which stops before QEMU itself starts until the
 * test lets it through. So a test can do things in the middle of an upgrade without any race.
 */
#pragma once

#include "harness.h"

typedef struct {
    char *script;        /* for --to */
    char *arrived, *open; /* FIFOs: from the script, to the script */
    int arrived_fd, open_fd;
} Gate;

/* BUILD behind a gate. Probes of the binary pass freely. */
Gate *gate_new(HarnessEngine *engine, HarnessBuild build);
/* The same, and behind the gate COMMANDS of the shell, which may change "$@". */
Gate *gate_new_with(HarnessEngine *engine, HarnessBuild build, const char *commands);
void gate_free(Gate *gate);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Gate, gate_free)

/* Waits until a target stands at the gate. */
void gate_await(Gate *gate);
/* Lets it through. */
void gate_open(Gate *gate);
