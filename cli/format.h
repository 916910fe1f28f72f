/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values of the control interface as text for people. All results are owned by the caller, and "-" stands for
 * what is not known.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

/* A number of bytes: "512 MiB", "1.5 GiB". */
char *cli_format_bytes(json_object *object, const char *key);
/* An integer as it is. */
char *cli_format_int(json_object *object, const char *key);
/* Milliseconds: "4.1 ms", "212 ms", "3.42 s". */
char *cli_format_ms(json_object *object, const char *key);
/* A Qemu's version; with the package where that tells more: "7.2.22", "10.0.2 (Debian 1:10.0.2+ds-2)". */
char *cli_format_qemu(json_object *qemu);
/* A Qemu's version alone. */
char *cli_format_version(json_object *qemu);
/* An RFC 3339 time in the local time zone: "2026-11-21 10:03:07". */
char *cli_format_time(json_object *object, const char *key);
/* The step of a Progress or a Plan: "migrate" of {"phase":"perform","step":"perform.migrate"}. */
char *cli_format_step(json_object *progress);
/* An array of arguments behind PROGRAM (may be NULL) as it could be typed into a shell; "" when it is empty
 * or NULL. */
char *cli_format_command_line(const char *program, json_object *arguments);
