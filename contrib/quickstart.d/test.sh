# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# All tests, with everything they need. Sourced by contrib/quickstart.

# test_main [SUITE...]
test_main() {
    local suite server suites=() status=0
    local log=$BUILD/meson-logs/quickstart.json

    for suite in "$@"; do
        suites+=(--suite "$suite")
    done
    packages_need build guest test
    fetch_second_qemu
    fetch_kernel cloud
    fetch_kernel full
    for server in tgt sshd nfs; do
        contrib/fetch/"$server" >/dev/null || warn "$server" "there is none to be had here"
    done
    [ -z "$SECOND_QEMU" ] || contrib/fetch/qemu-block >/dev/null || warn qemu-block "there are none to be had here"
    build_main
    say
    rm -f "$log"
    # Guests are emulated, and the machine may have other work: a deadline is there for what hangs. Two tests more than there are
    # processors, for many wait a good part of their time.
    meson test -C "$BUILD" --no-rebuild --num-processes "$(($(nproc) + 2))" --timeout-multiplier 2 --print-errorlogs \
        --logbase quickstart "${suites[@]}" </dev/null || status=$?
    [ -s "$log" ] || fail "no test was run (meson test: $status)"
    say
    SECOND_QEMU=$SECOND_QEMU python3 "$PARTS/summary.py" "$log" || status=1
    return "$status"
}
