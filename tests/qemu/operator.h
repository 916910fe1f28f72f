/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An operator who changes a guest by its own monitor while it runs, and looks at it there. Include after <cmocka.h>.
 */
#pragma once

#include "harness.h"

/* TEXT with the engine's folder for every @. Owned. */
char *operator_expand(const HarnessEngine *engine, const char *text);
/* "NAME JSON" a line, on the operator's monitor; @ as above. */
void operator_say(HarnessGuest *guest, const char *commands);
/* Again and again: what a device used is free only some time after it has gone. */
void operator_say_until_done(HarnessGuest *guest, const char *command, const char *arguments);
/* What COMMAND answers, as text. ARGUMENTS are JSON, or null. Owned. */
char *operator_hear(HarnessGuest *guest, const char *command, const char *arguments);
/* It has WORDS, or has them not; @ as above. */
void operator_expect(HarnessGuest *guest, const char *command, const char *arguments, const char *words, bool is_there);
/* `check` for the second build has a row of LEVEL and CODE, "OK     ram-shared", and passes. */
void operator_expect_row(HarnessGuest *guest, const char *row);

/* From the installed build to the second, after one attempt that is rolled back, and back again: LOOK after each. */
typedef void (*OperatorLook)(HarnessGuest *guest);
void operator_move_around(HarnessGuest *guest, OperatorLook look);
