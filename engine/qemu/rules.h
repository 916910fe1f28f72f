/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules that make a command line of ours out of the operator's: private to engine/qemu. One table
 * (rules.c), one row an option; the functions are in rules-*.c by subject.
 */
#pragma once

#include "qemu/argv.h"
#include "qemu/plan.h"

typedef struct {
    const QemuPlanContext *context;
    QemuArgv *argv;
    QemuPlan *plan;
    const QmpMachine
        *machine; /* what plan->machine_type is on this binary; NULL until known, or unknown to it */
    int release;  /* QEMU_RELEASE of the binary */
    int next_fd_number;
    bool stays_open;   /* in a chroot, or as another user: QEMU cannot open by its path what it has been given by one */
    GArray *named_fds; /* int: the operator's own numbers of descriptors, not to be given to anything else */
} QemuRules;

typedef struct QemuRule QemuRule;
/*
 * Applies RULE to ARG, an option of the operator's (NULL for a rule over the whole command line). May change,
 * replace or remove ARG, append options, and add findings. FALSE with a QEMU_PLAN_ERROR ends the plan.
 */
typedef bool (*QemuRuleFunc)(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

#define QEMU_RULE_FRESH (1U << QEMU_PLAN_FRESH)
#define QEMU_RULE_INCOMING (1U << QEMU_PLAN_INCOMING)
#define QEMU_RULE_BOTH (QEMU_RULE_FRESH | QEMU_RULE_INCOMING)

struct QemuRule {
    const char *options; /* canonical names, separated by spaces; NULL: once, for the whole command line */
    unsigned roles;
    QemuRuleFunc apply;
    const char *code;   /* of its findings; NULL when the function names them or has none */
    const char *reason; /* why the rule is there, as a sentence for a person */
    const char *hint;   /* what the operator can do; NULL when nothing */
};

/* Applies the table. */
bool qemu_rules_apply(QemuRules *rules, GError **error);

/* -- What rule functions use -- */

bool qemu_rules_is_incoming(const QemuRules *rules);
/* A finding with RULE's code, reason and hint, about ARG (NULL: about the whole). */
void qemu_rules_report(QemuRules *rules, QemuFindingLevel level, const QemuRule *rule, const QemuArg *arg);
/* A finding in words of its own; what the operator wrote may be in them: they are quoted, and cut at 512
 * bytes. */
void qemu_rules_find(QemuRules *rules, QemuFindingLevel level, const char *code, const char *hint,
                     const char *reason_format, ...) G_GNUC_PRINTF(5, 6);
/* BLOCK for an upgrade; a fresh guest runs all the same, so it is told by a WARN. */
QemuFindingLevel qemu_rules_hinders_upgrade(const QemuRules *rules);
/* Sets one property of the machine in an option -machine of ours, which QEMU merges with the operator's. */
void qemu_rules_set_machine(QemuRules *rules, const char *key, const char *value);
/* The number of a new inherited descriptor, entered into the plan. */
int qemu_rules_add_fd(QemuRules *rules, QemuPlanFdKind kind, unsigned index);
/*
 * The same for descriptor SOURCE_NUMBER of the running QEMU (KIND: HANDED), or what takes its place (QUEUE), under NUMBER, which it
 * may have already.
 */
void qemu_rules_hand_over_as(QemuRules *rules, QemuPlanFdKind kind, int source_number, int number);

/* -- The rules -- */

bool qemu_rule_drop(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error); /* OK finding */
bool qemu_rule_drop_warn(QemuRules *rules, const QemuRule *rule, QemuArg *arg,
                         GError **error); /* WARN finding */
bool qemu_rule_warn(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_block(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_hinder(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_refuse(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-machine.c */
bool qemu_rule_machine(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-backend.c */
bool qemu_rule_memory_backend(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_memory_complete(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
/* An id that QEMU accepts and that no backend of the plan has yet. */
bool qemu_rules_check_backend_id(const QemuRules *rules, const char *id, GError **error);
/* The running guest's backend; NULL when there is none, and for a fresh guest. */
const QemuMemoryBackend *qemu_rules_find_source(const QemuRules *rules, const char *id);
/* TRUE: a file of ours that can be handed over. */
bool qemu_rules_is_ours(const QemuMemoryBackend *backend);
/*
 * TRUE when the backend ID, whose mem-path is PATH, is to become ours: PATH is a directory in memory, or
 * (INCOMING) the running guest's is ours, or private and to be converted.
 */
bool qemu_rules_is_ours_to_make(const QemuRules *rules, const char *id, const char *path,
                                guint64 *ret_page_size_bytes);
/*
 * Enters a backend of ours: as the running guest has it when this is an upgrade (with the identity of its
 * file), else a new one. Where memory is copied, it becomes a new shared one, which the next upgrade need not
 * copy. Borrowed.
 */
const QemuMemoryBackend *qemu_rules_add_backend(QemuRules *rules, const char *id, guint64 size_bytes,
                                                guint64 page_size_bytes);
/* Enters a backend of the operator's that stays as it is. */
void qemu_rules_keep_backend(QemuRules *rules, const char *id, guint64 size_bytes, const char *path,
                             bool shared);
/* The mem-path that QEMU is given for a backend of ours. Owned. */
char *qemu_rules_dup_mem_path(const QemuMemoryBackend *backend);
/*
 * Machine types up to 3.1 name the RAM block of a memory-backend-file "/objects/ID" (hw_compat_3_1), but that
 * of the machine's own memory and of a memory-backend-ram "ID": ours must be called as what it replaces.
 */
void qemu_rules_set_block_name(const QemuRules *rules, QemuKeyval *settings);

/* rules-ram.c */
bool qemu_rule_memory_default(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-guest.c */
bool qemu_rule_our_ids(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_uuid(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_name(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_monitors(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_incoming(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-process.c */
bool qemu_rule_run_as(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_pidfile(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_log(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_replay(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_cpu(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_descriptors(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-gone.c */
bool qemu_rule_versions(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_run_with(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_gone_settings(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_smp(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-device.c */
bool qemu_rule_device(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_object(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_confidential(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_target(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-disk.c */
bool qemu_rule_disk(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-chroot.c */
bool qemu_rule_chroot(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error); /* behind qemu_rule_run_as */
bool qemu_rule_images(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-display.c */
void qemu_rules_carry_vnc(QemuRules *rules, QemuArg *arg); /* rules-display-vnc.c */
/* INCOMING: WHAT is at HOST (as on the command line) and PORT in both QEMUs. FALSE: the running one does not listen there. */
bool qemu_rules_take_turns(QemuRules *rules, const char *what, const char *host, guint16 port); /* rules-display-listen.c */
/* The same at PATH, which is absolute. */
bool qemu_rules_take_turns_at(QemuRules *rules, const char *what, const char *path);
bool qemu_rule_display(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_spice(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_vnc(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_display_default(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-network.c */
void qemu_rules_carry_tap(QemuRules *rules, QemuArg *arg);  /* rules-network-tap.c */
/* rules-network-tap.c: of a TAP with these SETTINGS, by its descriptors, or as it asks for; 0: that is no number, or none it can have */
guint64 qemu_rules_count_queues(const QemuKeyval *settings);
/* rules-network-vhost.c: of a target's TAP that is fd= or fds= by now */
void qemu_rules_carry_vhost(QemuRules *rules, QemuArg *arg);
void qemu_rules_carry_user(QemuRules *rules, QemuArg *arg); /* rules-network-user.c */
bool qemu_rule_network(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-chardev.c */
bool qemu_rule_chardev(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_chardev_text(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_standard(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_serial_none(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
/*
 * INCOMING: hands the socket of a chardev with SETTINGS (backend=socket) over. TRUE when they have been changed.
 * IS_MONITOR: a monitor speaks through it.
 */
bool qemu_rules_carry_socket(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings, bool is_monitor);
/* The same of one with backend=pty; IS_MULTIPLEXED: mux=on, mon:. Of a fresh guest it only says whether it could be handed over. */
bool qemu_rules_carry_pty(QemuRules *rules, const QemuArg *arg, QemuKeyval *settings, bool is_multiplexed); /* rules-chardev-pty.c */
bool qemu_rule_audio(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
