/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest/threads.h"

#include <errno.h>
#include <sched.h>

#include "process/scheduling.h"
#include "qmp/commands.h"

typedef struct {
    const GuestInstance *source, *target;
    GError *error; /* the first */
} Carrying;

static void
note(Carrying *carrying, const char *what, GError *error)
{
    if (carrying->error) {
        g_error_free(error);
        return;
    }
    g_prefix_error(&error, "%s: ", what);
    carrying->error = error;
}

static bool
carry_affinity(pid_t from, pid_t to, GError **error)
{
    cpu_set_t wanted, now;

    /* EINVAL: more CPUs than a cpu_set_t has; such a node's affinity is left as it is. */
    if (sched_getaffinity(from, sizeof wanted, &wanted) < 0 ||
        (sched_getaffinity(to, sizeof now, &now) == 0 && CPU_EQUAL(&wanted, &now)) ||
        sched_setaffinity(to, sizeof wanted, &wanted) == 0)
        return true;
    g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "affinity of thread %d: %s", to, g_strerror(errno));
    return false;
}

/* What a QEMU says is looked for among its own threads: it must not have us change others'. */
static void
carry_one(Carrying *carrying, const char *what, pid_t source_thread, pid_t target_thread)
{
    pid_t from = process_scheduling_find_thread(carrying->source->process.pid, source_thread);
    pid_t to = process_scheduling_find_thread(carrying->target->process.pid, target_thread);
    ProcessScheduling scheduling;
    GError *error = NULL;

    if (from == 0 || to == 0)
        g_set_error(&error, PROCESS_ERROR, PROCESS_ERROR_GONE, "there is no thread %d", from == 0 ? source_thread : target_thread);
    if (!error && carry_affinity(from, to, &error) && process_scheduling_read(from, &scheduling, &error))
        process_scheduling_apply(to, &scheduling, &error);
    if (error)
        note(carrying, what, error);
}

static const QmpCpu *
find_cpu(const GPtrArray *cpus, gint64 index)
{
    for (guint i = 0; i < cpus->len; i++) {
        const QmpCpu *cpu = g_ptr_array_index(cpus, i);
        if (cpu->index == index)
            return cpu;
    }
    return NULL;
}

static bool
carry_cpus(Carrying *carrying, const QmpWait *wait, GError **error)
{
    g_autoptr(GPtrArray) before = qmp_query_cpus_fast(carrying->source->monitor, wait, error);
    g_autoptr(GPtrArray) after = before ? qmp_query_cpus_fast(carrying->target->monitor, wait, error) : NULL;

    for (guint i = 0; after && i < before->len; i++) {
        const QmpCpu *from = g_ptr_array_index(before, i), *to = find_cpu(after, from->index);
        g_autofree char *what = g_strdup_printf("vCPU %" G_GINT64_FORMAT, from->index);
        if (to)
            carry_one(carrying, what, from->thread_id, to->thread_id);
    }
    return after != NULL;
}

static const QmpIothread *
find_iothread(const GPtrArray *iothreads, const char *id)
{
    for (guint i = 0; i < iothreads->len; i++) {
        const QmpIothread *iothread = g_ptr_array_index(iothreads, i);
        if (g_str_equal(iothread->id, id))
            return iothread;
    }
    return NULL;
}

static bool
carry_iothreads(Carrying *carrying, const QmpWait *wait, GError **error)
{
    /* The objects have been asked for already; query-iothreads would be one question more. */
    g_autoptr(GPtrArray) names = qmp_qom_list_objects(carrying->source->monitor, "iothread", wait, error);
    if (!names || names->len == 0)
        return names != NULL;
    g_autoptr(GPtrArray) before = qmp_query_iothreads(carrying->source->monitor, wait, error);
    g_autoptr(GPtrArray) after = before ? qmp_query_iothreads(carrying->target->monitor, wait, error) : NULL;

    for (guint i = 0; after && i < before->len; i++) {
        const QmpIothread *from = g_ptr_array_index(before, i), *to = find_iothread(after, from->id);
        g_autofree char *what = g_strdup_printf("iothread %s", from->id);
        if (to)
            carry_one(carrying, what, from->thread_id, to->thread_id);
    }
    return after != NULL;
}

bool
guest_threads_carry(const GuestInstance *source, const GuestInstance *target, const QmpWait *wait, GError **error)
{
    Carrying carrying = {.source = source, .target = target};

    if (!carry_cpus(&carrying, wait, error) || !carry_iothreads(&carrying, wait, error)) {
        g_clear_error(&carrying.error);
        return false;
    }
    if (!carrying.error)
        return true;
    g_propagate_error(error, carrying.error);
    return false;
}
