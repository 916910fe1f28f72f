# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What is needed from the distribution, by purpose; only what is missing gets installed. Sourced by contrib/quickstart.

# To build everything, tests too; the test guest's static program needs the C library's archive (libc6-dev).
PACKAGES_build=(
    gcc libc6-dev binutils pkgconf meson ninja-build python3 python3-docutils
    libglib2.0-dev libjson-c-dev libseccomp-dev libcap-ng-dev libselinux1-dev libcmocka-dev
)
# To run guests: the first QEMU and its tools.
PACKAGES_guest=(qemu-system-x86 qemu-utils)
# What single tests use besides.
PACKAGES_test=(shellcheck swtpm systemd dbus-daemon qemu-block-extra openssh-client)
# gnuplot draws the picture.
PACKAGES_bench=(gnuplot-nox)

has_package() {
    local status

    # shellcheck disable=SC2016
    status=$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) && [ "$status" = installed ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -- "$@"
    fi
}

packages_install() {
    local log

    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        fail "as root, please: apt-get install --no-install-recommends $*"
    fi
    log=$(mktemp -t moult-quickstart-apt.XXXXXX)
    doing packages "installing: $*"
    logged "$log" as_root apt-get -q update
    logged "$log" as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends "$@"
    rm -f "$log"
    row packages "installed $# that were missing"
}

# packages_need PURPOSE...
packages_need() {
    local purpose package missing=()

    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        warn packages "this is no Debian: whatever is missing will have to be installed by hand"
        return 0
    fi
    for purpose in "$@"; do
        local -n wanted=PACKAGES_$purpose
        for package in "${wanted[@]}"; do
            has_package "$package" || missing+=("$package")
        done
    done
    if [ ${#missing[@]} -gt 0 ]; then
        packages_install "${missing[@]}"
    else
        row packages "nothing is missing"
    fi
}

qemu_version() {
    "$1" --version | sed -n '1s/^QEMU emulator version \([^ (]*\).*/\1/p'
}

# Sets SECOND_QEMU, to nothing where none is to be had.
fetch_second_qemu() {
    SECOND_QEMU=$(contrib/fetch/qemu) || SECOND_QEMU=
    if [ -n "$SECOND_QEMU" ]; then
        row "second QEMU" "$(qemu_version "$SECOND_QEMU") at $SECOND_QEMU"
    else
        warn "second QEMU" "there is none to be had here"
    fi
}

# fetch_kernel FLAVOUR
fetch_kernel() {
    local folder

    folder=$(contrib/fetch/kernel --flavour "$1") || fail "the kernel of the test guest could not be fetched"
    row kernel "$(sed -n 's/^Package: //p' "$folder/version") at $folder"
}
