# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The demonstration: a busy Linux guest, started by the distribution's QEMU, moves into a newer one while it runs. What
# the guest has of it is seen from outside, through a counter it keeps in its memory. Sourced by contrib/quickstart.
#
# Everything happens in a folder of its own, with an engine of its own; at the end guest, engine and folder are gone.

DEMO=
WATCHER=

# One answer of the engine's process, by its socket: nobody else knows its pid. 0 when there is none.
engine_pid() {
    python3 -c '
import socket, struct, sys
peer = socket.socket(socket.AF_UNIX)
try:
    peer.connect(sys.argv[1])
except OSError:
    sys.exit(print(0))
print(struct.unpack("iii", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])' "$DEMO/run/control.sock"
}

# Ends a process that the demonstration has started, and waits for that.
end_process() {
    kill -TERM "$1" 2>/dev/null || return 0
    timeout 10 tail --pid="$1" -s 0.1 -f /dev/null || kill -KILL "$1" 2>/dev/null || true
}

# Guests that outlived everything else: they, and nobody else, live in the folder that was made for this.
end_stragglers() {
    local folder

    for folder in /proc/[0-9]*; do
        if [ "$(readlink "$folder/cwd" 2>/dev/null)" = "$DEMO" ]; then
            kill -KILL "${folder#/proc/}" 2>/dev/null || true
        fi
    done
}

demo_clean() {
    local engine

    trap - EXIT
    [ -n "$DEMO" ] || return 0
    [ -z "$WATCHER" ] || kill "$WATCHER" 2>/dev/null || true
    engine=$(engine_pid)
    if [ "$engine" -gt 0 ]; then
        "$MOULT" stop demo --force >/dev/null 2>&1 || true
        end_process "$engine"
    fi
    end_stragglers
    rm -rf "$DEMO"
    DEMO=
}

demo_prepare() {
    packages_need build guest
    fetch_second_qemu
    fetch_kernel cloud
    build_main
    DEMO=$(scratch_folder)
    trap demo_clean EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    export MOULT_RUNTIME_DIR=$DEMO/run MOULT_STATE_DIR=$DEMO/state MOULT_CONFIG_DIR=$DEMO/config
    truncate -s 64M "$DEMO/disk.raw"
    mapfile -t KERNEL < <(tests/guest/build-initramfs --init "$BUILD/tests/guest/moult-guest-init" --folder "$DEMO")
    [ ${#KERNEL[@]} -eq 2 ] || fail "the test guest's initramfs could not be made"
    ln -s "${KERNEL[0]}" "$DEMO/vmlinuz"
    ln -s "${KERNEL[1]}" "$DEMO/initramfs"
}

# Prints the command before it is run, among the guest's files.
moult() {
    shown moult "$@"
    (cd "$DEMO" && "$MOULT" "$@")
}

demo_run() {
    title "A Linux guest with 512 MiB and two vCPUs, on the distribution's QEMU:"
    moult run demo -- qemu-system-x86_64 -machine q35 -m 512 -smp 2 -display none \
        -drive if=none,id=disk,format=raw,file=disk.raw -device virtio-blk-pci,drive=disk \
        -netdev user,id=net -device virtio-net-pci,netdev=net -serial file:serial.log \
        -kernel vmlinuz -initrd initramfs -append "console=ttyS0 quiet no_timer_check moult.disk=/dev/vda"
    "$MOULT" list --json >"$DEMO/before.json"
    OLD_PID=$(json "$DEMO/before.json" guests 0 pid)
    say
    moult list
    say
    say "It checks its memory, writes and reads its disk, and counts. While nothing happens:"
    "$SAMPLER" --pid "$OLD_PID" --ready 60 --watch 2 --check --json >"$DEMO/quiet.json" 2>"$DEMO/sampler.log" ||
        fail "the guest does not run: $(cat "$DEMO/sampler.log" "$DEMO/serial.log")"
    say "  $(json "$DEMO/quiet.json" watch ticks) ticks in 2 s, longest pause $(milliseconds "$DEMO/quiet.json" watch gap_us)"
}

# milliseconds FILE KEY...: of microseconds.
milliseconds() {
    local us

    us=$(json "$@")
    printf '%d.%d ms' $((us / 1000)) $((us % 1000 / 100))
}

# The sampler holds the guest's memory, not its process: it looks on while the process is replaced.
watch_begin() {
    local line

    mkfifo "$DEMO/watching"
    exec {WATCHING}<>"$DEMO/watching"
    "$SAMPLER" --pid "$OLD_PID" --until-signal --json >"$DEMO/during.json" 2>"$DEMO/watching" &
    WATCHER=$!
    read -r -t 20 -u "$WATCHING" line && [ "$line" = watching ] || fail "the guest cannot be watched: ${line:-no answer}"
}

watch_end() {
    # It goes on for a moment, so that what comes late is seen too.
    sleep 1
    kill -INT "$WATCHER"
    wait "$WATCHER" || fail "the guest cannot be watched"
    WATCHER=
}

demo_upgrade() {
    local to=${SECOND_QEMU:-$(command -v qemu-system-x86_64)}

    title "Now it moves, with its memory left where it is:"
    watch_begin
    moult upgrade demo --to "$to"
    watch_end
    "$MOULT" list --json >"$DEMO/after.json"
    "$MOULT" history --json >"$DEMO/history.json"
    NEW_PID=$(json "$DEMO/after.json" guests 0 pid)
    "$SAMPLER" --pid "$NEW_PID" --watch 1 --check --json >"$DEMO/now.json" 2>"$DEMO/sampler.log" ||
        fail "the guest is not well: $(cat "$DEMO/sampler.log" "$DEMO/serial.log")"
    say
    moult list
}

# errors_of FILE: all that the guest has found wrong.
errors_of() {
    local kind sum=0

    for kind in memory disk net clock; do
        sum=$((sum + $(json "$1" guest "${kind}_errors")))
    done
    say "$sum"
}

compare() { printf '  %-24s %-18s %s\n' "$1" "$2" "$3"; }

demo_report() {
    local errors downtime

    errors=$(errors_of "$DEMO/now.json")
    downtime=$(json "$DEMO/history.json" entries -1 downtime_ms)

    say
    compare "" "before" "after"
    compare "QEMU" "$(json "$DEMO/before.json" guests 0 qemu version)" "$(json "$DEMO/after.json" guests 0 qemu version)"
    compare "process" "pid $OLD_PID" "pid $NEW_PID"
    compare "guest's boot id" "$(json "$DEMO/quiet.json" guest nonce)" "$(json "$DEMO/now.json" guest nonce)"
    compare "ticks" "$(json "$DEMO/quiet.json" guest ticks)" "$(json "$DEMO/now.json" guest ticks)"
    compare "disk blocks verified" "$(json "$DEMO/quiet.json" guest disk_verified)" "$(json "$DEMO/now.json" guest disk_verified)"
    compare "errors found" "$(errors_of "$DEMO/quiet.json")" "$errors"
    say
    say "  Stopped for $(printf '%.1f ms' "$downtime") by QEMU's own clock. Longest pause of its ticks, seen from outside:"
    say "  $(milliseconds "$DEMO/during.json" watch gap_us) during the upgrade, $(milliseconds "$DEMO/quiet.json" watch gap_us) while nothing happened."
    say
    demo_verdict "$errors"
}

# Everything the demonstration claims.
demo_verdict() {
    [ "$1" -eq 0 ] || fail "the guest has found errors"
    [ "$(json "$DEMO/quiet.json" guest nonce)" = "$(json "$DEMO/now.json" guest nonce)" ] || fail "the guest has booted anew"
    [ "$(json "$DEMO/now.json" guest ticks)" -gt "$(json "$DEMO/during.json" guest ticks)" ] || fail "the guest stands still"
    [ "$OLD_PID" != "$NEW_PID" ] || fail "the guest is in its old process"
    [ ! -e "/proc/$OLD_PID" ] || fail "the old process is still there"
    if [ -n "$SECOND_QEMU" ]; then
        say "${GREEN}The guest runs on in its new QEMU, and has not noticed.${PLAIN}"
    else
        say "${GREEN}The guest runs on in a new process of the same QEMU${PLAIN}: no second build was to be had here."
    fi
}

demo_main() {
    title "moult: a guest sheds its old hypervisor process and carries on in a new one"
    demo_prepare
    demo_run
    demo_upgrade
    demo_report
    say
    moult stop demo
    demo_clean
    say
    say "Guest, engine and temporary files are gone again. moult is at $MOULT."
}
