/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that misbehaves: it answers the probe as the real one does (it is the real one then), and otherwise stands
 * between the engine and a real QEMU's monitor, passing everything on, until it does what it was told to.
 *
 *     misbehave-peer QEMU WHEN WHAT PID -- QEMU'S ARGUMENTS
 *
 * WHEN   start        at once; there is no real QEMU
 *        accept       as the engine connects
 *        >TEXT        as something holding TEXT is on its way to QEMU; it does not arrive
 *        <TEXT        as something holding TEXT is on its way to the engine; it does not arrive
 *        N>TEXT       the same for the N-th of them, be it on another connection
 *        load         as the real QEMU says that it loads the state, which the engine has not asked it to say
 * WHAT   see acts[] below. PID is whom kill-other means.
 *
 * The process that the engine has started becomes the real QEMU, for it is looked at closely (its memory, its
 * descriptors); what stands between is a child of that, ends with it, and does not have its environment, by whose
 * mark the QEMUs of an engine are counted.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MONITOR "socket,id=moult-monitor,fd="
#define EVENTS 1000000
#define EVENTS_AT_ONCE 2000
#define GIB (1UL << 30)

typedef struct {
    const char *when;
    void (*act)(void);
    char *passing;       /* what is on its way */
    const char *text;    /* of it, for which it is time */
    pid_t qemu, other; /* QEMU: 0 where there is none */
    int engine_fd, qemu_fd, listener_fd;
} Peer;

static Peer peer = {.engine_fd = -1, .qemu_fd = -1, .listener_fd = -1};

/* ---- What it does ---- */

/* False when the engine has had enough of it. */
static bool
send_all(const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t n = send(peer.engine_fd, at, length, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        length -= (size_t)n;
    }
    return true;
}

static void
act_close(void)
{
    close(peer.engine_fd);
    peer.engine_fd = -1;
}

static void
act_hang(void)
{
    for (;;)
        pause();
}

static void
act_stop(void)
{
    if (peer.qemu)
        kill(peer.qemu, SIGSTOP);
    act_hang();
}

static void
act_exit(void)
{
    fprintf(stderr, "misbehave-peer: ends as it was told\n");
    if (peer.qemu)
        kill(peer.qemu, SIGKILL);
    _exit(1);
}

static void
act_garbage(void)
{
    unsigned char noise[65536];
    uint32_t state = 1;

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (unsigned char)((state = state * 1664525 + 1013904223) >> 24);
    send_all(noise, sizeof noise);
    act_close();
}

static void
act_drip(void)
{
    static const char words[] = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, "
                                "\"package\": \"a very slow one, a very slow one, a very slow one\"}}}\r\n";

    for (size_t i = 0; words[i]; i++) {
        send_all(&words[i], 1);
        sleep(1); /* to be slow is its task */
    }
    act_hang();
}

/* The same, inside of what may be an answer, for as long as it is listened to. */
static void
act_drip_on(void)
{
    static const char head[] = "{\"return\": \"";

    for (size_t i = 0; send_all(i < sizeof head - 1 ? &head[i] : "x", 1); i++)
        sleep(1);
    act_close();
}

static void
act_deaf(void)
{
    struct pollfd engine = {.fd = peer.engine_fd, .events = POLLRDHUP};

    while (poll(&engine, 1, -1) < 0)
        ;
    act_close();
}

/*
 * To this one question alone: what is asked beside it, and after it, is answered as ever. One message is one object; what is
 * between them may be blank.
 */
static void
act_swallow(void)
{
    char *word = strstr(peer.passing, peer.text), *start = word;
    int depth = 1;

    while (start > peer.passing && depth > 0)
        depth += *--start == '{' ? -1 : *start == '}';
    for (depth = 0; start && *start; start++) {
        char c = *start;
        depth += (c == '{') - (c == '}');
        *start = ' ';
        if (depth == 0)
            return;
    }
}

static void
act_gigabyte(void)
{
    static char piece[1 << 20];
    static const char head[] = "{\"return\": \"";

    memset(piece, 'x', sizeof piece);
    send_all(head, sizeof head - 1);
    for (size_t sent = 0; sent < GIB && send_all(piece, sizeof piece);)
        sent += sizeof piece;
    act_close();
}

/* Many at once: faster than they can be read one by one. */
static bool
send_events(void)
{
    static const char event[] = "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"NOISE\", "
                                "\"data\": {\"a\": [1, 2, 3]}}\r\n";
    static char many[EVENTS_AT_ONCE * (sizeof event - 1)];

    for (size_t i = 0; many[0] == '\0' && i < EVENTS_AT_ONCE; i++)
        memcpy(many + (EVENTS_AT_ONCE - 1 - i) * (sizeof event - 1), event, sizeof event - 1);
    return send_all(many, sizeof many);
}

static void
act_million_events(void)
{
    for (int i = 0; i < EVENTS && send_events();)
        i += EVENTS_AT_ONCE;
}

static void
act_events_without_end(void)
{
    while (send_events())
        ;
    act_close();
}

/* The path in a "migrate" that is on its way. */
static void
act_unlink(void)
{
    const char *start = strstr(peer.passing, "unix:"), *end = start ? strchr(start, '"') : NULL;
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path + 1];

    if (!end || (size_t)(end - start) >= sizeof path)
        _exit(2);
    snprintf(path, sizeof path, "%.*s", (int)(end - start - 5), start + 5);
    if (unlink(path) < 0)
        _exit(2);
}

static bool
is_migration(int fd)
{
    struct sockaddr_un name = {0};
    socklen_t size = sizeof name, peer_size = sizeof name;
    struct sockaddr_un other;

    return getsockname(fd, (struct sockaddr *)&name, &size) == 0 && name.sun_family == AF_UNIX &&
           strstr(name.sun_path, "migrate.sock") && getpeername(fd, (struct sockaddr *)&other, &peer_size) == 0;
}

/* The connection on which the real QEMU is being sent the state. */
static void
act_break_stream(void)
{
    int pidfd = (int)syscall(SYS_pidfd_open, peer.qemu, 0), n_broken = 0;

    for (int number = 0; number < 256; number++) {
        int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
        if (fd >= 0 && is_migration(fd) && shutdown(fd, SHUT_RDWR) == 0)
            n_broken++;
        if (fd >= 0)
            close(fd);
    }
    close(pidfd);
    if (n_broken != 1)
        fprintf(stderr, "misbehave-peer: %d migration sockets\n", n_broken);
}

/* The one that it is time for; it has the id that the engine gave it. What passes with it arrives. */
static void
act_empty_list(void)
{
    char *found = strstr(peer.passing, peer.text), *end = found ? strchr(found, '}') : NULL, *id, answer[64];

    while (found && found > peer.passing && *found != '{')
        found--;
    id = found ? strstr(found, "\"id\":") : NULL;
    if (!end || !id)
        _exit(2);
    snprintf(answer, sizeof answer, "{\"return\": [], \"id\": %ld}\r\n", strtol(id + strlen("\"id\":"), NULL, 10));
    memset(found, ' ', (size_t)(end + 1 - found));
    send_all(answer, strlen(answer));
}

static void
act_kill_other(void)
{
    kill(peer.other, SIGKILL);
}

static const struct {
    const char *name;
    void (*act)(void);
} acts[] = {
    {"hang", act_hang},                         /* answers nothing any more; the real QEMU goes on */
    {"stop", act_stop},                         /* the same with the real QEMU stopped */
    {"exit", act_exit},                         /* both end */
    {"close", act_close},                       /* of the monitor; the next connection is served */
    {"garbage", act_garbage},                   /* bytes that are no JSON, then as close */
    {"drip", act_drip},                         /* a byte a second */
    {"drip-on", act_drip_on},                   /* the same until the engine has had enough, then as close */
    {"deaf", act_deaf},                         /* does nothing until then */
    {"swallow", act_swallow},                   /* loses that one message, and goes on */
    {"gigabyte", act_gigabyte},                 /* in one string, then as close */
    {"million-events", act_million_events},     /* then goes on as if nothing had been */
    {"events-without-end", act_events_without_end},
    {"unlink", act_unlink},                     /* the migration socket's path, then goes on */
    {"break-stream", act_break_stream},         /* of the migration, at the real QEMU's end, then goes on */
    {"empty-list", act_empty_list},             /* is the answer, then goes on */
    {"kill-other", act_kill_other},             /* SIGKILL, then goes on */
};

/* ---- Between the engine and the real QEMU ---- */

/* QEMU greets once: whoever comes later is greeted by us, and what he then says would be refused as too late. */
static char greeting[4096];

static void
keep_greeting(const char *data)
{
    if (!greeting[0])
        snprintf(greeting, sizeof greeting, "%.*s", (int)sizeof greeting - 1, data);
}

static ssize_t
replace_negotiation(char *buffer, ssize_t length)
{
    static const char word[] = "qmp_capabilities", other[] = "query-version";
    static bool is_negotiated;
    char *at = strstr(buffer, word);

    if (at && is_negotiated) {
        memcpy(at, other, sizeof other - 1);
        memmove(at + sizeof other - 1, at + sizeof word - 1, strlen(at + sizeof word - 1) + 1);
        length -= (ssize_t)(sizeof word - sizeof other);
    }
    is_negotiated = is_negotiated || at;
    return length;
}

/* Does it when it is time, once. What was on its way is lost unless the act comes back. */
static bool
is_time(char direction, const char *data)
{
    static unsigned long n_seen;
    char *when = NULL;
    unsigned long nth = peer.when ? strtoul(peer.when, &when, 10) : 0;

    if (!when || when[0] != direction || !strstr(data, when + 1) || ++n_seen < nth)
        return false;
    peer.text = when + 1;
    peer.when = NULL;
    return true;
}

/* It says so from here on; what it answers to this has an id that is none of the engine's. */
static void
ask_for_events(int qemu_fd)
{
    static const char command[] = "{\"execute\": \"migrate-set-capabilities\", \"arguments\": {\"capabilities\": "
                                  "[{\"capability\": \"events\", \"state\": true}]}, \"id\": \"peer\"}";

    if (send(qemu_fd, command, sizeof command - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof command - 1))
        _exit(2);
    peer.when = "<\"status\": \"active\"";
}

/* False when FROM has ended. */
static bool
pass(int from, int to, char direction)
{
    static char buffer[1 << 20];
    ssize_t n = recv(from, buffer, sizeof buffer - 1, 0);

    if (n <= 0)
        return false;
    buffer[n] = '\0';
    if (direction == '<')
        keep_greeting(buffer);
    else
        n = replace_negotiation(buffer, n);
    if (peer.when && strcmp(peer.when, "load") == 0 && strstr(buffer, "migrate-incoming"))
        ask_for_events(to);
    peer.passing = buffer;
    if (is_time(direction, buffer))
        peer.act();
    for (ssize_t done = 0; done < n && peer.engine_fd >= 0;) {
        ssize_t sent = send(to, buffer + done, (size_t)(n - done), MSG_NOSIGNAL);
        if (sent < 0)
            return true; /* the other end has gone, which its own descriptor will tell */
        done += sent;
    }
    return true;
}

static void
accept_engine(void)
{
    peer.engine_fd = accept(peer.listener_fd, NULL, NULL);
    send_all(greeting, strlen(greeting));
    if (peer.when && strcmp(peer.when, "accept") == 0) {
        peer.when = NULL;
        peer.act();
    }
}

static _Noreturn void
relay(void)
{
    for (;;) {
        bool has_engine = peer.engine_fd >= 0;
        struct pollfd fds[] = {
            {.fd = peer.qemu_fd, .events = POLLIN},
            {.fd = has_engine ? peer.engine_fd : peer.listener_fd, .events = POLLIN},
        };
        /* What QEMU says while nobody listens waits in the socket, the greeting first of all. */
        if (poll(has_engine ? fds : fds + 1, has_engine ? 2 : 1, -1) < 0)
            continue;
        if (!has_engine)
            accept_engine();
        else if (fds[0].revents && !pass(peer.qemu_fd, peer.engine_fd, '<'))
            _exit(1); /* the real QEMU has ended */
        else if (fds[1].revents && !pass(peer.engine_fd, peer.qemu_fd, '>'))
            act_close();
    }
}

/* ---- Its start ---- */

static void
find_act(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i].name, name) == 0)
            peer.act = acts[i].act;
    if (!peer.act)
        _exit(2);
}

static _Noreturn void
run_qemu(char **argv)
{
    execv(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

/* WHEN WHAT PID LISTENER END QEMU's-PID */
static _Noreturn void
run_relay(char **argv)
{
    peer.when = argv[0];
    find_act(argv[1]);
    peer.other = (pid_t)atoi(argv[2]);
    peer.listener_fd = atoi(argv[3]);
    peer.qemu_fd = atoi(argv[4]);
    peer.qemu = (pid_t)atoi(argv[5]);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != peer.qemu)
        _exit(1);
    relay();
}

static void
start_relay(char **words, int end)
{
    char listener[16], end_text[16], qemu[16];
    static char name[] = "misbehave-peer", option[] = "--relay";
    char *argv[] = {name, option, words[0], words[1], words[2], listener, end_text, qemu, NULL};
    char *no_environment[] = {NULL};

    snprintf(listener, sizeof listener, "%d", peer.listener_fd);
    snprintf(end_text, sizeof end_text, "%d", end);
    snprintf(qemu, sizeof qemu, "%d", (int)getpid());
    if (fork() != 0)
        return;
    execve("/proc/self/exe", argv, no_environment);
    _exit(127);
}

/* Gives QEMU the one end of a pair as its monitor and the relay the other. */
static void
stand_between(char **words, char **monitor_argument)
{
    static char monitor[64];
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
        _exit(1);
    start_relay(words, ends[0]);
    close(ends[0]);
    close(peer.listener_fd);
    snprintf(monitor, sizeof monitor, MONITOR "%d", ends[1]);
    *monitor_argument = monitor;
}

int
main(int argc, char **argv)
{
    if (argc == 8 && strcmp(argv[1], "--relay") == 0)
        run_relay(argv + 2);
    if (argc < 6 || strcmp(argv[5], "--") != 0)
        return 2;
    char **rest = argv + 5, **monitor = NULL;
    rest[0] = argv[1];
    find_act(argv[3]);
    for (char **argument = rest; *argument; argument++) {
        if (strncmp(*argument, "none,", 5) == 0)
            run_qemu(rest); /* the probe */
        if (strncmp(*argument, MONITOR, strlen(MONITOR)) == 0)
            monitor = argument;
    }
    if (strcmp(argv[2], "start") == 0)
        peer.act();
    if (!monitor)
        return 2;
    peer.listener_fd = atoi(*monitor + strlen(MONITOR));
    stand_between(argv + 2, monitor);
    run_qemu(rest);
}
