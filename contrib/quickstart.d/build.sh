# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034 # variables are for contrib/quickstart's other parts
#
# meson and ninja. Sourced by contrib/quickstart.

MOULT=$BUILD/cli/moult
SAMPLER=$BUILD/tests/guest/moult-test-sampler
# An engine that is not installed is not beside the command line.
export MOULT_MOULTD=$BUILD/engine/moultd

# build_main [MESON OPTION...]: given options change a build folder that is there already, too.
build_main() {
    local log=$BUILD/quickstart-build.log

    mkdir -p "$BUILD"
    if [ ! -e "$BUILD/build.ninja" ]; then
        doing build "setting up $BUILD"
        logged "$log" meson setup "$@" "$BUILD" "$SOURCE"
    elif [ $# -gt 0 ]; then
        logged "$log" meson configure "$@" "$BUILD"
    fi
    doing build "building (a minute or so when it is the first time)"
    logged "$log" ninja -C "$BUILD"
    row build "$BUILD"
}
