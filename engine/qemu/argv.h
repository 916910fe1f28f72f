/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU command line as a list of options, parsed as QEMU's system/vl.c does: "-opt value" and "--opt
 * value"; never
 * "-opt=value"; a word without a dash is the image of the first disk. What is not changed comes back to the
 * letter.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "qemu/argv-options.h"
#include "qemu/keyval.h"

typedef struct {
    const QemuOption *option; /* NULL: a bare word, the image of the first disk */
    char *word;               /* as written: "-machine", "--machine", or the bare word */
    char *value;              /* NULL when the option takes none */
    QemuKeyval *settings;     /* the value parsed, for options whose value is a list; NULL otherwise */
    bool added;               /* by qemu_argv_append(): not the operator's */
} QemuArg;

typedef struct {
    GPtrArray *args; /* QemuArg */
} QemuArgv;

/*
 * WORDS: NULL-terminated, without argv[0]. At most 4096 words of 128 KiB each, 1 MiB together, UTF-8. Errors
 * are QEMU_PLAN_ERROR_ARGUMENTS and name the word and what to do; a command line that makes QEMU print
 * something and leave ("-version", "-device help") is QEMU_PLAN_ERROR_REFUSED.
 */
QemuArgv *qemu_argv_parse(const char *const *words, GError **error);
void qemu_argv_free(QemuArgv *argv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuArgv, qemu_argv_free)
/* Back to words; owned, NULL-terminated. */
char **qemu_argv_to_words(const QemuArgv *argv);

/* TRUE when ARG is the option NAME (canonical: "machine" for -M too). */
bool qemu_arg_is(const QemuArg *arg, const char *name);
/* What kind of network ("user", "tap") ARG makes: -netdev, -nic, -net; NULL when it makes none. Borrowed. */
const char *qemu_arg_get_network(const QemuArg *arg);
/* The last ARG that is NAME; NULL when there is none. Borrowed. */
QemuArg *qemu_argv_find(const QemuArgv *argv, const char *name);
/* The first one whose setting KEY is VALUE ("id", "disk0"); NULL when there is none. Borrowed. */
QemuArg *qemu_argv_find_with(const QemuArgv *argv, const char *name, const char *key, const char *value);
/* The value that counts of KEY over all options NAME, which QEMU merges (-machine, -m, -name): the last one
 * given. */
const char *qemu_argv_get_merged(const QemuArgv *argv, const char *name, const char *key);

/*
 * Adds "-NAME VALUE" at the end. NAME must be in the table and VALUE of its form; both are bugs otherwise.
 * VALUE is NULL for an option without an argument. Borrowed.
 */
QemuArg *qemu_argv_append(QemuArgv *argv, const char *name, const char *value);
/* As append, in place of ARG, which is freed; what replaces an option of the operator's counts as the
 * operator's. */
QemuArg *qemu_argv_replace(QemuArgv *argv, QemuArg *arg, const char *name, const char *value);
void qemu_argv_remove(QemuArgv *argv, QemuArg *arg);
