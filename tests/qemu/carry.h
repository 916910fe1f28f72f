/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the tests of carried resources have in common.
 */
#pragma once

#include "harness.h"

#define CARRY_DISK "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0 "

/* A Linux guest with CARRY_DISK and the arguments that FORMAT makes; with an address if it has a virtio-net.
 * The program's, and its caller's to change. */
HarnessSpec *carry_spec(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* The same for a tiny guest, without a disk. */
const HarnessSpec *carry_spec_tiny(const char *format, ...) G_GNUC_PRINTF(1, 2);

/*
 * Starts a guest of harness_guest_new's as a program that has opened FDS for it would: they are its descriptors 10, 11, ...,
 * and ours are closed. It must have a monitor for carry_adopt at @folder@/qmp.sock.
 */
pid_t carry_start_with(HarnessGuest *guest, HarnessBuild build, const int *fds, int n_fds);
void carry_adopt(HarnessGuest *guest, pid_t pid);

/* A device for DRIVE, as many of them as there are disks. */
#define CARRY_DEVICE(drive) " -device virtio-blk-pci,drive=" drive

/* A new image of 64 MiB, NAME in the engine's folder; owned. */
char *carry_make_raw(const HarnessEngine *engine, const char *name);

/* NAME in the engine's folder; owned. */
char *carry_path(const HarnessGuest *guest, const char *name);

/*
 * An upgrade of a guest of carry_spec's that fails when the state is loaded, behind everything that can be
 * undone: rolled back, guest untouched.
 */
void carry_roll_back(HarnessGuest *guest);
/* The same where BUILD is its target, and not the second. */
void carry_roll_back_from(HarnessGuest *guest, HarnessBuild build);
/* `check` of an upgrade to the second build has these rows: see assert_rows. */
void carry_expect_rows(HarnessGuest *guest, const char *rows);
/* An upgrade to the second build is refused with CODE, and so says `check`. */
void carry_expect_refusal(HarnessGuest *guest, const char *code);
/* The same of a guest of SPEC, from its start on; with an engine of its own. */
void carry_expect_refused(const HarnessSpec *spec, const char *code);
