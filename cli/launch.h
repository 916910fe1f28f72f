/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What `run`, `define` and `start` have in common: QEMU's command line, the settings beside it, and what is
 * said of a guest that was started.
 */
#pragma once

#include "cli/verb.h"

typedef struct {
    char *hugepages; /* "2M", "1G"; NULL for normal pages */
    char *user;
} CliLaunchOptions;

void cli_launch_options_clear(CliLaunchOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CliLaunchOptions, cli_launch_options_clear)

/* For G_OPTION entries. A plain "--hugepages" means 2M: see cli_launch_prepare. */
#define CLI_LAUNCH_ENTRIES(options)                                                                          \
    {"hugepages",                                                                                            \
     0,                                                                                                      \
     0,                                                                                                      \
     G_OPTION_ARG_FILENAME,                                                                                  \
     &(options)->hugepages,                                                                                  \
     "Put the guest's memory on huge pages of this size (2M when none is given)",                            \
     "2M|1G"},                                                                                               \
    {                                                                                                        \
        "user", 0, 0, G_OPTION_ARG_FILENAME, &(options)->user, "Run QEMU as this user", "USER"               \
    }

/* Before cli_verb_parse: gives a plain "--hugepages" its value, which GOption would otherwise take from what
 * follows. */
void cli_launch_prepare(CliInvocation *invocation);

/* The parameters of io.moult.Run and .Define; owned by the caller. NULL on failure: USAGE. */
json_object *cli_launch_make_parameters(const CliInvocation *invocation, const CliLaunchOptions *options,
                                        GError **error);

/* "web1: running on QEMU 7.2.22, pid 1234"; GUEST is io.moult's Guest. */
void cli_launch_print(json_object *guest);
