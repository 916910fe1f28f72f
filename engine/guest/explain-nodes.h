/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Block nodes that came and went since the start (blockdev-add, blockdev-del), and images in the words of -blockdev:
 * internal to explain*.c.
 */
#pragma once

#include "guest/explain-private.h"

/* An image that can be opened again by its name. */
typedef struct {
    char *file;
    const char *driver; /* "raw" or "qcow2" */
    bool read_only, direct, no_flush;
    char *detect_zeroes; /* NULL: off */
} ExplainImage;

void explain_image_free(ExplainImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ExplainImage, explain_image_free)

/* From a BlockDeviceInfo (`inserted`, or a node); NULL when it cannot be opened by its name alone. Owned. */
ExplainImage *explain_image_read(json_object *info);
/* -blockdev for it: node NODE over a file node that is called FILE_NODE (NULL: nothing). Owned. */
json_object *explain_image_describe(const ExplainImage *image, const char *node, const char *file_node);

/* Nodes of their own, with names, that the command line lacks, or has and should not. */
void explain_nodes(Explanation *explanation);
/* TRUE when a -blockdev or -drive makes node NAME. */
bool explain_nodes_is_commanded(const Explanation *explanation, const char *name);
/* TRUE when a -device has drive=NAME. */
bool explain_nodes_is_used(const Explanation *explanation, const char *name);
/* NODE, or, for one that QEMU has named by itself, a name for the medium of device ID. Owned. */
char *explain_nodes_name(const char *node, const char *id);
