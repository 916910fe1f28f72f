/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A control server on a thread of its own, and a client that speaks raw bytes or JSON to it with blocking
 * calls. Every wait of the client ends after TEST_DEADLINE_S.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/server.h"
#include "qmp/json.h"

#define TEST_DEADLINE_S 20

typedef struct {
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    ControlServer *server;
    char *folder, *path;
    /* Guarded by lock: */
    GMutex lock;
    GCond changed;
    guint n_clients;
    guint n_closed;
    GPtrArray *held; /* of ControlCall: those that a handler keeps */
} Fixture;

static inline gint64
test_deadline_us(void)
{
    return g_get_monotonic_time() + TEST_DEADLINE_S * G_TIME_SPAN_SECOND;
}

/* Waits until *COUNTER (guarded by the fixture's lock) is WANTED. */
static inline void
fixture_wait_count(Fixture *fixture, const guint *counter, guint wanted)
{
    gint64 deadline_us = test_deadline_us();

    g_mutex_lock(&fixture->lock);
    while (*counter != wanted)
        if (!g_cond_wait_until(&fixture->changed, &fixture->lock, deadline_us))
            break;
    guint found = *counter;
    g_mutex_unlock(&fixture->lock);
    assert_int_equal(found, wanted);
}

static inline guint
fixture_get_count(Fixture *fixture, const guint *counter)
{
    g_mutex_lock(&fixture->lock);
    guint found = *counter;
    g_mutex_unlock(&fixture->lock);
    return found;
}

/* A reference to the first call that a handler keeps. */
static inline ControlCall *
fixture_ref_held(Fixture *fixture)
{
    g_mutex_lock(&fixture->lock);
    ControlCall *call = control_call_ref(g_ptr_array_index(fixture->held, 0));
    g_mutex_unlock(&fixture->lock);
    return call;
}

static inline void
fixture_add(Fixture *fixture, guint *counter)
{
    g_mutex_lock(&fixture->lock);
    (*counter)++;
    g_cond_broadcast(&fixture->changed);
    g_mutex_unlock(&fixture->lock);
}

static inline void
fixture_clients_changed(ControlServer *server, guint n_clients, gpointer user_data)
{
    Fixture *fixture = user_data;

    (void)server;
    g_mutex_lock(&fixture->lock);
    fixture->n_clients = n_clients;
    g_cond_broadcast(&fixture->changed);
    g_mutex_unlock(&fixture->lock);
}

static inline gpointer
fixture_thread(gpointer data)
{
    Fixture *fixture = data;

    g_main_context_push_thread_default(fixture->context);
    g_main_loop_run(fixture->loop);
    g_clear_pointer(&fixture->held, g_ptr_array_unref);
    control_server_free(fixture->server);
    while (g_main_context_iteration(fixture->context, FALSE))
        continue;
    g_main_context_pop_thread_default(fixture->context);
    return NULL;
}

/* FUNC on the server's thread; does not wait for it. */
static inline void
fixture_invoke(Fixture *fixture, GSourceFunc func)
{
    g_main_context_invoke_full(fixture->context, G_PRIORITY_DEFAULT, func, fixture, NULL);
}

static inline Fixture *
fixture_new(const ControlMethod *methods, size_t n, const ControlServerLimits *limits)
{
    Fixture *fixture = g_new0(Fixture, 1);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_mutex_init(&fixture->lock);
    g_cond_init(&fixture->changed);
    fixture->held = g_ptr_array_new_with_free_func((GDestroyNotify)control_call_unref);
    fixture->folder = g_dir_make_tmp("moult-test-XXXXXX", NULL);
    fixture->path = g_build_filename(fixture->folder, "s", NULL);
    assert_true(g_strlcpy(address.sun_path, fixture->path, sizeof(address.sun_path)) <
                sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 64), 0);
    fixture->context = g_main_context_new();
    fixture->loop = g_main_loop_new(fixture->context, FALSE);
    g_main_context_push_thread_default(fixture->context);
    fixture->server =
        control_server_new_with_limits(fd, methods, n, fixture, limits ? limits : &CONTROL_SERVER_LIMITS);
    control_server_set_clients_func(fixture->server, fixture_clients_changed, fixture);
    g_main_context_pop_thread_default(fixture->context);
    fixture->thread = g_thread_new("server", fixture_thread, fixture);
    return fixture;
}

static inline void
fixture_free(Fixture *fixture)
{
    g_main_loop_quit(fixture->loop);
    g_thread_join(fixture->thread);
    g_main_loop_unref(fixture->loop);
    g_main_context_unref(fixture->context);
    unlink(fixture->path);
    rmdir(fixture->folder);
    g_free(fixture->path);
    g_free(fixture->folder);
    g_mutex_clear(&fixture->lock);
    g_cond_clear(&fixture->changed);
    g_free(fixture);
}

/* Connected; both directions give up after the deadline. */
static inline int
client_connect(const Fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval deadline = {.tv_sec = TEST_DEADLINE_S};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, fixture->path, sizeof(address.sun_path));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
    return fd;
}

static inline void
client_send_bytes(int fd, const void *bytes, size_t length)
{
    assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* TEXT and the NUL that ends a message. */
static inline void
client_send(int fd, const char *text)
{
    client_send_bytes(fd, text, strlen(text) + 1);
}

/* The next reply; NULL when the server has closed. A byte at a time, so as not to read into the one after it.
 */
static inline json_object *
client_receive(int fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char byte;
    ssize_t n;

    while ((n = recv(fd, &byte, 1, 0)) == 1 && byte != '\0')
        g_string_append_c(text, byte);
    if (n <= 0) {
        assert_true(n == 0 || errno == ECONNRESET || errno == EPIPE);
        assert_int_equal(text->len, 0);
        return NULL;
    }
    json_object *message = qmp_json_parse(text->str, text->len, 32, NULL);
    assert_non_null(message);
    return message;
}

static inline void
client_expect(int fd, const char *expected)
{
    g_autoptr(json_object) message = client_receive(fd);

    assert_non_null(message);
    assert_string_equal(qmp_json_to_text(message, NULL), expected);
}

static inline void
client_expect_closed(int fd)
{
    g_autoptr(json_object) message = client_receive(fd);

    assert_null(message);
}
