/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The operator's choice. What is refused is what cannot give a running guest: a QEMU that has ended, a target without the
 * whole state, and a source whose memory the other one is using.
 */
#include "upgrade/recover.h"

static const char *const keep_names[] = {[RECOVER_KEEP_SOURCE] = "source", [RECOVER_KEEP_TARGET] = "target"};

const char *
recover_keep_to_string(RecoverKeep keep)
{
    return keep_names[keep];
}

bool
recover_keep_from_string(const char *text, RecoverKeep *ret_keep)
{
    for (gsize i = 0; i < G_N_ELEMENTS(keep_names); i++) {
        if (g_strcmp0(text, keep_names[i]) == 0) {
            *ret_keep = (RecoverKeep)i;
            return true;
        }
    }
    return false;
}

static bool
has_run(const RecoverObserved *seen)
{
    return seen->target == RECOVER_TARGET_RUNS ||
           (seen->target_ran == UPGRADE_RAN_YES && seen->target != RECOVER_TARGET_WAITING);
}

static const char *
refuse_source(const RecoverObserved *seen)
{
    if (seen->source == RECOVER_SOURCE_GONE)
        return "the source has ended: there is nothing to keep";
    /* With the target gone it is this or nothing, and the operator may want to look at what is left. */
    if (has_run(seen) && seen->target != RECOVER_TARGET_GONE)
        return "the target has run the guest: the source's processors and devices do not fit its memory any more";
    return NULL;
}

static const char *
refuse_target(RecoverStage stage, const RecoverObserved *seen)
{
    if (seen->target == RECOVER_TARGET_GONE)
        return "the target has ended: there is nothing to keep";
    if (stage == RECOVER_STAGE_BEFORE)
        return "the target was never given the guest";
    if (seen->target == RECOVER_TARGET_WAITING)
        return "the target does not have the whole state: it cannot run the guest";
    return NULL;
}

const char *
recover_refuse_choice(RecoverStage stage, const RecoverObserved *observed, RecoverKeep keep)
{
    switch (keep) {
    case RECOVER_KEEP_SOURCE:
        return refuse_source(observed);
    case RECOVER_KEEP_TARGET:
        return refuse_target(stage, observed);
    case RECOVER_N_KEEPS:
        break;
    }
    g_assert_not_reached();
}

static const char *
describe_source(RecoverStage stage, const RecoverObserved *seen)
{
    if (stage == RECOVER_STAGE_BEFORE || seen->target == RECOVER_TARGET_WAITING || seen->target_ran == UPGRADE_RAN_NO)
        return "the target is killed, then the guest goes on in its old QEMU; nothing is lost, for the target never ran it";
    if (has_run(seen))
        return "the guest goes on in its old QEMU on memory that the new one has changed: expect it to crash, and check its disks";
    return "the target is killed, then the guest goes on in its old QEMU; if the target did run it, even for a moment, its "
           "memory has changed: the guest may crash or damage its disks";
}

static const char *
describe_target(const RecoverObserved *seen)
{
    switch (seen->target) {
    case RECOVER_TARGET_RUNS:
        return "the source is killed; the guest goes on where it runs now, in its new QEMU";
    case RECOVER_TARGET_LOADED:
        return "the source is killed; the guest goes on in its new QEMU, which has its whole state";
    case RECOVER_TARGET_MUTE:
    case RECOVER_TARGET_WAITING:
    case RECOVER_TARGET_GONE:
        return "the source is killed; if the new QEMU, which does not say so, has not got the whole state, the guest is lost";
    case RECOVER_N_TARGETS:
        break;
    }
    g_assert_not_reached();
}

const char *
recover_describe_choice(RecoverStage stage, const RecoverObserved *observed, RecoverKeep keep)
{
    switch (keep) {
    case RECOVER_KEEP_SOURCE:
        return describe_source(stage, observed);
    case RECOVER_KEEP_TARGET:
        return describe_target(observed);
    case RECOVER_N_KEEPS:
        break;
    }
    g_assert_not_reached();
}
