/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The `moult` command: finds the verb, runs it, and turns how it ended into messages and an exit status.
 */
#pragma once

/* ARGV is borrowed and NULL-terminated. Returns the exit status. */
int cli_main(int argc, char **argv);
