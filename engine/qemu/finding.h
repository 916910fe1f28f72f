/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A row of `moult check`: what was looked at, whether it stands in the way of an upgrade, and what to do about it.
 * Codes are stable and documented in moult-check(7).
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

typedef enum { QEMU_FINDING_OK, QEMU_FINDING_WARN, QEMU_FINDING_BLOCK } QemuFindingLevel;

typedef struct {
    QemuFindingLevel level;
    char *code;   /* "ram-not-shared": stable, lower case, dashes */
    char *reason; /* one sentence for a person */
    char *hint;   /* what to do; NULL when there is nothing to do */
} QemuFinding;

void qemu_finding_free(QemuFinding *finding);
/* GPtrArray of QemuFinding with its free function. */
GPtrArray *qemu_findings_new(void);
void qemu_findings_add(GPtrArray *findings, QemuFindingLevel level, const char *code, const char *hint,
                       const char *reason_format, ...) G_GNUC_PRINTF(5, 6);
/* The first BLOCK, or NULL. Borrowed. */
const QemuFinding *qemu_findings_get_block(const GPtrArray *findings);
const char *qemu_finding_level_to_string(QemuFindingLevel level); /* "OK" "WARN" "BLOCK" */
/* [{"level","code","reason","hint"}], owned. */
json_object *qemu_findings_to_json(const GPtrArray *findings);
