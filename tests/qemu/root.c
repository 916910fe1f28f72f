/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What takes root: guests on huge pages, which stay where they are and are given back to the last, and guests that run as
 * another user.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gate.h"
#include "harness.h"
#include "hugepages.h"
#include "processes.h"

/* In a script: what follows is for the target of an upgrade alone. */
#define IF_TARGET "case \" $* \" in *moult-monitor*' -incoming '*) "
#define FI "; esac\n"

#define DISK "-drive if=none,id=disk0,format=raw,file=@disk0.raw@ -device virtio-blk-pci,drive=disk0"
#define TINY_MIB 16
#define TINY_PAGES (TINY_MIB / HUGEPAGE_MIB)

static const HarnessSpec tiny = {.machine = "pc-q35-7.2", .ram_mib = TINY_MIB, .hugepages = "2M"};

static HarnessEngine *
begin(unsigned n_pages)
{
    hugepages_take(n_pages);
    HarnessEngine *engine = harness_engine_prepare();

    assert_true(hugepages_mount(engine, "2M"));
    harness_engine_start(engine, NULL);
    return engine;
}

static void
end(HarnessEngine *engine)
{
    for (guint i = 0; i < engine->guests->len; i++) {
        g_autoptr(HarnessReply) reply =
            moult(engine, "stop", ((HarnessGuest *)g_ptr_array_index(engine->guests, i))->name, "--force", NULL);
        assert_true(reply->status == EXIT_DONE || reply->status == EXIT_REFUSED);
    }
    assert_hugepage_files(engine, "");
    harness_engine_finish(engine);
    hugepages_give_back();
}

/* ---- Where the memory is ---- */

static json_object *
backends_of(HarnessGuest *guest, HarnessReply **ret_reply)
{
    *ret_reply = moult(guest->engine, "show", guest->name, "--json", NULL);
    assert_status(*ret_reply, EXIT_DONE);
    json_object *memory =
        qmp_json_get_array(qmp_json_get_object((*ret_reply)->output, "details"), "memory");
    assert_non_null(memory);
    return memory;
}

static gint64
number_of(json_object *object, const char *key)
{
    gint64 number = -1;

    assert_true(qmp_json_get_int64(object, key, &number));
    return number;
}

/* Backend I of GUEST is a file of huge pages that is there, and the one that `show` says. Its inode. */
static gint64
expect_on_hugepages(HarnessGuest *guest, size_t i, const char *id)
{
    g_autoptr(HarnessReply) reply = NULL;
    json_object *backend = json_object_array_get_idx(backends_of(guest, &reply), i);
    g_autofree char *suffix = g_strdup_printf("/moult/%" G_GINT64_FORMAT "/%s", guest->id, id);
    const char *path = qmp_json_get_string(backend, "path");
    struct stat status;

    assert_string_equal(qmp_json_get_string(backend, "id"), id);
    assert_string_equal(qmp_json_get_string(backend, "kind"), "hugetlbfs");
    assert_int_equal(number_of(backend, "page_size_bytes"), HUGEPAGE_MIB << 20);
    assert_true(path && g_str_has_suffix(path, suffix));
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_ino, number_of(backend, "inode"));
    assert_int_equal(status.st_nlink, 1); /* the old instance's name is gone */
    return (gint64)status.st_ino;
}

static void
expect_only_file(HarnessGuest *guest)
{
    g_autofree char *name = g_strdup_printf("%" G_GINT64_FORMAT "/pc.ram", guest->id);

    assert_hugepage_files(guest->engine, name);
}

static void
upgrade_and_look(HarnessGuest *guest, HarnessBuild build, gint64 inode)
{
    unsigned n_free = hugepages_count_free();

    harness_guest_upgrade(guest, build);
    assert_int_equal(expect_on_hugepages(guest, 0, "pc.ram"), inode);
    expect_only_file(guest);
    assert_int_equal(hugepages_count_free(), n_free);
}

static void
linux_guest_stays_on_its_pages(void **state)
{
    HarnessSpec spec = harness_linux;
    unsigned n_pages = spec.ram_mib / HUGEPAGE_MIB;

    (void)state;
    spec.hugepages = "2M";
    HarnessEngine *engine = begin(n_pages);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &spec);
    gint64 inode = expect_on_hugepages(guest, 0, "pc.ram");

    for (unsigned i = 0; i < 4; i++)
        upgrade_and_look(guest, i % 2 ? BUILD_INSTALLED : BUILD_SECOND, inode);
    harness_guest_check_network(guest);
    harness_guest_check_disk(guest);
    end(engine);
}

/* From the newer build on; the size left to moult. */
static void
second_to_installed_and_same_build(void **state)
{
    HarnessSpec spec = tiny;

    (void)state;
    spec.hugepages = "";
    HarnessEngine *engine = begin(TINY_PAGES);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_SECOND, &spec);
    gint64 inode = expect_on_hugepages(guest, 0, "pc.ram");

    upgrade_and_look(guest, BUILD_INSTALLED, inode);
    upgrade_and_look(guest, BUILD_INSTALLED, inode);
    upgrade_and_look(guest, BUILD_SECOND, inode);
    upgrade_and_look(guest, BUILD_SECOND, inode);
    end(engine);
}

static void
numa_nodes_stay_on_their_pages(void **state)
{
    static const HarnessSpec spec = {
        .kernel = "cloud", .machine = "pc-q35-7.2", .vcpus = 2, .ram_mib = 256, .hugepages = "2M",
        .arguments = DISK " -object memory-backend-ram,id=m0,size=192M -object memory-backend-memfd,id=m1,size=64M "
                          "-numa node,nodeid=0,cpus=0,memdev=m0 -numa node,nodeid=1,cpus=1,memdev=m1",
        .append = "moult.disk=/dev/vda"};

    (void)state;
    HarnessEngine *engine = begin(spec.ram_mib / HUGEPAGE_MIB);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &spec);
    gint64 first = expect_on_hugepages(guest, 0, "m0"), second = expect_on_hugepages(guest, 1, "m1");

    for (unsigned i = 0; i < 2; i++) {
        harness_guest_upgrade(guest, i ? BUILD_INSTALLED : BUILD_SECOND);
        assert_int_equal(expect_on_hugepages(guest, 0, "m0"), first);
        assert_int_equal(expect_on_hugepages(guest, 1, "m1"), second);
    }
    harness_guest_check_disk(guest);
    end(engine);
}

/* Without --hugepages: what the operator's own command line puts there becomes a file without a name, of the same pages. */
static void
operators_own_hugepages(void **state)
{
    HarnessSpec folder = tiny, memfd = tiny;

    (void)state;
    HarnessEngine *engine = begin(2 * TINY_PAGES);
    folder.hugepages = memfd.hugepages = NULL;
    folder.arguments = "-mem-path @folder@/huge-2M";
    memfd.arguments = "-object memory-backend-memfd,id=m0,size=16M,hugetlb=on,hugetlbsize=2M,share=on -machine memory-backend=m0";
    HarnessGuest *guests[] = {harness_guest_run(engine, "folder", BUILD_INSTALLED, &folder),
                              harness_guest_run(engine, "memfd", BUILD_INSTALLED, &memfd)};

    assert_int_equal(hugepages_count_free(), 0);
    for (unsigned i = 0; i < 4; i++) {
        g_autoptr(HarnessReply) reply = NULL;
        harness_guest_upgrade(guests[i % 2], i < 2 ? BUILD_SECOND : BUILD_INSTALLED);
        json_object *backend = json_object_array_get_idx(backends_of(guests[i % 2], &reply), 0);
        assert_string_equal(qmp_json_get_string(backend, "kind"), "memfd");
        assert_int_equal(number_of(backend, "page_size_bytes"), HUGEPAGE_MIB << 20);
    }
    assert_int_equal(hugepages_count_free(), 0);
    end(engine);
}

static void
two_engines_share_the_mount(void **state)
{
    (void)state;
    HarnessEngine *one = begin(2 * TINY_PAGES), *other = harness_engine_new(NULL);
    HarnessGuest *first = harness_guest_run(one, "same-name", BUILD_INSTALLED, &tiny);
    HarnessGuest *second = harness_guest_run(other, "same-name", BUILD_INSTALLED, &tiny);

    harness_guest_upgrade(first, BUILD_SECOND);
    harness_guest_check_untouched(second);
    harness_guest_upgrade(second, BUILD_SECOND);
    harness_guest_check_untouched(first);
    harness_engine_finish(other);
    harness_guest_check_untouched(first);
    end(one);
}

/* ---- Engines that come and go, upgrades that fail ---- */

static void
engine_comes_and_goes(void **state)
{
    (void)state;
    HarnessEngine *engine = begin(TINY_PAGES);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &tiny);
    gint64 inode = expect_on_hugepages(guest, 0, "pc.ram");

    harness_engine_kill(engine);
    harness_engine_start(engine, NULL);
    harness_guest_check_untouched(guest);
    upgrade_and_look(guest, BUILD_SECOND, inode);
    harness_engine_stop(engine);
    harness_engine_start(engine, NULL);
    harness_guest_check_untouched(guest);
    upgrade_and_look(guest, BUILD_INSTALLED, inode);

    /* With the target's link made, and its QEMU not there yet. */
    g_autoptr(Gate) gate = gate_new(engine, BUILD_SECOND);
    Program *program = moult_start(engine, "upgrade", "guest", "--to", gate->script, "--json", NULL);
    gate_await(gate);
    harness_engine_kill(engine);
    g_autoptr(HarnessReply) reply = moult_finish(program);
    assert_status(reply, EXIT_UNREACHABLE);
    harness_engine_start(engine, NULL);
    harness_guest_check_untouched(guest);
    expect_only_file(guest);
    upgrade_and_look(guest, BUILD_SECOND, inode);
    end(engine);
}

static void
guest_ends_without_an_engine(void **state)
{
    g_autoptr(GError) error = NULL;

    (void)state;
    HarnessEngine *engine = begin(TINY_PAGES);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &tiny);

    harness_engine_kill(engine);
    assert_true(sampler_command(guest->sampler, GUEST_COMMAND_POWER_OFF, 0, HARNESS_STEP_MS, &error));
    assert_true(processes_await_none(engine->folder, HARNESS_STEP_MS));
    harness_engine_start(engine, NULL);
    end(engine);
}

static void
source_gets_its_guest_back(void **state)
{
    (void)state;
    HarnessEngine *engine = begin(TINY_PAGES);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &tiny);
    gint64 inode = expect_on_hugepages(guest, 0, "pc.ram");
    const char *refuses = harness_script(engine, "refuses", IF_TARGET "set -- \"$@\" -machine hpet=off" FI "exec %s \"$@\"",
                                         harness_build(BUILD_SECOND));
    const char *ends = harness_script(engine, "ends", IF_TARGET "echo 'no more' >&2; exit 1" FI "exec %s \"$@\"",
                                      harness_build(BUILD_SECOND));

    g_autoptr(HarnessReply) refused = moult(engine, "upgrade", "guest", "--to", refuses, "--json", NULL);
    assert_outcome(refused, EXIT_FAILED, "rolled-back", "migration-failed", "hpet");
    harness_guest_check_untouched(guest);
    expect_only_file(guest);
    g_autoptr(HarnessReply) ended = moult(engine, "upgrade", "guest", "--to", ends, "--json", NULL);
    assert_outcome(ended, EXIT_FAILED, "rolled-back", "qemu-start", "no more");
    harness_guest_check_untouched(guest);
    expect_only_file(guest);
    assert_int_equal(expect_on_hugepages(guest, 0, "pc.ram"), inode);
    upgrade_and_look(guest, BUILD_SECOND, inode);
    end(engine);
}

/* ---- Where there are not enough ---- */

static HarnessReply *
try_to_run(HarnessEngine *engine, const char *option, unsigned ram_mib, const char *arguments)
{
    HarnessSpec spec = {.machine = "pc-q35-7.2", .ram_mib = ram_mib, .arguments = arguments};
    HarnessGuest *guest = harness_guest_new(engine, "other", &spec);
    HarnessReply *reply = harness_guest_launch(guest, harness_build(BUILD_INSTALLED), "run", option, "--json", NULL);

    g_ptr_array_remove(engine->guests, guest);
    return reply;
}

static void
no_hugepages_left(void **state)
{
    (void)state;
    HarnessEngine *engine = begin(TINY_PAGES);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &tiny);
    gint64 inode = expect_on_hugepages(guest, 0, "pc.ram");

    /* Others of this machine may have some. */
    g_autoptr(HarnessReply) reply =
        try_to_run(engine, "--hugepages", (hugepages_count_free() + 1) * HUGEPAGE_MIB, NULL);
    assert_refusal(reply, EXIT_REFUSED, "hugepages-missing", "huge pages");
    harness_guest_check_untouched(guest);
    expect_only_file(guest);
    upgrade_and_look(guest, BUILD_SECOND, inode);
    end(engine);
}

/* The memory is private, in files of the operator's: a copy takes as many pages again. What is left would do for each of the two. */
static void
no_hugepages_left_for_a_copy(void **state)
{
    HarnessSpec private = tiny;

    (void)state;
    private.ram_mib = 64 + TINY_MIB; /* less than 64 is not looked into, where it is private */
    HarnessEngine *engine = begin(2 * (64 + TINY_MIB) / HUGEPAGE_MIB);
    private.hugepages = NULL;
    private.arguments = "-object memory-backend-file,id=m0,size=64M,share=off,mem-path=@folder@/huge-2M/own "
                        "-object memory-backend-file,id=m1,size=16M,share=off,mem-path=@folder@/huge-2M/more "
                        "-numa node,memdev=m0 -numa node,memdev=m1";
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_SECOND, &private);
    HarnessGuest *other = harness_guest_run(engine, "other", BUILD_INSTALLED, &tiny);

    g_autoptr(HarnessReply) refused =
        moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_outcome(refused, EXIT_REFUSED, "refused", "copy-memory-hugepages", "80 MiB");
    harness_guest_check_untouched(guest);
    harness_guest_power_off(other);
    sampler_free(g_steal_pointer(&other->sampler)); /* it has the pages, too */
    g_autoptr(HarnessReply) reply =
        moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_INSTALLED), "--json", NULL);
    assert_status(reply, EXIT_DONE);
    assert_string_equal(qmp_json_get_string(reply_result(reply), "method"), "copy");
    harness_guest_await(guest);
    harness_guest_upgrade(guest, BUILD_SECOND);
    end(engine);
}

/* A mount of its own, whose file cannot be linked to anywhere else. */
static void
memory_file_that_cannot_be_linked(void **state)
{
    (void)state;
    HarnessEngine *engine = begin(TINY_PAGES);
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &tiny);
    g_autoptr(HarnessReply) show = NULL;
    const char *path = qmp_json_get_string(json_object_array_get_idx(backends_of(guest, &show), 0), "path");

    assert_int_equal(mount(path, path, NULL, MS_BIND, NULL), 0);
    g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to", harness_build(BUILD_SECOND), "--json", NULL);
    assert_outcome(reply, EXIT_FAILED, "rolled-back", "ram-link", path);
    harness_guest_check_untouched(guest);
    assert_int_equal(umount2(path, MNT_DETACH), 0);
    upgrade_and_look(guest, BUILD_SECOND, expect_on_hugepages(guest, 0, "pc.ram"));
    end(engine);
}

static void
no_pages_of_1_gib(void **state)
{
    (void)state;
    HarnessEngine *engine = begin(1);
    g_autoptr(HarnessReply) unmounted = try_to_run(engine, "--hugepages=1G", 1024, NULL);
    assert_refusal(unmounted, EXIT_REFUSED, "hugetlbfs-missing", "1048576 KiB");
    harness_engine_check(engine);
    if (hugepages_mount(engine, "1G")) {
        g_autoptr(HarnessReply) none = try_to_run(engine, "--hugepages=1G", 1024, NULL);
        assert_refusal(none, EXIT_REFUSED, "hugepages-missing", "1048576 KiB");
        g_autoptr(HarnessReply) part = try_to_run(engine, "--hugepages=1G", 1536, NULL);
        assert_refusal(part, EXIT_REFUSED, "memory-size", "multiple");
        harness_engine_check(engine);
    }
    end(engine);
}

/* As on a processor that has none. */
static void
no_such_pages(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);

    assert_int_equal(mount("tmpfs", "/sys/kernel/mm/hugepages", "tmpfs", MS_NOSUID | MS_NODEV, NULL), 0);
    g_autoptr(HarnessReply) reply = try_to_run(engine, "--hugepages=1G", 1024, NULL);
    assert_int_equal(umount2("/sys/kernel/mm/hugepages", MNT_DETACH), 0);
    assert_refusal(reply, EXIT_REFUSED, "hugepages-missing", "this node has no huge pages of 1048576 KiB");
    harness_engine_finish(engine);
}

/* ---- Another user ---- */

#define USER "nobody"

/* The second build may be where only we may go. */
static char *
bind_second_build(HarnessEngine *engine)
{
    g_autofree char *path = realpath(harness_build(BUILD_SECOND), NULL), *folder = g_path_get_dirname(path);
    g_autofree char *name = g_path_get_basename(path), *place = g_build_filename(engine->folder, "second", NULL);

    assert_int_equal(mkdir(place, 0755), 0);
    assert_int_equal(mount(folder, place, NULL, MS_BIND, NULL), 0);
    assert_int_equal(mount(NULL, place, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL), 0);
    return g_build_filename(place, name, NULL);
}

static void
expect_owner(const char *folder, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    struct stat status;

    if (lstat(path, &status) < 0)
        fail_msg("there is no %s", path);
    if (status.st_uid != uid || status.st_gid != gid || (status.st_mode & 07777) != mode)
        fail_msg("%s is %u:%u %04o, not %u:%u %04o", path, status.st_uid, status.st_gid, status.st_mode & 07777u, uid, gid,
                 mode);
}

/* As paths/instance.h says. */
static void
expect_owned_by(HarnessGuest *guest, const struct passwd *user)
{
    g_autofree char *folder =
        g_strdup_printf("%s/instances/%" G_GINT64_FORMAT, guest->engine->runtime, guest->id);
    g_autofree char *status_path = g_strdup_printf("/proc/%d/status", guest->pid), *status = NULL;
    g_autofree char *ids = g_strdup_printf("\nUid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", user->pw_uid, user->pw_uid,
                                           user->pw_uid, user->pw_uid, user->pw_gid, user->pw_gid, user->pw_gid, user->pw_gid);

    assert_true(g_file_get_contents(status_path, &status, NULL, NULL));
    assert_non_null(strstr(status, ids));
    if (*guest->engine->prefix) /* the engine is the user's, too: whatever it makes belongs to him alone */
        return;
    expect_owner(folder, ".", 0, user->pw_gid, 0710);
    expect_owner(folder, "config.json", 0, 0, 0600);
    expect_owner(folder, "qemu.log", 0, 0, 0600);
    expect_owner(folder, "monitor.sock", 0, 0, 0600);
    expect_owner(folder, "operator.sock", user->pw_uid, user->pw_gid, 0600);
    expect_owner(folder, "qemu", user->pw_uid, user->pw_gid, 0700);
    if (guest->spec->hugepages) {
        g_autofree char *huge =
            g_strdup_printf("%s/huge-2M/moult/%" G_GINT64_FORMAT, guest->engine->folder, guest->id);
        expect_owner(huge, ".", 0, user->pw_gid, 0710);
        expect_owner(huge, "pc.ram", user->pw_uid, user->pw_gid, 0600);
    }
}

static void
check_other_user(HarnessEngine *engine, const char *hugepages)
{
    HarnessSpec spec = tiny;
    g_autofree char *second = bind_second_build(engine);
    const struct passwd *user = getpwnam(USER);

    assert_non_null(user);
    spec.user = USER;
    spec.hugepages = hugepages;
    HarnessGuest *guest = harness_guest_run(engine, "guest", BUILD_INSTALLED, &spec);
    expect_owned_by(guest, user);
    for (unsigned i = 0; i < 3; i++) {
        HarnessBuild build = i % 2 ? BUILD_INSTALLED : BUILD_SECOND;
        assert_true(sampler_read(guest->sampler, &guest->seen));
        g_autoptr(HarnessReply) reply = moult(engine, "upgrade", "guest", "--to",
                                              build == BUILD_SECOND ? second : harness_build(build), "--json", NULL);
        harness_guest_take_upgrade(guest, reply, build);
        harness_guest_check(guest);
        expect_owned_by(guest, user);
    }
    const char *refuses =
        harness_script(engine, "refuses", IF_TARGET "set -- \"$@\" -machine hpet=off" FI "exec %s \"$@\"", second);
    g_autoptr(HarnessReply) refused = moult(engine, "upgrade", "guest", "--to", refuses, "--json", NULL);
    assert_outcome(refused, EXIT_FAILED, "rolled-back", "migration-failed", "hpet");
    harness_guest_check_untouched(guest);
    expect_owned_by(guest, user);
}

static void
guest_of_another_user(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);

    check_other_user(engine, NULL);
    harness_engine_finish(engine);
}

static void
guest_of_another_user_on_hugepages(void **state)
{
    (void)state;
    HarnessEngine *engine = begin(TINY_PAGES);

    check_other_user(engine, "2M");
    end(engine);
}

/* What was built may lie where only root comes. */
static char *
copy_program(const HarnessEngine *engine, const char *path)
{
    g_autofree char *name = g_path_get_basename(path), *program = NULL;
    char *copy = g_build_filename(engine->folder, name, NULL);
    gsize size = 0;

    assert_true(g_file_get_contents(path, &program, &size, NULL));
    assert_true(g_file_set_contents_full(copy, program, (gssize)size, G_FILE_SET_CONTENTS_NONE, 0755, NULL));
    return copy;
}

/* As on a desktop: nothing is root's but the programs. */
static void
engine_of_another_user(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_prepare();
    const struct passwd *user = getpwnam(USER);
    g_autofree char *moultd = copy_program(engine, engine->binary), *command = copy_program(engine, engine->command);
    g_autofree char *prefix =
        g_strdup_printf("/usr/bin/setpriv --reuid=%u --regid=%u --clear-groups ", user->pw_uid, user->pw_gid);

    engine->binary = moultd;
    engine->command = command;
    engine->prefix = prefix;
    assert_int_equal(chown(engine->folder, user->pw_uid, user->pw_gid), 0);
    harness_engine_start(engine, NULL);
    check_other_user(engine, NULL);
    g_autoptr(HarnessReply) refused = moult(engine, "run", "other", "--user", "root", "--json", "--",
                                            harness_build(BUILD_INSTALLED), "-m", "16", NULL);
    assert_refusal(refused, EXIT_REFUSED, "user-forbidden", "'root'");
    harness_engine_finish(engine);
}

static void
user_that_does_not_exist(void **state)
{
    (void)state;
    harness_need_root();
    HarnessEngine *engine = harness_engine_new(NULL);
    g_autoptr(HarnessReply) reply = try_to_run(engine, "--user=no-such-user", TINY_MIB, NULL);

    assert_refusal(reply, EXIT_REFUSED, "user-unknown", "no-such-user");
    harness_engine_finish(engine);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(linux_guest_stays_on_its_pages),
        HARNESS_TEST(second_to_installed_and_same_build),
        HARNESS_TEST(numa_nodes_stay_on_their_pages),
        HARNESS_TEST(operators_own_hugepages),
        HARNESS_TEST(two_engines_share_the_mount),
        HARNESS_TEST(engine_comes_and_goes),
        HARNESS_TEST(guest_ends_without_an_engine),
        HARNESS_TEST(source_gets_its_guest_back),
        HARNESS_TEST(no_hugepages_left),
        HARNESS_TEST(no_hugepages_left_for_a_copy),
        HARNESS_TEST(memory_file_that_cannot_be_linked),
        HARNESS_TEST(no_pages_of_1_gib),
        HARNESS_TEST(no_such_pages),
        HARNESS_TEST(guest_of_another_user),
        HARNESS_TEST(guest_of_another_user_on_hugepages),
        HARNESS_TEST(engine_of_another_user),
        HARNESS_TEST(user_that_does_not_exist),
    };

    if (!hugepages_leave_other_mounts() && geteuid() == 0) {
        puts("SKIP: needs a mount namespace of its own");
        return 77;
    }
    return harness_main(argc, argv, tests, G_N_ELEMENTS(tests));
}
