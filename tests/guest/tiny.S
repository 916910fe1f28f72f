/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tiny guest: a boot sector that bumps the tick counter of the page (see page.h) at physical address 0x8000 once
 * a timer interrupt and sleeps in between, so that a hundred of them fit on two cores. It says one line on COM1:
 *
 *     moult-tiny ready
 *
 * It knows the commands POWER_OFF, QUIET, RESUME and REBOOT. Real mode throughout; no BIOS call, no disk access.
 */
#include "page.h"

/* 1193182 Hz / 23864 = 50 Hz */
#define PIT_DIVISOR 23864
#define PERIOD_NS 20000273
#define COM1 0x3f8
/* PM1a control block where SeaBIOS puts it on both pc and q35; 0x2000 is SLP_EN with the type of soft-off. */
#define ACPI_CONTROL 0x604
#define ACPI_SOFT_OFF 0x2000

#define PAGE 0x8000

        .code16
        .text
        .globl  _start
_start:
        cli
        cld
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        ljmp    $0, $page_make

        /* An empty page, then all of its head except the magic; the magic last. */
page_make:
        movw    $PAGE, %di
        movw    $(GUEST_PAGE_SIZE / 4), %cx
        xorl    %eax, %eax
        rep stosl
        movl    $GUEST_PAGE_LAYOUT, PAGE + GUEST_PAGE_LAYOUT_AT
        movl    $GUEST_KIND_TINY, PAGE + GUEST_PAGE_KIND
        movl    $1, PAGE + GUEST_PAGE_VCPUS
        movl    $PERIOD_NS, PAGE + GUEST_PAGE_TICK_PERIOD_NS
        rdtsc
        movl    %eax, PAGE + GUEST_PAGE_NONCE
        movl    %edx, PAGE + GUEST_PAGE_NONCE + 4

        movw    $words, %si
        movw    $PAGE, %di
        movw    $4, %cx
1:      lodsl
        movl    %eax, GUEST_PAGE_MAGIC_INVERSE(%di)
        notl    %eax
        stosl
        loop    1b

        /* The timer's interrupt alone, to a handler that only acknowledges it. */
        movw    $timer, 8 * 4
        movw    $0, 8 * 4 + 2
        movb    $0xfe, %al
        outb    %al, $0x21
        movb    $0xff, %al
        outb    %al, $0xa1
        movb    $0x34, %al
        outb    %al, $0x43
        movb    $(PIT_DIVISOR & 0xff), %al
        outb    %al, $0x40
        movb    $(PIT_DIVISOR >> 8), %al
        outb    %al, $0x40

        movw    $ready, %si
1:      movw    $(COM1 + 5), %dx
        inb     %dx, %al
        testb   $0x20, %al
        jz      1b
        lodsb
        testb   %al, %al
        jz      2f
        movw    $COM1, %dx
        outb    %al, %dx
        jmp     1b
2:      movl    $1, PAGE + GUEST_PAGE_READY

        /* BL: 1 while quiet. */
        xorb    %bl, %bl
tick:
        sti
        hlt
        cli
        testb   %bl, %bl
        jnz     1f
        addl    $1, PAGE + GUEST_PAGE_TICKS
        adcl    $0, PAGE + GUEST_PAGE_TICKS + 4
1:      movl    PAGE + GUEST_PAGE_COMMAND_SEQ, %eax
        cmpl    PAGE + GUEST_PAGE_ACK_SEQ, %eax
        je      tick

        /* EAX: the number to acknowledge; ECX: the result. */
        xorl    %ecx, %ecx
        movl    PAGE + GUEST_PAGE_COMMAND, %edx
        cmpl    $GUEST_COMMAND_QUIET, %edx
        jne     1f
        movb    $1, %bl
        jmp     acknowledge
1:      cmpl    $GUEST_COMMAND_RESUME, %edx
        jne     1f
        movb    $0, %bl
        jmp     acknowledge
1:      cmpl    $GUEST_COMMAND_POWER_OFF, %edx
        je      acknowledge
        cmpl    $GUEST_COMMAND_REBOOT, %edx
        je      acknowledge
        incl    %ecx
acknowledge:
        movl    %ecx, PAGE + GUEST_PAGE_ACK_SEQ + 8
        movl    %eax, PAGE + GUEST_PAGE_ACK_SEQ
        cmpl    $GUEST_COMMAND_POWER_OFF, %edx
        je      power_off
        cmpl    $GUEST_COMMAND_REBOOT, %edx
        jne     tick
        movb    $0xfe, %al
        outb    %al, $0x64
        jmp     tick
power_off:
        movw    $ACPI_CONTROL, %dx
        movw    $ACPI_SOFT_OFF, %ax
        outw    %ax, %dx
        jmp     tick

timer:
        pushw   %ax
        movb    $0x20, %al
        outb    %al, $0x20
        popw    %ax
        iretw

        .balign 4
words:
        .long   GUEST_PAGE_MAGIC_WORDS
ready:
        .asciz  "moult-tiny ready\r\n"

        .org    510
        .word   0xaa55
