/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Makes the page through which the guest is watched.
 *
 * The host looks at a physical address, and Linux may move any page of a process (compaction, balloon), mlock()ed or
 * not. A buffer registered with io_uring is pinned for as long as the ring lives, which is a documented way
 * for a program to keep a page where it is.
 */
#include "guest.h"

#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

GuestPage *page;

static bool
page_pin(void *address)
{
    struct io_uring_params parameters = {0};
    struct iovec buffer = {.iov_base = address, .iov_len = GUEST_PAGE_SIZE};

    /* Never closed: the pin lasts as long as this descriptor. */
    int ring = (int)syscall(SYS_io_uring_setup, 1, &parameters);
    if (ring < 0)
        return false;
    return syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS, &buffer, 1) == 0;
}

bool
page_create(void)
{
    uint64_t nonce = 0;
    void *memory = mmap(NULL, GUEST_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED || !page_pin(memory)) {
        log_line("ERROR cannot have the page: %s", log_errno());
        return false;
    }
    /* Early in boot there is no good randomness, and none is needed. */
    if (getrandom(&nonce, sizeof(nonce), GRND_INSECURE) != sizeof(nonce))
        nonce = now_ns();

    page = memory;
    page->layout = GUEST_PAGE_LAYOUT;
    page->kind = GUEST_KIND_LINUX;
    page->nonce = nonce;
    page->tick_period_ns = config.tick_ns;
    page->load_percent = config.load_percent;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    guest_page_make_magic(page->magic, page->magic_inverse);
    return true;
}
