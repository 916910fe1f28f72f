/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking a QEMU binary what it can do.
 *
 * It is started with `-machine none`: no machine, no memory, no firmware to load. Its monitor is one end of a
 * socket pair, so there is nothing to name or to clean up, nobody else can be at the other end, and when it
 * ends the end of file says so at once. What it prints goes to a memory file of limited size: printing
 * without end kills it (SIGXFSZ) instead of filling a pipe that somebody would have to empty meanwhile.
 *
 * With -incoming it waits, as a target does; -S is for a wrapper that loses that.
 *
 * The accelerator is named because a binary called "...kvm" takes KVM as its default and fails where that
 * does not work; none of the answers depends on it. It goes into -machine rather than -accel, which wrappers'
 * -enable-kvm excludes.
 *
 * Only a trial has a machine (qemu_binary_try): for what a binary says of machines that it has made.
 */
#include "qemu/binary-new.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "process/fd.h"
#include "process/proc.h"
#include "qmp/json.h"
#include "qmp/text.h"

#define MONITOR_FD 3
#define WORDS_MAX_BYTES (64 * 1024)
#define OUTPUT_MAX_BYTES (1024 * 1024)
#define CPU_MAX_SECONDS 30
#define REAP_TIMEOUT_MS 5000

static const char *const no_machine[] = {"-machine", "none,accel=tcg:kvm", NULL};

typedef struct {
    const char *path;
    const QmpWait *wait;
    int words_fd; /* what it prints */
    bool started;
    LauncherChild child;
    QmpClient *client;
} Probe;

/* --- its life --- */

/* With its process group: of a wrapper that does not exec, the QEMU would remain. */
static void
probe_end(Probe *probe, ProcessExit *ret_exit)
{
    if (!probe->started)
        return;
    probe->started = false;
    process_kill_group_and_reap(probe->child.pidfd, probe->child.identity.pid, REAP_TIMEOUT_MS, ret_exit, NULL);
    process_fd_clear(&probe->child.pidfd);
}

static void
probe_clear(Probe *probe)
{
    qmp_client_free(probe->client);
    probe_end(probe, NULL);
    process_fd_clear(&probe->words_fd);
}

static void
set_limits(struct rlimit *limits)
{
    for (int resource = 0; resource < RLIM_NLIMITS; resource++)
        if (getrlimit(resource, &limits[resource]) < 0)
            limits[resource] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
    limits[RLIMIT_CORE] = (struct rlimit){0, 0};
    limits[RLIMIT_FSIZE].rlim_cur = MIN(limits[RLIMIT_FSIZE].rlim_max, OUTPUT_MAX_BYTES);
    limits[RLIMIT_CPU].rlim_cur = MIN(limits[RLIMIT_CPU].rlim_max, CPU_MAX_SECONDS);
}

/* The launcher's reasons in terms of the binary. */
static void
set_spawn_error(const Probe *probe, GError *reason, GError **error)
{
    if (g_error_matches(reason, PROCESS_ERROR, PROCESS_ERROR_EXEC))
        g_set_error_literal(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_NOT_EXECUTABLE, reason->message);
    else if (g_error_matches(reason, PROCESS_ERROR, PROCESS_ERROR_TIMED_OUT))
        g_set_error(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_TIMED_OUT, "%s does not start in time",
                    probe->path);
    else
        g_propagate_error(error, g_error_copy(reason));
}

/* MACHINE: the arguments that make its machine, NULL-terminated. */
static char **
make_arguments(const Probe *probe, const char *const *machine)
{
    static const char *const waiting[] = {"-nodefaults", "-no-user-config", "-S", "-incoming", "defer", "-display", "none",
                                          "-chardev", "socket,id=moult,fd=3", "-mon", "chardev=moult,mode=control", NULL};
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    g_strv_builder_add(builder, probe->path);
    g_strv_builder_addv(builder, (const char **)machine);
    g_strv_builder_addv(builder, (const char **)waiting);
    return g_strv_builder_end(builder);
}

static bool
probe_start(Probe *probe, Launcher *launcher, const char *const *machine, GError **error)
{
    g_auto(GStrv) argv = make_arguments(probe, machine);
    g_autoptr(GError) reason = NULL;
    struct rlimit limits[RLIM_NLIMITS];
    int ends[2];

    probe->words_fd = memfd_create("moult-probe", MFD_CLOEXEC);
    if (probe->words_fd < 0 || fcntl(probe->words_fd, F_SETFL, O_APPEND) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, PROCESS_ERROR, PROCESS_ERROR_FAILED, "cannot ask %s: %s", probe->path,
                    g_strerror(errno));
        return false;
    }
    set_limits(limits);
    const LauncherFd monitor_fd = {.fd = ends[1], .number = MONITOR_FD};
    const LauncherRequest request = {.binary = probe->path,
                                     .argv = (const char *const *)argv,
                                     .fds = &monitor_fd,
                                     .n_fds = 1,
                                     .stdin_fd = -1,
                                     .stdout_fd = -1,
                                     .log_fd = probe->words_fd,
                                     .attributes = {.limits = limits, .die_with_engine = true}};
    gint64 left_ms = (probe->wait->deadline_us - g_get_monotonic_time()) / 1000;
    probe->started = launcher_spawn(launcher, &request, left_ms, &probe->child, &reason);
    close(ends[1]);
    if (!probe->started) {
        close(ends[0]);
        set_spawn_error(probe, reason, error);
        return false;
    }
    probe->client = qmp_client_new(ends[0], probe->path);
    return true;
}

/* --- what went wrong --- */

/* The end of what it printed, made fit for a message; NULL when it said nothing. */
static char *
dup_last_words(int words_fd)
{
    off_t size = lseek(words_fd, 0, SEEK_END), start = MAX(size - WORDS_MAX_BYTES, 0);
    g_autofree char *words = g_malloc0(WORDS_MAX_BYTES + 1);
    ssize_t n = pread(words_fd, words, WORDS_MAX_BYTES, start);

    if (n <= 0)
        return NULL;
    for (ssize_t i = 0; i < n; i++)
        if (words[i] == '\0')
            words[i] = '?';
    g_strchomp(words);

    /* The last lines say why; begin with a whole one. */
    size_t length = strlen(words);
    const char *tail = length > QMP_TEXT_MESSAGE_MAX ? words + length - QMP_TEXT_MESSAGE_MAX : words;
    const char *line = tail > words ? strchr(tail, '\n') : NULL;
    return *tail ? qmp_text_quote(line ? line + 1 : tail, QMP_TEXT_MESSAGE_MAX) : NULL;
}

static char *
describe_end(const ProcessExit *how)
{
    if (how->known && how->signal == SIGXFSZ)
        return g_strdup("prints without end");
    if (how->known && how->signal)
        return g_strdup_printf("was killed by signal %d (%s)", how->signal, g_strsignal(how->signal));
    if (how->known)
        return g_strdup_printf("ended with code %d", how->exit_code);
    return g_strdup("ended");
}

/* From the client's error to one about the binary. */
static void
set_failure(Probe *probe, const GError *reason, GError **error)
{
    QemuBinaryError code = QEMU_BINARY_ERROR_NOT_QEMU;
    bool late = g_error_matches(reason, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_TIMED_OUT) ||
                g_error_matches(reason, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_BUSY);
    bool closed = g_error_matches(reason, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CLOSED);
    g_autofree char *what = NULL, *words = NULL;
    ProcessExit how = {0};

    if (g_error_matches(reason, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CANCELLED)) {
        g_propagate_error(error, g_error_copy(reason));
        return;
    }
    /* An end of file comes a moment before the end of the process; how that ended is worth the moment. */
    if (closed && process_wait_exit(probe->child.pidfd, 1000, probe->wait->cancel_fd, &how, NULL))
        what = describe_end(&how);
    else if (late)
        what = g_strdup("does not answer in time");
    else
        what = g_strdup_printf("does not speak as QEMU does (%s)", reason->message);
    if (late)
        code = QEMU_BINARY_ERROR_TIMED_OUT;
    words = dup_last_words(probe->words_fd);
    g_set_error(error, QEMU_BINARY_ERROR, (int)code, "%s %s%s%s", probe->path, what,
                words ? ": " : " and said nothing", words ? words : "");
}

/* --- the questions --- */

static char *
query_target(const Probe *probe, GError **error)
{
    g_autoptr(json_object) reply = NULL;
    const char *target;

    if (!qmp_client_call(probe->client, "query-target", NULL, probe->wait, &reply, error))
        return NULL;
    target = qmp_json_get_string(reply, "arch");
    if (target && qmp_text_is_plain(target, 64))
        return g_strdup(target);
    g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE,
                "query-target: reply without a proper arch");
    return NULL;
}

/*
 * A wrapper that loses -incoming would start the target of an upgrade as a guest of its own: on the memory that the
 * running one uses. Here there is none to lose.
 */
static bool
check_waits(const Probe *probe, GError **error)
{
    QmpStatus status = {0};

    if (!qmp_query_status(probe->client, probe->wait, &status, error))
        return false;
    bool waits = g_str_equal(status.status, "inmigrate");
    if (!waits)
        g_set_error(error, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_GARBAGE, "it takes no notice of -incoming: it is %s",
                    status.status);
    qmp_status_clear(&status);
    return waits;
}

static bool
ask(const Probe *probe, QemuBinary *binary, GError **error)
{
    QmpClient *client = probe->client;
    QemuVersion *version = &binary->version;

    if (!qmp_client_wait_ready(client, probe->wait, error))
        return false;
    qmp_client_get_version(client, &version->major, &version->minor, &version->micro);
    binary->version_text = g_strdup_printf("%d.%d.%d", version->major, version->minor, version->micro);
    binary->package = g_strdup(qmp_client_get_package(client));
    return check_waits(probe, error) && (binary->target = query_target(probe, error)) &&
           (binary->machines = qmp_query_machines(client, probe->wait, error)) &&
           (binary->migrate_capabilities = qmp_query_migrate_capabilities(client, probe->wait, error)) &&
           (binary->device_types = qmp_qom_list_types(client, "device", probe->wait, error)) &&
           (binary->object_types = qmp_qom_list_types(client, "user-creatable", probe->wait, error));
}

/* A guest's QEMU must be the process that was started: it is held, signalled and measured by that. */
static bool
check_is_itself(const Probe *probe, GError **error)
{
    bool has_children;

    if (!process_proc_get_has_children(probe->child.identity.pid, &has_children, NULL) || !has_children)
        return true;
    g_set_error(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_NOT_QEMU,
                "%s runs QEMU as a child process of its own: a wrapper script must end in `exec`",
                probe->path);
    return false;
}

/* --- the file --- */

static bool
check_file(const char *path, struct stat *ret_info, GError **error)
{
    struct stat info;
    const char *wrong = NULL;

    if (path[0] != '/') {
        g_set_error(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_MISSING, "%s is not an absolute path", path);
        return false;
    }
    if (stat(path, &info) < 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;

        g_set_error(error, QEMU_BINARY_ERROR,
                    missing ? QEMU_BINARY_ERROR_MISSING : QEMU_BINARY_ERROR_NOT_EXECUTABLE, "%s: %s", path,
                    g_strerror(errno));
        return false;
    }
    if (!S_ISREG(info.st_mode))
        wrong = S_ISDIR(info.st_mode) ? "is a folder" : "is not a regular file";
    else if (!(info.st_mode & 0111))
        wrong = "is not executable";
    if (wrong) {
        g_set_error(error, QEMU_BINARY_ERROR, QEMU_BINARY_ERROR_NOT_EXECUTABLE, "%s %s", path, wrong);
        return false;
    }
    *ret_info = info;
    return true;
}

/* Whether the file at the path is still the one that was looked at before it was run. */
static bool
is_unchanged(const QemuFileStamp *stamp)
{
    g_autoptr(GPtrArray) stamps = g_ptr_array_new();

    g_ptr_array_add(stamps, (gpointer)stamp);
    return qemu_file_stamps_hold(stamps);
}

static void
put_list(gpointer list)
{
    json_object_put(list);
}

static QemuBinary *
probe_run(Probe *probe, Launcher *launcher, GError **error)
{
    g_autoptr(QemuBinary) binary = qemu_binary_new();
    g_autoptr(GError) reason = NULL;

    if (!probe_start(probe, launcher, no_machine, error))
        return NULL;
    if (!ask(probe, binary, &reason)) {
        set_failure(probe, reason, error);
        return NULL;
    }
    if (!check_is_itself(probe, error))
        return NULL;
    return g_steal_pointer(&binary);
}

QemuBinary *
qemu_binary_probe(Launcher *launcher, const char *path, const QmpWait *wait, GPtrArray **ret_files,
                  GError **error)
{
    const QmpWait limited = qmp_wait_within(wait, QEMU_BINARY_TIMEOUT_MS);
    g_autoptr(GPtrArray) files = qemu_file_stamps_new();
    Probe probe = {.path = path, .wait = &limited, .words_fd = -1};
    struct stat info;

    if (!check_file(path, &info, error))
        return NULL;
    QemuFileStamp *stamp = qemu_file_stamp_new(path, &info);
    g_ptr_array_add(files, stamp);

    QemuBinary *binary = probe_run(&probe, launcher, error);
    if (binary) {
        binary->path = g_strdup(path);
        binary->device = stamp->device;
        binary->inode = stamp->inode;
        binary->size_bytes = stamp->size_bytes;
        binary->mtime_ns = stamp->mtime_ns;
        bool known = qemu_file_stamps_add_executed(files, probe.child.identity.pid) && is_unchanged(stamp);
        *ret_files = known ? g_steal_pointer(&files) : NULL;
    }
    probe_clear(&probe);
    return binary;
}

bool
qemu_binary_try(Launcher *launcher, const char *path, const char *const *machine, QemuBinaryTryFunc func, gpointer data,
                const QmpWait *wait, GError **error)
{
    const QmpWait limited = qmp_wait_within(wait, QEMU_BINARY_TIMEOUT_MS);
    Probe probe = {.path = path, .wait = &limited, .words_fd = -1};
    g_autoptr(GError) reason = NULL;

    if (!probe_start(&probe, launcher, machine, error))
        return false;
    bool ok = qmp_client_wait_ready(probe.client, &limited, &reason) && check_waits(&probe, &reason) &&
              func(probe.client, &limited, data, &reason);
    if (!ok && reason->domain == QMP_CLIENT_ERROR)
        set_failure(&probe, reason, error);
    else if (!ok)
        g_propagate_error(error, g_steal_pointer(&reason));
    probe_clear(&probe);
    return ok;
}

/* ---- Properties ---- */

typedef struct {
    const char *const *types;
    GHashTable *lists;
} PropertiesQuestion;

/* Types that this QEMU does not have are left out. */
static bool
list_properties(QmpClient *client, const QmpWait *wait, gpointer data, GError **error)
{
    PropertiesQuestion *question = data;

    for (const char *const *type = question->types; *type; type++) {
        g_autoptr(GError) local = NULL;
        json_object *list = qmp_device_list_properties(client, *type, wait, &local);
        if (list) {
            g_hash_table_replace(question->lists, g_strdup(*type), list);
        } else if (!g_error_matches(local, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_REMOTE)) {
            g_propagate_error(error, g_steal_pointer(&local));
            return false;
        }
    }
    return true;
}

GHashTable *
qemu_binary_ask_properties(Launcher *launcher, const char *path, const char *const *types, const QmpWait *wait,
                           GError **error)
{
    g_autoptr(GHashTable) lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, put_list);
    PropertiesQuestion question = {.types = types, .lists = lists};

    return qemu_binary_try(launcher, path, no_machine, list_properties, &question, wait, error) ? g_steal_pointer(&lists)
                                                                                                : NULL;
}
