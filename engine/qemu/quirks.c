/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table. A row's bounds go no further than what was established, towards safety: a version between a bad and a
 * good one counts as bad. Out-of-tree builds carry fixes under old numbers; to work around a bug that they no longer
 * have costs time, and nothing else.
 */
#include "qemu/quirks.h"

static const QemuQuirk table[] = {
    {
        .id = QEMU_QUIRK_LIVE_COPY_LOSES_PAGES,
        .until = {9, 0, 0},
        .accelerator = QEMU_ACCELERATOR_TCG,
        .broken = "under software emulation it loses pages that the guest writes while its memory is copied",
        .instead = "the guest is stopped before its memory is copied",
        .established = "measured: 4 of 10 copies of a busy guest of 256 MiB corrupted on 7.2.22, none of 10 when it was "
                       "stopped first, none of 10 on 10.0.2; QEMU 9.0 resets the TLB when it clears dirty bits "
                       "(\"physmem: Fix migration dirty bitmap coherency with TCG memory access\")",
    },
    {
        .id = QEMU_QUIRK_LIVE_COPY_OF_SEVERAL,
        .since = {9, 0, 0},
        .accelerator = QEMU_ACCELERATOR_TCG,
        .broken = "under software emulation it takes what the guest writes to one of several memory backends, while it is "
                  "copied, for another one's, and ends",
        .instead = "the guest is stopped before its memory is copied",
        .established = "measured: 3 of 3 copies of a busy Linux guest of 10.0.2 with a larger backend behind the first end with "
                       "\"tlb_reset_dirty_range_all: Assertion `block == qemu_get_ram_block(end - 1)' failed\"",
    },
    {
        .id = QEMU_QUIRK_UNNAMED_SHARED_IS_COPIED,
        .since = {8, 1, 0},
        .accelerator = QEMU_ACCELERATOR_UNKNOWN,
        .broken = "of shared memory it leaves only named files out of a migration: memory-backend-memfd would be "
                  "copied onto itself",
        .instead = "such memory is taken for private memory, and copied into a file of its own",
        .established = "source: migration/ram.c:migrate_ram_is_ignored() asks for qemu_ram_is_named_file() since 8.1",
    },
    {
        .id = QEMU_QUIRK_USER_NETWORKS_UNNUMBERED,
        .until = {8, 2, 0},
        .accelerator = QEMU_ACCELERATOR_UNKNOWN,
        .broken = "it calls all user networks the first, and knows no second one in the state of a newer QEMU",
        .instead = "a guest with several is not taken back to such a QEMU",
        .established = "measured: 10.0.2 to 7.2.22 with two fails with \"Unknown savevm section or instance 'slirp' 1\"; "
                       "source: net/slirp.c registers with VMSTATE_INSTANCE_ID_ANY since 8.2",
    },
    {
        .id = QEMU_QUIRK_SWITCHOVER_UNKNOWN,
        .until = {10, 0, 0},
        .accelerator = QEMU_ACCELERATOR_UNKNOWN,
        .broken = "it does not know the message by which a newer QEMU announces that it hands over, and which only machine types "
                  "with a version, of before 10.0, turn off",
        .instead = "a guest of a machine type without versions is not taken back to such a QEMU",
        .established = "measured: isapc, 10.0.2 to 7.2.22, fails with \"MIG_CMD 0xb unknown\"; source: "
                       "migration.send-switchover-start, hw_compat_9_2",
    },
    {
        .id = QEMU_QUIRK_ESP_STATE_MISREAD,
        .since = {8, 0, 0},
        .accelerator = QEMU_ACCELERATOR_UNKNOWN,
        .broken = "it loses its place in what a QEMU of before 10.0 sends of an am53c974 or dc390",
        .instead = "a guest with such a controller does not move to another release",
        .established = "measured: each of the two, 7.2.22 to 10.0.2, fails with \"Missing section footer for ... pciespscsi\"; 10.0.2 to "
                       "7.2.22 does not",
    },
};

const char *
qemu_accelerator_to_string(QemuAccelerator accelerator)
{
    static const char *const names[] = {
        [QEMU_ACCELERATOR_UNKNOWN] = "unknown", [QEMU_ACCELERATOR_TCG] = "tcg", [QEMU_ACCELERATOR_KVM] = "kvm"};

    g_return_val_if_fail((gsize)accelerator < G_N_ELEMENTS(names), "unknown");
    return names[accelerator];
}

static bool
is_bound(const QemuVersion *version)
{
    return version->major != 0 || version->minor != 0 || version->micro != 0;
}

static bool
has_quirk(const QemuQuirk *quirk, const QemuVersion *version, QemuAccelerator accelerator)
{
    if (is_bound(&quirk->since) && qemu_version_compare(version, &quirk->since) < 0)
        return false;
    if (is_bound(&quirk->until) && qemu_version_compare(version, &quirk->until) >= 0)
        return false;
    return quirk->accelerator == QEMU_ACCELERATOR_UNKNOWN || accelerator == QEMU_ACCELERATOR_UNKNOWN ||
           quirk->accelerator == accelerator;
}

const QemuQuirk *
qemu_quirk_find(QemuQuirkId id, const QemuVersion *version, QemuAccelerator accelerator)
{
    for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
        if (table[i].id == id && has_quirk(&table[i], version, accelerator))
            return &table[i];
    return NULL;
}

const QemuQuirk *
qemu_quirk_list(gsize *ret_n)
{
    *ret_n = G_N_ELEMENTS(table);
    return table;
}
