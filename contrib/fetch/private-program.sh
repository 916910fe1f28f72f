# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Fetches one program that a package of this release has, into a folder of its own in the cache folder: sourced by the other
# scripts of this folder, never run.
#
# What it leaves there: the program, and version (package and version).

# shellcheck source=contrib/fetch/private-apt.sh
. "$(dirname "$0")/private-apt.sh"

# private_program_options ARGUMENT
private_program_options() {
    case $1 in
    '') ;;
    --help)
        echo "usage: ${0##*/}"
        echo "The cache folder is \$MOULT_CACHE_DIR, or moult in the user's cache folder."
        exit 0
        ;;
    *) fail "there are no options" ;;
    esac
}

# private_program_fetch NAME PACKAGE PROGRAM
# Prints PROGRAM's path in the folder NAME.
private_program_fetch() {
    cache=$(cache_folder)
    mkdir -p "$cache"
    cache=$(readlink -f "$cache")
    exec 9>"$cache/.lock"
    flock 9

    if [ ! -x "$cache/$1/$3" ]; then
        rm -rf "$cache"/.scratch-"$1".*
        scratch=$(mktemp -d "$cache/.scratch-$1.XXXXXX")
        trap 'rm -rf "$scratch"' EXIT
        private_apt_begin "$cache/apt-$1" ""
        private_apt_download "$scratch/debs" "$2"
        dpkg-deb -x "$scratch"/debs/"$2"_*.deb "$scratch/root"
        mkdir "$scratch/build"
        find "$scratch/root" -path "*bin/$3" -exec mv {} "$scratch/build/" ';'
        dpkg-deb -f "$scratch"/debs/"$2"_*.deb Package Version >"$scratch/build/version"
        # Not every program leaves with 0 when it is asked for help; the dynamic loader does with 127 when a library is missing.
        status=0
        "$scratch/build/$3" --help >/dev/null 2>&1 || status=$?
        [ $status -lt 126 ] || fail "$3 does not run here"
        rm -rf "${cache:?}/$1"
        mv -T "$scratch/build" "$cache/$1"
        note "unpacked $(tr '\n' ' ' <"$cache/$1/version")"
    fi
    printf '%s\n' "$cache/$1/$3"
}
