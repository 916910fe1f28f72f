/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests that moult has not started: plain shell scripts, as people write them, start them; they are adopted, upgraded,
 * used, upgraded again and released.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "harness-private.h"
#include "talk.h"

#define NAME "web1"

/* What every script has: the variables of its environment are QEMU, DIR, KERNEL, INITRD. It leaves $DIR/pid behind. */
#define LINUX "-kernel \"$KERNEL\" -initrd \"$INITRD\" -append \"console=ttyS0 quiet no_timer_check moult.mem=16 moult.load=25 moult.disk=$DISK\""
#define IN_BACKGROUND " >$DIR/qemu.out 2>&1 &\necho $! >$DIR/pid\n"

/* ---- Scripts ---- */

static const HarnessSpec spec = {.kernel = "cloud", .ram_mib = 256};

static char *
path_in(const HarnessEngine *engine, const char *name)
{
    return g_build_filename(engine->folder, name, NULL);
}

static void
make_disk(const HarnessEngine *engine, const char *name)
{
    g_autofree char *path = path_in(engine, name);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

    assert_true(fd >= 0 && ftruncate(fd, 32 << 20) == 0);
    close(fd);
}

static pid_t
read_pid(const HarnessEngine *engine)
{
    g_autofree char *path = path_in(engine, "pid"), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return (pid_t)strtol(text, NULL, 10);
}

/* Runs BODY with /bin/sh, and waits until it has ended; the QEMU it starts stays. */
static pid_t
run_script(HarnessEngine *engine, const char *qemu, const char *body)
{
    g_autoptr(GError) error = NULL;
    const Files *files = harness_find_files("cloud", &error);
    g_autofree char *script = path_in(engine, "start.sh"), *text = g_strconcat("set -e\ncd \"$DIR\"\n", body, NULL);
    const char *argv[] = {"/bin/sh", script, NULL};
    int status = -1;

    make_disk(engine, "disk.raw");
    assert_true(g_file_set_contents(script, text, -1, NULL));
    char **environment = g_get_environ();
    environment = g_environ_setenv(environment, "QEMU", qemu, TRUE);
    environment = g_environ_setenv(environment, "DIR", engine->folder, TRUE);
    environment = g_environ_setenv(environment, "KERNEL", files->kernel, TRUE);
    environment = g_environ_setenv(environment, "INITRD", files->initramfs, TRUE);
    environment = g_environ_setenv(environment, "MOULT_RUNTIME_DIR", engine->runtime, TRUE); /* the janitor's mark */
    bool ran = g_spawn_sync(NULL, (char **)argv, environment, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
    g_strfreev(environment);
    if (!ran || !g_spawn_check_wait_status(status, &error))
        fail_msg("the script: %s", error->message);
    return read_pid(engine);
}

/* Waits until QEMU has opened what the script names. */
static void
await_socket(const HarnessEngine *engine, const char *name)
{
    g_autofree char *path = path_in(engine, name);

    for (int i = 0; i < 1000 && access(path, F_OK) < 0; i++)
        g_usleep(10000);
    assert_int_equal(access(path, F_OK), 0);
}

static char *
number(pid_t pid)
{
    return g_strdup_printf("%d", pid);
}

static HarnessReply *
adopt(HarnessEngine *engine, pid_t pid)
{
    g_autofree char *text = number(pid);

    return moult(engine, "adopt", NAME, "--pid", text, "--json", NULL);
}

static HarnessGuest *
adopt_and_await(HarnessEngine *engine, pid_t pid)
{
    g_autoptr(HarnessReply) reply = adopt(engine, pid);

    assert_status(reply, EXIT_DONE);
    HarnessGuest *guest = harness_guest_new(engine, NAME, &spec);
    harness_guest_await(guest);
    assert_int_equal(guest->pid, pid);
    return guest;
}

static void
upgrade_by(HarnessGuest *guest, HarnessBuild build, const char *method)
{
    g_autoptr(HarnessReply) check = moult(guest->engine, "check", NAME, "--to", harness_build(build), NULL);
    assert_status(check, EXIT_DONE); /* what an upgrade does, a check has said */
    g_autoptr(HarnessReply) reply =
        moult(guest->engine, "upgrade", NAME, "--to", harness_build(build), "--json", NULL);
    uint64_t nonce = guest->seen.nonce;
    pid_t old_pid = guest->pid;

    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "outcome"), "upgraded");
    assert_string_equal(qmp_json_get_string(reply_result(reply), "method"), method);
    harness_guest_await(guest);
    assert_int_not_equal(guest->pid, old_pid);
    assert_true(guest->seen.nonce == nonce);
    harness_engine_check(guest->engine);
}

static void
expect_gone(pid_t pid)
{
    for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
        g_usleep(10000);
    assert_int_equal(kill(pid, 0), -1);
}

/* It is forgotten, and lives. */
static void
release(HarnessGuest *guest)
{
    g_autoptr(HarnessReply) reply = moult(guest->engine, "release", NAME, "--json", NULL);

    assert_status(reply, EXIT_DONE);
    harness_guest_check(guest);
    g_autofree char *state = harness_guest_dup_state(guest);
    assert_null(state);
}

static void
end(HarnessEngine *engine, pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    expect_gone(pid);
    harness_engine_finish(engine);
}

/* ---- The forms ---- */

typedef struct {
    const char *name;
    const char *method; /* of the first upgrade */
    const char *script;
    const char *qmp; /* socket that must answer afterwards */
} Form;

/* clang-format off */
static const Form forms[] = {
    {"plain_script_in_the_background", "copy",
     "DISK=/dev/vda\n"
     "$QEMU -m 256M -smp 2 -nographic -nodefaults -accel tcg -drive file=disk.raw,format=raw,if=virtio "
     "-qmp unix:$DIR/qmp.sock,server,nowait " LINUX IN_BACKGROUND, "qmp.sock"},
    {"daemon_with_pidfile_and_two_monitors", "copy",
     "DISK=/dev/vda\n"
     "$QEMU -name " NAME " -M q35,accel=tcg -m 256 -display none -vga none -daemonize -pidfile $DIR/pid "
     "-drive if=none,id=hd0,file=$DIR/disk.raw,format=raw,cache=none -device virtio-blk-pci,drive=hd0 "
     "-netdev user,id=n0 -device virtio-net-pci,netdev=n0 -serial file:$DIR/serial.log "
     "-monitor unix:$DIR/hmp.sock,server=on,wait=off "
     "-chardev socket,id=qmp,path=$DIR/qmp.sock,server=on,wait=off -mon chardev=qmp,mode=control " LINUX "\n", "qmp.sock"},
    /* As `qm showcmd` prints it, but for -id, which only that QEMU has. */
    {"hypervisor_manager_with_two_qmp_sockets", "copy",
     "DISK=/dev/sda\n"
     "$QEMU -name '" NAME ",debug-threads=on' -no-shutdown "
     "-chardev 'socket,id=qmp,path='$DIR'/100.qmp,server=on,wait=off' -mon 'chardev=qmp,mode=control' "
     "-chardev 'socket,id=qmp-event,path='$DIR'/qmeventd.sock,server=on,wait=off' -mon 'chardev=qmp-event,mode=control' "
     "-pidfile $DIR/pid -daemonize -smbios 'type=1,uuid=7f0b1d0e-9a6b-4a57-8c66-3f3a90d2b0a4' "
     "-smp '2,sockets=1,cores=2,maxcpus=2' -nodefaults -vga none -nographic -cpu qemu64 -m 256 "
     "-device 'pci-bridge,id=pci.1,chassis_nr=1,bus=pci.0,addr=0x1e' "
     "-device 'piix3-usb-uhci,id=uhci,bus=pci.0,addr=0x1.0x2' -device 'usb-tablet,id=tablet,bus=uhci.0,port=1' "
     "-device 'virtio-balloon-pci,id=balloon0,bus=pci.0,addr=0x3,free-page-reporting=on' "
     "-device 'virtio-scsi-pci,id=scsihw0,bus=pci.0,addr=0x5' "
     "-drive 'file='$DIR'/disk.raw,if=none,id=drive-scsi0,format=raw,cache=none,aio=threads,detect-zeroes=on' "
     "-device 'scsi-hd,bus=scsihw0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id=scsi0,bootindex=100' "
     "-machine 'type=pc-i440fx-7.2,accel=tcg' " LINUX "\n", "100.qmp"},
    {"memory_in_a_file_of_the_operators", "shared",
     "DISK=/dev/vda\n"
     "$QEMU -m 256 -display none -nodefaults -object memory-backend-file,id=mem0,size=256M,mem-path=$DIR/ram,share=on "
     "-machine pc-q35-7.2,accel=tcg,memory-backend=mem0 -drive file=$DIR/disk.raw,format=raw,if=virtio "
     "-qmp unix:$DIR/qmp.sock,server=on,wait=off " LINUX IN_BACKGROUND, "qmp.sock"},
    {"memory_in_a_memfd", "shared",
     "DISK=/dev/vda\n"
     "$QEMU -m 256 -display none -nodefaults -object memory-backend-memfd,id=mem0,size=256M "
     "-machine pc-q35-7.2,accel=tcg,memory-backend=mem0 -drive file=$DIR/disk.raw,format=raw,if=virtio "
     "-qmp unix:$DIR/qmp.sock,server=on,wait=off " LINUX IN_BACKGROUND, "qmp.sock"},
    /* As people write them who follow the wiki, or use a launcher: */
    {"desktop_launcher", "copy",
     "DISK=/dev/vda\n"
     "$QEMU -name " NAME ",process=" NAME " -machine q35,smm=off,vmport=off,accel=tcg -global kvm-pit.lost_tick_policy=discard "
     "-cpu qemu64 -smp cores=2,threads=1,sockets=1 -m 256M -device virtio-balloon -display none -vga none "
     "-device virtio-rng-pci,rng=rng0 -object rng-random,id=rng0,filename=/dev/urandom "
     "-device qemu-xhci,id=spicepass -device usb-ehci,id=input -device usb-kbd,bus=input.0 -k en-us "
     "-device usb-tablet,bus=input.0 -audiodev none,id=audio0 -device intel-hda -device hda-duplex,audiodev=audio0 "
     "-device virtio-net,netdev=nic -netdev user,hostname=" NAME ",id=nic "
     "-global driver=cfi.pflash01,property=secure,value=on "
     "-device virtio-blk-pci,drive=SystemDisk -drive id=SystemDisk,if=none,format=raw,file=$DIR/disk.raw "
     "-monitor unix:$DIR/monitor.sock,server,nowait -serial unix:$DIR/serial.sock,server,nowait "
     "-qmp unix:$DIR/qmp.sock,server,nowait " LINUX IN_BACKGROUND, "qmp.sock"},
    {"wiki_one_liner", "copy",
     "DISK=/dev/sda\n"
     "$QEMU -hda disk.raw -m 256 -net nic -net user -boot c -nographic -qmp unix:qmp.sock,server=on,wait=off " LINUX
     IN_BACKGROUND, "qmp.sock"},
};
/* clang-format on */

static void
talk_qmp(const HarnessEngine *engine, const char *socket_name)
{
    g_autofree char *path = path_in(engine, socket_name);
    int fd = talk_connect_unix(path);

    talk_await(fd, "\"QMP\"");
    talk_say(fd, "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"query-status\"}\n");
    talk_await(fd, "\"running\"");
    close(fd);
}

/* What an upgrade will do, a list says before anybody has adopted it. */
static void
expect_listed(HarnessEngine *engine, pid_t pid, const char *method)
{
    g_autoptr(HarnessReply) list = moult(engine, "list", "--all", "--json", NULL);
    json_object *row = reply_find_listed(list, pid);

    assert_status(list, EXIT_DONE);
    assert_non_null(row);
    assert_string_equal(qmp_json_get_string(row, "method"), method);
}

static void
go_through(const Form *form)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), form->script);
    g_autofree char *pidfile = path_in(engine, "pid");

    await_socket(engine, form->qmp);
    expect_listed(engine, pid, form->method);
    HarnessGuest *guest = adopt_and_await(engine, pid);
    talk_qmp(engine, form->qmp); /* the monitor is its owner's */
    upgrade_by(guest, BUILD_SECOND, form->method);
    expect_gone(pid);
    talk_qmp(engine, form->qmp);
    if (strstr(form->script, "-pidfile"))
        assert_int_equal(read_pid(engine), guest->pid);
    upgrade_by(guest, BUILD_INSTALLED, "shared");
    talk_qmp(engine, form->qmp);
    release(guest);
    end(engine, guest->pid);
}

static void test_plain_script_in_the_background(void **state G_GNUC_UNUSED) { go_through(&forms[0]); }
static void test_daemon_with_pidfile_and_two_monitors(void **state G_GNUC_UNUSED) { go_through(&forms[1]); }
static void test_hypervisor_manager_with_two_qmp_sockets(void **state G_GNUC_UNUSED) { go_through(&forms[2]); }
static void test_memory_in_a_file_of_the_operators(void **state G_GNUC_UNUSED) { go_through(&forms[3]); }
static void test_memory_in_a_memfd(void **state G_GNUC_UNUSED) { go_through(&forms[4]); }
static void test_desktop_launcher(void **state G_GNUC_UNUSED) { go_through(&forms[5]); }
static void test_wiki_one_liner(void **state G_GNUC_UNUSED) { go_through(&forms[6]); }

/* ---- What is seen and what is refused ---- */

#define SIMPLE(more)                                                                                                       \
    "DISK=none\n$QEMU -m 256 -display none -nodefaults -machine pc-q35-7.2,accel=tcg " more " " LINUX IN_BACKGROUND
#define QMP "-qmp unix:$DIR/qmp.sock,server=on,wait=off "

static void
test_list_shows_what_is_not_managed(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), SIMPLE(QMP "-name 'my vm/7'"));
    await_socket(engine, "qmp.sock");
    g_autofree char *path = path_in(engine, "qmp.sock");
    int holder = talk_connect_unix(path); /* a monitor that is busy is no obstacle to being listed */
    talk_await(holder, "\"QMP\"");
    g_autoptr(HarnessReply) reply = moult(engine, "list", "--all", "--json", NULL);
    json_object *row = reply_find_listed(reply, pid);
    bool managed = true;
    gint64 memory_bytes = 0;

    assert_status(reply, EXIT_DONE);
    assert_non_null(row);
    assert_string_equal(qmp_json_get_string(row, "name"), "my_vm_7");
    assert_string_equal(qmp_json_get_string(row, "owner"), "other");
    assert_string_equal(qmp_json_get_string(row, "outdated"), "current");
    assert_string_equal(qmp_json_get_string(row, "method"), "copy");
    assert_true(g_str_has_prefix(qmp_json_get_string(qmp_json_get_object(row, "qemu"), "version"),
                                 harness_build_version(BUILD_INSTALLED)));
    assert_true(qmp_json_get_bool(row, "managed", &managed) && !managed);
    assert_true(qmp_json_get_int64(row, "memory_bytes", &memory_bytes) && memory_bytes == 256 << 20);
    g_autoptr(HarnessReply) plain = moult(engine, "list", "--json", NULL);
    assert_null(reply_find_listed(plain, pid));
    close(holder);
    end(engine, pid);
}

/* In the background QEMU is in "/", and opens its images by their paths once more when it hands over. */
static void
test_daemon_with_a_relative_image_is_told(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED),
                           "DISK=/dev/vda\n$QEMU -m 256 -display none -drive file=disk.raw,format=raw,if=virtio -daemonize "
                           "-pidfile $DIR/pid -qmp unix:$DIR/qmp.sock,server=on,wait=off " LINUX "\n");
    HarnessGuest *guest = adopt_and_await(engine, pid);
    g_autoptr(HarnessReply) check = moult(engine, "check", NAME, "--to", harness_build(BUILD_SECOND), "--json", NULL);
    g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", NAME, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_status(check, EXIT_REFUSED);
    assert_rows(check, "BLOCK disk-file");
    assert_outcome(upgrade, EXIT_REFUSED, "refused", "disk-file", "disk.raw");
    release(guest);
    end(engine, guest->pid);
}

static void
expect_refused(const char *script, const char *socket_name, const char *code)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), script);
    if (socket_name)
        await_socket(engine, socket_name);
    g_autoptr(HarnessReply) reply = adopt(engine, pid);

    assert_refusal(reply, EXIT_REFUSED, code, NULL);
    g_autoptr(HarnessReply) list = moult(engine, "list", "--json", NULL);
    assert_null(reply_find_listed(list, pid));
    end(engine, pid);
}

/* A QEMU that has not come to say a word within the time it is given, on a busy machine, is asked again. */
static HarnessReply *
adopt_patiently(HarnessEngine *engine, const char *path)
{
    for (int i = 0;; i++) {
        HarnessReply *reply = moult(engine, "adopt", NAME, "--qmp", path, "--json", NULL);
        if (i == 4 || !strstr(reply->text, "monitor-busy"))
            return reply;
        harness_reply_free(reply);
    }
}

/* One for people is none. */
static void
test_no_qmp_monitor(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), SIMPLE("-monitor unix:$DIR/hmp.sock,server=on,wait=off"));
    await_socket(engine, "hmp.sock");
    g_autofree char *path = path_in(engine, "hmp.sock");
    g_autoptr(HarnessReply) found = adopt(engine, pid);
    g_autoptr(HarnessReply) named = adopt_patiently(engine, path);

    assert_refusal(found, EXIT_REFUSED, "monitor-missing", NULL);
    assert_refusal(named, EXIT_REFUSED, "monitor-broken", "monitor - type 'help'");
    end(engine, pid);
}

static void
test_busy_monitor(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), SIMPLE(QMP));
    await_socket(engine, "qmp.sock");
    g_autofree char *path = path_in(engine, "qmp.sock");
    int holder = talk_connect_unix(path);

    talk_await(holder, "\"QMP\"");
    /* Who gives up still waits there, and soon there is no room for more. */
    for (int i = 0; i < 4; i++) {
        g_autoptr(HarnessReply) refused = i % 2 ? moult(engine, "adopt", NAME, "--qmp", path, "--json", NULL) : adopt(engine, pid);
        assert_refusal(refused, EXIT_REFUSED, "monitor-busy", NULL);
    }
    close(holder);
    g_autoptr(HarnessReply) taken = adopt_patiently(engine, path);
    assert_status(taken, EXIT_DONE);
    g_autoptr(HarnessReply) again = moult(engine, "adopt", "other", "--qmp", path, "--json", NULL);
    assert_refusal(again, EXIT_REFUSED, "already-managed", NULL);
    end(engine, pid);
}

static void
test_socket_of_another_process(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), SIMPLE(QMP));
    await_socket(engine, "qmp.sock");
    g_autofree char *path = path_in(engine, "trap.sock"), *text = number(pid);
    int trap = talk_listen_unix(path);
    g_autoptr(HarnessReply) both = moult(engine, "adopt", NAME, "--pid", text, "--qmp", path, "--json", NULL);
    g_autoptr(HarnessReply) alone = moult(engine, "adopt", NAME, "--qmp", path, "--json", NULL);

    assert_refusal(both, EXIT_REFUSED, "monitor-foreign", NULL);
    assert_refusal(alone, EXIT_REFUSED, "not-qemu", NULL);
    close(trap);
    end(engine, pid);
}

/* COMMANDS are said on the monitor, then the guest is adopted. */
static void
expect_refused_after(const char *script, const char *commands, const char *code)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), script);
    await_socket(engine, "qmp.sock");
    g_autofree char *path = path_in(engine, "qmp.sock");
    g_auto(GStrv) parts = g_strsplit(commands, "@", -1);
    g_autofree char *text = g_strjoinv(engine->folder, parts);
    int fd = talk_connect_unix(path);

    talk_await(fd, "\"QMP\"");
    talk_say(fd, "{\"execute\":\"qmp_capabilities\"}\n");
    talk_say(fd, text);
    talk_say(fd, "{\"execute\":\"query-name\",\"id\":\"done\"}\n");
    talk_await(fd, "\"done\"");
    close(fd);
    g_autoptr(HarnessReply) reply = adopt(engine, pid);
    assert_refusal(reply, EXIT_REFUSED, code, NULL);
    end(engine, pid);
}

static void
test_device_was_plugged(void **state G_GNUC_UNUSED)
{
    expect_refused_after(SIMPLE(QMP "-device pcie-root-port,id=rp0"),
                         "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-rng-pci\",\"bus\":\"rp0\"}}\n",
                         "device-plugged");
}

static void
test_medium_was_changed(void **state G_GNUC_UNUSED)
{
    expect_refused_after("cp disk.raw other:1.iso\n" SIMPLE(QMP "-drive if=none,id=cd0,media=cdrom,file=$DIR/disk.raw,format=raw "
                                                          "-device ide-cd,drive=cd0,id=cd"),
                         "{\"execute\":\"blockdev-change-medium\",\"arguments\":{\"id\":\"cd\",\"filename\":\"@/other:1.iso\"}}\n",
                         "medium-changed");
}

static void
test_chardev_was_added(void **state G_GNUC_UNUSED)
{
    expect_refused_after(SIMPLE(QMP),
                         "{\"execute\":\"chardev-add\",\"arguments\":{\"id\":\"late\",\"backend\":{\"type\":\"ringbuf\",\"data\":{}}}}\n",
                         "chardev-added");
}

static void
test_cpu_was_plugged(void **state G_GNUC_UNUSED)
{
    expect_refused_after(SIMPLE(QMP "-smp 1,maxcpus=2"),
                         "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"qemu64-x86_64-cpu\","
                         "\"socket-id\":0,\"core-id\":1,\"thread-id\":0}}\n",
                         "device-plugged");
}

static void
test_memory_was_plugged(void **state G_GNUC_UNUSED)
{
    expect_refused_after(
        "DISK=none\n$QEMU -m 256,slots=2,maxmem=1G -display none -nodefaults -machine pc-i440fx-7.2,accel=tcg " QMP LINUX IN_BACKGROUND,
        "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-ram\",\"id\":\"m9\",\"size\":134217728}}\n"
        "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"virtio-pmem-pci\",\"id\":\"pm9\",\"memdev\":\"m9\"}}\n",
        "memory-plugged");
}

static void
test_guest_of_libvirt(void **state G_GNUC_UNUSED)
{
    expect_refused("mkdir -p run/libvirt\n" SIMPLE(QMP "-chardev null,id=c,logfile=$DIR/run/libvirt/c.log"), "qmp.sock",
                   "owner-libvirt");
}

static void
test_guest_of_incus(void **state G_GNUC_UNUSED)
{
    expect_refused("mkdir -p run/incus\n" SIMPLE(QMP "-chardev null,id=c,logfile=$DIR/run/incus/c.log"), "qmp.sock",
                   "owner-incus");
}

static void
test_program_that_anybody_may_change(void **state G_GNUC_UNUSED)
{
    /* A copy looks for its modules beside itself. */
    expect_refused("mkdir open\nFOUND=$(readlink -f $QEMU)\ncp $FOUND open/qemu-system-x86_64\nchmod 777 open\n"
                   "export QEMU_MODULE_DIR=$(dirname $(ls $(dirname $FOUND)/../lib/*/qemu/accel-tcg-*.so | head -n1))\n"
                   "QEMU=\"$DIR/open/qemu-system-x86_64 -L /usr/share/qemu -L /usr/share/seabios\"\n" SIMPLE(QMP), "qmp.sock", "binary-untrusted");
}

/* A VNC port, where nothing else is built in. */
static void
test_display_of_its_own_choice(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED),
                           "DISK=none\n$QEMU -m 256 -nodefaults -machine pc-q35-7.2,accel=tcg " QMP LINUX IN_BACKGROUND);
    await_socket(engine, "qmp.sock");
    HarnessGuest *guest = adopt_and_await(engine, pid);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", NAME, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_outcome(reply, EXIT_REFUSED, "refused", "display-default", NULL);
    release(guest);
    end(engine, pid);
}

/* Curses: the only window that needs no screen; script(1) has a terminal for it. */
static void
test_window_before_a_person(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED),
                           "export TERM=vt100\n"
                           "QEMU=\"$QEMU -m 16 -nodefaults -machine pc-q35-7.2,accel=tcg -vga std -display curses\"\n"
                           "script -qc \"exec $QEMU -pidfile $DIR/pid " QMP "\" /dev/null </dev/null >$DIR/qemu.out 2>&1 &\n"
                           "until [ -s $DIR/pid ]; do kill -0 $!; sleep 0.02; done\n");
    await_socket(engine, "qmp.sock");
    g_autoptr(HarnessReply) adopted = adopt(engine, pid);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", NAME, "--to", harness_build(BUILD_SECOND), "--json", NULL);
    g_autoptr(HarnessReply) released = moult(engine, "release", NAME, "--json", NULL);

    assert_status(adopted, EXIT_DONE);
    assert_outcome(reply, EXIT_REFUSED, "refused", "display-window", NULL);
    assert_status(released, EXIT_DONE);
    end(engine, pid);
}

/* What it was started with is kept as text. */
static void
test_environment_that_is_no_text(void **state G_GNUC_UNUSED)
{
    expect_refused("export AUTHOR=\"$(printf 'M\\374ller')\"\n" SIMPLE(QMP), "qmp.sock", "definition-invalid");
}

static void
test_process_that_is_no_qemu(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autoptr(HarnessReply) ours = adopt(engine, getpid());
    g_autoptr(HarnessReply) nobody = adopt(engine, 0x7ffffff0);

    assert_refusal(ours, EXIT_REFUSED, "not-qemu", NULL);
    assert_refusal(nobody, EXIT_REFUSED, "process-gone", NULL);
    harness_engine_finish(engine);
}

/* ---- Between adoption and upgrade ---- */

static void
test_adopted_guest_survives_a_restart_of_the_engine(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), SIMPLE(QMP));
    await_socket(engine, "qmp.sock");
    HarnessGuest *guest = adopt_and_await(engine, pid);

    harness_engine_kill(engine);
    harness_engine_start(engine, NULL);
    harness_guest_await(guest);
    assert_int_equal(guest->pid, pid);
    talk_qmp(engine, "qmp.sock");
    upgrade_by(guest, BUILD_SECOND, "copy");
    harness_engine_finish(engine);
}

static void
test_failed_upgrade_leaves_it_as_it_was(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), SIMPLE(QMP));
    await_socket(engine, "qmp.sock");
    HarnessGuest *guest = adopt_and_await(engine, pid);
    const char *broken = harness_script(
        engine, "broken", "for word; do [ \"${word#memory-backend}\" != \"$word\" ] && { echo no thanks >&2; exit 1; }; done\nexec %s \"$@\"\n",
        harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", NAME, "--to", broken, "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "qemu-start", "no thanks");
    harness_guest_check(guest);
    talk_qmp(engine, "qmp.sock");
    release(guest);
    talk_qmp(engine, "qmp.sock");
    end(engine, pid);
}

/* Its successor has had its monitor's socket, and is gone. */
static void
test_guest_is_within_reach_after_a_late_roll_back(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED), forms[3].script);
    await_socket(engine, "qmp.sock");
    HarnessGuest *guest = adopt_and_await(engine, pid);
    const char *refusing = harness_script(engine, "refuses", "exec %s \"$@\" -global virtio-blk-pci.event_idx=off\n",
                                          harness_build(BUILD_SECOND));
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", NAME, "--to", refusing, "--json", NULL);

    assert_outcome(reply, EXIT_FAILED, "rolled-back", "migration-failed", NULL);
    harness_engine_stop(engine);
    harness_engine_start(engine, NULL);
    harness_guest_check(guest);
    upgrade_by(guest, BUILD_SECOND, "shared");
    release(guest);
    end(engine, guest->pid);
}

static long
read_number(pid_t pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, name), *text = NULL;

    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return strtol(text, NULL, 10);
}

static void
test_process_is_as_it_was(void **state G_GNUC_UNUSED)
{
    HarnessEngine *engine = harness_engine_new(NULL);
    pid_t pid = run_script(engine, harness_build(BUILD_INSTALLED),
                           "export COLOUR=green\nulimit -S -c 8\necho 123 >/proc/self/oom_score_adj\n"
                           "DISK=/dev/vda\nnice -n 5 $QEMU -m 256 -display none -nodefaults -machine pc-q35-7.2,accel=tcg "
                           "-drive file=disk.raw,format=raw,if=virtio " QMP LINUX IN_BACKGROUND);
    await_socket(engine, "qmp.sock");
    HarnessGuest *guest = adopt_and_await(engine, pid);
    struct rlimit before, after;

    int nice_value = getpriority(PRIO_PROCESS, (id_t)pid);
    assert_true(nice_value >= 5);
    assert_int_equal(prlimit(pid, RLIMIT_CORE, NULL, &before), 0);
    upgrade_by(guest, BUILD_SECOND, "copy"); /* which finds disk.raw from the working directory alone */
    assert_int_equal(getpriority(PRIO_PROCESS, (id_t)guest->pid), nice_value);
    assert_int_equal(read_number(guest->pid, "oom_score_adj"), 123);
    assert_int_equal(prlimit(guest->pid, RLIMIT_CORE, NULL, &after), 0);
    assert_true(after.rlim_cur == before.rlim_cur && before.rlim_cur < before.rlim_max);
    g_autofree char *environ_path = g_strdup_printf("/proc/%d/environ", guest->pid), *environment = NULL;
    gsize length = 0;
    assert_true(g_file_get_contents(environ_path, &environment, &length, NULL));
    assert_non_null(memmem(environment, length, "COLOUR=green", strlen("COLOUR=green") + 1));
    harness_engine_finish(engine);
}

#define TEST(f) {.name = &#f[sizeof("test_") - 1], .test_func = f, .teardown_func = harness_teardown}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_plain_script_in_the_background),
        TEST(test_daemon_with_pidfile_and_two_monitors),
        TEST(test_hypervisor_manager_with_two_qmp_sockets),
        TEST(test_memory_in_a_file_of_the_operators),
        TEST(test_memory_in_a_memfd),
        TEST(test_desktop_launcher),
        TEST(test_wiki_one_liner),
        TEST(test_list_shows_what_is_not_managed),
        TEST(test_daemon_with_a_relative_image_is_told),
        TEST(test_no_qmp_monitor),
        TEST(test_busy_monitor),
        TEST(test_socket_of_another_process),
        TEST(test_device_was_plugged),
        TEST(test_medium_was_changed),
        TEST(test_chardev_was_added),
        TEST(test_cpu_was_plugged),
        TEST(test_memory_was_plugged),
        TEST(test_guest_of_libvirt),
        TEST(test_guest_of_incus),
        TEST(test_program_that_anybody_may_change),
        TEST(test_display_of_its_own_choice),
        TEST(test_window_before_a_person),
        TEST(test_environment_that_is_no_text),
        TEST(test_process_that_is_no_qemu),
        TEST(test_adopted_guest_survives_a_restart_of_the_engine),
        TEST(test_failed_upgrade_leaves_it_as_it_was),
        TEST(test_guest_is_within_reach_after_a_late_roll_back),
        TEST(test_process_is_as_it_was),
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
