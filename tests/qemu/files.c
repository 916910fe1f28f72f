/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files that were removed or replaced while a guest runs on them: a new QEMU would not start, or give the guest another disk. It is
 * refused beforehand; where they are put back, it goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"

static HarnessEngine *engine;

static char *
path_of(const char *name)
{
    return g_build_filename(engine->folder, name, NULL);
}

static void
make_file(const char *name)
{
    g_autofree char *path = path_of(name), *text = g_strnfill(1024, 'x');

    assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void
move(const char *from, const char *to)
{
    g_autofree char *old_path = path_of(from), *new_path = path_of(to);

    assert_int_equal(rename(old_path, new_path), 0);
}

/* Both verbs, which say the same; the guest does not notice. */
static void
expect_refused(HarnessGuest *guest, const char *code, const char *words)
{
    g_autofree char *row = g_strconcat("BLOCK ", code, NULL);
    g_autoptr(HarnessReply) check = moult(engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);
    g_autoptr(HarnessReply) upgrade = moult(engine, "upgrade", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_status(check, EXIT_REFUSED);
    assert_rows(check, row);
    if (!strstr(check->text, words))
        fail_msg("“%s” is not in: %s", words, check->text);
    assert_outcome(upgrade, EXIT_REFUSED, "refused", code, NULL);
    harness_guest_check(guest);
}

static void
expect_checked(HarnessGuest *guest, const char *row)
{
    g_autoptr(HarnessReply) check = moult(engine, "check", guest->name, "--to", harness_build(BUILD_SECOND), "--json", NULL);

    assert_status(check, EXIT_DONE);
    assert_rows(check, row);
}

/* An image and a medium, the image by a symbolic link. */
static HarnessGuest *
run_on_images(void)
{
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = "-drive if=none,id=d0,file=@folder@/link.raw,format=raw -device virtio-blk-pci,drive=d0 "
                                                  "-drive if=none,id=cd0,media=cdrom,file=@folder@/cd.iso,format=raw "
                                                  "-device ide-cd,drive=cd0"};
    engine = harness_engine_new(NULL);
    g_autofree char *link = path_of("link.raw");
    make_file("disk.raw");
    make_file("cd.iso");
    assert_int_equal(symlink("disk.raw", link), 0);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    expect_checked(guest, "OK disk-file");
    return guest;
}

static void
test_image_that_was_replaced_is_refused(void **state G_GNUC_UNUSED)
{
    HarnessGuest *guest = run_on_images();

    move("disk.raw", "aside.raw");
    make_file("disk.raw");
    expect_refused(guest, "disk-file", "another file");
    move("aside.raw", "disk.raw");
    harness_guest_upgrade(guest, BUILD_SECOND);
    move("cd.iso", "aside.iso");
    make_file("cd.iso");
    expect_refused(guest, "disk-file", "another file");
    harness_engine_finish(engine);
}

static void
test_image_that_was_removed_is_refused(void **state G_GNUC_UNUSED)
{
    HarnessGuest *guest = run_on_images();

    move("cd.iso", "aside.iso");
    expect_refused(guest, "disk-file", "no such file");
    move("aside.iso", "cd.iso");
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

/* One after the other; in its place again each is no obstacle. */
static void
test_file_of_the_start_that_was_removed_is_refused(void **state G_GNUC_UNUSED)
{
    static const char *const names[] = {"blob", "secret", "table", "strings", "rom"};
    static const HarnessSpec spec = {.machine = "pc-q35-7.2",
                                     .ram_mib = 16,
                                     .arguments = "-fw_cfg name=opt/org.test/x,file=@folder@/blob -object secret,id=s0,file=@folder@/secret "
                                                  "-acpitable sig=TEST,data=@folder@/table:@folder@/table "
                                                  "-smbios type=11,path=@folder@/strings -option-rom @folder@/rom"};

    engine = harness_engine_new(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        make_file(names[i]);
    HarnessGuest *guest = harness_guest_run(engine, "g", BUILD_INSTALLED, &spec);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        move(names[i], "aside");
        expect_refused(guest, "file-missing", names[i]);
        move("aside", names[i]);
    }
    harness_guest_upgrade(guest, BUILD_SECOND);
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        {.name = "image_that_was_replaced_is_refused", .test_func = test_image_that_was_replaced_is_refused,
         .teardown_func = harness_teardown},
        {.name = "image_that_was_removed_is_refused", .test_func = test_image_that_was_removed_is_refused,
         .teardown_func = harness_teardown},
        {.name = "file_of_the_start_that_was_removed_is_refused", .test_func = test_file_of_the_start_that_was_removed_is_refused,
         .teardown_func = harness_teardown},
    };

    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
