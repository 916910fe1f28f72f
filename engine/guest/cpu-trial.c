/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/cpu-trial.h"

#include "guest/compare.h"
#include "guest/error.h"
#include "qemu/argv.h"
#include "qemu/finding.h"

static bool
depends_on_qemu(const QemuPlan *plan)
{
    for (guint i = 0; i < plan->findings->len; i++)
        if (g_str_equal(((const QemuFinding *)g_ptr_array_index(plan->findings, i))->code, "cpu-host"))
            return true;
    return false;
}

static bool
compare(QmpClient *trial, const QmpWait *wait, gpointer source, GError **error)
{
    return guest_compare_cpu_features(((const GuestInstance *)source)->monitor, trial, wait, error);
}

void
guest_try_cpu(const GuestEnvironment *environment, const GuestInstance *source, const QemuBinary *binary,
              const QemuPlan *plan, QemuAccelerator accelerator, const QmpWait *wait, GPtrArray *findings)
{
    g_autoptr(QemuArgv) argv = qemu_argv_parse((const char *const *)plan->argv, NULL);
    const QemuArg *cpu = argv ? qemu_argv_find(argv, "cpu") : NULL;
    g_autoptr(GError) error = NULL;

    if (!cpu || accelerator == QEMU_ACCELERATOR_UNKNOWN || !depends_on_qemu(plan))
        return;
    g_autofree char *machine = g_strdup_printf("%s,accel=%s", plan->machine_type,
                                               accelerator == QEMU_ACCELERATOR_KVM ? "kvm" : "tcg");
    const char *const arguments[] = {"-machine", machine, "-cpu", cpu->value, "-m", "16M", NULL};
    if (qemu_binary_try(environment->launcher, binary->path, arguments, compare, (gpointer)source, wait, &error))
        qemu_findings_add(findings, QEMU_FINDING_OK, "cpu-features", NULL,
                          "QEMU %s offers all CPU features that the guest has, as one with its CPU model says",
                          binary->version_text);
    else if (g_str_equal(guest_error_get_code(error), "cpu-features"))
        qemu_findings_add(findings, QEMU_FINDING_BLOCK, "cpu-features", guest_error_get_hint(error), "%s", error->message);
    else
        g_debug("a trial of the CPU: %s", error->message);
}
