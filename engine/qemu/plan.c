/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu/plan.h"

#include "qemu/rules.h"

/* 0, 1 and 2 are QEMU's standard descriptors. */
#define FIRST_FD_NUMBER 3

G_DEFINE_QUARK(qemu - plan - error - quark, qemu_plan_error)

void
qemu_plan_free(QemuPlan *plan)
{
    if (!plan)
        return;
    g_strfreev(plan->argv);
    g_free(plan->machine_type);
    g_free(plan->uuid);
    g_free(plan->run_as);
    g_free(plan->pidfile);
    g_clear_pointer(&plan->memory, g_ptr_array_unref);
    g_clear_pointer(&plan->fds, g_array_unref);
    g_clear_pointer(&plan->deferred, g_ptr_array_unref);
    g_clear_pointer(&plan->findings, g_ptr_array_unref);
    g_free(plan);
}

char *
qemu_plan_dup_fd_name(unsigned number)
{
    return g_strdup_printf("moult-fd-%u", number);
}

static QemuPlan *
plan_alloc(void)
{
    QemuPlan *plan = g_new0(QemuPlan, 1);

    plan->memory = qemu_memory_list_new();
    plan->fds = g_array_new(FALSE, TRUE, sizeof(QemuPlanFd));
    plan->deferred = qemu_deferred_list_new();
    plan->findings = qemu_findings_new();
    return plan;
}

QemuPlan *
qemu_plan_new(const char *const *operator_argv, const QemuPlanContext *context, GError **error)
{
    g_autoptr(QemuPlan) plan = plan_alloc();
    g_autoptr(QemuArgv) argv = NULL;
    QemuRules rules = {
        .context = context,
        .plan = plan,
        .release = QEMU_RELEASE(context->binary->version.major, context->binary->version.minor),
        .next_fd_number = FIRST_FD_NUMBER,
    };
    g_autoptr(GArray) named_fds = rules.named_fds = g_array_new(FALSE, FALSE, sizeof(int));

    g_return_val_if_fail(context->name && context->uuid && context->binary, NULL);
    g_return_val_if_fail(context->role == QEMU_PLAN_FRESH || (context->machine_type && context->memory),
                         NULL);
    g_return_val_if_fail(context->hugepage_size_bytes == 0 || context->hugetlbfs_dir, NULL);
    argv = rules.argv = qemu_argv_parse(operator_argv, error);
    if (!argv || !qemu_rules_apply(&rules, error))
        return NULL;
    plan->argv = qemu_argv_to_words(argv);
    return g_steal_pointer(&plan);
}
