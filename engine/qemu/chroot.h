/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that shuts itself in: -chroot, -run-with chroot=. It does so as the last thing of its start (os_setup_post), so that
 * the paths on its command line are those outside, and every path that it is given later, or goes to again, is one inside.
 */
#pragma once

#include "qemu/argv.h"

/* The folder that ARGV has QEMU shut itself into, as it is written; NULL: none. Borrowed. */
const char *qemu_chroot_find(const QemuArgv *argv);

/*
 * Whether the image of ARG (-drive, -blockdev, -hda and the like, or a bare word) is opened anew, by its path, as soon as the guest gets
 * or gives up the right to write to it: auto-read-only, which -drive has unless it is told otherwise (block/file-posix.c,
 * raw_reconfigure_getfd, up to 10.0 at least). What is only read is not.
 */
bool qemu_chroot_reopens_image(const QemuArg *arg);
