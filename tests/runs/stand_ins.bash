# What the bats files of the scripts share: a directory of their own, $work, and stand-ins for the
# programs that a script calls. bats loads it.
# shellcheck shell=bash disable=SC2034,SC2154 # the tests use $top, bats sets $output

stand_in_setup() {
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    work=$(mktemp -d)
}

stand_in_teardown() {
    rm -rf "$work"
}

# stand_in NAME [BODY]: a program $bin/NAME that notes its call in $calls, then does BODY.
stand_in() {
    bin=$work/bin calls=$work/calls
    mkdir -p "$bin"
    touch "$calls"
    printf '#!/bin/bash\necho "%s $*" >>"%s"\n%s\n' "$1" "$calls" "${2-}" >"$bin/$1"
    chmod +x "$bin/$1"
}

# link_tools NAME...: makes the named programs of this machine the only ones, with the stand-ins.
link_tools() {
    local name
    mkdir -p "$work/bin"
    for name; do ln -s "$(command -v "$name")" "$work/bin/$name"; done
}

has_line() {
    printf '%s\n' "$output" | grep -qxF -- "$1"
}
