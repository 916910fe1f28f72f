/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the files are that tests with a guest need. What has to be fetched first (contrib/fetch) may be missing; a
 * test then says so and exits with 77.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define FILES_ERROR (files_error_quark())
GQuark files_error_quark(void);

typedef enum FilesError {
    FILES_ERROR_MISSING, /* not fetched on this machine: skip */
} FilesError;

typedef struct Files {
    char *kernel;
    char *initramfs; /* made when missing or out of date */
    char *tiny;      /* the tiny guest's disk image, 1 MiB raw; boots read-only, so many may share it */
} Files;

void files_free(Files *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Files, files_free)

/* FLAVOUR: "cloud" (virtio, NVMe, PIIX IDE; boots fastest) or "full" (also e1000, AHCI, USB). */
Files *files_find(const char *flavour, GError **error);

/*
 * The QEMU of the system ($MOULT_TEST_QEMU, or qemu-system-x86_64 in PATH) and the second build
 * ($MOULT_TEST_QEMU_SECOND, or the one that contrib/fetch/qemu has cached). Owned.
 */
char *files_find_qemu(GError **error);
char *files_find_second_qemu(GError **error);

/* A program that contrib/fetch has cached in a folder of its NAME; NULL: it has not. Owned. */
char *files_find_cached(const char *name);
