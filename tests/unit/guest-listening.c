/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking turns at one address: two children hold sockets of their own there, as QEMUs do; the test is the engine, and whoever
 * connects.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "guest/handover.h"
#include "guest/listening-path.h"
#include "guest/listening.h"
#include "qemu/listeners.h"
#include "qmp/json.h"

typedef union {
    struct sockaddr any;
    struct sockaddr_in inet;
    struct sockaddr_in6 inet6;
} Address;

static Address
make_address(const char *host, guint16 port)
{
    Address address = {0};

    if (inet_pton(AF_INET, host, &address.inet.sin_addr) == 1) {
        address.inet.sin_family = AF_INET;
        address.inet.sin_port = htons(port);
    } else {
        assert_int_equal(inet_pton(AF_INET6, host, &address.inet6.sin6_addr), 1);
        address.inet6.sin6_family = AF_INET6;
        address.inet6.sin6_port = htons(port);
    }
    return address;
}

/* As QEMU does; -1 and errno when it cannot. */
static int
open_listener(const Address *address)
{
    socklen_t size = address->any.sa_family == AF_INET ? sizeof(address->inet) : sizeof(address->inet6);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, &address->any, size) == 0 && listen(fd, 4) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool
can_connect(const Address *address)
{
    socklen_t size = address->any.sa_family == AF_INET ? sizeof(address->inet) : sizeof(address->inet6);
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_connected = connect(fd, &address->any, size) == 0;

    close(fd);
    return is_connected;
}

/* A process that has a socket there; it does as it is told. */
typedef struct {
    GuestInstance *instance;
    int orders, answers;
} Holder;

enum { OPEN = 'o', POLL = 'p', ACCEPT = 'a', ECHO = 'e' };

static void
run_holder(const Address *address, int orders, int answers)
{
    int listener = -1, client = -1;
    char order = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (read(orders, &order, 1) == 1) {
        char answer = 0, byte = 0;
        struct pollfd polled = {.fd = listener, .events = POLLIN};
        if (order == OPEN)
            answer = (listener = open_listener(address)) >= 0;
        else if (order == POLL)
            answer = (char)poll(&polled, 1, 0);
        else if (order == ACCEPT)
            answer = (client = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;
        else if (order == ECHO)
            answer = recv(client, &byte, 1, 0) == 1 && send(client, &byte, 1, 0) == 1;
        if (write(answers, &answer, 1) != 1)
            break;
    }
    _exit(0);
}

static Holder
start_holder(const Address *address)
{
    Holder holder = {.instance = guest_instance_new()};
    int orders[2], answers[2];

    assert_int_equal(pipe2(orders, O_CLOEXEC) | pipe2(answers, O_CLOEXEC), 0);
    holder.instance->process.pid = fork();
    if (holder.instance->process.pid == 0)
        run_holder(address, orders[0], answers[1]);
    close(orders[0]);
    close(answers[1]);
    holder.orders = orders[1];
    holder.answers = answers[0];
    assert_true(process_identity_read(holder.instance->process.pid, &holder.instance->process, NULL));
    holder.instance->pidfd = process_identity_open(&holder.instance->process, NULL);
    assert_true(holder.instance->pidfd >= 0);
    return holder;
}

static void
end_holder(Holder *holder)
{
    assert_true(process_kill_and_reap(holder->instance->pidfd, 10000, NULL, NULL));
    close(holder->orders);
    close(holder->answers);
    guest_instance_free(holder->instance);
}

static int
tell(const Holder *holder, char order)
{
    char answer = 0;

    assert_int_equal(write(holder->orders, &order, 1), 1);
    assert_int_equal(read(holder->answers, &answer, 1), 1);
    return answer;
}

/* The one listener of a list. */
static GPtrArray *
addresses_of(const char *host, guint16 port)
{
    g_autofree char *text = g_strdup_printf("[{\"host\":\"%s\",\"port\":%u}]", host, (unsigned)port);
    g_autoptr(json_object) array = json_tokener_parse(text);
    GPtrArray *addresses = qemu_listeners_from_json(array);

    assert_non_null(addresses);
    return addresses;
}

static guint16
free_port(const char *host)
{
    Address address = make_address(host, 0), found = {0};
    socklen_t size = sizeof(found);
    int fd = open_listener(&address);

    assert_int_equal(getsockname(fd, &found.any, &size), 0);
    close(fd);
    return ntohs(found.any.sa_family == AF_INET ? found.inet.sin_port : found.inet6.sin6_port);
}

static void
pass(const GPtrArray *addresses, const Holder *from, const Holder *to)
{
    g_autoptr(GError) error = NULL;

    if (!guest_listening_pass(addresses, from ? from->instance : NULL, to ? to->instance : NULL, &error))
        fail_msg("%s", error->message);
}

static void
take_turns_at(const char *host)
{
    guint16 port = free_port(host);
    const Address address = make_address(host, port);
    g_autoptr(GPtrArray) addresses = addresses_of(host, port);
    Holder first = start_holder(&address), second = start_holder(&address);

    assert_true(tell(&first, OPEN));
    assert_false(tell(&second, OPEN));
    for (int round = 0; round < 3; round++) { /* the second of one round is the first of the next */
        pass(addresses, &first, NULL);
        pass(addresses, &first, NULL);
        assert_false(can_connect(&address));
        assert_int_equal(tell(&first, POLL), 0); /* it does not turn */
        assert_true(tell(&second, OPEN));
        assert_true(can_connect(&address));
        assert_true(tell(&second, ACCEPT));
        pass(addresses, &second, &first);
        pass(addresses, &second, &first);
        assert_int_equal(tell(&second, POLL), 0);
        assert_true(can_connect(&address));
        assert_true(tell(&first, ACCEPT));
        end_holder(&first);
        assert_false(can_connect(&address));
        pass(addresses, NULL, &second);
        pass(addresses, NULL, &second);
        assert_true(can_connect(&address));
        assert_true(tell(&second, ACCEPT));
        first = second;
        second = start_holder(&address);
    }
    end_holder(&first);
    end_holder(&second);
}

static void
both_take_turns(void **state)
{
    (void)state;
    static const char *const hosts[] = {"127.0.0.1", "0.0.0.0", "::1", "::"};

    for (size_t i = 0; i < G_N_ELEMENTS(hosts); i++)
        take_turns_at(hosts[i]);
}

/* It would be there for a minute, and nobody else could rest. */
static void
one_that_is_killed_at_rest_leaves_nothing(void **state)
{
    (void)state;
    guint16 port = free_port("127.0.0.1");
    const Address address = make_address("127.0.0.1", port);
    g_autoptr(GPtrArray) addresses = addresses_of("127.0.0.1", port);

    for (int round = 0; round < 5; round++) {
        Holder holder = start_holder(&address);
        assert_true(tell(&holder, OPEN));
        pass(addresses, &holder, NULL);
        end_holder(&holder);
    }
}

static void
connections_stay_and_end_in_order(void **state)
{
    (void)state;
    guint16 port = free_port("127.0.0.1");
    const Address address = make_address("127.0.0.1", port);
    g_autoptr(GPtrArray) addresses = addresses_of("127.0.0.1", port);
    Holder holder = start_holder(&address);
    char byte = 'x';

    assert_true(tell(&holder, OPEN));
    for (int round = 0; round < 2; round++) { /* one that was accepted before it rested, and one after */
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, &address.any, sizeof(address.inet)), 0);
        assert_true(tell(&holder, ACCEPT));
        pass(addresses, &holder, NULL);
        assert_int_equal(send(client, &byte, 1, 0), 1);
        assert_true(tell(&holder, ECHO));
        assert_int_equal(recv(client, &byte, 1, 0), 1);
        pass(addresses, NULL, &holder);
        if (round == 1) {
            end_holder(&holder);
            assert_int_equal(recv(client, &byte, 1, 0), 0); /* closed, not reset */
        }
        close(client);
    }
}

static void
address_that_somebody_has_taken(void **state)
{
    (void)state;
    guint16 port = free_port("127.0.0.1");
    const Address address = make_address("127.0.0.1", port);
    g_autoptr(GPtrArray) addresses = addresses_of("127.0.0.1", port);
    Holder holder = start_holder(&address);
    g_autoptr(GError) error = NULL;

    assert_true(tell(&holder, OPEN));
    pass(addresses, &holder, NULL);
    int thief = open_listener(&address);
    assert_true(thief >= 0);
    assert_false(guest_listening_pass(addresses, NULL, holder.instance, &error));
    assert_non_null(strstr(error->message, g_strerror(EADDRINUSE)));
    assert_int_equal(tell(&holder, POLL), 0);
    close(thief);
    pass(addresses, NULL, &holder);
    assert_true(can_connect(&address));
    end_holder(&holder);
}

static void
nothing_is_done_when_one_is_not_there(void **state)
{
    (void)state;
    guint16 port = free_port("127.0.0.1"), other = free_port("127.0.0.1");
    const Address address = make_address("127.0.0.1", port);
    g_autoptr(GPtrArray) addresses = addresses_of("127.0.0.1", port), others = addresses_of("127.0.0.1", other);
    Holder holder = start_holder(&address), empty = start_holder(&address);
    g_autoptr(GError) error = NULL, second_error = NULL;

    assert_true(tell(&holder, OPEN));
    assert_false(guest_listening_pass(addresses, holder.instance, empty.instance, &error));
    assert_non_null(strstr(error->message, "has no socket"));
    qemu_listeners_append(addresses, others);
    assert_false(guest_listening_pass(addresses, holder.instance, NULL, &second_error));
    assert_non_null(strstr(second_error->message, "has no socket"));
    assert_true(can_connect(&address));
    end_holder(&holder);
    end_holder(&empty);
}

/* The way back is not the place to give up. */
static void
what_is_there_listens_again(void **state)
{
    (void)state;
    guint16 port = free_port("127.0.0.1"), other = free_port("127.0.0.1");
    const Address address = make_address("127.0.0.1", port);
    g_autoptr(GPtrArray) addresses = addresses_of("127.0.0.1", port), all = addresses_of("127.0.0.1", other);
    Holder holder = start_holder(&address);
    g_autoptr(GError) error = NULL;

    assert_true(tell(&holder, OPEN));
    pass(addresses, &holder, NULL);
    qemu_listeners_append(all, addresses);
    assert_false(guest_listening_pass(all, NULL, holder.instance, &error));
    assert_non_null(strstr(error->message, "has no socket"));
    assert_true(can_connect(&address));
    end_holder(&holder);
}

/* This process is the QEMU. *RET_FD stays open, and listens. */
static guint64
listen_at(const char *path, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)) | listen(fd, 64), 0);
    *ret_fd = fd;
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_ino;
}

/* An instance whose process is PID. */
static GuestInstance *
make_instance(guint64 domain_id, pid_t pid)
{
    GuestInstance *instance = guest_instance_new();

    instance->domain_id = domain_id;
    instance->process.pid = pid;
    instance->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    assert_true(instance->pidfd >= 0);
    return instance;
}

static void
expect_at(const char *path, guint64 inode, mode_t mode)
{
    struct stat status;

    assert_int_equal(lstat(path, &status), 0);
    assert_int_equal(status.st_ino, inode);
    assert_int_equal(status.st_mode & 07777, mode);
}

static void
pass_twice(const char *path, const GuestInstance *from, const GuestInstance *to)
{
    for (int i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        if (!guest_listening_pass_path(path, from, to, &error))
            fail_msg("%s", error->message);
    }
}

static void
a_path_is_passed_on(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("moult-listening-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL), *other = g_strconcat(path, ".moult-2", NULL);
    GuestInstance *first = make_instance(1, getpid()), *second = make_instance(2, getpid());
    GError *error = NULL;
    int old_fd, new_fd, fd;

    guint64 old = listen_at(path, &old_fd);
    assert_int_equal(chmod(path, 0620), 0);
    pass_twice(path, first, NULL);
    assert_int_equal(access(path, F_OK), -1);
    guint64 new = listen_at(path, &new_fd);
    pass_twice(path, second, first);
    expect_at(path, old, 0620);
    expect_at(other, new, 0620); /* as its operator wants it */
    close(old_fd);
    pass_twice(path, NULL, second);
    expect_at(path, new, 0620);
    pass_twice(path, first, NULL);
    guest_listening_forget_path(path, 1);
    close(new_fd);
    assert_int_equal(g_rmdir(folder), 0); /* nothing is left */

    assert_int_equal(g_mkdir(folder, 0700), 0);
    assert_true(g_file_set_contents(path, "", 0, NULL));
    assert_false(guest_listening_pass_path(path, first, NULL, &error));
    g_clear_error(&error);
    assert_false(guest_listening_can_pass_path(path, first, &error));
    assert_non_null(strstr(error->message, "is no socket"));
    g_clear_error(&error);
    assert_int_equal(g_unlink(path) | symlink("/run", path), 0);
    assert_false(guest_listening_pass_path(path, first, NULL, &error));
    g_clear_error(&error);
    assert_int_equal(g_unlink(path) | chmod(folder, 0777), 0);
    listen_at(path, &fd);
    assert_false(guest_listening_pass_path(path, first, NULL, &error)); /* anybody could exchange it */
    g_clear_error(&error);
    close(fd);
    assert_int_equal(g_unlink(path) | g_rmdir(folder), 0);
    guest_instance_free(first);
    guest_instance_free(second);
}

/* And what is at PATH stays: INODE. */
static void
expect_refused(const char *path, const GuestInstance *from, const GuestInstance *to, guint64 inode, const char *words)
{
    GError *error = NULL;

    assert_false(guest_listening_pass_path(path, from, to, &error));
    if (!strstr(error->message, words))
        fail_msg("not “%s”: %s", words, error->message);
    g_clear_error(&error);
    expect_at(path, inode, 0755);
}

static void
a_path_that_is_somebody_elses_stays(void **state)
{
    (void)state;
    g_autofree char *folder = g_dir_make_tmp("moult-listening-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL), *other = g_strconcat(path, ".moult-1", NULL);
    GuestInstance *own = make_instance(1, getpid()), *stranger = make_instance(2, getppid());
    GError *error = NULL;
    int fd, other_fd;

    umask(022);
    guint64 inode = listen_at(path, &fd);
    expect_refused(path, stranger, NULL, inode, "that listens at");
    assert_false(guest_listening_can_pass_path(path, stranger, &error));
    assert_non_null(strstr(error->message, "that listens at"));
    g_clear_error(&error);
    assert_true(guest_listening_can_pass_path(path, own, &error));
    listen_at(other, &other_fd); /* which is to have the path, and finds it taken */
    expect_refused(path, NULL, own, inode, "somebody else listens at");
    close(fd);
    expect_refused(path, stranger, NULL, inode, "that listens at"); /* nobody does */
    pass_twice(path, NULL, own);
    close(other_fd);
    assert_int_equal(g_unlink(path) | g_rmdir(folder), 0);
    guest_instance_free(own);
    guest_instance_free(stranger);
}

static void
addresses_from_a_record_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"[1]", "[{\"host\":\"127.0.0.1\"}]", "[{\"host\":\"name\",\"port\":1}]",
                                      "[{\"host\":\"127.0.0.1\",\"port\":0}]", "[{\"host\":\"127.0.0.1\",\"port\":65536}]",
                                      "[{\"path\":\"socket\"}]"};
    g_autoptr(json_object) many = json_object_new_array();

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(json_object) array = json_tokener_parse(bad[i]);
        assert_null(qemu_listeners_from_json(array));
    }
    for (int i = 0; i < 65; i++)
        json_object_array_add(many, json_tokener_parse("{\"host\":\"::1\",\"port\":1}"));
    assert_null(qemu_listeners_from_json(many));
    json_object_array_del_idx(many, 0, 1);
    g_autoptr(GPtrArray) listeners = qemu_listeners_from_json(many);
    assert_int_equal(listeners->len, 64);
    g_autoptr(GPtrArray) none = qemu_listeners_from_json(NULL);
    assert_int_equal(none->len, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_take_turns),
        cmocka_unit_test(one_that_is_killed_at_rest_leaves_nothing),
        cmocka_unit_test(connections_stay_and_end_in_order),
        cmocka_unit_test(address_that_somebody_has_taken),
        cmocka_unit_test(nothing_is_done_when_one_is_not_there),
        cmocka_unit_test(what_is_there_listens_again),
        cmocka_unit_test(a_path_is_passed_on),
        cmocka_unit_test(a_path_that_is_somebody_elses_stays),
        cmocka_unit_test(addresses_from_a_record_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
