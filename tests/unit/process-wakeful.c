/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel tells whoever may write a wish what the strictest of all wishes is at the moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "process/wakeful.h"

#define DEVICE "/dev/cpu_dma_latency"

static void
test_processors_are_kept_awake_while_it_is_open(void **state)
{
    int look = open(DEVICE, O_RDONLY | O_CLOEXEC), fd = process_keep_awake();
    int32_t latency_us = -1;

    (void)state;
    if (look < 0) {
        assert_int_equal(fd, -1); /* no such thing here, or not for us: that is no error */
        print_message("%s cannot be opened\n", DEVICE);
        return;
    }
    assert_true(fd >= 0);
    assert_int_equal(pread(look, &latency_us, sizeof(latency_us), 0), sizeof(latency_us));
    assert_int_equal(latency_us, 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC); /* no QEMU inherits it */
    close(fd);
    close(look);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processors_are_kept_awake_while_it_is_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
