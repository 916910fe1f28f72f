/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One guest, whose engine and QEMUs are killed again and again; after each time everything is looked at, and the next
 * upgrade must work. The guest is replaced by a new one only where its one and only QEMU was the victim.
 */
#pragma once

#include "harness.h"

typedef struct {
    HarnessEngine *engine;
    HarnessGuest *guest;
    const HarnessSpec *spec;
    HarnessBuild build;      /* that the guest runs in */
    unsigned n_kills, n_ended; /* ended: with its only QEMU, honestly */
    size_t n_history;          /* entries that were looked at */
} Scene;

typedef enum { SCENE_OLD, SCENE_NEW, SCENE_EITHER, SCENE_ENDED, SCENE_ANY } SceneEnd;

Scene *scene_new(const HarnessSpec *spec);
/* Stops the guest, the engine, looks for leftovers; says how many kills there were. */
void scene_finish(Scene *scene);

/* All points of the engine's table, NULL-terminated, owned. */
char **scene_list_points(void);
/* "perform.migrate:before" is of step "perform.migrate" and moment "before". */
bool scene_point_is(const char *point, const char *moment);
/* Whether POINT comes before OTHER; both in the table. */
bool scene_point_precedes(const char *point, const char *other);

/* Another engine, with NAME=VALUE, ... (NULL-terminated) in its environment. The last one has ended or is stopped now. */
void scene_start_engine(Scene *scene, ...) G_GNUC_NULL_TERMINATED;
/* The same for one that dies before it serves. */
void scene_start_doomed_engine(Scene *scene, const char *point);
/* `moult upgrade` to the other build, left running. EXTRA: one more option, or NULL. */
Program *scene_start_upgrade(Scene *scene, const char *extra);
HarnessBuild scene_other_build(const Scene *scene);

/* Waits until the engine has killed itself; the guest must go on without it. */
void scene_await_crash(Scene *scene);
/* The same where the guest stands still meanwhile: the test, or a paused upgrade, has stopped it. */
void scene_await_crash_of_resting_guest(Scene *scene);
/* An engine that kills itself at POINT, and an upgrade that has come there. */
void scene_crash_at(Scene *scene, const char *point);
/* The same where the guest stands still meanwhile. EXTRA as in scene_start_upgrade. */
void scene_crash_at_rest(Scene *scene, const char *point, const char *extra);
/* Where the next engine finds the guest when one has died at POINT, on the way forward. */
SceneEnd scene_get_end_after(const char *point);
/* Waits until the engine has stopped itself at a point. FALSE when the upgrade ended without reaching it. */
bool scene_await_stop(Scene *scene, const Program *upgrade);
void scene_continue_engine(Scene *scene);
/* The three of them: an engine that stops at POINT, and an upgrade, with EXTRA, that has come there. */
Program *scene_begin_at(Scene *scene, const char *point, const char *extra);
/*
 * The target of a paused upgrade has ended before the old QEMU was to be retired, and on the way back from there the engine has
 * killed itself, at POINT.
 */
void scene_crash_on_the_way_back(Scene *scene, const char *point);
/* The engine goes on, past the point as often as it comes there (it may, on the way back), to the end of UPGRADE. */
HarnessReply *scene_go_on(Scene *scene, Program *upgrade);

/*
 * An upgrade, with EXTRA, whose target hangs from before `migrate` on. It is rolled back, saying WORDS (NULL: any), and the guest
 * has not stood still for longer than that may cost.
 */
void scene_hang_target(Scene *scene, const char *extra, const char *words);

/* The QEMU that is not the guest's on record; 0 when there is none. */
pid_t scene_find_target(const Scene *scene);
/* FALSE when there was no such process any more. */
bool scene_kill(Scene *scene, pid_t pid);

/* What `moult show` tells a guest's operator of an upgrade that nobody but he can settle; owned. NULL where there is none. */
json_object *scene_get_evidence(Scene *scene);
/* Fails unless the guest's evidence has CODE for what failed last. */
void scene_expect_trouble(Scene *scene, const char *code);
/* Waits until the engine says that the guest is in STATE: soon, for nothing else is in the way. */
void scene_await_state(Scene *scene, const char *state);

/* Waits until the engine has noticed that there is no QEMU any more, should there be none. */
void scene_await_rest(Scene *scene);

/*
 * An engine runs and nothing is under way. Exactly one QEMU must run the guest, as EXPECTED says (or none, with nothing left),
 * the guest goes on, its capabilities are cleared, what the history has gained is whole; then the next upgrade must work. WHAT names the
 * case in messages.
 */
void scene_check(Scene *scene, SceneEnd expected, const char *what);
