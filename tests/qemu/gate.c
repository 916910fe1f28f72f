/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gate.h"

static int
make_fifo(HarnessEngine *engine, const char *name, char **ret_path)
{
    *ret_path = g_build_filename(engine->folder, name, NULL);
    assert_int_equal(mkfifo(*ret_path, 0666), 0);
    /* For both: opening never blocks, and there is never an end of file. */
    int fd = open(*ret_path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    assert_true(fd >= 0);
    return fd;
}

Gate *
gate_new(HarnessEngine *engine, HarnessBuild build)
{
    return gate_new_with(engine, build, ":");
}

Gate *
gate_new_with(HarnessEngine *engine, HarnessBuild build, const char *commands)
{
    Gate *gate = g_new0(Gate, 1);

    gate->arrived_fd = make_fifo(engine, "gate-arrived", &gate->arrived);
    gate->open_fd = make_fifo(engine, "gate-open", &gate->open);
    gate->script = (char *)harness_script(engine, "qemu-behind-gate",
                                          "case \" $* \" in *moult-monitor*' -incoming '*) echo >'%s'; read line <'%s'; %s;; esac\n"
                                          "exec '%s' \"$@\"",
                                          gate->arrived, gate->open, commands, harness_build(build));
    return gate;
}

void
gate_free(Gate *gate)
{
    close(gate->arrived_fd);
    close(gate->open_fd);
    g_free(gate->arrived);
    g_free(gate->open);
    g_free(gate);
}

void
gate_await(Gate *gate)
{
    struct pollfd arrived = {.fd = gate->arrived_fd, .events = POLLIN};
    char byte;

    assert_int_equal(poll(&arrived, 1, HARNESS_STEP_MS), 1);
    assert_int_equal(read(gate->arrived_fd, &byte, 1), 1);
}

void
gate_open(Gate *gate)
{
    assert_int_equal(write(gate->open_fd, "\n", 1), 1);
}
