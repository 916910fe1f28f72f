/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "upgrade/copy-rate.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SAMPLE_BYTES ((gsize)64 * 1048576)
#define CHUNK_BYTES ((gsize)32768) /* QEMU's own buffer: migration/qemu-file.c:IO_BUF_SIZE */
#define LIMIT_US 500000

typedef struct {
    int fd;
    char *target; /* SAMPLE_BYTES of a new shared file */
    gsize received;
} Receiver;

static gpointer
receive(gpointer data)
{
    Receiver *receiver = data;

    while (receiver->received < SAMPLE_BYTES) {
        gsize wanted = MIN(CHUNK_BYTES, SAMPLE_BYTES - receiver->received);
        ssize_t n = read(receiver->fd, receiver->target + receiver->received, wanted);
        if (n <= 0)
            break;
        receiver->received += (gsize)n;
    }
    return NULL;
}

/* Until all is sent or time is up. */
static gsize
send_all(int fd, const char *source, gint64 end_us)
{
    gsize sent = 0;

    while (sent < SAMPLE_BYTES && g_get_monotonic_time() < end_us) {
        ssize_t n = send(fd, source + sent, MIN(CHUNK_BYTES, SAMPLE_BYTES - sent), MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (gsize)n;
    }
    return sent;
}

static guint64
measure(char *source, char *target)
{
    Receiver receiver = {.target = target};
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return 0;
    receiver.fd = pair[1];
    gint64 start_us = g_get_monotonic_time();
    GThread *thread = g_thread_try_new("copy-rate", receive, &receiver, NULL); /* there may be no more */
    if (thread) {
        send_all(pair[0], source, start_us + LIMIT_US);
        shutdown(pair[0], SHUT_WR);
        g_thread_join(thread);
    }
    gint64 duration_us = g_get_monotonic_time() - start_us;
    close(pair[0]);
    close(pair[1]);
    return receiver.received * G_USEC_PER_SEC / (guint64)MAX(duration_us, 1);
}

guint64
upgrade_copy_rate_measure(void)
{
    guint64 rate = 0;
    char *source = mmap(NULL, SAMPLE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *target = mmap(NULL, SAMPLE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (source != MAP_FAILED && target != MAP_FAILED) {
        memset(source, 0x5a, SAMPLE_BYTES);
        rate = measure(source, target);
    }
    if (source != MAP_FAILED)
        munmap(source, SAMPLE_BYTES);
    if (target != MAP_FAILED)
        munmap(target, SAMPLE_BYTES);
    return rate;
}
