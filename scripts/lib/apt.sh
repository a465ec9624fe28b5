# shellcheck shell=bash
# Debian packages: which are missing, and how they are installed.

apt_updated=

# Runs a command as root, without ever asking for a password.
as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif have sudo && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Whether this script can install packages at all.
can_install() {
    have apt-get && have dpkg-query && as_root true
}

package_installed() {
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

apt_update() {
    [[ -n $apt_updated ]] && return
    say 'apt-get update: reads which packages there are'
    as_root apt-get update -q
    apt_updated=yes
}

# Installs packages, with what they depend on and nothing that they merely recommend.
apt_install() {
    apt_update
    say "apt-get install $*: not on this machine yet"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install \
        -y -q --no-install-recommends -o DPkg::Lock::Timeout=600 "$@"
}

# The version that apt would install; nothing if it knows no such package.
apt_candidate() {
    apt-cache policy "$1" | sed -n 's/^  Candidate: //p' | grep -v '^(none)$' || true
}

# Adds the backports of this Debian, as a copy of the sources that are there with another suite:
# same mirror, same keys.
add_backports() {
    local codename suffix from to
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [[ -n $codename ]] || return 1
    for from in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
        [[ -s $from ]] || continue
        suffix=${from##*.}
        to=/etc/apt/sources.list.d/cu-backports.$suffix
        "backports_of_$suffix" "$codename" <"$from" | as_root tee "$to" >/dev/null
        [[ -s $to ]] && break
        as_root rm -f "$to"
    done
    [[ -s ${to:-} ]] || return 1
    say "added $to: the suite $codename-backports of this machine's Debian mirror"
    apt_updated=
    apt_update
}

# Stanzas of a deb822 file that name the suite, changed to its backports.
backports_of_sources() {
    awk -v codename="$1" '
        BEGIN { RS = ""; FS = "\n" }
        {
            text = ""; wanted = 0
            for (i = 1; i <= NF; i++) {
                if ($i ~ /^#/) continue
                if ($i ~ /^Suites:/) {
                    count = split($i, suites, /[ \t]+/)
                    for (j = 2; j <= count; j++) if (suites[j] == codename) wanted = 1
                    $i = "Suites: " codename "-backports"
                }
                text = text $i "\n"
            }
            if (wanted) print text
        }'
}

# Lines of a one-line-style file that name the suite, changed to its backports.
backports_of_list() {
    awk -v codename="$1" '
        $1 == "deb" {
            for (i = 2; i <= NF; i++) if ($i == codename) { $i = codename "-backports"; print; next }
        }'
}
