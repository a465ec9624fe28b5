# shellcheck shell=bash
# What every script here shares. Source it; it leaves the shell in the root of the repository.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root" || exit 1

# One line for what is done next, and why.
say() {
    printf '==> %s\n' "$*"
}

# Ends the script. The exit code is 1, or 2 for a machine that lacks something we can't install.
fail() {
    printf 'error: %s\n' "$1" >&2
    exit "${2:-1}"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# True if version $1 is at least version $2; both are numbers between dots.
at_least() {
    [[ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" == "$2" ]]
}
