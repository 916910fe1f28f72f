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
    bool has_operator_monitor; /* -monitor, -qmp or -mon of the operator's */
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
/* BLOCK for an upgrade; a fresh guest runs all the same, so it is told by a WARN. */
QemuFindingLevel qemu_rules_hinders_upgrade(const QemuRules *rules);
/* Sets one property of the machine in an option -machine of ours, which QEMU merges with the operator's. */
void qemu_rules_set_machine(QemuRules *rules, const char *key, const char *value);
/* The number of a new inherited descriptor, entered into the plan. */
int qemu_rules_add_fd(QemuRules *rules, QemuPlanFdKind kind, unsigned index);
/* Ids that begin so are ours. */
#define QEMU_RULES_OUR_PREFIX "moult-"

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

/* rules-memory.c */
bool qemu_rule_memory_backend(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_memory_default(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_memory_complete(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);

/* rules-guest.c */
bool qemu_rule_our_ids(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_uuid(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_name(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_monitors(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_incoming(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
bool qemu_rule_pidfile(QemuRules *rules, const QemuRule *rule, QemuArg *arg, GError **error);
