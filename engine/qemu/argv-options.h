/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of QEMU's options: which take an argument, of what form it is, and which releases have them. Read
 * off qemu-options.hx of 7.2 and 10.0 and docs/about/removed-features.rst.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The form of an option's argument. */
typedef enum {
    QEMU_SYNTAX_NONE,       /* takes no argument */
    QEMU_SYNTAX_TEXT,       /* opaque for us: a path, a number, a chardev shorthand */
    QEMU_SYNTAX_OPTS,       /* QemuOpts: "value,key=value,flag,noflag", ",," in values */
    QEMU_SYNTAX_KEYVAL,     /* keyval: as OPTS, without flags, the first value without '=' and ',' */
    QEMU_SYNTAX_OPTS_JSON,  /* OPTS, or a JSON object */
    QEMU_SYNTAX_KEYVAL_JSON /* KEYVAL, or a JSON object */
} QemuSyntax;

/* 802 is QEMU 8.2. */
#define QEMU_RELEASE(major, minor) ((major)*100 + (minor))

typedef struct {
    const char *name;
    const char *canonical; /* "machine" for "M"; else the same as name */
    QemuSyntax syntax;
    const char *implied_key; /* key of a first value without '='; NULL: such a value is a flag */
    int added;               /* first release that has it; 0: older than all we know */
    int removed;             /* first release without it; 0: still there */
} QemuOption;

/* NAME without dashes. NULL: no QEMU we know has such an option. Static. */
const QemuOption *qemu_option_find(const char *name);
/* TRUE when release RELEASE (QEMU_RELEASE) accepts it. */
bool qemu_option_is_in(const QemuOption *option, int release);
/* TRUE when VALUE makes QEMU print a list and leave ("help", "?") although the argument is opaque for us. */
bool qemu_option_asks_help(const QemuOption *option, const char *value);
