#!/usr/bin/env bats
# scripts/lint.sh on planted violations.
# shellcheck disable=SC2016,SC2154 # stand-ins expand their bodies; stand_ins.bash sets $top ...

load stand_ins

setup() {
    stand_in_setup
}

teardown() {
    stand_in_teardown
}

# plant PATH LINE...: writes a file of a small source tree; a header gets its guard.
plant() {
    local path=$work/tree/$1 guard
    mkdir -p "$(dirname "$path")"
    guard=DT_$(printf '%s' "${1#include/}" | tr 'a-z/.' 'A-Z__')
    case $1 in
        include/*) printf '%s\n' "#ifndef $guard" "#define $guard" "${@:2}" '#endif' ;;
        *) printf '%s\n' "${@:2}" ;;
    esac >"$path"
}

lint() {
    mkdir -p "$work/tree/src"
    run "$top/scripts/lint.sh" "$work/tree"
}

@test "lint: a room includes only what is below it, whichever two rooms meet" {
    for room in base report nn data io dist train cli; do
        plant "src/$room/all.c" '#include "base/a.h"' '#include "report/a.h"' '#include "nn/a.h"' \
            '#include "data/a.h"' '#include "io/a.h"' '#include "dist/a.h"' '#include "train/a.h"' \
            '#  include <cli/a.h>' '#include <stdio.h>' '#include <hdf5.h>' '#include <mpi.h>'
    done
    lint
    [ "$status" -eq 1 ]
    for room in base report nn data io dist train cli; do
        line=0
        for target in base report nn data io dist train cli stdio.h hdf5.h mpi.h; do
            line=$((line + 1))
            case $target in
                *.h) text=$target ;;
                *) text="\"$target/a.h\"" ;;
            esac
            violation="src/$room/all.c:$line: room $room may not include $text"
            case "$room<$target" in
                *'<base' | *'<stdio.h' | 'cli<'[^hm]* | 'train<'[^chm]*) allowed=yes ;;
                'data<report' | 'data<nn' | 'io<report' | 'io<nn' | 'io<data') allowed=yes ;;
                'dist<report' | 'dist<nn' | 'dist<data' | 'io<hdf5.h' | 'dist<mpi.h') allowed=yes ;;
                "$room<$room") allowed=yes ;;
                *) allowed=no ;;
            esac
            if [ $allowed = yes ]; then
                ! has_line "$violation" || { echo "forbidden: $violation" && false; }
            else
                has_line "$violation" || { echo "not found: $violation" && false; }
            fi
        done
    done
}

@test "lint passes a clean tree" {
    plant include/nn/dense.h '#include "base/status.h"'
    plant src/nn/dense.c '#include "nn/dense.h"' '#include "own.h"' \
        "/* $(printf 'é%.0s' {1..90}) */"
    plant src/nn/own.h '/* private */'
    lint
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "lint names the line of each violation" {
    plant include/nn/wrong.h '/* */'
    sed -i '2s/NN/nn/' "$work/tree/include/nn/wrong.h"
    plant src/nn/tab.c 'int a;' $'\tint b;'
    plant src/nn/wide.c "/* $(printf 'é%.0s' {1..95}) */"
    plant src/nn/lost.c '#include "nowhere.h"' '#include "../io/weights.h"'
    plant src/data/opens.c 'int a = open(path, O_RDONLY);' 'FILE *b = (fopen(path, "r"));' \
        'DIR *c = opendir(path);' 'int d = dt_file_open(path);' 'FILE *e = fdopen(a, "r");' \
        'fsync(a);' 'self->openat64(a);'
    plant src/base/file.c 'int a = open(path, O_RDONLY);'
    plant src/nn/long.c ''{1..451}
    plant src/nn/longest.c ''{1..450}
    plant src/nn/library.c 'double a = exp(1);' '/* log(2) */' 'float b = 1 - cosf(c);'
    plant src/loose.c
    plant src/gpu/kernel.c
    plant tests/unit/test_tab.c $'\t'
    lint
    echo "$output"
    [ "$status" -eq 1 ]
    has_line 'include/nn/wrong.h:2: expected "#define DT_NN_WRONG_H", found "#define DT_nn_WRONG_H"'
    has_line 'src/nn/tab.c:2: a tab; expected spaces'
    has_line 'src/nn/wide.c:1: over 100 columns'
    has_line 'src/nn/lost.c:1: "nowhere.h" is in no room; expected "room/name.h"'
    has_line 'src/nn/lost.c:2: "../io/weights.h" is in no room; expected "room/name.h"'
    has_line 'src/nn/long.c:451: the file has more than 450 lines'
    expected='C libraries differ in the last place of this; expected that of elementary.h'
    has_line "src/nn/library.c:1: $expected"
    has_line "src/nn/library.c:3: $expected"
    has_line 'src/loose.c:1: in no room; expected src/ROOM/name.[ch]'
    has_line 'src/gpu/kernel.c:1: in no room; expected src/ROOM/name.[ch]'
    has_line 'tests/unit/test_tab.c:1: a tab; expected spaces'
    for line in 1 2 3 6 7; do
        has_line "src/data/opens.c:$line: expected a call of base/file.h, found one of its own"
    done
    [ "$(grep -c '^[a-z/_]*\.[ch]:' <<<"$output")" -eq 16 ]
}

@test "lint names what a bare Debian has no program for" {
    # With an @, or lint would find them here.
    bad=('ranks=$(@pgrep -x name)' 'if @which cc; then exit; fi' 'pids | xargs @kill -KILL'
        'in_room @kill -TERM 1 || true' 'true && @ps aux' 'timeout 5 @/bin/kill -0 1')
    plant scripts/bad.sh '#!/bin/bash' "${bad[@]//@/}"
    plant scripts/good.sh '#!/bin/bash' 'kill -TERM 1' "in_room sh -c 'kill -TERM 1'" \
        '# pgrep is not here' 'for file in which ps; do kill -0 1; done' 'echo pgrep ps'
    lint
    [ "$status" -eq 1 ]
    for line in {2..7}; do
        has_line "scripts/bad.sh:$line: runs a program that a bare Debian lacks"
    done
    ! grep -q 'scripts/good.sh.*lacks' <<<"$output" || false
}

@test "lint runs shellcheck where it is installed" {
    command -v shellcheck || skip 'shellcheck is not installed'
    plant scripts/bad.sh '#!/bin/bash' 'rm $1'
    lint
    [ "$status" -eq 1 ]
    [[ $output == scripts/bad.sh:2:*SC2086* ]]
}

@test "lint fails when it cannot check" {
    plant src/nn/a.c
    stand_in awk 'exit 2'
    PATH=$bin:$PATH lint
    [ "$status" -ne 0 ]
    run "$top/scripts/lint.sh" "$work/nowhere"
    [ "$status" -eq 64 ]
}
