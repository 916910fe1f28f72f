/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both ends of what a QEMU holds for others: sockets to connect to and to listen on, and conversations over
 * them. What does not come within HARNESS_STEP_MS fails the running test. Include after harness.h.
 */
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>

/* A connection to PATH, or to PORT of the loopback; fails when nobody listens. */
int talk_connect_unix(const char *path);
int talk_connect_tcp(int family, guint16 port);
/* TRUE when somebody listens there. */
bool talk_can_connect_tcp(int family, guint16 port);
/* A listening socket at PATH. */
int talk_listen_unix(const char *path);
/* One at a port of the loopback that was free. */
int talk_listen_tcp(guint16 *ret_port);
int talk_accept(int listener);
/* A port of the loopback that is free at the moment. */
guint16 talk_free_port(int type);

void talk_say(int fd, const char *text);
/* Reads until TEXT has come. */
void talk_await(int fd, const char *text);
/* Says TEXT and waits until it comes back. */
void talk_expect_echo(int fd, const char *text);
/* The other end has closed, or does so. */
void talk_await_end(int fd);
