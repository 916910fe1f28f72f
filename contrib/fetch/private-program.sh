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

# private_program_begin NAME
# Sets $cache, and keeps others from fetching at the same time.
private_program_begin() {
    cache=$(cache_folder)
    mkdir -p "$cache"
    cache=$(readlink -f "$cache")
    exec 9>"$cache/.lock"
    flock 9
    rm -rf "$cache"/.scratch-"$1".*
}

# private_program_unpack NAME PACKAGE[=VERSION]...
# Into $scratch/build/root; $scratch/build/version says what it was. A version is looked for in the release's backports, too.
private_program_unpack() {
    scratch=$(mktemp -d "$cache/.scratch-$1.XXXXXX")
    trap 'rm -rf "$scratch"' EXIT
    case $2 in
    *=*) private_apt_begin "$cache/apt-$1" "$(release_codename)-backports" ;;
    *) private_apt_begin "$cache/apt-$1" "" ;;
    esac
    shift
    private_apt_download "$scratch/debs" "$@"
    mkdir "$scratch/build"
    for deb in "$scratch"/debs/*.deb; do
        dpkg-deb -x "$deb" "$scratch/build/root"
        dpkg-deb -f "$deb" Package Version | sed 's/^[^:]*: //' >>"$scratch/build/version"
    done
}

# private_program_publish NAME
# What is complete in $scratch/build becomes the folder NAME.
private_program_publish() {
    rm -rf "${cache:?}/$1"
    chmod 0755 "$scratch/build"
    mv -T "$scratch/build" "$cache/$1"
    note "unpacked $(tr '\n' ' ' <"$cache/$1/version")"
}

# private_program_fetch NAME PACKAGE PROGRAM
# Prints PROGRAM's path in the folder NAME.
private_program_fetch() {
    private_program_begin "$1"
    if [ ! -x "$cache/$1/$3" ]; then
        private_program_unpack "$1" "$2"
        find "$scratch/build/root" -path "*bin/$3" -exec mv {} "$scratch/build/" ';'
        rm -rf "$scratch/build/root"
        # Not every program leaves with 0 when it is asked for help; the dynamic loader does with 127 when a library is missing.
        status=0
        "$scratch/build/$3" --help >/dev/null 2>&1 || status=$?
        [ $status -lt 126 ] || fail "$3 does not run here"
        private_program_publish "$1"
    fi
    printf '%s\n' "$cache/$1/$3"
}
