/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a running QEMU holds that its successor can be given: facts about single descriptors of its, read by
 * engine/guest/handover.c, asked by the rules. A rule names what the command line speaks of (a socket at an
 * address, a TAP by its name) and gets the descriptor that is it.
 */
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef enum {
    QEMU_HOLDING_LISTENER,   /* a listening stream socket; the address is its own */
    QEMU_HOLDING_RESTING,    /* a TCP socket that has an address, and does not listen there for now (guest/listening.h): its own */
    QEMU_HOLDING_CONNECTION, /* a connected stream socket; the address is its peer's */
    QEMU_HOLDING_TAP,        /* a queue of a TAP device */
    QEMU_HOLDING_VHOST_NET,  /* the kernel's half of a network card (/dev/vhost-net) */
    QEMU_HOLDING_TERMINAL,   /* the master of a pseudo terminal */
    QEMU_HOLDING_STANDARD,   /* standard input or output, when it leads out of the instance */
    QEMU_HOLDING_LOG,        /* the file that -D names, open for writing (guest/log.h) */
    QEMU_HOLDING_OTHER
} QemuHoldingKind;

/* The other end of a pseudo terminal: /dev/pts/NUMBER. */
typedef struct {
    guint number;
    guint64 file_system; /* the devpts that it is in: numbers are given out by each for itself */
    uid_t uid;
    gid_t gid;
    mode_t mode; /* access rights alone */
} QemuTerminal;

typedef struct {
    QemuHoldingKind kind;
    int number; /* of the descriptor, in the running QEMU */
    /* Which object it is, by fstat(2): told again when the descriptor is fetched. */
    guint64 device, inode;

    int family;       /* sockets: AF_UNIX, AF_INET, AF_INET6; AF_UNSPEC otherwise */
    char *path;       /* AF_UNIX: as it was bound, relative or not; "" when it is none */
    bool is_abstract; /* AF_UNIX: PATH is a name without a file, all of it or up to the first NUL */
    char *host;       /* AF_INET*: numeric */
    guint16 port;     /* AF_INET* */
    char *interface;  /* TAP */
    bool is_macvtap;  /* TAP: of a network card of the host; whether it takes part is not known */
    bool is_detached; /* TAP: a queue that takes no part at the moment, for its guest does not use it */
    QemuTerminal terminal; /* TERMINAL */
} QemuHolding;

void qemu_holding_free(QemuHolding *holding);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QemuHolding, qemu_holding_free)
/* GPtrArray of QemuHolding with its free function. */
GPtrArray *qemu_holdings_new(void);

/* The one with descriptor NUMBER; NULL when there is none, or HOLDINGS is NULL. Borrowed. */
const QemuHolding *qemu_holdings_find_number(const GPtrArray *holdings, int number);
/* The last one of KIND; NULL when there is none. Borrowed. */
const QemuHolding *qemu_holdings_find_last(const GPtrArray *holdings, QemuHoldingKind kind);
/* How many there are of KIND. */
guint qemu_holdings_count(const GPtrArray *holdings, QemuHoldingKind kind);
/*
 * Those of KIND that are the UNIX socket PATH, in the order of their numbers. Borrowed, in an owned array.
 */
GPtrArray *qemu_holdings_find_unix(const GPtrArray *holdings, QemuHoldingKind kind, const char *path,
                                   bool is_abstract);
/*
 * Those of KIND at HOST, FIRST_PORT to LAST_PORT. HOST as on a command line: a numeric address must be equal,
 * "" and "*" are the wildcard, "localhost" is an address of the loopback, any other name matches every
 * address.
 */
GPtrArray *qemu_holdings_find_inet(const GPtrArray *holdings, QemuHoldingKind kind, const char *host,
                                   guint16 first_port, guint16 last_port);
/* The one that is the terminal NUMBER; NULL when there is none, or more than one. Borrowed. */
const QemuHolding *qemu_holdings_find_terminal(const GPtrArray *holdings, guint number);
/* "/dev/pts/7", as QEMU calls a pseudo terminal of its own, and nothing else. */
bool qemu_terminal_parse(const char *name, guint *ret_number);
/* The queues of the TAP device INTERFACE. */
GPtrArray *qemu_holdings_find_tap(const GPtrArray *holdings, const char *interface);
