/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real systemd, as the first process of namespaces of its own: mounts, processes, control groups (version 2, a subtree
 * of ours), network. It boots into nothing, has its units in /run alone, and ends with the test program. With MOULT_TEST_CGROUP_1 in the
 * environment control groups are of version 1: for a machine whose controllers nobody else uses.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "harness.h"

typedef int (*ContainerMain)(int argc, char **argv);

/* Runs INSIDE beside it, and returns its status; 77, saying why, where there is no systemd or no right to do so. */
int container_run(ContainerMain inside, int argc, char **argv);
/* Whether control groups are of version 1. */
bool container_has_version_1(void);

/* ---- Inside ---- */

/* The system's manager, or root's own. */
typedef enum { CONTAINER_SYSTEM, CONTAINER_USER } ContainerManager;

/* A unit file; the manager reads it. The user's manager is started with its first one. */
void container_write_unit(ContainerManager manager, const char *name, const char *text);
/* `systemctl VERB UNIT`; fails the test unless it succeeds. */
void container_systemctl(ContainerManager manager, const char *verb, const char *unit);
/* The same without waiting until it is done. */
void container_systemctl_begin(ContainerManager manager, const char *verb, const char *unit);
/* `systemctl show`; owned. */
char *container_dup_property(ContainerManager manager, const char *unit, const char *property);
pid_t container_get_main_pid(ContainerManager manager, const char *unit);
/* Waits until it has VALUE. */
void container_await_property(ContainerManager manager, const char *unit, const char *property, const char *value);
