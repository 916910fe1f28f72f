/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qmp/commands.h"

#define START_TIMEOUT_MS 20000
#define COMMAND_TIMEOUT_MS 10000

static void
error_set_errno(GError **error, const char *what)
{
    int code = errno;

    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(code), "%s: %s", what, g_strerror(code));
}

static void
file_remove(const char *path)
{
    if (path)
        g_unlink(path);
}

void
vm_free(Vm *vm)
{
    if (!vm)
        return;
    if (vm->pid) {
        kill(vm->pid, SIGKILL);
        waitpid(vm->pid, NULL, 0);
    }
    if (vm->pidfd >= 0)
        close(vm->pidfd);
    qmp_client_free(vm->client);
    file_remove(vm->serial);
    file_remove(vm->messages);
    if (vm->folder) {
        g_autofree char *migration = g_build_filename(vm->folder, "migrate.sock", NULL);

        g_unlink(migration);
        g_rmdir(vm->folder);
    }
    g_free(vm->serial);
    g_free(vm->messages);
    g_free(vm->folder);
    g_free(vm);
}

/* In the child, between fork and exec. A session of its own, as whatever manages guests gives them: the scheduler shares out
 * the processors by session. */
static void
child_setup(gpointer unused)
{
    (void)unused;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setsid();
}

static char **
argv_make(const Vm *vm, const char *qemu, const char *const *arguments, int monitor_fd)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    vm_arguments_add(argv, qemu, "-nodefaults", "-display", "none", "-accel", "tcg", NULL);
    g_ptr_array_add(argv, g_strdup("-chardev"));
    g_ptr_array_add(argv, g_strdup_printf("socket,id=vm-monitor,fd=%d", monitor_fd));
    vm_arguments_add(argv, "-mon", "chardev=vm-monitor,mode=control", "-serial", NULL);
    g_ptr_array_add(argv, g_strdup_printf("file:%s", vm->serial));
    for (; *arguments; arguments++)
        g_ptr_array_add(argv, g_strdup(*arguments));
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&argv), FALSE);
}

static bool
vm_spawn(Vm *vm, const char *qemu, const char *const *arguments, int monitor_fd, int fd, GError **error)
{
    const int fds[] = {monitor_fd, fd};
    g_auto(GStrv) argv = argv_make(vm, qemu, arguments, monitor_fd);
    int messages = open(vm->messages, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);

    if (messages < 0) {
        error_set_errno(error, vm->messages);
        return false;
    }
    bool ok = g_spawn_async_with_pipes_and_fds(
        NULL, (const char *const *)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, child_setup, NULL, -1,
        messages, messages, fds, fds, fd >= 0 ? 2 : 1, &vm->pid, NULL, NULL, NULL, error);
    close(messages);
    if (!ok)
        return false;
    vm->pidfd = (int)syscall(SYS_pidfd_open, vm->pid, 0);
    if (vm->pidfd < 0)
        error_set_errno(error, "pidfd_open");
    return vm->pidfd >= 0;
}

static bool
vm_start_in(Vm *vm, const char *qemu, const char *const *arguments, int fd, GError **error)
{
    QmpWait wait = qmp_wait_from_now(START_TIMEOUT_MS, -1);
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0) {
        error_set_errno(error, "socketpair");
        return false;
    }
    vm->client = qmp_client_new(sockets[0], qemu);
    bool ok = vm_spawn(vm, qemu, arguments, sockets[1], fd, error);
    close(sockets[1]);
    if (!ok || qmp_client_wait_ready(vm->client, &wait, error))
        return ok;

    g_autofree char *messages = vm_dup_messages(vm);
    g_prefix_error(error, "%s: ", g_strchomp(messages));
    return false;
}

Vm *
vm_start(const char *qemu, const char *const *arguments, int fd, GError **error)
{
    g_autoptr(Vm) vm = g_new0(Vm, 1);

    vm->pidfd = -1;
    vm->folder = g_dir_make_tmp("moult-vm-XXXXXX", error);
    if (!vm->folder)
        return NULL;
    vm->serial = g_build_filename(vm->folder, "serial", NULL);
    vm->messages = g_build_filename(vm->folder, "messages", NULL);
    return vm_start_in(vm, qemu, arguments, fd, error) ? g_steal_pointer(&vm) : NULL;
}

bool
vm_wait_end(Vm *vm, unsigned timeout_ms, int *ret_status, GError **error)
{
    QmpWait wait = qmp_wait_from_now(timeout_ms, -1);
    int status;

    if (qmp_wait_poll(&wait, vm->pidfd, POLLIN) != QMP_WAIT_READY) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "QEMU does not end in %u ms", timeout_ms);
        return false;
    }
    if (waitpid(vm->pid, &status, 0) != vm->pid) {
        error_set_errno(error, "waitpid");
        return false;
    }
    vm->pid = 0;
    if (ret_status)
        *ret_status = status;
    return true;
}

static char *
file_dup(const char *path)
{
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

char *
vm_dup_serial(const Vm *vm)
{
    return file_dup(vm->serial);
}

char *
vm_dup_messages(const Vm *vm)
{
    return file_dup(vm->messages);
}

int
vm_memory_new(uint64_t size_bytes, GError **error)
{
    int fd = memfd_create("moult-vm", MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, (off_t)size_bytes) == 0)
        return fd;
    error_set_errno(error, "memfd");
    if (fd >= 0)
        close(fd);
    return -1;
}

void
vm_arguments_add(GPtrArray *arguments, ...)
{
    va_list list;
    const char *argument;

    va_start(list, arguments);
    while ((argument = va_arg(list, const char *)))
        g_ptr_array_add(arguments, g_strdup(argument));
    va_end(list);
}

void
vm_arguments_add_memory(GPtrArray *arguments, const char *machine, unsigned size_mib, int fd)
{
    vm_arguments_add(arguments, "-m", NULL);
    g_ptr_array_add(arguments, g_strdup_printf("%uM", size_mib));
    vm_arguments_add(arguments, "-object", NULL);
    g_ptr_array_add(arguments,
                    g_strdup_printf("memory-backend-file,id=pc.ram,size=%uM,mem-path=/proc/self/fd/%d,share=on",
                                    size_mib, fd));
    vm_arguments_add(arguments, "-machine", NULL);
    g_ptr_array_add(arguments, g_strdup_printf("%s,memory-backend=pc.ram", machine));
}

static bool
migration_prepare(Vm *source, Vm *target, VmMigration how, const QmpWait *wait, GError **error)
{
    const char *const shared[] = {"x-ignore-shared", "return-path", NULL};
    const char *const *names = how == VM_MIGRATION_SHARED ? shared : shared + 1;

    return qmp_migrate_set_capabilities(source->client, names, true, wait, error) &&
           qmp_migrate_set_capabilities(target->client, names, true, wait, error);
}

/* Waits for EVENT, and keeps QEMU's own time of it. */
static bool
event_time(Vm *vm, const char *event_name, const QmpWait *wait, gint64 *ret_time_us, GError **error)
{
    g_autoptr(QmpEvent) event = qmp_client_wait_event(vm->client, event_name, wait, error);

    if (!event) {
        QmpWait query_wait = qmp_wait_from_now(COMMAND_TIMEOUT_MS, -1);
        QmpMigrateInfo info = {0};

        if (qmp_query_migrate(vm->client, &query_wait, &info, NULL))
            g_prefix_error(error, "%s: migration %s %s: ", event_name, info.status,
                           info.error_desc ? info.error_desc : "");
        qmp_migrate_info_clear(&info);
        return false;
    }
    *ret_time_us = event->timestamp_us;
    return true;
}

bool
vm_migrate(Vm *source, Vm *target, VmMigration how, unsigned timeout_ms, gint64 *ret_downtime_us, GError **error)
{
    QmpWait wait = qmp_wait_from_now(timeout_ms, -1);
    g_autofree char *uri = g_strdup_printf("unix:%s/migrate.sock", target->folder);
    gint64 stop_us, resume_us;

    if (!migration_prepare(source, target, how, &wait, error) ||
        !qmp_migrate_incoming(target->client, uri, &wait, error) ||
        !qmp_migrate(source->client, uri, &wait, error) || !event_time(source, "STOP", &wait, &stop_us, error) ||
        !event_time(target, "RESUME", &wait, &resume_us, error))
        return false;
    if (ret_downtime_us)
        *ret_downtime_us = resume_us - stop_us;
    return true;
}
