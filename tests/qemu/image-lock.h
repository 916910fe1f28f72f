/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The locks that QEMU takes on a raw image (block/file-posix.c): byte 100 + n for a permission n that it uses, 200 + n for one
 * that it does not share. Locks of an open file description, shared ones all: what is in the way of another's is found out by asking.
 */
#pragma once

#include <stdbool.h>

/* As somebody who uses the image at PATH alone: no QEMU that has not got it may take it from now on. Closing the descriptor ends it. */
int image_lock(const char *path);
/* Whether a QEMU has it for writing. */
bool image_is_written(const char *path);
