# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
#
# Downloads packages with apt without touching the host: sourced by the other
# scripts of this folder, never run.
#
# Everything apt would write (lists, caches) lives under one folder of our own;
# the host's apt sources, keys, proxy settings and dpkg status are only read.
# No mirror is named here: the sources are those of the machine, cut down to
# the entries of its own release, plus the same entries with another suite.
# Works as any user.

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

note() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# The folder everything is kept in.
cache_folder() {
    if [ -n "${MOULT_CACHE_DIR:-}" ]; then
        printf '%s\n' "$MOULT_CACHE_DIR"
    else
        [ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || fail "set MOULT_CACHE_DIR, XDG_CACHE_HOME or HOME"
        printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/moult"
    fi
}

# The release's codename, e.g. "bookworm".
release_codename() {
    # shellcheck disable=SC1091
    (. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:-}")
}

# sources_derive CODENAME SUITE
# Prints deb822 stanzas: each enabled binary source of this machine that serves
# CODENAME or CODENAME-something, and for each that serves CODENAME itself one
# more that serves SUITE (skipped when SUITE is empty).
sources_derive() {
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ -r "$list" ] && sources_from_list "$1" "$2" <"$list"
    done
    for stanzas in /etc/apt/sources.list.d/*.sources; do
        [ -r "$stanzas" ] && sources_from_deb822 "$1" "$2" <"$stanzas"
    done
    return 0
}

# One-line format: deb [option=value ...] URI SUITE COMPONENT...
sources_from_list() {
    awk -v codename="$1" -v extra="$2" '
        function stanza(suite) {
            printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:%s\n%s\n", uri, suite, components, options
        }
        { sub(/#.*/, "") }
        $1 != "deb" { next }
        {
            line = $0
            sub(/^[ \t]*deb[ \t]+/, "", line)
            options = ""
            if (match(line, /^\[[^]]*\][ \t]*/)) {
                bracket = substr(line, 2, RLENGTH)
                line = substr(line, RLENGTH + 1)
                sub(/\].*/, "", bracket)
                n = split(bracket, pairs, " ")
                for (i = 1; i <= n; i++)
                    options = options option(pairs[i])
            }
            n = split(line, field, " ")
            uri = field[1]
            suite = field[2]
            components = ""
            for (i = 3; i <= n; i++)
                components = components " " field[i]
            if (suite == codename || index(suite, codename "-") == 1)
                stanza(suite)
            if (suite == codename && extra != "")
                stanza(extra)
        }
        # The options whose deb822 names matter for a download.
        function option(pair,    value) {
            value = pair
            sub(/^[^=]*=/, "", value)
            gsub(/,/, " ", value)
            if (pair ~ /^signed-by=/) return "Signed-By: " value "\n"
            if (pair ~ /^trusted=/) return "Trusted: " value "\n"
            if (pair ~ /^arch=/) return "Architectures: " value "\n"
            if (pair ~ /^check-valid-until=/) return "Check-Valid-Until: " value "\n"
            return ""
        }'
}

# deb822: stanzas are taken whole (an inline key has many lines), only their
# Types and Suites lines are replaced.
sources_from_deb822() {
    awk -v codename="$1" -v extra="$2" '
        function flush(    n, i, all, own, more) {
            n = split(suites, all, " ")
            own = ""
            more = 0
            for (i = 1; i <= n; i++) {
                if (all[i] == codename || index(all[i], codename "-") == 1)
                    own = own " " all[i]
                if (all[i] == codename && extra != "")
                    more = 1
            }
            if (own != "" && types ~ /(^| )deb( |$)/ && !disabled)
                printf "Types: deb\nSuites:%s%s\n%s\n", own, more ? " " extra : "", body
            body = suites = types = ""
            disabled = 0
        }
        /^[ \t]*$/ { flush(); next }
        /^#/ { next }
        /^[^ \t]/ { key = tolower($0); sub(/:.*/, "", key) }
        key == "suites" { value = $0; sub(/^[^ \t]*:?/, "", value); suites = suites " " value; next }
        key == "types" { value = $0; sub(/^[^ \t]*:?/, "", value); types = types " " value; next }
        key == "enabled" { disabled = tolower($2) ~ /^(no|false|off|0)$/; next }
        { body = body $0 "\n" }
        END { flush() }'
}

# private_apt_begin FOLDER EXTRA-SUITE
# Sets up apt's private state below FOLDER and reads the package lists.
private_apt_begin() {
    PRIVATE_APT=$1
    codename=$(release_codename)
    [ -n "$codename" ] || fail "/etc/os-release has no VERSION_CODENAME; is this Debian?"
    command -v apt-get >/dev/null || fail "apt-get not found; this only works where apt is"
    mkdir -p "$PRIVATE_APT/lists/partial" "$PRIVATE_APT/cache/archives/partial"
    sources_derive "$codename" "$2" >"$PRIVATE_APT/derived.sources"
    [ -s "$PRIVATE_APT/derived.sources" ] ||
        fail "no apt source of this machine serves $codename (looked in /etc/apt/sources.list*)"
    private_apt_configuration >"$PRIVATE_APT/apt.conf"
    note "reading package lists"
    # One source that fails does not matter as long as the package is found.
    private_apt_get update >"$PRIVATE_APT/update.log" 2>&1 ||
        note "some package lists could not be read: $(grep -m1 '^[EW]:' "$PRIVATE_APT/update.log")"
}

# Read last, so that it can clear what the machine's own configuration says:
# hooks that run after an update (container images delete archives there) are
# none of ours. The sandbox user could not write below a private home folder.
private_apt_configuration() {
    cat <<END
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::Etc::sourcelist "$PRIVATE_APT/derived.sources";
Dir::Etc::sourceparts "/dev/null";
Dir::State::Lists "$PRIVATE_APT/lists";
Dir::Cache "$PRIVATE_APT/cache";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "$(id -un)";
END
}

private_apt_get() {
    apt-get -q -c "$PRIVATE_APT/apt.conf" "$@"
}

# private_apt_download FOLDER PACKAGE[/SUITE]...
private_apt_download() {
    download_folder=$1
    shift
    mkdir -p "$download_folder"
    note "downloading $*"
    (cd "$download_folder" && private_apt_get download "$@") >"$PRIVATE_APT/download.log" 2>&1 || {
        grep -h '^[EW]:' "$PRIVATE_APT/update.log" "$PRIVATE_APT/download.log" | sort -u >&2
        fail "could not download $*"
    }
}
