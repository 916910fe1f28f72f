/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The argument of an option that is a list of settings: "q35,accel=tcg", "socket,id=a,server=on,nowait" or a
 * JSON object. What is not changed is given back to the letter.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

#include "qemu/argv-options.h"

typedef struct QemuKeyval QemuKeyval;

/*
 * Parses TEXT by the form of OPTION (whose syntax must not be NONE or TEXT), as QEMU's util/qemu-option.c and
 * util/keyval.c do: a JSON object when it starts with '{' and OPTION accepts one; a first value without '='
 * belongs to the implied key; ",," is a comma within a value; in QemuOpts a later lone word is a flag
 * ("server" is server=on, "nowait" is wait=off). At most 512 KiB, 1024 settings, JSON 16 levels deep.
 * QEMU_PLAN_ERROR_ARGUMENTS otherwise.
 */
QemuKeyval *qemu_keyval_parse(const QemuOption *option, const char *text, GError **error);
void qemu_keyval_free(QemuKeyval *keyval);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuKeyval, qemu_keyval_free)

/*
 * The value that counts for QEMU: the last one given (of "id" in QemuOpts the first). In JSON, KEY is a path
 * with dots; numbers and booleans come as "12", "on", "off"; objects and lists are NULL. Borrowed until the
 * next call that changes KEYVAL. NULL: not set.
 */
const char *qemu_keyval_get(const QemuKeyval *keyval, const char *key);
/* "on", "yes", "true", "y" in any list; everything else, and no value, is FALSE. */
bool qemu_keyval_is_on(const QemuKeyval *keyval, const char *key);
bool qemu_keyval_is_empty(const QemuKeyval *keyval);
bool qemu_keyval_is_json(const QemuKeyval *keyval);
/* TRUE when the settings ask QEMU to print a list and leave: "help" or "?". */
bool qemu_keyval_asks_help(const QemuKeyval *keyval);

/* Calls FUNCTION with every setting in order; JSON leaves with their dotted path. */
typedef void (*QemuKeyvalFunc)(const char *key, const char *value, gpointer data);
void qemu_keyval_foreach(const QemuKeyval *keyval, QemuKeyvalFunc function, gpointer data);

/* Replaces what there is of KEY (top level) by one setting; appends when there is none. */
void qemu_keyval_set_string(QemuKeyval *keyval, const char *key, const char *value);
/* As on/off in a list, true/false in JSON. */
void qemu_keyval_set_switch(QemuKeyval *keyval, const char *key, bool on);
/* Replaces what there is of KEY (top level) by a setting for each of VALUES (strings); in JSON by a list of QAPI's String: {"str":VALUE}. */
void qemu_keyval_set_list(QemuKeyval *keyval, const char *key, const GPtrArray *values);
/* TRUE when there was such a setting. */
bool qemu_keyval_remove(QemuKeyval *keyval, const char *key);

bool qemu_keyval_is_changed(const QemuKeyval *keyval);
/* The text QEMU is given: the original one while nothing has been changed. Owned. */
char *qemu_keyval_format(const QemuKeyval *keyval);

/* VALUE with its commas doubled. Owned. */
char *qemu_keyval_escape(const char *value);
