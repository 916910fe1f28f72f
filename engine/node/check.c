/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `moult check`: the upgrade's own preflight, shown instead of acted on.
 */
#include "node/check.h"

#include "guest/error.h"
#include "qmp/json.h"
#include "upgrade/preflight.h"
#include "upgrade/result.h"

#define CHECK_TIMEOUT_MS 30000

static json_object *
rows_for(const UpgradePreflight *preflight, const GError *error)
{
    if (preflight) {
        if (upgrade_preflight_passes(preflight))
            qemu_findings_add(preflight->findings, QEMU_FINDING_OK, "cpu-features", NULL,
                              "CPU features are compared once the new QEMU is up, before anything is handed over");
        return qemu_findings_to_json(preflight->findings);
    }
    g_autoptr(GPtrArray) findings = qemu_findings_new();
    qemu_findings_add(findings, QEMU_FINDING_BLOCK, guest_error_get_code(error), guest_error_get_hint(error), "%s",
                      error->message);
    return qemu_findings_to_json(findings);
}

json_object *
node_check_guest(const GuestEnvironment *environment, ObjlistDomain *domain, const UpgradeRequest *request, int cancel_fd)
{
    const GuestInstance *instance = objlist_domain_get_data(domain);
    const UpgradePreflightRequest preflight_request = {
        .to = request->to, .method = request->method, .max_downtime_ms = request->max_downtime_ms};
    QmpWait wait = qmp_wait_from_now(CHECK_TIMEOUT_MS, cancel_fd);
    g_autoptr(GError) error = NULL;
    g_autoptr(UpgradePreflight) preflight =
        upgrade_preflight_new(environment, instance, &preflight_request, &wait, &error);
    json_object *result = json_object_new_object();
    bool passes = preflight && upgrade_preflight_passes(preflight);

    qmp_json_add_string(result, "guest", objlist_domain_get_name(domain));
    qmp_json_add_string(result, "method", passes ? preflight->method->name : NULL);
    qmp_json_add_value(result, "from", upgrade_qemu_to_json(&instance->binary));
    if (preflight && preflight->binary) {
        GuestBinary to = {.path = preflight->binary->path,
                          .version = preflight->binary->version_text,
                          .package = preflight->binary->package};
        qmp_json_add_value(result, "to", upgrade_qemu_to_json(&to));
    }
    qmp_json_add_bool(result, "upgradable", passes);
    qmp_json_add_value(result, "rows", rows_for(preflight, error));
    return result;
}
