/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "qemu/argv.h"
#include "qemu/plan.h"

/* Words between single spaces; "" is no word. */
static QemuArgv *
parse(const char *line, GError **error)
{
    g_auto(GStrv) words = *line ? g_strsplit(line, " ", -1) : g_new0(char *, 1);

    return qemu_argv_parse((const char *const *)words, error);
}

static void
command_lines_come_back_to_the_letter(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "disk.img",
        "-M q35 -m 512",
        "--machine q35 --m 512 -S --enable-kvm",
        "-machine q35,accel=kvm:tcg -machine usb=on -M pc",
        "-m size=1G,slots=2,maxmem=4G -smp 4,sockets=2,cores=1,threads=2",
        "-drive file=/a,,b.qcow2,if=none,id=d0,cache=none,readonly -device virtio-blk-pci,drive=d0,serial=x",
        "-chardev socket,id=a,path=/run/x,server,nowait -device virtio-serial -mon a,mode=control",
        "-object {\"qom-type\":\"memory-backend-ram\",\"id\":\"m0\",\"size\":1073741824} -numa "
        "node,memdev=m0",
        "-device {\"driver\":\"virtio-net-pci\",\"netdev\":\"n\",\"mac\":\"52:54:00:12:34:56\"}",
        "-blockdev "
        "{\"node-name\":\"a\",\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/a/b\"}}",
        "-netdev user,id=n,hostfwd=tcp::2222-:22 -nic none -net none",
        "-name guest=web,process=web,debug-threads=on -uuid 6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "-kernel vmlinuz -initrd i.img -append console=ttyS0,115200n8,,quiet=help",
        "-serial mon:stdio -parallel none -monitor none -qmp unix:/x,server=on,wait=off",
        "-cpu host,+vmx,-svm -global isa-fdc.fdtypeA=288 -set device.a.b=c",
        "-fda a -fdb b -hda c -hdb d -cdrom e -boot order=cd,menu=on -boot d",
        "-vnc :1,password=on -vga std -spice port=5900,disable-ticketing -display egl-headless,gl=on",
        "-smbios type=1,manufacturer=a,,b -fw_cfg name=opt/x,string=y -acpitable file=x -rtc base=utc",
        "-audiodev {\"driver\":\"none\",\"id\":\"a\"} -audio driver=none,model=hda",
        "-run-with user=nobody,async-teardown=on -runas nobody -sandbox on,spawn=deny -action panic=none",
        "-device virtio-blk-pci,drive=a,, -device x,,y,z=,w==",
        "-trace enable=foo* -D /x -d guest_errors,unimp -L /usr/share -bios x -pflash y",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(QemuArgv) argv = parse(lines[i], &error);
        g_auto(GStrv) words = argv ? qemu_argv_to_words(argv) : NULL;
        g_autofree char *line = words ? g_strjoinv(" ", words) : NULL;
        if (!line)
            fail_msg("“%s”: %s", lines[i], error->message);
        assert_string_equal(line, lines[i]);
    }
}

static void
words_are_taken_as_qemu_takes_them(void **state)
{
    (void)state;
    g_autoptr(QemuArgv) argv = parse("-append -S disk.img -M a -- machine", NULL);
    g_autoptr(QemuArgv) good = parse("-append -S disk.img --M a", NULL);
    const QemuArg *append = NULL, *image = NULL;

    assert_null(argv); /* "--" is the option with the empty name */
    append = g_ptr_array_index(good->args, 0);
    image = g_ptr_array_index(good->args, 1);
    assert_int_equal(good->args->len, 3);
    assert_string_equal(append->value, "-S");
    assert_null(image->option);
    assert_string_equal(image->word, "disk.img");
    assert_null(qemu_argv_find(good, "S"));
    assert_string_equal(qemu_argv_get_merged(good, "machine", "type"), "a");
}

static void
repeated_options_merge_and_the_last_counts(void **state)
{
    (void)state;
    g_autoptr(QemuArgv) argv = parse("-machine q35,usb=on -M accel=tcg -machine usb=off -m 512 -m "
                                     "slots=2,maxmem=1G -name a -name process=b",
                                     NULL);

    assert_string_equal(qemu_argv_get_merged(argv, "machine", "type"), "q35");
    assert_string_equal(qemu_argv_get_merged(argv, "machine", "usb"), "off");
    assert_string_equal(qemu_argv_get_merged(argv, "m", "size"), "512");
    assert_string_equal(qemu_argv_get_merged(argv, "m", "slots"), "2");
    assert_string_equal(qemu_argv_get_merged(argv, "name", "guest"), "a");
    assert_null(qemu_argv_get_merged(argv, "smp", "cpus"));
}

static void
mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *word, *advice;
    } cases[] = {
        {"-m 512 -nonsense", "argument 3", "not an option of QEMU"},
        {"-m=512", "-m=512", "write “-m” and its value as two arguments"},
        {"--machine=q35", "--machine=q35", "“-machine”"},
        {"-m", "“-m” needs a value", "last word"},
        {"---m 512", "---m", "not an option"},
        {"-", "“-”", "not an option"},
        {"-machine q35,usb", "usb", "NAME=VALUE"},
        {"-object {\"qom-type\":", "-object", "too early"},
        {"-Machine q35", "-Machine", "not an option"},
        {"-chardev socket,server,,nowait", "-chardev", "NAME=VALUE"},
        {"-x\033[1m\ny", "-x\\x1b[1m\\ny", "not an option"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        if (parse(cases[i].line, &error))
            fail_msg("“%s” was taken", cases[i].line);
        assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS));
        if (!strstr(error->message, cases[i].word) || !strstr(error->message, cases[i].advice))
            fail_msg("“%s”: %s", cases[i].line, error->message);
    }
}

static void
what_only_prints_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-h",        "-help",      "--version", "-machine help", "-device e1000,help",
        "-cpu help", "-d ?",       "-object ?", "-audio-help",   "-netdev help",
        "-M ?",      "-accel help"};

    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autoptr(GError) error = NULL;
        if (parse(lines[i], &error))
            fail_msg("“%s” was taken", lines[i]);
        assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_REFUSED));
    }
    g_autoptr(QemuArgv) taken = parse("-append help -kernel ? -name help", NULL);
    assert_non_null(taken);
}

static void
sizes_and_numbers_are_bounded(void **state)
{
    (void)state;
    g_autofree char *big = g_strnfill(131073, 'x');
    g_autofree char *largest = g_strnfill(131072, 'x');
    const char *too_big[] = {"-append", big, NULL};
    const char *fits[] = {"-append", largest, NULL};
    const char *eight[] = {"-append", largest, "-append", largest, "-append", largest,
                           "-append", largest, "-append", largest, "-append", largest,
                           "-append", largest, "-append", largest, NULL};
    const char *not_text[] = {"-append", "\xff\xfe", NULL};
    g_autofree const char **many = g_new0(const char *, 4098);

    for (size_t i = 0; i < 4097; i++)
        many[i] = "-S";
    assert_null(qemu_argv_parse(too_big, NULL));
    g_autoptr(QemuArgv) one = qemu_argv_parse(fits, NULL);
    assert_non_null(one);
    assert_null(qemu_argv_parse(eight, NULL));
    assert_null(qemu_argv_parse(not_text, NULL));
    assert_null(qemu_argv_parse(many, NULL));
    many[4096] = NULL;
    g_autoptr(QemuArgv) all = qemu_argv_parse(many, NULL);
    assert_non_null(all);
}

static void
options_can_be_added_replaced_and_removed(void **state)
{
    (void)state;
    g_autoptr(QemuArgv) argv = parse("-daemonize -watchdog i6300esb -M pc", NULL);
    g_auto(GStrv) words = NULL;
    g_autofree char *line = NULL;

    qemu_argv_append(argv, "incoming", "defer");
    qemu_argv_replace(argv, qemu_argv_find(argv, "watchdog"), "device", "i6300esb");
    qemu_argv_remove(argv, qemu_argv_find(argv, "daemonize"));
    qemu_keyval_set_string(qemu_argv_find(argv, "machine")->settings, "type", "q35");
    assert_true(qemu_argv_find(argv, "incoming")->added);
    assert_false(qemu_argv_find(argv, "device")->added);
    words = qemu_argv_to_words(argv);
    line = g_strjoinv(" ", words);
    assert_string_equal(line, "-device i6300esb -M q35 -incoming defer");
}

static void
options_know_their_releases(void **state)
{
    (void)state;
    const QemuOption *runas = qemu_option_find("runas"), *run_with = qemu_option_find("run-with");

    assert_true(qemu_option_is_in(runas, QEMU_RELEASE(7, 2)));
    assert_true(qemu_option_is_in(runas, QEMU_RELEASE(9, 2)));
    assert_false(qemu_option_is_in(runas, QEMU_RELEASE(10, 0)));
    assert_false(qemu_option_is_in(run_with, QEMU_RELEASE(7, 2)));
    assert_true(qemu_option_is_in(run_with, QEMU_RELEASE(11, 1)));
    assert_null(qemu_option_find(""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command_lines_come_back_to_the_letter),
        cmocka_unit_test(words_are_taken_as_qemu_takes_them),
        cmocka_unit_test(repeated_options_merge_and_the_last_counts),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(what_only_prints_is_refused),
        cmocka_unit_test(sizes_and_numbers_are_bounded),
        cmocka_unit_test(options_can_be_added_replaced_and_removed),
        cmocka_unit_test(options_know_their_releases),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
