/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory under test: one verifier pinned to each vCPU, each with its share. Every word is derived from its own
 * address and a generation; a pass checks each page against the generation written last time and writes the next one.
 * A page that was lost, went to another place, or is older than it should be, does not match.
 */
#include "guest.h"

#include <sys/mman.h>

#define PAGE_WORDS (4096 / sizeof(uint64_t))
#define PAGES_BETWEEN_PAUSES 8
#define PAUSE_MAX_NS 50000000
#define SHOUTS_MAX 10
#define VERIFIERS_MAX 64

typedef struct Verifier {
    uint64_t *words;
    uint64_t pages;
    uint64_t passes;
    unsigned cpu;
} Verifier;

static Verifier verifiers[VERIFIERS_MAX];
static unsigned n_verifiers;
static unsigned load_percent;

static inline uint64_t
word_start(const uint64_t *words, uint64_t generation)
{
    return (uint64_t)(uintptr_t)words * 0x9e3779b97f4a7c15 + generation * 0xd1b54a32d192ed03;
}

static void
page_write(uint64_t *words, uint64_t generation)
{
    uint64_t value = word_start(words, generation);

    for (unsigned i = 0; i < PAGE_WORDS; i++, value += GUEST_PATTERN_STEP)
        words[i] = value;
}

/* The index of the first wrong word, PAGE_WORDS when there is none. */
static unsigned
page_check(const uint64_t *words, uint64_t generation)
{
    uint64_t value = word_start(words, generation);
    unsigned i = 0;

    for (; i < PAGE_WORDS && words[i] == value; i++)
        value += GUEST_PATTERN_STEP;
    return i;
}

static void
page_report(const Verifier *self, const uint64_t *words, uint64_t generation, unsigned i)
{
    bool is_older = page_check(words, generation - 1) == PAGE_WORDS;

    if (!PAGE_ADD(memory_errors, 1))
        PAGE_SET(memory_bad_address, (uint64_t)(uintptr_t)&words[i]);
    if (PAGE_GET(memory_errors) <= SHOUTS_MAX)
        log_line("ERROR memory: vcpu %u, page %p word %u, pass %llu: found %#llx, wanted %#llx%s", self->cpu,
                 (const void *)words, i, (unsigned long long)self->passes, (unsigned long long)words[i],
                 (unsigned long long)(word_start(words, generation) + i * GUEST_PATTERN_STEP),
                 is_older ? " (the page as it was one pass before)" : "");
}

/* Sleeps so that work of WORKED_NS makes up the wanted share of the time. */
static void
verifier_pause(uint64_t worked_ns)
{
    unsigned percent = __atomic_load_n(&load_percent, __ATOMIC_ACQUIRE);

    gate_pass();
    while (!percent) {
        sleep_ns(PAUSE_MAX_NS);
        gate_pass();
        percent = __atomic_load_n(&load_percent, __ATOMIC_ACQUIRE);
    }
    uint64_t pause_ns = worked_ns * (100 - percent) / percent;
    if (pause_ns)
        sleep_ns(pause_ns < PAUSE_MAX_NS ? pause_ns : PAUSE_MAX_NS);
}

/* The number of passes that every verifier has done. */
static void
passes_publish(void)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < n_verifiers; i++) {
        uint64_t passes = __atomic_load_n(&verifiers[i].passes, __ATOMIC_ACQUIRE);

        if (passes < least)
            least = passes;
    }
    PAGE_SET(memory_passes, least);
}

static void
verifier_pass(Verifier *self, uint64_t generation)
{
    uint64_t begun_ns = now_ns();

    for (uint64_t i = 0; i < self->pages; i++) {
        uint64_t *words = self->words + i * PAGE_WORDS;
        unsigned bad = page_check(words, generation);

        if (bad < PAGE_WORDS)
            page_report(self, words, generation, bad);
        page_write(words, generation + 1);
        if (i % PAGES_BETWEEN_PAUSES == PAGES_BETWEEN_PAUSES - 1) {
            PAGE_ADD(memory_pages, PAGES_BETWEEN_PAUSES);
            verifier_pause(now_ns() - begun_ns);
            begun_ns = now_ns();
        }
    }
}

static void *
verifier_run(void *argument)
{
    Verifier *self = argument;
    uint64_t generation = 1;

    for (uint64_t i = 0; i < self->pages; i++)
        page_write(self->words + i * PAGE_WORDS, generation);
    for (;; generation++) {
        verifier_pass(self, generation);
        __atomic_store_n(&self->passes, self->passes + 1, __ATOMIC_RELEASE);
        passes_publish();
    }
    return NULL;
}

void
memory_set_load(unsigned percent)
{
    __atomic_store_n(&load_percent, percent, __ATOMIC_RELEASE);
    PAGE_SET(load_percent, percent);
}

void
memory_start(unsigned vcpus)
{
    uint64_t size_bytes = (uint64_t)config.memory_mib << 20;

    memory_set_load(config.load_percent);
    if (!size_bytes)
        return;

    n_verifiers = vcpus < VERIFIERS_MAX ? vcpus : VERIFIERS_MAX;
    uint64_t share_pages = size_bytes / 4096 / n_verifiers / PAGES_BETWEEN_PAUSES * PAGES_BETWEEN_PAUSES;
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || !share_pages) {
        log_line("ERROR cannot have %u MiB to test: %s", config.memory_mib, log_errno());
        PAGE_ADD(memory_errors, 1);
        return;
    }

    PAGE_SET(memory_bytes, share_pages * n_verifiers * 4096);
    for (unsigned i = 0; i < n_verifiers; i++) {
        verifiers[i] = (Verifier){
            .words = (uint64_t *)memory + share_pages * PAGE_WORDS * i, .pages = share_pages, .cpu = i};
        thread_start(verifier_run, &verifiers[i], (int)i);
    }
}
