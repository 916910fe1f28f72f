/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lists of settings, as QEMU's two parsers and its JSON parser take them. The values expected here were
 * checked against QEMU's source (util/qemu-option.c, util/keyval.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "qemu/keyval.h"
#include "qemu/plan.h"

static QemuKeyval *
parse(const char *option, const char *text)
{
    g_autoptr(GError) error = NULL;
    QemuKeyval *keyval = qemu_keyval_parse(qemu_option_find(option), text, &error);

    if (!keyval)
        fail_msg("-%s %s: %s", option, text, error->message);
    return keyval;
}

typedef struct {
    const char *option, *text, *key, *value;
} Case;

static void
values_are_those_that_count_for_qemu(void **state)
{
    (void)state;
    static const Case cases[] = {
        {"machine", "q35,accel=tcg", "type", "q35"},
        {"machine", "q35,accel=tcg", "accel", "tcg"},
        {"machine", "type=q35", "type", "q35"},
        {"machine", "usb=on", "type", NULL},
        {"machine", "q35,accel=tcg,accel=kvm", "accel", "kvm"},
        {"machine", "q35,", "type", "q35"},
        {"machine", "", "type", NULL},
        {"machine", "q35,memory.size=1G", "memory.size", "1G"},
        {"m", "512", "size", "512"},
        {"m", "size=1G,slots=2,maxmem=4G", "maxmem", "4G"},
        {"m", "1G,slots=2", "size", "1G"},
        {"smp", "4,sockets=2", "cpus", "4"},
        {"device", "virtio-blk-pci,drive=a", "driver", "virtio-blk-pci"},
        {"device", "drive=a,driver=virtio-blk-pci", "driver", "virtio-blk-pci"},
        {"device", "x,id=a,id=b", "id", "a"}, /* QemuOpts: the first id, the last of all else */
        {"device", "x,p=a,p=b", "p", "b"},
        {"blockdev", "driver=file,filename=/a,,b", "filename", "/a,b"},
        {"blockdev", "raw,node-name=x,file.driver=file", "file.driver", "file"},
        {"drive", "file=/a,,b,,,if=none", "file", "/a,b,"},
        {"drive", "file=/a,,b,,,if=none", "if", "none"},
        {"drive", "file=a=b", "file", "a=b"},
        {"drive", "file=,if=none", "file", ""},
        {"drive", "file=x,readonly", "readonly", "on"},
        {"chardev", "socket,id=a,path=/x,server,nowait", "server", "on"},
        {"chardev", "socket,id=a,path=/x,server,nowait", "wait", "off"},
        {"chardev", "socket,id=a,path=/x,nodelay", "delay", "off"},
        {"chardev", "a,,b", "backend", "a,b"},
        {"name", "web,,1,process=x", "guest", "web,1"},
        {"name", "help", "guest", "help"},
        {"netdev", "user,id=n,hostfwd=tcp::22-:22", "type", "user"},
        {"netdev", "user,id=n,hostfwd=tcp::22-:22", "hostfwd", "tcp::22-:22"},
        {"vnc", ":1,password=on", "vnc", ":1"},
        {"object", "{\"qom-type\":\"memory-backend-ram\",\"id\":\"m\",\"size\":1073741824}", "size",
         "1073741824"},
        {"object", " {\"a\":1}", "qom-type", " {\"a\":1}"}, /* a space in front: no JSON for QEMU either */
        {"device", "{\"driver\":\"virtio-net-pci\",\"mq\":true,\"x\":null}", "mq", "on"},
        {"device", "{\"driver\":\"virtio-net-pci\",\"mq\":false}", "mq", "off"},
        {"device", "{'driver':'e1000'}", "driver", "e1000"}, /* QEMU takes single quotes too */
        {"blockdev", "{\"driver\":\"qcow2\",\"file\":{\"driver\":\"file\",\"filename\":\"/a,b\"}}",
         "file.filename", "/a,b"},
        {"netdev", "{\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::22-:22\"}]}",
         "hostfwd.0.str", "tcp::22-:22"},
        {"object", "{\"qom-type\":\"x\",\"host-nodes\":[0,1]}", "host-nodes.1", "1"},
        {"object", "{\"qom-type\":\"x\",\"host-nodes\":[0,1]}", "host-nodes", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuKeyval) keyval = parse(cases[i].option, cases[i].text);
        const char *value = qemu_keyval_get(keyval, cases[i].key);
        g_autofree char *text = qemu_keyval_format(keyval);
        if (g_strcmp0(value, cases[i].value) != 0)
            fail_msg("-%s %s: %s is “%s”", cases[i].option, cases[i].text, cases[i].key, value);
        assert_string_equal(text, cases[i].text);
    }
}

static void
only_what_is_changed_is_written_anew(void **state)
{
    (void)state;
    static const struct {
        const char *option, *text, *key, *value, *expected; /* value NULL: removed */
    } cases[] = {
        {"machine", "q35,accel=tcg", "type", "pc-q35-7.2", "pc-q35-7.2,accel=tcg"},
        {"machine", "q35,accel=tcg", "usb", "on", "q35,accel=tcg,usb=on"},
        {"machine", "type=q35", "type", "pc", "type=pc"},
        {"machine", "q35", "type", "a,b", "type=a,,b"},
        {"machine", "q35", "type", "help", "type=help"},
        {"chardev", "socket,id=a,path=/x,,y,server,nowait", "path", "/z",
         "socket,id=a,path=/z,server,nowait"},
        {"chardev", "socket,id=a,server,nowait", "wait", "on", "socket,id=a,server,wait=on"},
        {"chardev", "file,path=/a,,b,logfile=/c", "append", "on", "file,path=/a,,b,logfile=/c,append=on"},
        {"chardev", "socket,server,id=a", "backend", NULL, "server=on,id=a"},
        {"chardev", "socket,nowait,id=a", "backend", NULL, "wait=off,id=a"},
        {"chardev", "socket,id=a", "backend", "a=b", "backend=a=b,id=a"},
        {"device", "x,p=1,q=2,p=3", "p", "4", "x,q=2,p=4"},
        {"device", "x,p=1,q=2,p=3", "p", NULL, "x,q=2"},
        {"drive", "readonly,file=x", "if", "none", "readonly,file=x,if=none"},
        {"object", "{\"qom-type\":\"a\",\"size\":5}", "qom-type", "b", "{\"qom-type\":\"b\",\"size\":5}"},
        {"object", "{\"qom-type\":\"a/b\", \"x\": 1.50}", "x", NULL, "{\"qom-type\":\"a/b\"}"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuKeyval) keyval = parse(cases[i].option, cases[i].text);
        g_autofree char *text = NULL;
        if (cases[i].value)
            qemu_keyval_set_string(keyval, cases[i].key, cases[i].value);
        else
            assert_true(qemu_keyval_remove(keyval, cases[i].key));
        text = qemu_keyval_format(keyval);
        assert_string_equal(text, cases[i].expected);
        assert_true(qemu_keyval_is_changed(keyval));
    }
}

static void
switches_are_words_in_lists_and_booleans_in_json(void **state)
{
    (void)state;
    g_autoptr(QemuKeyval) list = parse("object", "x,share=yes,dump");
    g_autoptr(QemuKeyval) json = parse("object", "{\"qom-type\":\"x\",\"share\":true}");
    g_autofree char *list_text = NULL;
    g_autofree char *json_text = NULL;

    assert_true(qemu_keyval_is_on(list, "share"));
    assert_true(qemu_keyval_is_on(list, "dump"));
    assert_false(qemu_keyval_is_on(list, "absent"));
    assert_true(qemu_keyval_is_on(json, "share"));
    qemu_keyval_set_switch(list, "share", false);
    qemu_keyval_set_switch(json, "share", false);
    assert_false(qemu_keyval_is_on(json, "share"));
    list_text = qemu_keyval_format(list);
    json_text = qemu_keyval_format(json);
    assert_string_equal(list_text, "x,share=off,dump");
    assert_string_equal(json_text, "{\"qom-type\":\"x\",\"share\":false}");
}

static void
list_takes_the_place_of_all_there_were(void **state)
{
    (void)state;
    static const struct {
        const char *text, *values, *expected;
    } cases[] = {
        {"user,hostfwd=a,id=n,hostfwd=b", "c,d", "user,id=n,hostfwd=c,hostfwd=d"},
        {"user,hostfwd=a,id=n", "", "user,id=n"},
        {"user,id=n", "c", "user,id=n,hostfwd=c"},
        {"{\"id\":\"n\",\"hostfwd\":[{\"str\":\"a\"}]}", "c,d",
         "{\"id\":\"n\",\"hostfwd\":[{\"str\":\"c\"},{\"str\":\"d\"}]}"},
        {"{\"id\":\"n\",\"hostfwd\":[{\"str\":\"a\"}]}", "", "{\"id\":\"n\"}"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(QemuKeyval) keyval = parse("netdev", cases[i].text);
        g_auto(GStrv) words = g_strsplit(cases[i].values, ",", -1);
        g_autoptr(GPtrArray) values = g_ptr_array_new();
        for (char **word = words; *word; word++)
            g_ptr_array_add(values, *word);
        qemu_keyval_set_list(keyval, "hostfwd", values);
        g_autofree char *text = qemu_keyval_format(keyval);
        assert_string_equal(text, cases[i].expected);
    }
}

static void
removing_what_is_not_there_changes_nothing(void **state)
{
    (void)state;
    g_autoptr(QemuKeyval) keyval = parse("machine", "q35,");
    g_autofree char *text = NULL;

    assert_false(qemu_keyval_remove(keyval, "usb"));
    assert_false(qemu_keyval_is_changed(keyval));
    text = qemu_keyval_format(keyval);
    assert_string_equal(text, "q35,");
}

static void
what_qemu_would_not_parse_is_refused(void **state)
{
    (void)state;
    g_autofree char *flags = g_strnfill(1100, 'x');
    g_auto(GStrv) letters = g_strsplit(flags, "x", -1);
    g_autofree char *many = g_strjoinv("y,", letters);
    g_autofree char *deep = g_strdup_printf("{\"a\":%s", "[[[[[[[[[[[[[[[[[[[[[[");
    const struct {
        const char *option, *text;
    } cases[] = {
        {"machine", "q35,usb"},   {"machine", "q35,,accel=tcg"},
        {"machine", "q35,a b=c"}, {"machine", "q35,a..b=c"},
        {"machine", "q35,=c"},    {"machine", ",q35"},
        {"smp", "4,cores"},       {"object", "{"},
        {"object", "{}x"},        {"object", "{\"a\":1}{\"b\":2}"},
        {"object", "{\"a\":}"},   {"object", deep},
        {"device", many},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        if (qemu_keyval_parse(qemu_option_find(cases[i].option), cases[i].text, &error))
            fail_msg("-%s %s was taken", cases[i].option, cases[i].text);
        assert_true(g_error_matches(error, QEMU_PLAN_ERROR, QEMU_PLAN_ERROR_ARGUMENTS));
    }
}

static void
json_for_an_option_without_json_is_a_list(void **state)
{
    (void)state;
    g_autoptr(QemuKeyval) keyval = parse("chardev", "{\"id\":1}");

    assert_false(qemu_keyval_is_json(keyval));
    assert_string_equal(qemu_keyval_get(keyval, "backend"), "{\"id\":1}");
}

static void
help_is_seen(void **state)
{
    (void)state;
    static const char *const asking[][2] = {{"machine", "help"},
                                            {"machine", "q35,help"},
                                            {"device", "?"},
                                            {"device", "e1000,help"},
                                            {"chardev", "help"}};

    for (size_t i = 0; i < G_N_ELEMENTS(asking); i++) {
        g_autoptr(QemuKeyval) keyval = parse(asking[i][0], asking[i][1]);
        assert_true(qemu_keyval_asks_help(keyval));
    }
    g_autoptr(QemuKeyval) keyval = parse("device", "e1000,id=help");
    assert_false(qemu_keyval_asks_help(keyval));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_those_that_count_for_qemu),
        cmocka_unit_test(only_what_is_changed_is_written_anew),
        cmocka_unit_test(switches_are_words_in_lists_and_booleans_in_json),
        cmocka_unit_test(list_takes_the_place_of_all_there_were),
        cmocka_unit_test(removing_what_is_not_there_changes_nothing),
        cmocka_unit_test(what_qemu_would_not_parse_is_refused),
        cmocka_unit_test(json_for_an_option_without_json_is_a_list),
        cmocka_unit_test(help_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
