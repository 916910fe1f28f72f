/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each rule by itself: what it finds, and what it makes of the command line, for a fresh guest and for the
 * target of an upgrade.
 */
#include "qemu-fixture.h"

#define NO_FINDING ((QemuFindingLevel)-1)
#define OK QEMU_FINDING_OK
#define WARN QEMU_FINDING_WARN
#define BLOCK QEMU_FINDING_BLOCK

/* What the guest is started with on 7.2 and what the target on VERSION gets. */
typedef struct {
    QemuPlan *fresh, *incoming;
} Plans;

static void
plans_clear(Plans *plans)
{
    qemu_plan_free(plans->fresh);
    qemu_plan_free(plans->incoming);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Plans, plans_clear)

static Plans
make_plans(const char *source_version, const char *target_version, const char *line)
{
    QemuPlanContext fresh = fixture_fresh(source_version), incoming;
    Plans plans = {.fresh = fixture_plan(line, &fresh)};

    incoming = fixture_incoming(target_version, plans.fresh);
    plans.incoming = fixture_plan(line, &incoming);
    return plans;
}

static void
assert_level(const QemuPlan *plan, const char *line, const char *code, QemuFindingLevel level)
{
    const QemuFinding *finding = fixture_find(plan, code);

    if ((finding ? finding->level : NO_FINDING) != level)
        fail_msg("“%s” (%s): %s is %s", line, plan->argv[g_strv_length(plan->argv) - 1], code,
                 finding ? qemu_finding_level_to_string(finding->level) : "not found");
    if (finding && (strlen(finding->reason) < 10 || strlen(finding->reason) > 400))
        fail_msg("“%s”: %s: “%s”", line, code, finding->reason);
}

typedef struct {
    const char *line, *code;
    QemuFindingLevel fresh, incoming;
} Case;

static void
check_cases(const Case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        g_auto(Plans) plans = make_plans("7.2", "10.0", cases[i].line);
        assert_level(plans.fresh, cases[i].line, cases[i].code, cases[i].fresh);
        assert_level(plans.incoming, cases[i].line, cases[i].code, cases[i].incoming);
    }
}

static void
what_hinders_an_upgrade_does_not_hinder_a_start(void **state)
{
    (void)state;
    static const Case cases[] = {
        /* devices and objects */
        {"-device vfio-pci,host=00:01.0", "device-vfio", WARN, BLOCK},
        {"-device vhost-user-fs-pci,chardev=c,tag=t", "device-vhost-user", WARN, BLOCK},
        {"-device {\"driver\":\"vfio-pci\"}", "device-vfio", WARN, BLOCK},
        {"-device ivshmem-plain,memdev=m", "device-ivshmem", WARN, BLOCK},
        {"-device nvme,drive=d", "device-nvme", WARN, BLOCK},
        {"-device usb-host,vendorid=1", "device-usb-host", WARN, BLOCK},
        {"-device virtio-gpu-gl-pci", "device-gpu-gl", WARN, BLOCK},
        {"-device virtio-gpu-pci", "device-gpu-gl", NO_FINDING, NO_FINDING},
        {"-device virtio-9p-pci,fsdev=f,mount_tag=m", "device-9p", WARN, BLOCK},
        {"-fsdev local,id=f,path=/,security_model=none", "device-9p", WARN, BLOCK},
        {"-virtfs local,path=/,mount_tag=m,security_model=none", "device-9p", WARN, BLOCK},
        {"-tpmdev emulator,id=t,chardev=c", "device-tpm", WARN, BLOCK},
        {"-device nonsense,id=x", "device-unknown", WARN, BLOCK},
        {"-device virtio-blk,drive=x", "device-unknown", NO_FINDING, NO_FINDING},
        {"-device virtio-nonsense", "device-unknown", WARN, BLOCK},
        {"-device loader,addr=0x100,data=1,data-len=4", "device-loader", WARN, BLOCK},
        {"-device loader,file=/x", "device-loader", NO_FINDING, NO_FINDING},
        {"-object nonsense,id=x", "object-unknown", WARN, BLOCK},
        {"-object sev-guest,id=s", "confidential-guest", WARN, BLOCK},
        {"-machine pc,confidential-guest-support=s", "confidential-guest", WARN, BLOCK},
        {"-object filter-dump,id=f,netdev=n,file=/x", "net-filter-dump", WARN, BLOCK},
        {"-object input-linux,id=i,evdev=/dev/input/event0", "device-input-host", WARN, BLOCK},
        {"-object iothread,id=i", "object-unknown", NO_FINDING, NO_FINDING},
        {"-xen-domid 1", "device-xen", WARN, BLOCK},
        /* disks */
        {"-snapshot -hda x", "disk-snapshot", WARN, BLOCK},
        {"-drive file=x,snapshot=on", "disk-snapshot", WARN, BLOCK},
        {"-drive file=x,snapshot=off", "disk-snapshot", NO_FINDING, NO_FINDING},
        {"-drive file=fat:rw:/tmp", "disk-vvfat", WARN, BLOCK},
        {"-blockdev {\"driver\":\"raw\",\"file\":{\"driver\":\"vvfat\",\"dir\":\"/\"}}", "disk-vvfat", WARN,
         BLOCK},
        {"-blockdev driver=nvme,device=0000:01:00.0,namespace=1,node-name=n", "device-vfio", WARN, BLOCK},
        /* network */
        {"-netdev user,id=n", "net-user", NO_FINDING, OK},
        {"-netdev user,id=n,hostfwd=tcp::2222-:22", "net-hostfwd", NO_FINDING, OK},
        {"-netdev {\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::1-:2\"}]}", "net-hostfwd",
         NO_FINDING, OK},
        {"-nic user,model=e1000,guestfwd=tcp:10.0.2.100:1-cmd:cat", "net-guestfwd", WARN, BLOCK},
        {"-netdev tap,id=n,ifname=tap0,script=no", "net-tap", NO_FINDING, BLOCK},
        {"-netdev tap,id=n,ifname=tap0,queues=2", "net-tap", NO_FINDING, BLOCK},
        {"-netdev tap,id=n,ifname=tap0,vhost=on", "net-vhost", NO_FINDING, NO_FINDING},
        {"-netdev tap,id=n,ifname=tap0,queues=2,vhost=on", "net-vhost", NO_FINDING, NO_FINDING},
        {"-netdev tap,id=n,ifname=tap0,queues=2,vhostforce=on", "net-vhost", NO_FINDING, NO_FINDING},
        {"-netdev tap,id=n,fds=5:6,vhostfds=7:8", "net-vhost", NO_FINDING, OK},
        {"-nic bridge,br=br0", "net-tap", NO_FINDING, BLOCK},
        {"-netdev vhost-user,id=n,chardev=c", "device-vhost-user", WARN, BLOCK},
        {"-netdev socket,id=n,listen=:1", "net-socket", WARN, BLOCK},
        {"-netdev stream,id=n,addr.type=unix,addr.path=/x", "net-socket", WARN, BLOCK},
        {"-netdev dgram,id=n,local.type=unix,local.path=/x", "net-socket", WARN, BLOCK},
        {"-netdev l2tpv3,id=n,src=127.0.0.1,dst=127.0.0.1,txsession=1", "net-tunnel", WARN, BLOCK},
        {"-netdev vde,id=n,sock=/x", "net-vde", WARN, BLOCK},
        {"-netdev netmap,id=n,ifname=vale0:1", "net-netmap", WARN, BLOCK},
        {"-netdev passt,id=n", "net-passt", WARN, BLOCK},
        {"-netdev af-xdp,id=n,ifname=eth0", "net-af-xdp", WARN, BLOCK},
        {"-netdev vhost-vdpa,id=n,vhostdev=/dev/vhost-vdpa-0", "device-vhost-vdpa", WARN, BLOCK},
        {"-netdev vmnet-shared,id=n", "net-other", WARN, BLOCK},
        {"-netdev user,id=n,hostfwd=tcp::0-:22", "net-hostfwd", NO_FINDING, BLOCK},
        {"-net none", "net-other", NO_FINDING, NO_FINDING},
        {"-net nic,model=e1000 -net user", "net-user", NO_FINDING, OK},
        /* character devices */
        {"-chardev pty,id=c,mux=on", "chardev-pty", WARN, BLOCK},
        {"-serial mon:pty", "chardev-pty", WARN, BLOCK},
        {"-monitor pty", "chardev-pty", WARN, BLOCK},
        {"-chardev socket,id=c,path=/x,server=on,wait=off", "chardev-listener", NO_FINDING, BLOCK},
        {"-chardev socket,id=c,path=/x,server,nowait", "chardev-listener", NO_FINDING, BLOCK},
        {"-chardev socket,id=c,path=/x,server=off", "chardev-client", NO_FINDING, BLOCK},
        {"-chardev socket,id=c,host=h,port=1,reconnect=1", "chardev-client-again", NO_FINDING, WARN},
        {"-serial tcp:localhost:1", "chardev-client", NO_FINDING, BLOCK},
        {"-serial telnet::1,server,nowait", "chardev-listener", NO_FINDING, BLOCK},
        {"-serial mon:unix:/x,server=on", "chardev-listener", NO_FINDING, BLOCK},
        {"-monitor unix:/x,server,nowait", "chardev-listener", NO_FINDING, BLOCK},
        {"-qmp tcp:localhost:4444,server=on,wait=off", "chardev-listener", NO_FINDING, BLOCK},
        {"-qmp-pretty unix:/x", "chardev-client", NO_FINDING, BLOCK},
        {"-chardev udp,id=c,host=h,port=1,localport=2", "chardev-udp", WARN, BLOCK},
        {"-chardev udp,id=c,host=h,port=1", "chardev-udp", NO_FINDING, NO_FINDING},
        {"-serial udp::1@:2", "chardev-udp", WARN, BLOCK},
        {"-chardev pipe,id=c,path=/x", "chardev-pipe", NO_FINDING, WARN},
        {"-parallel pipe:/x", "chardev-pipe", NO_FINDING, WARN},
        {"-chardev ringbuf,id=c", "chardev-ringbuf", NO_FINDING, WARN},
        {"-chardev spicevmc,id=c,name=vdagent", "chardev-spice", NO_FINDING, OK},
        {"-serial /dev/ttyS0", "chardev-device", WARN, BLOCK},
        {"-chardev serial,id=c,path=/dev/ttyS0", "chardev-device", WARN, BLOCK},
        {"-chardev qemu-vdagent,id=c", "chardev-vdagent", WARN, BLOCK},
        {"-serial mon:file:/x", "chardev-append", NO_FINDING, OK},
        {"-serial none -serial stdio", "serial-none", WARN, BLOCK},
        {"-serial stdio -serial none", "serial-none", NO_FINDING, NO_FINDING},
        {"-audiodev wav,id=a,path=/x", "audio-wav", WARN, BLOCK},
        /* displays */
        {"-vnc :1", "display-vnc", NO_FINDING, OK},
        {"-vnc :1,websocket=on", "display-vnc-websocket", NO_FINDING, BLOCK},
        {"-vnc viewer:5500,reverse=on", "display-vnc-reverse", NO_FINDING, OK},
        {"-vnc unix:/run/viewer,reverse=on", "display-vnc-reverse", WARN, BLOCK},
        {"-vnc viewer:5500,reverse=on -vnc :2", "display-vnc-reverse", WARN, BLOCK},
        {"-vnc :1 -vnc :2", "display-vnc-several", NO_FINDING, BLOCK},
        {"-vnc nonsense", "display-vnc", NO_FINDING, BLOCK},
        {"-vnc :1,password=on", "display-vnc-password", NO_FINDING, WARN},
        {"-vnc :1,password-secret=s", "display-vnc-password", NO_FINDING, OK},
        {"-vnc none", "display-vnc", NO_FINDING, NO_FINDING},
        {"-display vnc=:1", "display-vnc", NO_FINDING, OK},
        {"-display vnc=none", "display-vnc", NO_FINDING, NO_FINDING},
        {"-spice port=5900,disable-ticketing=on", "display-spice", NO_FINDING, BLOCK},
        {"-spice tls-port=5901,x509-dir=/x", "display-spice", NO_FINDING, BLOCK},
        {"-spice port=5900", "display-spice-password", NO_FINDING, NO_FINDING},
        {"-spice unix=on,addr=/run/s,port=0", "display-spice", NO_FINDING, BLOCK},
        {"-spice disable-ticketing=on,port=0", "display-spice", OK, OK},
        {"-spice disable-ticketing=on", "display-spice", OK, OK},
        {"-display gtk,gl=on", "display-window", WARN, BLOCK},
        {"-display sdl", "display-window", WARN, BLOCK},
        {"-display curses", "display-window", WARN, BLOCK},
        {"-display dbus", "display-dbus", WARN, BLOCK},
        {"-display spice-app", "display-spice", WARN, BLOCK},
        {"-display egl-headless", "display-window", NO_FINDING, NO_FINDING},
        /* the process */
        {"-chroot /x", "chroot", OK, OK},
        {"-run-with async-teardown=on", "chroot", NO_FINDING, NO_FINDING},
        {"-chroot /x -drive file=/d", "disk-reopen", OK, OK},
        {"-runas nobody -drive file=/d", "disk-reopen", OK, OK},
        {"-drive file=/d", "disk-reopen", NO_FINDING, NO_FINDING},
        {"-chroot /x -drive file=/d,readonly=on", "disk-reopen", NO_FINDING, NO_FINDING},
        {"-chroot /x -drive file=/d,media=cdrom", "disk-reopen", NO_FINDING, NO_FINDING},
        {"-chroot /x -drive if=none,id=d", "disk-reopen", NO_FINDING, NO_FINDING},
        {"-chroot /x -blockdev driver=file,filename=/d,node-name=d", "disk-reopen", NO_FINDING, NO_FINDING},
        {"-chroot /x -blockdev driver=file,filename=/d,node-name=d,auto-read-only=on,read-only=on", "disk-reopen", NO_FINDING,
         NO_FINDING},
        {"-chroot /x -blockdev "
         "{\"driver\":\"raw\",\"node-name\":\"d\",\"file\":{\"driver\":\"file\",\"filename\":\"/d\",\"auto-read-only\":true}}",
         "disk-reopen", WARN, BLOCK},
        {"-icount shift=1,rr=record,rrfile=/x", "replay", WARN, BLOCK},
        {"-icount shift=auto", "replay", NO_FINDING, NO_FINDING},
        {"-D /log", "log-dropped", NO_FINDING, WARN},
        {"-s", "gdb-dropped", NO_FINDING, WARN},
        {"-gdb tcp::1", "gdb-dropped", NO_FINDING, WARN},
        {"-cpu host,+vmx", "cpu-host", NO_FINDING, WARN},
        {"-cpu max", "cpu-host", NO_FINDING, WARN},
        {"-cpu hostile", "cpu-host", NO_FINDING, NO_FINDING},
        {"-daemonize", "daemonize-dropped", OK, OK},
        {"-pidfile /x", "pidfile-kept", OK, OK},
        {"-mem-prealloc", "prealloc-dropped", NO_FINDING, OK},
        {"-S", "stopped-dropped", NO_FINDING, OK},
        {"-nodefaults", "monitor-default", NO_FINDING, NO_FINDING},
        {"-nographic", "monitor-default", OK, OK},
        {"-M pc-i440fx-3.1", "machine-deprecated", WARN, WARN},
        {"-M pc", "machine-known", OK, NO_FINDING},
    };

    check_cases(cases, G_N_ELEMENTS(cases));
}

static void
descriptors_that_nobody_passes_stop_a_start(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-netdev tap,id=n,fd=3",
        "-netdev tap,id=n,fds=3:4,vhostfds=5:6",
        "-netdev stream,id=n,addr.type=fd,addr.str=5",
        "-chardev socket,id=c,fd=5",
        "-chardev file,id=c,path=/dev/fd/7",
        "-drive file=/dev/fdset/1",
        "-add-fd fd=5,set=1",
        "-serial file:/dev/fd/5",
        "-kernel /proc/self/fd/9",
        "-blockdev {\"driver\":\"nbd\",\"server\":{\"type\":\"fd\",\"str\":\"5\"}}",
        "-fsdev proxy,id=f,sock_fd=5",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_auto(Plans) plans = make_plans("7.2", "7.2", lines[i]);
        assert_level(plans.fresh, lines[i], "fd-argument", BLOCK);
        assert_level(plans.incoming, lines[i], "fd-argument", BLOCK);
    }
    g_auto(Plans) plans =
        make_plans("7.2", "7.2", "-chardev file,id=c,path=/dev/fd/1 -serial file:/dev/stdout");
    assert_level(plans.fresh, "standard output", "fd-argument", NO_FINDING);
}

static void
what_cannot_work_is_refused_with_advice(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-readconfig x",
        "-incoming defer",
        "-preconfig",
        "-qtest stdio",
        "-dump-vmstate x",
        "-chardev null,id=moult-monitor",
        "-object iothread,id=moult-x",
        "-device e1000,id=moult-1",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_auto(GStrv) words = fixture_words(lines[i]);
        QemuPlanContext context = fixture_fresh("7.2");
        g_autoptr(GError) error = NULL;
        if (qemu_plan_new((const char *const *)words, &context, &error))
            fail_msg("“%s” was taken", lines[i]);
        assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_REFUSED));
        assert_non_null(strstr(error->message, words[0]));
    }
}

typedef struct {
    const char *source, *target; /* versions */
    const char *line;
    const char *fresh, *incoming; /* what the operator's part becomes */
} Rewrite;

/* The operator's part: all before what moult appends first. */
static char *
dup_operator_part(const QemuPlan *plan, bool keep_added)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();

    for (char **word = plan->argv; *word; word++) {
        if (!keep_added && (strstr(*word, "moult-") || strstr(word[1] ? word[1] : "", "moult-")))
            break;
        g_ptr_array_add(words, *word);
    }
    g_ptr_array_add(words, NULL);
    return g_strjoinv(" ", (char **)words->pdata);
}

static void
options_are_rewritten_where_needed(void **state)
{
    (void)state;
    /* -display none, so that nothing is appended for it; the type is pinned by -machine in front of the
     * monitors. */
    static const Rewrite cases[] = {
        {"7.2", "7.2", "-daemonize -pidfile /x -S -loadvm s -display none",
         "-S -loadvm s -display none -machine type=pc-i440fx-7.2",
         "-display none -machine type=pc-i440fx-7.2"},
        {"7.2", "10.0", "-M pc-q35-7.2 -s -gdb tcp::2 -D /log -display none",
         "-M pc-q35-7.2 -s -gdb tcp::2 -D /log -display none", "-M pc-q35-7.2 -display none"},
        {"7.2", "10.0", "-M pc-q35-7.2 -chardev file,id=c,path=/a,,b -display none",
         "-M pc-q35-7.2 -chardev file,id=c,path=/a,,b -display none",
         "-M pc-q35-7.2 -chardev file,id=c,path=/a,,b,append=on -display none"},
        {"7.2", "10.0", "-M pc-q35-7.2 -chardev file,id=c,path=/a,append=on -chardev null,id=d,logfile=/l",
         "-M pc-q35-7.2 -chardev file,id=c,path=/a,append=on -chardev null,id=d,logfile=/l",
         "-M pc-q35-7.2 -chardev file,id=c,path=/a,append=on -chardev null,id=d,logfile=/l,logappend=on"},
        {"7.2", "10.0", "-M pc-q35-7.2 -no-acpi -no-hpet -runas nobody -async-teardown",
         "-M pc-q35-7.2 -no-acpi -no-hpet -runas nobody -async-teardown",
         "-M pc-q35-7.2 -machine acpi=off -machine hpet=off -run-with user=nobody -run-with "
         "async-teardown=on"},
        {"7.2", "10.0", "-M pc-q35-7.2 -chroot /x -runas nobody", "-M pc-q35-7.2 -chroot /x -runas nobody",
         "-M pc-q35-7.2 -run-with chroot=/x -run-with user=nobody"},
        {"10.0", "7.2", "-M pc-q35-7.2 -run-with chroot=/x,user=nobody", "-M pc-q35-7.2 -run-with chroot=/x,user=nobody",
         "-M pc-q35-7.2 -runas nobody -chroot /x"},
        {"7.2", "7.2", "-M pc-q35-7.2 -chroot /x -hdb /a,b -drive file=/d -blockdev driver=file,filename=/d,node-name=d,auto-read-only=on",
         "-M pc-q35-7.2 -chroot /x -drive index=1,media=disk,file=/a,,b,auto-read-only=off -drive file=/d,auto-read-only=off -blockdev "
         "driver=file,filename=/d,node-name=d,auto-read-only=off",
         "-M pc-q35-7.2 -chroot /x -drive index=1,media=disk,file=/a,,b,auto-read-only=off -drive file=/d,auto-read-only=off -blockdev "
         "driver=file,filename=/d,node-name=d,auto-read-only=off"},
        {"10.0", "10.0", "-M pc-q35-7.2 -run-with user=nobody,async-teardown=on",
         "-M pc-q35-7.2 -run-with user=nobody,async-teardown=on",
         "-M pc-q35-7.2 -run-with user=nobody,async-teardown=on"},
        {"10.0", "7.2", "-M pc-q35-7.2 -run-with user=a,,b,async-teardown=on",
         "-M pc-q35-7.2 -run-with user=a,,b,async-teardown=on", "-M pc-q35-7.2 -runas a,b -async-teardown"},
        {"7.2", "10.0", "-M pc-q35-7.2 -watchdog i6300esb -smp 4,sockets=0,cores=2",
         "-M pc-q35-7.2 -device i6300esb -smp 4,sockets=0,cores=2",
         "-M pc-q35-7.2 -device i6300esb -smp 4,cores=2"},
        {"7.2", "10.0",
         "-M pc-q35-7.2 -device virtio-blk-pci,drive=d,scsi=off -object secret,id=s,loaded=on,data=x",
         "-M pc-q35-7.2 -device virtio-blk-pci,drive=d,scsi=off -object secret,id=s,loaded=on,data=x",
         "-M pc-q35-7.2 -device virtio-blk-pci,drive=d -object secret,id=s,data=x"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Plans) plans = make_plans(cases[i].source, cases[i].target, cases[i].line);
        g_autofree char *fresh = dup_operator_part(plans.fresh, false);
        g_autofree char *incoming = dup_operator_part(plans.incoming, false);
        if (!g_str_has_prefix(fresh, cases[i].fresh))
            fail_msg("“%s” started as “%s”", cases[i].line, fresh);
        if (!g_str_has_prefix(incoming, cases[i].incoming))
            fail_msg("“%s” upgraded as “%s”", cases[i].line, incoming);
        assert_null(qemu_findings_get_block(plans.incoming->findings));
    }
}

static void
shorthand_files_are_written_out_under_their_labels(void **state)
{
    (void)state;
    static const struct {
        const char *target, *line, *expected[2];
    } cases[] = {
        {"7.2",
         "-serial file:/a,b",
         {"-serial chardev:serial0", "-chardev file,id=serial0,path=/a,,b,append=on"}},
        {"7.2", "-serial stdio -serial file:/x", {"-serial chardev:serial1", "id=serial1,path=/x,append=on"}},
        {"7.2", "-serial null --serial file:/x", {"-serial chardev:serial1", "id=serial1,path=/x"}},
        {"7.2", "-parallel none -parallel file:/x", {"-parallel chardev:parallel0", "id=parallel0,path=/x"}},
        {"10.0", "-debugcon file:/x", {"-debugcon chardev:debugcon", "id=debugcon,path=/x,append=on"}},
        {"10.0",
         "-monitor none -qmp file:/x",
         {"-qmp chardev:compat_monitor0", "id=compat_monitor0,path=/x"}},
        {"10.0",
         "-monitor null -qmp file:/x",
         {"-qmp chardev:compat_monitor1", "id=compat_monitor1,path=/x"}},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(Plans) plans = make_plans("7.2", cases[i].target, cases[i].line);
        g_autofree char *fresh = dup_operator_part(plans.fresh, true);
        g_autofree char *incoming = dup_operator_part(plans.incoming, true);
        assert_true(g_str_has_prefix(fresh, cases[i].line));
        for (size_t j = 0; j < 2; j++) {
            if (!strstr(incoming, cases[i].expected[j]))
                fail_msg("“%s”: “%s”", cases[i].line, incoming);
        }
        assert_level(plans.incoming, cases[i].line, "chardev-append", OK);
    }
}

static void
options_that_are_gone_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *target, *line, *code;
    } cases[] = {
        {"7.2", "-soundhw hda", "option-gone"},     {"10.0", "-singlestep", "option-gone"},
        {"7.2", "-balloon virtio", "option-gone"},  {"7.2", "-perfmap", "option-too-new"},
        {"7.2", "-shim x", "option-too-new"},       {"10.0", "-watchdog i6300esb,x=y", "option-gone"},
        {"7.2", "-run-with x=y", "option-too-new"}, {"10.0", "-realtime x", "option-gone"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        QemuPlanContext context = fixture_fresh(cases[i].target);
        g_autoptr(QemuPlan) plan = fixture_plan(cases[i].line, &context);
        g_auto(GStrv) words = fixture_words(cases[i].line);
        assert_level(plan, cases[i].line, cases[i].code, BLOCK);
        assert_non_null(strstr(fixture_find(plan, cases[i].code)->reason, words[0]));
    }
}

static void
machine_that_the_binary_does_not_know_blocks(void **state)
{
    (void)state;
    QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
    g_autoptr(QemuPlan) unknown = fixture_plan("-M q35-nonsense", &fresh);
    g_autoptr(QemuPlan) source = NULL, target = NULL;

    fixture_assert_finding(unknown, "machine-unknown", BLOCK);
    fresh = fixture_fresh("10.0");
    source = fixture_plan("-M q35", &fresh);
    incoming = fixture_incoming("7.2", source);
    target = fixture_plan("-M q35", &incoming);
    fixture_assert_finding(target, "machine-unknown", BLOCK);
    assert_string_equal(target->machine_type, "pc-q35-10.0");
}

static void
machine_without_a_default_must_be_named(void **state)
{
    (void)state;
    QemuPlanContext context = fixture_fresh("7.2");
    const char *words[] = {"-m", "512", NULL};
    g_autoptr(GError) error = NULL;

    ((QmpMachine *)g_ptr_array_index(context.binary->machines, 0))->is_default = false;
    assert_null(qemu_plan_new(words, &context, &error));
    assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS));
    assert_non_null(strstr(error->message, "-machine TYPE"));
}

static void
uuid_and_name_of_the_operator_count(void **state)
{
    (void)state;
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan =
        fixture_plan("-uuid 6BA7B811-9DAD-11D1-80B4-00C04FD430C8 -name process=x,guest=mine", &context);
    g_autoptr(QemuPlan) half = fixture_plan("-name process=x", &context);
    const char *bad[] = {"-uuid", "nonsense", NULL};
    g_autoptr(GError) error = NULL;

    assert_string_equal(plan->uuid, "6ba7b811-9dad-11d1-80b4-00c04fd430c8");
    assert_string_equal(plan->argv[1], "6BA7B811-9DAD-11D1-80B4-00C04FD430C8");
    assert_false(g_strv_contains((const char *const *)plan->argv, "guest=web1"));
    assert_true(g_strv_contains((const char *const *)half->argv, "guest=web1"));
    assert_null(qemu_plan_new(bad, &context, &error));
    assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS));
}

static void
last_pidfile_counts(void **state)
{
    (void)state;
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan = fixture_plan("-pidfile a -pidfile b,c", &context);

    assert_string_equal(plan->pidfile, "b,c");
    assert_false(g_strv_contains((const char *const *)plan->argv, "-pidfile"));
}

static void
target_starts_paused_only_when_asked(void **state)
{
    (void)state;
    QemuPlanContext fresh = fixture_fresh("7.2"), incoming;
    g_autoptr(QemuPlan) source = fixture_plan("-S", &fresh), target = NULL, paused = NULL;

    incoming = fixture_incoming("7.2", source);
    target = fixture_plan("-S", &incoming);
    assert_false(g_strv_contains((const char *const *)target->argv, "-S"));
    incoming.start_paused = true;
    paused = fixture_plan("", &incoming);
    assert_true(g_strv_contains((const char *const *)paused->argv, "-S"));
}

static void
virtio_mem_must_not_be_emptied_by_an_old_target(void **state)
{
    (void)state;
    const char *line = "-device virtio-mem-pci,memdev=v -object memory-backend-ram,id=v,size=1G";
    g_auto(Plans) old = make_plans("7.2", "7.2", line);
    g_auto(Plans) new = make_plans("7.2", "10.0", line);

    assert_level(old.fresh, line, "device-virtio-mem", NO_FINDING);
    assert_level(old.incoming, line, "device-virtio-mem", BLOCK);
    assert_level(new.incoming, line, "device-virtio-mem", NO_FINDING);
}

static void
no_display_is_asked_for_when_none_is_named(void **state)
{
    (void)state;
    static const char *const named[] = {"-display none", "-nographic", "-vnc none", "-display egl-headless"};
    QemuPlanContext context = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan = fixture_plan("-m 512", &context);

    fixture_assert_finding(plan, "display-none", OK);
    assert_true(g_strv_contains((const char *const *)plan->argv, "-display"));
    for (size_t i = 0; i < G_N_ELEMENTS(named); i++) {
        g_autoptr(QemuPlan) other = fixture_plan(named[i], &context);
        assert_null(fixture_find(other, "display-none"));
    }
}

static void
other_targets_than_x86_hinder_an_upgrade(void **state)
{
    (void)state;
    QemuPlanContext fresh = fixture_fresh("7.2");
    g_autoptr(QemuPlan) plan = NULL;
    const char *words[] = {"-M", "pc", NULL};

    g_free(fresh.binary->target);
    ((QemuBinary *)fresh.binary)->target = g_strdup("ppc64");
    plan = fixture_plan("-M pc -m 512", &fresh);
    fixture_assert_finding(plan, "target-untested", WARN);
    assert_null(qemu_plan_new(words, &fresh, NULL)); /* and their default size is not known */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hinders_an_upgrade_does_not_hinder_a_start),
        cmocka_unit_test(descriptors_that_nobody_passes_stop_a_start),
        cmocka_unit_test(what_cannot_work_is_refused_with_advice),
        cmocka_unit_test(options_are_rewritten_where_needed),
        cmocka_unit_test(shorthand_files_are_written_out_under_their_labels),
        cmocka_unit_test(options_that_are_gone_are_named),
        cmocka_unit_test(machine_that_the_binary_does_not_know_blocks),
        cmocka_unit_test(machine_without_a_default_must_be_named),
        cmocka_unit_test(uuid_and_name_of_the_operator_count),
        cmocka_unit_test(last_pidfile_counts),
        cmocka_unit_test(target_starts_paused_only_when_asked),
        cmocka_unit_test(virtio_mem_must_not_be_emptied_by_an_old_target),
        cmocka_unit_test(no_display_is_asked_for_when_none_is_named),
        cmocka_unit_test(other_targets_than_x86_hinder_an_upgrade),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
