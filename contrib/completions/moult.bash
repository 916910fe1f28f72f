# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for moult(1). Names of guests come from its folders: completing starts no engine.

_moult_guests() {
    local runtime=${MOULT_RUNTIME_DIR:-} config=${MOULT_CONFIG_DIR:-} path
    if [[ $EUID -eq 0 ]]; then
        runtime=${runtime:-/run/moult} config=${config:-/etc/moult}
    else
        runtime=${runtime:-$XDG_RUNTIME_DIR/moult} config=${config:-${XDG_CONFIG_HOME:-$HOME/.config}/moult}
    fi
    for path in "$runtime"/guests/* "$config"/guests/*.json; do
        [[ -e $path || -L $path ]] || continue
        path=${path##*/}
        printf '%s\n' "${path%.json}"
    done
}

_moult_complete() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
}

_moult() {
    local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} i
    local common='--json --help'
    COMPREPLY=()

    if ((COMP_CWORD == 1)); then
        _moult_complete 'run define start stop undefine adopt release resolve list show check upgrade jobs cancel watch history
            capabilities --help --version'
        return
    fi
    # Behind -- there is a command line of QEMU's.
    for ((i = 2; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then
            declare -F _command_offset >/dev/null && _command_offset $((i + 1))
            return
        fi
    done
    case $previous in
    --qmp) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
    --to) mapfile -t COMPREPLY < <(compgen -c -f -- "$cur"); return ;;
    --user) mapfile -t COMPREPLY < <(compgen -u -- "$cur"); return ;;
    --method) _moult_complete 'auto shared copy'; return ;;
    --keep) _moult_complete 'source target'; return ;;
    --timeout | --max-downtime | --pid | --parallel | --limit | -n) return ;;
    esac
    case $verb in
    run) _moult_complete "--hugepages --hugepages=2M --hugepages=1G --user --wait -- $common" ;;
    define) _moult_complete "--hugepages --hugepages=2M --hugepages=1G --user -- $common" ;;
    stop) _moult_complete "--force --timeout $common $(_moult_guests)" ;;
    adopt) _moult_complete "--pid --qmp --all $common" ;;
    resolve) _moult_complete "$common --keep $(_moult_guests)" ;;
    start | undefine | show | watch | release) _moult_complete "$common $(_moult_guests)" ;;
    list) _moult_complete "--all --outdated $common" ;;
    check) _moult_complete "--all --to --method --max-downtime $common $(_moult_guests)" ;;
    upgrade) _moult_complete "--all --outdated --to --method --dry-run --parallel --timeout --max-downtime --paused $common $(_moult_guests)" ;;
    history) _moult_complete "--limit $common $(_moult_guests)" ;;
    jobs | cancel | capabilities) _moult_complete "$common" ;;
    esac
}

complete -F _moult moult
