/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "range-server.h"

#define REQUEST_MAX_BYTES 8192

static guint n_parts; /* atomic */

/* One request, with its empty line; FALSE: there is none any more. */
static bool
read_request(int fd, char *request)
{
    size_t length = 0;

    while (length < REQUEST_MAX_BYTES - 1) {
        ssize_t n = recv(fd, request + length, 1, 0);
        if (n <= 0)
            return false;
        request[++length] = '\0';
        if (g_str_has_suffix(request, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void
answer(int fd, const char *request)
{
    static char body[RANGE_SERVER_BYTES];
    const char *range = strstr(request, "ange: bytes=");
    unsigned first = 0, last = RANGE_SERVER_BYTES - 1;
    bool is_part = range && sscanf(range, "ange: bytes=%u-%u", &first, &last) >= 1;

    last = MIN(last, RANGE_SERVER_BYTES - 1);
    first = MIN(first, last);
    g_autofree char *part = is_part ? g_strdup_printf("Content-Range: bytes %u-%u/%d\r\n", first, last, RANGE_SERVER_BYTES) : g_strdup("");
    g_autofree char *head = g_strdup_printf("HTTP/1.1 %s\r\nAccept-Ranges: bytes\r\nContent-Length: %u\r\n%s\r\n",
                                            is_part ? "206 Partial Content" : "200 OK", last - first + 1, part);
    if (is_part)
        g_atomic_int_inc(&n_parts);
    send(fd, head, strlen(head), MSG_NOSIGNAL);
    if (!g_str_has_prefix(request, "HEAD "))
        send(fd, body, last - first + 1, MSG_NOSIGNAL);
}

static gpointer
serve_one(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    char request[REQUEST_MAX_BYTES] = "";

    while (read_request(fd, request))
        answer(fd, request);
    close(fd);
    return NULL;
}

static gpointer
serve(gpointer data)
{
    int listener = GPOINTER_TO_INT(data), fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        g_thread_unref(g_thread_new("client", serve_one, GINT_TO_POINTER(fd)));
    return NULL;
}

guint16
range_server_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fd, 16) | getsockname(fd, (struct sockaddr *)&address, &size), 0);
    g_thread_unref(g_thread_new("server", serve, GINT_TO_POINTER(fd)));
    return ntohs(address.sin_port);
}

guint
range_server_count(void)
{
    return (guint)g_atomic_int_get(&n_parts);
}
