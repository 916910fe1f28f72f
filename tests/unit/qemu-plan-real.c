/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Plans given to real QEMUs: every command line is started as a fresh guest, then upgraded with nothing but
 * the target's plan and bare QMP, on shared memory: does QEMU accept what the rules wrote, on both sides, and
 * does the state fit? Between the installed QEMU (MOULT_TEST_QEMU) and a newer one (MOULT_TEST_QEMU_NEW, else
 * what contrib/fetch/qemu has put into the cache folder), both ways. Exit 77 when the installed one is
 * missing.
 */
#include "process-helper.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "qemu/plan.h"

#define DEADLINE_MS 60000
#define UUID "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

static Launcher *launcher;
static QemuBinary *installed, *newer; /* newer may be NULL */

typedef struct {
    QemuPlan *plan;
    char *folder;
    GArray
        *held_fds; /* one descriptor for each of plan->fds, in their order: two monitors, then the memory */
    LauncherChild child;
    QmpClient *client;
} Qemu;

/* What is to be cleared away after a test, however it ended. */
static GPtrArray *running; /* Qemu */
static GPtrArray *folders; /* char* */

/* A temporary folder that is removed after the test. Borrowed. */
static char *
make_folder(void)
{
    char *folder = g_dir_make_tmp("moult-plan-XXXXXX", NULL);

    assert_non_null(folder);
    g_ptr_array_add(folders, folder);
    return folder;
}

static QemuBinary *
probe(QemuBinaryCache *cache, const char *path)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    g_autoptr(GError) error = NULL;
    QemuBinary *binary = qemu_binary_cache_get(cache, path, &wait, &error);

    assert_no_error(error);
    return binary;
}

static Qemu *
qemu_new(void)
{
    Qemu *qemu = g_new0(Qemu, 1);

    qemu->child.pidfd = -1;
    qemu->held_fds = g_array_new(FALSE, TRUE, sizeof(int));
    g_ptr_array_add(running, qemu);
    return qemu;
}

static int
listen_at(const char *folder, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static int
create_memory(const QemuMemoryBackend *backend)
{
    int fd = memfd_create(backend->id, MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)backend->size_bytes), 0);
    return fd;
}

/* The descriptors that the plan asks for; memory comes from SOURCE when there is one. */
static void
open_fds(Qemu *qemu, const Qemu *source)
{
    for (guint i = 0; i < qemu->plan->fds->len; i++) {
        const QemuPlanFd *wanted = &g_array_index(qemu->plan->fds, QemuPlanFd, i);
        int fd = -1;
        switch (wanted->kind) {
        case QEMU_PLAN_FD_MONITOR:
            fd = listen_at(qemu->folder, "monitor");
            break;
        case QEMU_PLAN_FD_OPERATOR:
            fd = listen_at(qemu->folder, "operator");
            break;
        case QEMU_PLAN_FD_MEMORY:
            fd = source ? dup(g_array_index(source->held_fds, int, i))
                        : create_memory(g_ptr_array_index(qemu->plan->memory, wanted->index));
            break;
        case QEMU_PLAN_FD_HANDED:
        case QEMU_PLAN_FD_QUEUE:
        case QEMU_PLAN_FD_VHOST_NET:
        case QEMU_PLAN_FD_NAMED: /* nothing is known of the source's descriptors here */
            fail_msg("descriptor %d is asked for", wanted->number);
            break;
        }
        g_array_append_val(qemu->held_fds, fd);
    }
}

static void
spawn(Qemu *qemu, const QemuBinary *binary, const char *cwd)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autofree LauncherFd *fds = g_new0(LauncherFd, qemu->plan->fds->len);
    g_autofree char *log = g_build_filename(qemu->folder, "log", NULL);
    g_autoptr(GError) error = NULL;
    LauncherRequest request = {.binary = binary->path,
                               .fds = fds,
                               .n_fds = qemu->plan->fds->len,
                               .stdin_fd = -1,
                               .stdout_fd = -1,
                               .attributes.cwd = cwd};

    g_ptr_array_add(argv, binary->path);
    for (char **word = qemu->plan->argv; *word; word++)
        g_ptr_array_add(argv, *word);
    g_ptr_array_add(argv, NULL);
    request.argv = (const char *const *)argv->pdata;
    for (guint i = 0; i < qemu->plan->fds->len; i++)
        fds[i] = (LauncherFd){.fd = g_array_index(qemu->held_fds, int, i),
                              .number = g_array_index(qemu->plan->fds, QemuPlanFd, i).number};
    request.log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    launcher_spawn(launcher, &request, DEADLINE_MS, &qemu->child, &error);
    close(request.log_fd);
    assert_no_error(error);
}

/* What QEMU wrote, for the message of a failure. */
static char *
dup_log(const Qemu *qemu)
{
    g_autofree char *path = g_build_filename(qemu->folder, "log", NULL);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

static void
fail_with_log(const Qemu *qemu, const char *what, const GError *error)
{
    g_autofree char *log = dup_log(qemu);
    g_autofree char *line = g_strjoinv(" ", qemu->plan->argv);

    fail_msg("%s: %s\n%s\n%s", what, error ? error->message : "", line, log);
}

static void
connect_monitor(Qemu *qemu)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    g_autofree char *path = g_build_filename(qemu->folder, "monitor", NULL);
    g_autoptr(GError) error = NULL;

    qemu->client = qmp_client_connect(path, "qemu", &error);
    assert_no_error(error);
    /* Ours would keep a dead QEMU's monitor silent instead of closed. */
    close(g_array_index(qemu->held_fds, int, 0));
    g_array_index(qemu->held_fds, int, 0) = -1;
    if (!qmp_client_wait_ready(qemu->client, &wait, &error))
        fail_with_log(qemu, "does not start", error);
}

static Qemu *
start(char *const *words, const QemuBinary *binary, const Qemu *source, const char *cwd)
{
    QemuPlanContext context = {.role = source ? QEMU_PLAN_INCOMING : QEMU_PLAN_FRESH,
                               .name = "web1",
                               .uuid = UUID,
                               .binary = binary,
                               .look_at_path = qemu_plan_look_at_path,
                               .look_data = (gpointer)cwd};
    Qemu *qemu = qemu_new();
    g_autoptr(GError) error = NULL;
    const QemuFinding *block;

    if (source) {
        context.machine_type = source->plan->machine_type;
        context.memory = source->plan->memory;
    }
    qemu->plan = qemu_plan_new((const char *const *)words, &context, &error);
    assert_no_error(error);
    block = qemu_findings_get_block(qemu->plan->findings);
    if (block)
        fail_msg("%s: %s", block->code, block->reason);
    qemu->folder = make_folder();
    open_fds(qemu, source);
    spawn(qemu, binary, cwd);
    connect_monitor(qemu);
    return qemu;
}

static void
remove_folder(const char *folder)
{
    g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(folder);
}

static void
end(Qemu *qemu)
{
    if (qemu->child.pidfd >= 0) {
        process_kill_and_reap(qemu->child.pidfd, DEADLINE_MS, NULL, NULL);
        close(qemu->child.pidfd);
    }
    if (qemu->client)
        qmp_client_free(qemu->client);
    for (guint i = 0; i < qemu->held_fds->len; i++) {
        if (g_array_index(qemu->held_fds, int, i) >= 0)
            close(g_array_index(qemu->held_fds, int, i));
    }
    g_array_unref(qemu->held_fds);
    qemu_plan_free(qemu->plan);
    g_free(qemu);
}

static void
finish(Qemu *qemu)
{
    g_ptr_array_remove(running, qemu);
    end(qemu);
}

static int
clear_away(void **state)
{
    (void)state;
    for (guint i = 0; i < running->len; i++)
        end(g_ptr_array_index(running, i));
    g_ptr_array_set_size(running, 0);
    for (guint i = 0; i < folders->len; i++)
        remove_folder(g_ptr_array_index(folders, i));
    g_ptr_array_set_size(folders, 0);
    return 0;
}

static void
assert_memory_is_shared(const Qemu *qemu)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) backends = qmp_query_memdev(qemu->client, &wait, &error);

    assert_no_error(error);
    assert_int_equal(backends->len, qemu->plan->memory->len);
    for (guint i = 0; i < backends->len; i++) {
        const QmpMemdev *backend = g_ptr_array_index(backends, i);
        const QemuMemoryBackend *planned = qemu_memory_find(qemu->plan->memory, backend->id);
        assert_non_null(planned);
        assert_int_equal(planned->size_bytes, backend->size_bytes);
        assert_true(backend->share);
    }
}

static void
assert_identity(const Qemu *qemu)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    g_autoptr(GError) error = NULL;
    g_autofree char *type = qmp_qom_get_string(qemu->client, "/machine", "type", &wait, &error);
    g_autofree char *expected = g_strconcat(qemu->plan->machine_type, "-machine", NULL);

    assert_no_error(error);
    assert_string_equal(type, expected);
}

static void
set_capabilities(const Qemu *qemu, const QemuBinary *binary)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    const char *names[] = {qemu_binary_get_shared_capability(binary), "return-path", NULL};
    g_autoptr(GError) error = NULL;

    qmp_migrate_set_capabilities(qemu->client, names, true, &wait, &error);
    assert_no_error(error);
}

static void
hand_over(const Qemu *source, const QemuBinary *from, const Qemu *target, const QemuBinary *to)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    g_autofree char *uri = g_strdup_printf("unix:%s/migrate", target->folder);
    g_autoptr(GError) error = NULL;
    g_autoptr(QmpEvent) event = NULL;

    set_capabilities(source, from);
    set_capabilities(target, to);
    qmp_migrate_incoming(target->client, uri, &wait, &error);
    assert_no_error(error);
    qmp_migrate(source->client, uri, &wait, &error);
    assert_no_error(error);
    event = qmp_client_wait_event(target->client, "RESUME", &wait, &error);
    if (!event)
        fail_with_log(target, "does not take the state", error);
}

/* TMP in LINE stands for the test's folder. */
static void
upgrade(const char *line, const QemuBinary *from, const QemuBinary *to)
{
    const char *folder = make_folder();
    g_auto(GStrv) parts = g_strsplit(line, "TMP", -1);
    g_autofree char *filled = g_strjoinv(folder, parts);
    g_auto(GStrv) words = g_strsplit(filled, " ", -1);
    Qemu *source = start(words, from, NULL, folder), *target;

    assert_memory_is_shared(source);
    assert_identity(source);
    target = start(words, to, source, folder);
    assert_memory_is_shared(target);
    assert_identity(target);
    hand_over(source, from, target, to);
    finish(source);
    finish(target);
}

/* Every one with a machine type that both QEMUs know. No guest system: the firmware runs. */
static const char *const lines[] = {
    "-M pc-q35-7.2 -m 64 -accel tcg -nodefaults -display none",
    "-M pc-i440fx-7.2,accel=tcg -m 64 -nographic",
    "--machine pc-q35-7.2 -machine accel=tcg --m size=64M,slots=2,maxmem=1G -smp 2,sockets=2,maxcpus=4",
    "-M pc-q35-7.2,accel=tcg,memory.size=64M -display none -uuid 6ba7b811-9dad-11d1-80b4-00c04fd430c8 -name "
    "x,process=y",
    "-M pc-q35-7.2,memory-backend=m -m 64 -display none -object "
    "memory-backend-ram,id=m,size=64M,merge=off,dump=off",
    "-M pc-q35-7.2,memory-backend=m -m 64 -display none -object "
    "memory-backend-memfd,id=m,size=64M,seal=on,share=on",
    "-M pc-q35-7.2,memory-backend=m -m 64 -display none -object "
    "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":67108864,\"prealloc\":true,\"reserve\":true}",
    "-M pc-q35-7.2 -m 96 -display none -smp 2 -numa node,memdev=a -numa node,memdev=b "
    "-object memory-backend-ram,id=a,size=64M,host-nodes=0,policy=bind -object "
    "memory-backend-ram,id=b,size=32M,reserve=off",
    "-M pc-q35-7.2 -m 64,slots=2,maxmem=1G -display none -object memory-backend-ram,id=d,size=128M "
    "-device pc-dimm,memdev=d,id=dimm0",
    "-M pc-q35-7.2 -m 64 -display none -mem-path /dev/shm -mem-prealloc",
    "-M pc-q35-7.2,memory-backend=m -m 64 -display none "
    "-object memory-backend-file,id=m,size=64M,mem-path=TMP/ram,share=on,discard-data=on,prealloc=on",
    "-M pc-i440fx-3.1 -m 64 -display none",
    "-M pc-i440fx-3.1,memory-backend=m -m 64 -display none -object memory-backend-ram,id=m,size=64M",
    "-M pc-q35-7.2 -m 64 -nodefaults -display none -serial stdio -serial null -parallel none -monitor none "
    "-debugcon null",
    "-M pc-q35-7.2 -m 64 -daemonize -pidfile TMP/pid -display none -no-reboot -D TMP/log -d guest_errors",
    "-M pc-q35-7.2 -m 64 -display none -no-user-config -rtc base=utc,driftfix=slew -boot order=c,menu=off "
    "-global ICH9-LPC.disable_s3=1 -vga std -usb -device usb-tablet -k de",
    "-M pc-q35-7.2 -m 64 -display none -netdev user,id=n0 -device virtio-net-pci,netdev=n0 "
    "-object rng-random,id=r,filename=/dev/urandom -device virtio-rng-pci,rng=r -device virtio-balloon",
    "-M pc-q35-7.2 -m 64 -display none -chardev ringbuf,id=c0,size=4096,logfile=TMP/ring -device "
    "isa-serial,chardev=c0",
};

static void
upgrade_all(const QemuBinary *from, const QemuBinary *to)
{
    if (!from || !to)
        skip();
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++)
        upgrade(lines[i], from, to);
}

static void
installed_to_itself(void **state)
{
    (void)state;
    upgrade_all(installed, installed);
}

static void
installed_to_newer(void **state)
{
    (void)state;
    upgrade_all(installed, newer);
}

static void
newer_to_itself(void **state)
{
    (void)state;
    upgrade_all(newer, newer);
}

static void
newer_to_installed(void **state)
{
    (void)state;
    upgrade_all(newer, installed);
}

/* Options that only one of the two has: translated on the other. */
static void
options_of_one_release_work_with_the_other(void **state)
{
    (void)state;
    if (!newer || installed->version.major != 7)
        skip();
    upgrade("-M pc-q35-7.2 -m 64 -display none -no-hpet -no-acpi -async-teardown", installed, newer);
    upgrade("-M pc-q35-7.2 -m 64 -display none -watchdog i6300esb -smp 2,sockets=0", installed, newer);
    upgrade("-M pc-q35-7.2 -m 64 -display none -run-with async-teardown=on", newer, installed);
}

/* A shorthand and a chardev: what the guest has written before the upgrade is still there. */
static void
nothing_is_truncated(void **state)
{
    (void)state;
    static const char *const files[] = {"serial", "ring", "log"};
    const char *folder = make_folder();
    g_autofree char *line = g_strdup_printf("-M pc-q35-7.2 -m 64 -display none -serial file:%s/serial "
                                            "-chardev null,id=n,logfile=%s/ring -device isa-serial,chardev=n "
                                            "-D %s/log -d guest_errors",
                                            folder, folder, folder);
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    Qemu *source = start(words, installed, NULL, folder), *target;

    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "kept", 4), 4);
        close(fd);
    }
    target = start(words, newer ? newer : installed, source, folder);
    hand_over(source, installed, target, newer ? newer : installed);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(folder, files[i], NULL);
        g_autofree char *text = NULL;
        assert_true(g_file_get_contents(path, &text, NULL, NULL));
        if (!strstr(text, "kept"))
            fail_msg("%s was emptied", files[i]);
    }
    finish(source);
    finish(target);
}

#define PATTERN_BYTE 0xa5

/* Puts a pattern all over the memory, and says whether it is still there. */
static void
fill_memory(const Qemu *qemu, guint index)
{
    const QemuPlanFd *wanted = &g_array_index(qemu->plan->fds, QemuPlanFd, index);
    const QemuMemoryBackend *backend = g_ptr_array_index(qemu->plan->memory, wanted->index);
    int fd = g_array_index(qemu->held_fds, int, index);
    void *memory = mmap(NULL, backend->size_bytes, PROT_WRITE, MAP_SHARED, fd, 0);

    assert_ptr_not_equal(memory, MAP_FAILED);
    memset(memory, PATTERN_BYTE, backend->size_bytes);
    munmap(memory, backend->size_bytes);
}

static bool
memory_is_untouched(const Qemu *qemu, guint index)
{
    const QemuPlanFd *wanted = &g_array_index(qemu->plan->fds, QemuPlanFd, index);
    const QemuMemoryBackend *backend = g_ptr_array_index(qemu->plan->memory, wanted->index);
    int fd = g_array_index(qemu->held_fds, int, index);
    const guint8 *memory = mmap(NULL, backend->size_bytes, PROT_READ, MAP_SHARED, fd, 0);
    bool untouched;

    assert_ptr_not_equal(memory, MAP_FAILED);
    /* All bytes are the same when every one equals the next. */
    untouched = memory[0] == PATTERN_BYTE && memcmp(memory, memory + 1, backend->size_bytes - 1) == 0;
    munmap((void *)memory, backend->size_bytes);
    return untouched;
}

/* A plan's target as it waits, without a source: its memory is a pattern. */
static Qemu *
start_waiting(const char *line, const QemuBinary *binary)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    QemuPlanContext context = {.role = QEMU_PLAN_FRESH, .name = "web1", .uuid = UUID, .binary = binary};
    g_autoptr(GError) error = NULL;
    g_autoptr(QemuPlan) fresh = qemu_plan_new((const char *const *)words, &context, &error);
    Qemu *qemu = qemu_new();

    assert_no_error(error);
    context.role = QEMU_PLAN_INCOMING;
    context.machine_type = fresh->machine_type;
    context.memory = fresh->memory;
    qemu->plan = qemu_plan_new((const char *const *)words, &context, &error);
    assert_no_error(error);
    qemu->folder = make_folder();
    open_fds(qemu, NULL);
    for (guint i = 2; i < qemu->held_fds->len; i++)
        fill_memory(qemu, i);
    spawn(qemu, binary, qemu->folder);
    connect_monitor(qemu);
    return qemu;
}

static void
check_waiting(const char *line, const QemuBinary *binary, bool untouched)
{
    const QmpWait wait = qmp_wait_from_now(DEADLINE_MS, -1);
    Qemu *qemu = start_waiting(line, binary);
    g_autoptr(GError) error = NULL;
    QmpStatus status;

    qmp_query_status(qemu->client, &wait, &status, &error);
    assert_no_error(error);
    assert_string_equal(status.status, "inmigrate");
    qmp_status_clear(&status);
    for (guint i = 2; i < qemu->held_fds->len; i++) {
        if (memory_is_untouched(qemu, i) != untouched)
            fail_msg("“%s” on QEMU %s %s memory", line, binary->version_text,
                     untouched ? "changes" : "no longer changes");
    }
    finish(qemu);
}

/*
 * The running guest uses the same memory while the target waits. QEMU loads no firmware, kernel or table into
 * it then, for any machine or device below.
 */
static void
a_target_that_waits_leaves_the_memory_alone(void **state)
{
    (void)state;
    static const char *const more[] = {
        "-M microvm -m 64 -nodefaults -display none",
        "-M isapc -m 64 -nodefaults -display none",
        "-M pc-q35-7.2 -m 64 -display none -device vmgenid,guid=auto -device vmcoreinfo -device pvpanic -smp "
        "4",
        "-M pc-i440fx-7.2 -m 64 -display none -device virtio-net-pci -device e1000e -device nec-usb-xhci "
        "-device usb-tablet -device virtio-scsi-pci -device virtio-serial-pci -device virtio-gpu-pci",
    };
    const QemuBinary *binaries[] = {installed, newer};

    for (size_t b = 0; b < G_N_ELEMENTS(binaries) && binaries[b]; b++) {
        for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
            if (!strstr(lines[i], "TMP"))
                check_waiting(lines[i], binaries[b], true);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(more); i++)
            check_waiting(more[i], binaries[b], true);
    }
}

/* What the rules block, and why: were this no longer so, they could go. */
static void
what_would_write_into_the_memory_is_blocked(void **state)
{
    (void)state;
    const char *loader = "-M pc-q35-7.2 -m 64 -display none -device loader,addr=0x1000,data=0,data-len=4";
    const char *virtio_mem =
        "-M pc-q35-7.2,memory-backend=m -m 64,maxmem=1G -display none "
        "-object memory-backend-ram,id=m,size=64M -object memory-backend-ram,id=v,size=128M "
        "-device virtio-mem-pci,memdev=v";
    Qemu *qemu = NULL;

    check_waiting(loader, installed, false);
    if (installed->version.major != 7)
        return;
    qemu = start_waiting(virtio_mem, installed);
    assert_true(memory_is_untouched(qemu, 2));
    assert_false(memory_is_untouched(qemu, 3));
    assert_non_null(qemu_findings_get_block(qemu->plan->findings));
    finish(qemu);
}

static int
set_up(void **state)
{
    (void)state;
    const char *path = g_getenv("MOULT_TEST_QEMU"), *new_path = g_getenv("MOULT_TEST_QEMU_NEW");
    const char *folder = g_getenv("MOULT_CACHE_DIR");
    g_autofree char *cache_folder =
        folder ? g_strdup(folder) : g_build_filename(g_get_user_cache_dir(), "moult", NULL);
    g_autofree char *fetched = new_path
                                   ? g_strdup(new_path)
                                   : g_build_filename(cache_folder, "qemu-10.0", "qemu-system-x86_64", NULL);
    QemuBinaryCache *cache;

    running = g_ptr_array_new();
    folders = g_ptr_array_new_with_free_func(g_free);
    launcher = launcher_start(NULL);
    cache = qemu_binary_cache_new(launcher, NULL);
    installed = probe(cache, path ? path : "/usr/bin/qemu-system-x86_64");
    if (g_file_test(fetched, G_FILE_TEST_IS_EXECUTABLE))
        newer = probe(cache, fetched);
    qemu_binary_cache_free(cache);
    return launcher ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    qemu_binary_unref(installed);
    if (newer)
        qemu_binary_unref(newer);
    launcher_free(launcher);
    g_ptr_array_unref(running);
    g_ptr_array_unref(folders);
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(installed_to_itself, clear_away),
        cmocka_unit_test_teardown(installed_to_newer, clear_away),
        cmocka_unit_test_teardown(newer_to_itself, clear_away),
        cmocka_unit_test_teardown(newer_to_installed, clear_away),
        cmocka_unit_test_teardown(nothing_is_truncated, clear_away),
        cmocka_unit_test_teardown(a_target_that_waits_leaves_the_memory_alone, clear_away),
        cmocka_unit_test_teardown(what_would_write_into_the_memory_is_blocked, clear_away),
        cmocka_unit_test_teardown(options_of_one_release_work_with_the_other, clear_away),
    };
    const char *path = g_getenv("MOULT_TEST_QEMU");

    if (!g_file_test(path ? path : "/usr/bin/qemu-system-x86_64", G_FILE_TEST_IS_EXECUTABLE)) {
        fprintf(stderr, "no QEMU is there: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
