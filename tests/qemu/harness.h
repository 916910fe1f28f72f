/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Real engines, real QEMUs, the real `moult`: what the suites of this folder are written with. Everything of an engine
 * is below one fresh folder; what a test leaves behind, fails or is killed with, goes away all the same (janitor.h).
 * What goes wrong fails the running cmocka test. Include after <cmocka.h> and what that needs.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "program.h"
#include "qmp/client.h"
#include "qmp/json.h"
#include "sampler.h"

#define HARNESS_CALL_MS (120000 * harness_get_patience())  /* a command of `moult` */
#define HARNESS_READY_MS (180000 * harness_get_patience()) /* a Linux guest, from start until it works, on a busy machine */
#define HARNESS_STEP_MS (60000 * harness_get_patience())   /* anything else that is waited for */
/* MOULT_TEST_PATIENCE, from 1, which it is by default, to 100: for machines that are emulated themselves. */
int harness_get_patience(void);

/* Exit statuses of `moult`. */
enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED, EXIT_SOME, EXIT_TIMED_OUT, EXIT_UNREACHABLE, EXIT_OPERATOR };

/* ---- The program ---- */

/*
 * Skips (77) when kernel or builds are not fetched; runs all TESTS, or the one named on the command line. With
 * --check-names NAME... fails unless these are the names of all TESTS.
 */
int harness_main(int argc, char **argv, const struct CMUnitTest *tests, size_t n_tests);
/* Every test's teardown. Shows what engine and guests have said when the test has not come to its end. */
int harness_teardown(void **state);
#define HARNESS_TEST(f) cmocka_unit_test_teardown(f, harness_teardown)

/* Absolute paths of the two builds, "installed" and "second", and how their versions begin ("7.2."). Borrowed. */
typedef enum { BUILD_INSTALLED, BUILD_SECOND } HarnessBuild;
const char *harness_build(HarnessBuild build);
const char *harness_build_version(HarnessBuild build);
/* An image of the tiny guest. Borrowed. */
const char *harness_tiny_image(void);
/* Skips the running test for that reason, and the program (77) if no other fails. */
void harness_skip(const char *why);
/* Skips the running test, saying why, unless we are root. */
void harness_need_root(void);

/* ---- An engine ---- */

typedef struct {
    char *folder, *runtime, *state, *config;
    const char *binary;    /* of the engines that are started from now on; borrowed */
    const char *prefix;    /* what engines and commands are run by, blank-separated, as "setpriv ..."; "": by themselves. Borrowed */
    const char *command;   /* `moult`; borrowed */
    const char *on_demand; /* what a command starts when there is no engine; borrowed */
    Program *moultd; /* NULL: not running, or started by a command */
    GString *log;    /* of those that have ended */
    GPtrArray *guests;
    GPtrArray *scripts;    /* paths of harness_script */
    bool may_warn;   /* whether a warning in its log is what the test is about */
} HarnessEngine;

/* Starts one in a new folder, and ends with the test. OPTIONS are moultd's, blank-separated (NULL: none). */
HarnessEngine *harness_engine_new(const char *options);
/* Only the folder; none of the three in it exists yet. */
HarnessEngine *harness_engine_prepare(void);
/* The first one in its folder, or another after the last has ended. */
void harness_engine_start(HarnessEngine *engine, const char *options);
/* SIGTERM; it must leave with 0. */
void harness_engine_stop(HarnessEngine *engine);
/* SIGKILL. */
void harness_engine_kill(HarnessEngine *engine);
/* Waits until it leaves by itself, with 0. */
void harness_engine_wait_end(HarnessEngine *engine);

/* The end of a test that has gone well: every guest is stopped, the engine too, and nothing is left. */
void harness_engine_finish(HarnessEngine *engine);

/*
 * Looks at everything: each guest of `moult list` has exactly one QEMU, of the pid and in the folder that the engine
 * says, and its alias; there are no other QEMUs, folders, aliases, records of upgrades, jobs or zombies.
 */
void harness_engine_check(HarnessEngine *engine);

/* In a script of harness_script: what stands between these is for the target of an upgrade alone. Those that only ask a binary say -incoming, too. */
#define HARNESS_IF_TARGET "case \" $* \" in *moult-monitor*' -incoming '*) "
#define HARNESS_FI "; esac\n"
/* Path of a new executable script in the engine's folder, with BODY behind "#!/bin/sh". Owned by the engine. */
const char *harness_script(HarnessEngine *engine, const char *name, const char *body_format, ...)
    G_GNUC_PRINTF(3, 4);

/* ---- The command line ---- */

typedef struct {
    int status;          /* how `moult` has exited */
    json_object *output; /* what --json printed; NULL when that was no JSON */
    char *text, *messages;
} HarnessReply;
void harness_reply_free(HarnessReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HarnessReply, harness_reply_free)

/* `moult ARGS...` (NULL-terminated) against ENGINE. */
HarnessReply *moult(HarnessEngine *engine, ...) G_GNUC_NULL_TERMINATED;
HarnessReply *moult_v(HarnessEngine *engine, const char *const *args);
/* Started and left running. */
Program *moult_start(HarnessEngine *engine, ...) G_GNUC_NULL_TERMINATED;
Program *moult_start_v(HarnessEngine *engine, const char *const *args);
/* Waits for it, frees it. */
HarnessReply *moult_finish(Program *program);

/* Fails, with all that was said, unless REPLY's status is STATUS. */
void assert_status(const HarnessReply *reply, int status);
/* The result of the one guest of an `upgrade --json`; borrowed. */
json_object *reply_result(const HarnessReply *reply);
/* Fails unless the upgrade's one result has OUTCOME and CODE, and a message that holds WORDS (NULL: any). */
void assert_outcome(const HarnessReply *reply, int status, const char *outcome, const char *code, const char *words);
/* The rows of the one guest of a `check --json`; borrowed. */
json_object *reply_rows(const HarnessReply *reply);
/* Fails unless the check has these rows: "LEVEL code", separated by commas. */
void assert_rows(const HarnessReply *check, const char *wanted);
/* The row of process PID in a `list --json`; NULL when there is none. Borrowed. */
json_object *reply_find_listed(const HarnessReply *reply, pid_t pid);
/* The same as assert_outcome for an error of another command with --json. */
void assert_refusal(const HarnessReply *reply, int status, const char *code, const char *words);

/* ---- A guest ---- */

typedef struct {
    const char *kernel;    /* "cloud", "full"; NULL: the tiny guest */
    const char *machine;   /* of -machine */
    unsigned vcpus;        /* 0: no -smp */
    unsigned ram_mib;
    /* More of QEMU's arguments, separated by blanks. @NAME.raw@ and @NAME.qcow2@ are images made for the guest, @folder@
       is the engine's. NULL: none. */
    const char *arguments;
    const char *append;    /* more of the kernel's command line; "moult.disk=none" unless it says otherwise */
    const char *hugepages; /* of --hugepages=; "": --hugepages alone; NULL: none */
    const char *user;      /* of --user; NULL: ours */
    bool has_defaults;     /* without -nodefaults */
} HarnessSpec;

typedef struct {
    HarnessEngine *engine;
    const HarnessSpec *spec; /* borrowed */
    char *name;
    pid_t pid;
    gint64 id;
    char *disk; /* the first raw image; NULL: none */
    Sampler *sampler;
    GuestPage seen; /* at the last look */
} HarnessGuest;

/* `moult run`, then waits until the guest works. It is the engine's. */
HarnessGuest *harness_guest_run(HarnessEngine *engine, const char *name, HarnessBuild build, const HarnessSpec *spec);
/* Only its object, and its arguments behind "--" (QEMU first); owned by the caller. */
HarnessGuest *harness_guest_new(HarnessEngine *engine, const char *name, const HarnessSpec *spec);
char **harness_guest_make_argv(HarnessGuest *guest, const char *qemu);
/* `moult VERB NAME`, VERB run or define, with options (NULL-terminated) and those arguments. It may fail. */
HarnessReply *harness_guest_launch(HarnessGuest *guest, const char *qemu, const char *verb, ...) G_GNUC_NULL_TERMINATED;
/* Takes pid and id from `moult list`, where it must be running. */
void harness_guest_look_up(HarnessGuest *guest);
/* Waits until it works in another boot than at the last look. */
void harness_guest_await_reboot(HarnessGuest *guest);
/* Waits until no job holds it: an engine that starts serves others while it takes longer than 10 s to put a guest right. */
void harness_guest_await_recovery(HarnessGuest *guest);
/* Waits until the engine says that another QEMU has it, takes pid and id. */
void harness_guest_await_other(HarnessGuest *guest);
/* Waits until it is there. */
void harness_guest_await_listed(HarnessGuest *guest);
/* Takes pid and id from `moult list`, and waits until the guest works. */
void harness_guest_await(HarnessGuest *guest);
/* The same when its memory may have moved to another process; it must be the same boot of it. */
void harness_guest_await_moved(HarnessGuest *guest);

/* The tiny guest. */
extern const HarnessSpec harness_tiny;
/* What a Linux guest usually has: a virtio disk, network, random numbers, a serial port. */
extern const HarnessSpec harness_linux;

/* Upgrades to BUILD with success, and checks result, engine and guest. Of it the downtime in ms. */
double harness_guest_upgrade(HarnessGuest *guest, HarnessBuild build);
/* The same of a guest with private memory: by method copy. Its downtime in ms has no limit here. */
double harness_guest_copy(HarnessGuest *guest, HarnessBuild build);
/* After an upgrade by hand: REPLY says so, and pid and id of GUEST become the new ones. */
void harness_guest_take_upgrade(HarnessGuest *guest, const HarnessReply *reply, HarnessBuild build);

/* It works: ticks, memory passes and disk blocks go on since the last look, in the same boot, without an error. */
void harness_guest_check(HarnessGuest *guest);
/* Its network card goes on sending. */
void harness_guest_check_network(HarnessGuest *guest);
/* It stands still: paused. */
void harness_guest_check_paused(HarnessGuest *guest);
/*
 * It is not disturbed: after an upgrade that failed it is in the same QEMU, works, its disk is that QEMU's to write, its sockets are at
 * their names, no migration capability is left on, and the engine has nothing else. (Network and next upgrade: below.)
 */
void harness_guest_check_untouched(HarnessGuest *guest);
/* All of that, its network where it has one, that the next upgrade, to BUILD, works, and its disk after it. */
void harness_guest_check_rolled_back(HarnessGuest *guest, HarnessBuild build);
/* No capability that an upgrade sets is left on in the QEMU that it runs in. */
void harness_guest_check_capabilities(HarnessGuest *guest);
/* Every acknowledged block is in its raw image, each place with its newest; brings the guest to rest meanwhile. */
void harness_guest_check_disk(HarnessGuest *guest);

/* The guest is told to power off; waits until its QEMU has ended. */
void harness_guest_power_off(HarnessGuest *guest);
/* Waits until the engine knows nothing of it any more. */
void harness_guest_await_gone(HarnessGuest *guest);
/* COMMAND on the operator's monitor; ARGUMENTS are JSON, or null. */
void harness_guest_qmp(HarnessGuest *guest, const char *command);
void harness_guest_qmp_with(HarnessGuest *guest, const char *command, const char *arguments);
/* Waits until query-status, asked there, says WANTED. */
void harness_guest_await_status(HarnessGuest *guest, const char *wanted);
/* What `moult list` says of its state; owned. */
char *harness_guest_dup_state(HarnessGuest *guest);
