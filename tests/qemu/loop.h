/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of the host that are there for a test: loop devices. Each goes by itself when nobody has it open any more, however the test
 * ends. Include after harness.h.
 */
#pragma once

/*
 * The file IMAGE as a disk of the host. Its path, owned; the descriptor that keeps it is the program's, to its end. Skips the running test,
 * saying why, where the host gives none.
 */
char *loop_attach(const char *image);
