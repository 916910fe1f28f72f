/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/finding.h"

void
qemu_finding_free(QemuFinding *finding)
{
    if (!finding)
        return;
    g_free(finding->code);
    g_free(finding->reason);
    g_free(finding->hint);
    g_free(finding);
}

GPtrArray *
qemu_findings_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)qemu_finding_free);
}

void
qemu_findings_add(GPtrArray *findings, QemuFindingLevel level, const char *code, const char *hint,
                  const char *reason_format, ...)
{
    QemuFinding *finding = g_new0(QemuFinding, 1);
    va_list arguments;

    finding->level = level;
    finding->code = g_strdup(code);
    finding->hint = g_strdup(hint);
    va_start(arguments, reason_format);
    finding->reason = g_strdup_vprintf(reason_format, arguments);
    va_end(arguments);
    g_ptr_array_add(findings, finding);
}

const QemuFinding *
qemu_findings_get_block(const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++) {
        const QemuFinding *finding = g_ptr_array_index(findings, i);

        if (finding->level == QEMU_FINDING_BLOCK)
            return finding;
    }
    return NULL;
}

const char *
qemu_finding_level_to_string(QemuFindingLevel level)
{
    static const char *const names[] = {
        [QEMU_FINDING_OK] = "OK", [QEMU_FINDING_WARN] = "WARN", [QEMU_FINDING_BLOCK] = "BLOCK"};

    g_return_val_if_fail((unsigned)level < G_N_ELEMENTS(names), "BLOCK");
    return names[level];
}

/* json-c stores what it is given; QEMU's words may hold what is not UTF-8. */
static json_object *
new_string(const char *text)
{
    g_autofree char *valid = text ? g_utf8_make_valid(text, -1) : NULL;

    return valid ? json_object_new_string(valid) : NULL;
}

json_object *
qemu_findings_to_json(const GPtrArray *findings)
{
    json_object *list = json_object_new_array();

    for (guint i = 0; i < findings->len; i++) {
        const QemuFinding *finding = g_ptr_array_index(findings, i);
        json_object *row = json_object_new_object();

        json_object_object_add(row, "level",
                               json_object_new_string(qemu_finding_level_to_string(finding->level)));
        json_object_object_add(row, "code", new_string(finding->code));
        json_object_object_add(row, "reason", new_string(finding->reason));
        json_object_object_add(row, "hint", new_string(finding->hint));
        json_object_array_add(list, row);
    }
    return list;
}
