# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Talking to the person in front of it, and small helpers. Sourced by contrib/quickstart.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    BOLD=$'\e[1m' DIM=$'\e[2m' GREEN=$'\e[32m' RED=$'\e[31m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
    BOLD='' DIM='' GREEN='' RED='' YELLOW='' PLAIN=''
fi

say() { printf '%s\n' "$*"; }
title() { printf '\n%s%s%s\n\n' "$BOLD" "$*" "$PLAIN"; }

# row WORD TEXT: something that is done or known.
row() { printf '  %s%-12s%s %s\n' "$GREEN" "$1" "$PLAIN" "$2"; }
# doing WORD TEXT: something that takes a while begins.
doing() { printf '  %s%-12s %s ...%s\n' "$DIM" "$1" "$2" "$PLAIN"; }
warn() { printf '  %s%-12s %s%s\n' "$YELLOW" "$1" "$2" "$PLAIN" >&2; }

fail() {
    printf '%s%s: %s%s\n' "$RED" "contrib/quickstart" "$*" "$PLAIN" >&2
    exit 1
}

# shown COMMAND...: the command as one would type it; long ones in lines that each begin with an option.
shown() {
    local word line='$' lines=()

    for word in "$@"; do
        if [ $((${#line} + ${#word})) -gt 76 ] && [[ $word == -* ]]; then
            lines+=("$line")
            line='   '
        fi
        [[ $word != *[[:space:]]* ]] || word="'$word'"
        line+=" $word"
    done
    [ ${#lines[@]} -eq 0 ] || printf "$BOLD%s \\\\$PLAIN\n" "${lines[@]}"
    printf "$BOLD%s$PLAIN\n" "$line"
}

# logged LOG COMMAND...: its output is of interest only when it fails.
logged() {
    local log=$1

    shift
    "$@" >"$log" 2>&1 </dev/null && return 0
    tail -n 40 "$log" >&2
    fail "'$*' failed; all it said is in $log"
}

# json FILE KEY...: one value out of a JSON file.
json() {
    python3 -c '
import json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2:]:
    value = value[int(key)] if isinstance(value, list) else value[key]
print(value)' "$@"
}

# A folder for run-time files: in memory where that is possible, as /run is on a real host.
scratch_folder() {
    local parent

    for parent in "${XDG_RUNTIME_DIR:-}" /dev/shm "${TMPDIR:-/tmp}"; do
        if [ -d "$parent" ] && [ -w "$parent" ]; then
            mktemp -d "$parent/moult-quickstart.XXXXXX"
            return
        fi
    done
    fail "there is nowhere to put temporary files"
}
