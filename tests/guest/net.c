/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Network under test: static addresses on eth0, eth1, ...; UDP and TCP echo on port 7 of all of them, and a datagram
 * a second to the broadcast address of each, so that there is traffic nobody asked for. One thread with poll().
 */
#include "guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ECHO_PORT 7
#define ANNOUNCE_PORT 4007
#define INTERFACES_MAX 4
#define CLIENTS_MAX 16
#define ANNOUNCE_NS 1000000000
/* For some thousand datagrams; what the kernel gives by itself is full with a hundred, which come within a third of a second. */
#define RECEIVE_BYTES (4 << 20)

enum { SLOT_UDP, SLOT_TCP, SLOT_CLIENTS };

static struct pollfd slots[SLOT_CLIENTS + CLIENTS_MAX];
static struct sockaddr_in broadcasts[INTERFACES_MAX];
static unsigned n_broadcasts;

static void
net_error(const char *what)
{
    if (PAGE_ADD(net_errors, 1) < 10)
        log_line("ERROR network: %s: %s", what, log_errno());
}

static struct sockaddr_in
address_make(uint32_t host_order, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(host_order), .sin_port = htons(port)};
}

static bool
interface_ioctl(int fd, const char *name, unsigned long request, uint32_t host_order)
{
    struct ifreq request_data = {0};
    struct sockaddr_in address = address_make(host_order, 0);

    snprintf(request_data.ifr_name, sizeof(request_data.ifr_name), "%s", name);
    memcpy(&request_data.ifr_addr, &address, sizeof(address));
    return ioctl(fd, request, &request_data) == 0;
}

static bool
interface_up(int fd, const char *name)
{
    struct ifreq request_data = {0};

    snprintf(request_data.ifr_name, sizeof(request_data.ifr_name), "%s", name);
    if (ioctl(fd, SIOCGIFFLAGS, &request_data) < 0)
        return false;
    request_data.ifr_flags |= IFF_UP | IFF_RUNNING;
    return ioctl(fd, SIOCSIFFLAGS, &request_data) == 0;
}

/* ADDRESS/PREFIX */
static bool
interface_configure(int fd, const char *name, char *text)
{
    struct in_addr address;
    char *slash = strchr(text, '/');
    unsigned long prefix = slash ? strtoul(slash + 1, NULL, 10) : 0;

    errno = EINVAL;
    if (!slash || prefix < 1 || prefix > 30)
        return false;
    *slash = '\0';
    if (!inet_aton(text, &address))
        return false;

    uint32_t own = ntohl(address.s_addr);
    uint32_t mask = UINT32_MAX << (32 - prefix);
    if (!interface_ioctl(fd, name, SIOCSIFADDR, own) || !interface_ioctl(fd, name, SIOCSIFNETMASK, mask) ||
        !interface_up(fd, name))
        return false;
    broadcasts[n_broadcasts++] = address_make(own | ~mask, ANNOUNCE_PORT);
    return true;
}

static bool
addresses_configure(int fd)
{
    static char list[sizeof(config.addresses)];
    unsigned i = 0;

    strcpy(list, config.addresses);
    for (char *rest = list, *text; (text = strtok_r(rest, ",", &rest)) && i < INTERFACES_MAX; i++) {
        char name[IFNAMSIZ];

        snprintf(name, sizeof(name), "eth%u", i);
        if (!interface_configure(fd, name, text)) {
            net_error(name);
            return false;
        }
    }
    return true;
}

static int
socket_open(int type)
{
    struct sockaddr_in address = address_make(INADDR_ANY, ECHO_PORT);
    int yes = 1, bytes = RECEIVE_BYTES;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) < 0 ||
        (type == SOCK_DGRAM && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0) ||
        bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || (type == SOCK_STREAM && listen(fd, 4) < 0)) {
        net_error("socket");
        return -1;
    }
    return fd;
}

static void
udp_echo(int fd)
{
    char data[2048];
    struct sockaddr_in peer;
    socklen_t peer_size = sizeof(peer);
    ssize_t size = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &peer_size);

    if (size < 0)
        return;
    if (sendto(fd, data, (size_t)size, 0, (struct sockaddr *)&peer, peer_size) == size)
        PAGE_ADD(net_udp_echoes, 1);
    else
        net_error("sendto");
}

static void
tcp_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    for (unsigned i = SLOT_CLIENTS; fd >= 0 && i < SLOT_CLIENTS + CLIENTS_MAX; i++) {
        if (slots[i].fd >= 0)
            continue;
        slots[i] = (struct pollfd){.fd = fd, .events = POLLIN};
        return;
    }
    if (fd >= 0)
        close(fd);
}

/* A client that does not read its echo is dropped: there is one thread for all. */
static void
tcp_echo(struct pollfd *slot)
{
    char data[4096];
    ssize_t size = read(slot->fd, data, sizeof(data));

    if (size > 0 && send(slot->fd, data, (size_t)size, MSG_NOSIGNAL) == size) {
        PAGE_ADD(net_tcp_echoes, 1);
        return;
    }
    if (size < 0 && errno == EAGAIN)
        return;
    close(slot->fd);
    slot->fd = -1;
}

static void
announce(void)
{
    char text[64];
    int length = snprintf(text, sizeof(text), "moult-guest %016llx %llu\n", (unsigned long long)page->nonce,
                          (unsigned long long)PAGE_GET(net_announced));

    for (unsigned i = 0; i < n_broadcasts; i++)
        if (sendto(slots[SLOT_UDP].fd, text, (size_t)length, 0, (struct sockaddr *)&broadcasts[i],
                   sizeof(broadcasts[i])) == length)
            PAGE_ADD(net_announced, 1);
}

/* What came for a program that was not let run for long enough is lost to the guest, and not on the way to it. */
static void
tell_dropped(void)
{
    static uint32_t told;
    uint32_t values[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(values);

    if (getsockopt(slots[SLOT_UDP].fd, SOL_SOCKET, SO_MEMINFO, values, &size) < 0 || values[SK_MEMINFO_DROPS] == told)
        return;
    told = values[SK_MEMINFO_DROPS];
    log_line("net: %u datagrams did not fit into the socket", told);
}

static void *
net_run(void *unused)
{
    uint64_t announced_ns = 0;

    (void)unused;
    for (;;) {
        gate_pass();
        if (now_ns() - announced_ns >= ANNOUNCE_NS) {
            announce();
            tell_dropped();
            announced_ns = now_ns();
        }
        if (poll(slots, SLOT_CLIENTS + CLIENTS_MAX, 500) <= 0)
            continue;
        if (slots[SLOT_UDP].revents)
            udp_echo(slots[SLOT_UDP].fd);
        if (slots[SLOT_TCP].revents)
            tcp_accept(slots[SLOT_TCP].fd);
        for (unsigned i = SLOT_CLIENTS; i < SLOT_CLIENTS + CLIENTS_MAX; i++)
            if (slots[i].fd >= 0 && slots[i].revents)
                tcp_echo(&slots[i]);
    }
    return NULL;
}

void
net_start(void)
{
    if (!*config.addresses)
        return;
    for (unsigned i = 0; i < SLOT_CLIENTS + CLIENTS_MAX; i++)
        slots[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    slots[SLOT_UDP].fd = socket_open(SOCK_DGRAM);
    slots[SLOT_TCP].fd = socket_open(SOCK_STREAM);
    if (slots[SLOT_UDP].fd < 0 || slots[SLOT_TCP].fd < 0 || !interface_up(slots[SLOT_UDP].fd, "lo") ||
        !addresses_configure(slots[SLOT_UDP].fd))
        return;
    PAGE_SET(net_up, 1);
    thread_start(net_run, NULL, -1);
}
