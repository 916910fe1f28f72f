/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting one QEMU. The monitors' listening sockets are made here and passed by descriptor: a connection can be
 * queued before QEMU runs, so that nothing waits for a path to appear, and there is no name to fight over.
 * Memory: spawn-memory.c.
 */
#include "guest/spawn.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest/error.h"
#include "guest/handover.h"
#include "guest/log.h"
#include "process/hugepages.h"

#define SPAWN_TIMEOUT_MS 10000
#define DEFAULT_DOWNSCRIPT "/etc/qemu-ifdown" /* of builds with --sysconfdir=/etc: all distributions' */
#define KILL_TIMEOUT_MS 10000

static QemuPlan *
plan_for(const GuestEnvironment *environment, const GuestDefinition *definition, const QemuBinary *binary,
         const GuestInstance *source, const GPtrArray *holdings, const char *hugetlbfs_dir, const GuestSpawnOptions *options, GError **error)
{
    const QemuPlanContext context = {
        .role = source ? QEMU_PLAN_INCOMING : QEMU_PLAN_FRESH,
        .name = definition->name,
        .uuid = definition->uuid,
        .binary = binary,
        .hugepage_size_bytes = definition->hugepage_size_bytes,
        .hugetlbfs_dir = hugetlbfs_dir,
        .machine_type = source ? source->machine_type : NULL,
        .memory = source ? guest_present_get_memory(options ? options->present : NULL, source) : NULL,
        .running = source ? guest_binary_get_version(&source->binary) : (QemuVersion){0},
        .holdings = holdings,
        .is_adopted = source && source->adopted,
        .has_default_downscript = g_file_test(DEFAULT_DOWNSCRIPT, G_FILE_TEST_IS_EXECUTABLE),
        .makes_queues = environment->steering_program > 0,
        .terminals = options && options->present ? options->present->terminals : NULL,
        .is_unasked = options && options->is_unasked,
        .stands_still = options && options->stands_still,
        .start_paused = options && options->start_paused,
        .copies_memory = options && options->copies_memory,
        .look_at_path = qemu_plan_look_at_path,
        .look_data = definition->cwd,
    };
    char **argv = options && options->present ? options->present->argv : definition->argv;
    QemuPlan *plan = qemu_plan_new((const char *const *)argv, &context, error);

    if (!plan)
        guest_error_wrap(error, GUEST_ERROR_REFUSED, "arguments", "see moult(1) on what the command line may hold",
                         NULL);
    return plan;
}

static bool
find_hugetlbfs(guint64 page_size_bytes, char **ret_mount, GError **error)
{
    guint64 free_bytes = 0;

    if (page_size_bytes == 0)
        return true;
    *ret_mount = paths_find_hugetlbfs(page_size_bytes, error);
    if (*ret_mount)
        return true;
    if (!process_hugepages_get_free(page_size_bytes, &free_bytes)) { /* nor could one be mounted */
        g_clear_error(error);
        guest_error_set(error, GUEST_ERROR_REFUSED, "hugepages-missing", "choose another size, or leave --hugepages out",
                        "this node has no huge pages of %" G_GUINT64_FORMAT " KiB", page_size_bytes / 1024);
        return false;
    }
    g_autofree char *hint = g_strdup_printf("mount one: mount -t hugetlbfs -o pagesize=%" G_GUINT64_FORMAT
                                            "M none /dev/hugepages",
                                            page_size_bytes >> 20);
    guest_error_wrap(error, GUEST_ERROR_REFUSED, "hugetlbfs-missing", hint, NULL);
    return false;
}

/* Of a source that cannot be looked into nothing is known: the rules then refuse what would need it. */
static GPtrArray *
look_at_holdings(const GuestEnvironment *environment, const GuestInstance *source)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *holdings = source && source->pidfd >= 0 ? guest_handover_look(environment, source, &error) : NULL;

    if (error)
        g_debug("%s", error->message);
    return holdings;
}

QemuPlan *
guest_spawn_plan(const GuestEnvironment *environment, const GuestDefinition *definition,
                 const QemuBinary *binary, const GuestInstance *source, guint64 domain_id,
                 const GuestSpawnOptions *options, GError **error)
{
    g_autofree char *mount = NULL;
    if (!find_hugetlbfs(definition->hugepage_size_bytes, &mount, error))
        return NULL;
    g_autofree char *dir = mount ? paths_hugetlbfs_dir(mount, domain_id) : NULL;
    GPtrArray *holdings = look_at_holdings(environment, source);
    QemuPlan *plan = plan_for(environment, definition, binary, source, holdings, dir, options, error);

    g_clear_pointer(&holdings, g_ptr_array_unref);
    return plan;
}

static bool
refuse_blocked(const QemuPlan *plan, GError **error)
{
    const QemuFinding *block = qemu_findings_get_block(plan->findings);

    if (block)
        guest_error_set(error, GUEST_ERROR_REFUSED, block->code, block->hint, "%s", block->reason);
    return !block;
}

static char *
absolute_pidfile(const QemuPlan *plan, const GuestDefinition *definition)
{
    return plan->pidfile ? g_canonicalize_filename(plan->pidfile, definition->cwd) : NULL;
}

/* The record-to-be: what the definition, the binary and the plan say. */
static GuestInstance *
instance_for(const GuestSpawn *spawn, const GuestDefinition *definition, const QemuBinary *binary,
             const GuestInstance *source)
{
    GuestInstance *instance = guest_instance_new();

    instance->definition = guest_definition_copy(definition);
    g_free(instance->definition->uuid);
    instance->definition->uuid = g_strdup(spawn->plan->uuid);
    instance->domain_id = spawn->paths->domain_id;
    guest_binary_set(&instance->binary, binary);
    instance->machine_type = g_strdup(spawn->plan->machine_type);
    instance->command_line = g_strdupv(spawn->plan->argv);
    g_ptr_array_unref(instance->deferred);
    instance->deferred = qemu_deferred_list_copy(spawn->plan->deferred);
    instance->pidfile = absolute_pidfile(spawn->plan, definition);
    instance->adopted = source && source->adopted;
    instance->started = source ? g_strdup(source->started) : guest_instance_dup_now();
    instance->hugetlbfs_dir =
        spawn->hugetlbfs_mount ? paths_hugetlbfs_dir(spawn->hugetlbfs_mount, spawn->paths->domain_id) : NULL;
    return instance;
}

/* What the new process must share with the old one. */
static bool
read_source(GuestSpawn *spawn, const GuestInstance *source, GError **error)
{
    if (!source)
        return true;
    spawn->attributes = process_attributes_read(source->process.pid, error);
    bool done = spawn->attributes && guest_label_read(source->process.pid, &spawn->label, error);
    if (!done)
        guest_error_wrap(error, GUEST_ERROR_FAILED, "process-attributes", NULL, "the running QEMU's process");
    return done;
}

/* An adopted guest runs as whoever it runs as. */
static bool
find_account(GuestSpawn *spawn, const GuestDefinition *definition, const GuestInstance *source, GError **error)
{
    const LauncherAttributes *attributes = spawn->attributes ? &spawn->attributes->launcher : NULL;

    if (!source || !source->adopted || definition->user)
        return guest_account_find(definition->user, &spawn->account, error);
    spawn->account = (GuestAccount){.is_other = attributes->uid != geteuid() || attributes->gid != getegid(),
                                    .uid = attributes->uid,
                                    .gid = attributes->gid,
                                    .groups = g_memdup2(attributes->groups, attributes->n_groups * sizeof(gid_t)),
                                    .n_groups = attributes->n_groups};
    return true;
}

/* Whoever QEMU is once it runs must be able to work in its folder. */
static bool
find_owner(GuestSpawn *spawn, const GuestDefinition *definition, const GuestInstance *source, GError **error)
{
    if (source && source->adopted && !spawn->plan->run_as && !definition->user) {
        spawn->owner = (GuestAccount){.is_other = spawn->account.is_other, .uid = spawn->account.uid, .gid = spawn->account.gid};
        return true;
    }
    return spawn->plan->run_as ? guest_account_find_run_as(spawn->plan->run_as, &spawn->owner, error)
                               : guest_account_find(definition->user, &spawn->owner, error);
}

/*
 * A number that no instance has had, on the hugetlbfs mount too: engines with folders of their own count for themselves, and
 * share the mount.
 */
static bool
choose_id(const GuestSpawn *spawn, guint64 *ret_id, GError **error)
{
    do {
        if (!paths_next_domain_id(spawn->environment->dirs, ret_id, error)) {
            guest_error_wrap(error, GUEST_ERROR_FAILED, "state-dir", NULL, "no new domain id");
            return false;
        }
    } while (spawn->hugetlbfs_mount && paths_hugetlbfs_exists(spawn->hugetlbfs_mount, *ret_id));
    return true;
}

GuestSpawn *
guest_spawn_new(const GuestEnvironment *environment, const GuestDefinition *definition, QemuBinary *binary,
                const GuestInstance *source, const GuestSpawnOptions *options, GError **error)
{
    g_autoptr(GuestSpawn) spawn = g_new0(GuestSpawn, 1);
    guint64 domain_id = 0;

    spawn->environment = environment;
    spawn->monitor_listener = spawn->operator_listener = -1;
    spawn->memory_fds = g_array_new(FALSE, FALSE, sizeof(int));
    spawn->handed = g_ptr_array_new_with_free_func((GDestroyNotify)guest_handed_free);
    if (!read_source(spawn, source, error) || !find_account(spawn, definition, source, error) ||
        !find_hugetlbfs(definition->hugepage_size_bytes, &spawn->hugetlbfs_mount, error) ||
        !choose_id(spawn, &domain_id, error))
        return NULL;
    spawn->paths = paths_instance_new(environment->dirs, domain_id);
    g_autofree char *hugetlbfs_dir =
        spawn->hugetlbfs_mount ? paths_hugetlbfs_dir(spawn->hugetlbfs_mount, domain_id) : NULL;
    spawn->holdings = look_at_holdings(environment, source);
    spawn->plan = plan_for(environment, definition, binary, source, spawn->holdings, hugetlbfs_dir, options, error);
    if (!spawn->plan || !refuse_blocked(spawn->plan, error) || !find_owner(spawn, definition, source, error))
        return NULL;
    spawn->instance = instance_for(spawn, definition, binary, source);
    return g_steal_pointer(&spawn);
}

static void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void
close_passed_fds(GuestSpawn *spawn)
{
    close_fd(&spawn->monitor_listener);
    close_fd(&spawn->operator_listener);
    for (guint i = 0; i < spawn->memory_fds->len; i++)
        close_fd(&g_array_index(spawn->memory_fds, int, i));
    g_array_set_size(spawn->memory_fds, 0);
    guest_spawn_close_handed(spawn, QEMU_PLAN_FD_HANDED);
    guest_spawn_close_handed(spawn, QEMU_PLAN_FD_QUEUE);
    guest_spawn_close_handed(spawn, QEMU_PLAN_FD_VHOST_NET);
}

void
guest_spawn_free(GuestSpawn *spawn)
{
    if (!spawn)
        return;
    close_passed_fds(spawn);
    g_array_unref(spawn->memory_fds);
    g_ptr_array_unref(spawn->handed);
    g_clear_pointer(&spawn->holdings, g_ptr_array_unref);
    guest_instance_free(spawn->instance);
    paths_instance_free(spawn->paths);
    qemu_plan_free(spawn->plan);
    guest_account_clear(&spawn->account);
    process_attributes_free(spawn->attributes);
    guest_account_clear(&spawn->owner);
    guest_label_clear(&spawn->label);
    g_free(spawn->hugetlbfs_mount);
    g_free(spawn);
}

bool
guest_spawn_create_paths(GuestSpawn *spawn, GError **error)
{
    if (!paths_instance_create(spawn->paths, spawn->owner.uid, spawn->owner.gid, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "runtime-dir", NULL, "no folder for the new instance");
        return false;
    }
    spawn->made_dir = true;
    /* What is made in it has its label. */
    if (!guest_label_set_path(&spawn->label, spawn->paths->dir, error))
        return false;
    if (!guest_instance_save(spawn->instance, spawn->paths, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "runtime-dir", NULL, "no record for the new instance");
        return false;
    }
    return true;
}

bool
guest_spawn_listen(GuestSpawn *spawn, GError **error)
{
    const PathsInstance *paths = spawn->paths;
    const GuestAccount *owner = &spawn->owner;

    /* Our monitor is for us alone; the other one is for whoever owns the guest. */
    spawn->monitor_listener = paths_instance_listen(paths, paths->monitor_socket, geteuid(), getegid(), error);
    if (spawn->monitor_listener >= 0)
        spawn->operator_listener =
            paths_instance_listen(paths, paths->operator_socket, owner->uid, owner->gid, error);
    if (spawn->monitor_listener < 0 || spawn->operator_listener < 0) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "runtime-dir", NULL, "no monitor sockets");
        return false;
    }
    return true;
}

static int
passed_fd(const GuestSpawn *spawn, const QemuPlanFd *fd)
{
    switch (fd->kind) {
    case QEMU_PLAN_FD_MONITOR:
        return spawn->monitor_listener;
    case QEMU_PLAN_FD_OPERATOR:
        return spawn->operator_listener;
    case QEMU_PLAN_FD_MEMORY:
        return g_array_index(spawn->memory_fds, int, fd->index);
    case QEMU_PLAN_FD_HANDED:
    case QEMU_PLAN_FD_QUEUE:
    case QEMU_PLAN_FD_NAMED:
    case QEMU_PLAN_FD_VHOST_NET:
        return guest_spawn_get_handed(spawn, fd->index);
    }
    g_assert_not_reached();
}

static GArray *
collect_fds(const GuestSpawn *spawn)
{
    GArray *fds = g_array_new(FALSE, FALSE, sizeof(LauncherFd));

    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *wanted = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        LauncherFd passed = {.fd = passed_fd(spawn, wanted), .number = wanted->number};
        if (wanted->number > STDERR_FILENO)
            g_array_append_val(fds, passed);
    }
    return fds;
}

/* What the plan wants as QEMU's descriptor NUMBER, 0 to 2; OTHERWISE where it wants nothing there. */
static int
standard_fd(const GuestSpawn *spawn, int number, int otherwise)
{
    for (guint i = 0; i < spawn->plan->fds->len; i++) {
        const QemuPlanFd *wanted = &g_array_index(spawn->plan->fds, QemuPlanFd, i);
        if (wanted->number == number)
            return passed_fd(spawn, wanted);
    }
    return otherwise;
}

/* The guest's own environment (or the engine's), and the mark by which its QEMU is found again. */
static char **
environment_for(const GuestSpawn *spawn)
{
    const GuestDefinition *definition = spawn->instance->definition;
    char **environment = definition->environment ? g_strdupv(definition->environment) : g_get_environ();

    return g_environ_setenv(environment, GUEST_SPAWN_MARK, spawn->paths->dir, TRUE);
}

static char **
argv_for(const GuestInstance *instance)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);

    g_ptr_array_add(argv, g_strdup(instance->binary.path));
    for (char **argument = instance->command_line; *argument; argument++)
        g_ptr_array_add(argv, g_strdup(*argument));
    g_ptr_array_add(argv, NULL);
    return (char **)g_ptr_array_steal(argv, NULL);
}

/*
 * The process exists and has not executed anything: its identity goes on record first. An engine that dies before that
 * takes the process with it (launcher.h).
 */
static bool
record_identity(const ProcessIdentity *identity, void *data, GError **error)
{
    GuestSpawn *spawn = data;

    spawn->instance->process = *identity;
    return guest_instance_save(spawn->instance, spawn->paths, error);
}

/*
 * As the source's process is, where there is one: control groups, limits, niceness, affinity, umask, namespaces. Its
 * user is that of the guest, but for a QEMU that changes its user itself (-runas): that must start as we are.
 */
static LauncherAttributes
attributes_for(const GuestSpawn *spawn)
{
    LauncherAttributes attributes = spawn->attributes ? spawn->attributes->launcher : (LauncherAttributes){0};
    const GuestAccount *account = &spawn->account;
    bool changes_by_itself = spawn->plan->run_as != NULL;

    attributes.set_ids = account->is_other && !changes_by_itself;
    attributes.uid = account->uid;
    attributes.gid = account->gid;
    attributes.groups = account->groups;
    attributes.n_groups = account->n_groups;
    attributes.cwd = spawn->instance->definition->cwd;
    attributes.exec_label = spawn->label.context;
    return attributes;
}

static bool
launch(GuestSpawn *spawn, int log_fd, GError **error)
{
    GuestInstance *instance = spawn->instance;
    g_autoptr(GArray) fds = collect_fds(spawn);
    g_auto(GStrv) argv = argv_for(instance);
    g_auto(GStrv) envp = environment_for(spawn);
    LauncherRequest request = {
        .binary = instance->binary.path,
        .argv = (const char *const *)argv,
        .envp = (const char *const *)envp,
        .fds = (const LauncherFd *)(void *)fds->data,
        .n_fds = fds->len,
        .stdin_fd = standard_fd(spawn, STDIN_FILENO, -1),
        .stdout_fd = standard_fd(spawn, STDOUT_FILENO, log_fd),
        .log_fd = standard_fd(spawn, STDERR_FILENO, log_fd),
        .attributes = attributes_for(spawn),
        .before_exec = record_identity,
        .before_exec_data = spawn,
    };
    g_autofree char *profile = spawn->label.profile ? g_strconcat("exec ", spawn->label.profile, NULL) : NULL;
    LauncherChild child;

    request.attributes.exec_profile = profile;
    if (request.log_fd != log_fd)
        guest_log_begin(instance, request.log_fd);
    if (!launcher_spawn(spawn->environment->launcher, &request, SPAWN_TIMEOUT_MS, &child, error)) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-start", NULL, instance->binary.path);
        return false;
    }
    instance->process = child.identity;
    instance->pidfd = child.pidfd;
    return true;
}

bool
guest_spawn_start(GuestSpawn *spawn, GError **error)
{
    int log_fd = paths_instance_open_log(spawn->paths, error);
    if (log_fd < 0) {
        guest_error_wrap(error, GUEST_ERROR_FAILED, "runtime-dir", NULL, "no log file");
        return false;
    }
    bool launched = launch(spawn, log_fd, error);
    close(log_fd);
    return launched;
}

/* QEMU's own words for why it is not there, in place of "connection closed". False: it lives, only its monitor is closed. */
static bool
explain_end(const GuestSpawn *spawn, GError **error)
{
    const GuestInstance *instance = spawn->instance;
    ProcessExit end = {0};

    if (!process_wait_exit(instance->pidfd, 1000, -1, &end, NULL))
        return false;
    g_autofree char *words = guest_log_dup_last_words(instance, spawn->paths);
    g_clear_error(error);
    guest_error_set(error, GUEST_ERROR_FAILED, "qemu-start", "see the message: it is QEMU's own",
                    "%s %s: %s", instance->binary.path,
                    end.signal ? g_strsignal(end.signal) : "ended at start", *words ? words : "it said nothing");
    return true;
}

bool
guest_spawn_connect(GuestSpawn *spawn, const QmpWait *wait, GError **error)
{
    GuestInstance *instance = spawn->instance;
    g_autofree char *label = g_strdup_printf("%s/%" G_GUINT64_FORMAT, instance->definition->name, instance->domain_id);

    instance->monitor = qmp_client_connect(spawn->paths->monitor_socket, label, error);
    /* From here on the sockets and the memory are QEMU's alone: its end then closes our connection. */
    close_passed_fds(spawn);
    if (instance->monitor && qmp_client_wait_ready(instance->monitor, wait, error) &&
        guest_spawn_name_handed(spawn, wait, error))
        return true;
    bool is_closed = g_error_matches(error ? *error : NULL, QMP_CLIENT_ERROR, QMP_CLIENT_ERROR_CLOSED);
    if (!is_closed || !explain_end(spawn, error))
        guest_error_wrap(error, GUEST_ERROR_FAILED, "qemu-monitor", "see the instance's qemu.log", "the new QEMU's monitor");
    return false;
}

bool
guest_spawn_undo(GuestSpawn *spawn, GError **error)
{
    GuestInstance *instance = spawn->instance;

    close_passed_fds(spawn);
    guest_spawn_close_handed(spawn, QEMU_PLAN_FD_NAMED);
    /* The group: a script that has not made itself a QEMU by `exec` leaves one behind. */
    if (instance->pidfd >= 0 &&
        !process_kill_group_and_reap(instance->pidfd, instance->process.pid, KILL_TIMEOUT_MS, NULL, error))
        return false;
    if (spawn->made_hugetlbfs && !paths_hugetlbfs_remove(instance->hugetlbfs_dir, error))
        return false;
    spawn->made_hugetlbfs = false;
    if (spawn->made_dir && !paths_instance_remove(spawn->paths, error))
        return false;
    spawn->made_dir = false;
    return true;
}
