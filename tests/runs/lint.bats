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
    local path=$work/tree/$1 guard parts
    mkdir -p "$(dirname "$path")"
    IFS=/ read -ra parts <<<"$1"
    guard=DT_$(printf '%s_%s' "${parts[1]}" "${parts[-1]}" | tr 'a-z.' 'A-Z_')
    case $1 in
        *.h) printf '%s\n' "#ifndef $guard" "#define $guard" "${@:2}" '#endif' ;;
        *) printf '%s\n' "${@:2}" ;;
    esac >"$path"
}

lint() {
    mkdir -p "$work/tree/src"
    run "$top/scripts/lint.sh" "$work/tree"
}

# What each room sees, as the design draws it, with all that follows from it.
declare -gA sees=(
    [base]=''
    [chart]='base'
    [nn]='base'
    [data]='base'
    [dist]='base mpi.h'
    [file]='base hdf5.h zip.h'
    [run]='base nn data file'
    [model]='base nn file'
    [config]='base nn data dist'
    [train]='base nn data dist file run model config'
    [bench]='base nn data dist file run model config train'
    [report]='base chart nn data dist file run model config'
    [cli]='base chart nn data dist file run model config train bench report'
)

@test "lint: a room includes only what it sees, whichever two rooms meet" {
    for room in "${!sees[@]}"; do
        plant "src/$room/all.c" "${!sees[@]}"
        sed -i 's|.*|#include "&/a.h"|' "$work/tree/src/$room/all.c"
        printf '#  include <%s>\n' base/a.h stdio.h mpi.h hdf5.h zip.h \
            >>"$work/tree/src/$room/all.c"
    done
    lint
    [ "$status" -eq 1 ]
    for room in "${!sees[@]}"; do
        line=0
        for target in "${!sees[@]}" base stdio.h mpi.h hdf5.h zip.h; do
            line=$((line + 1))
            case $target in
                *.h) text=$target ;;
                *) text="\"$target/a.h\"" ;;
            esac
            violation="src/$room/all.c:$line: room $room may not include $text"
            case " $room stdio.h ${sees[$room]} " in
                *" $target "*)
                    ! has_line "$violation" || { echo "forbidden: $violation" && false; }
                    ;;
                *) has_line "$violation" || { echo "not found: $violation" && false; } ;;
            esac
        done
    done
}

@test "lint: a room may have folders, which keep its rules and see its private headers" {
    plant src/file/up.h
    plant src/file/hdf5/own.h
    plant src/file/hdf5/a.c '#include "own.h"' '#include "../up.h"' '#include "other.h"' \
        '#include "nn/a.h"' '#include "../../base/a.h"'
    plant src/file/b.c '#include "hdf5/own.h"' '#include "hdf5/other.h"'
    plant src/file/hdf5/deeper/c.c
    lint
    [ "$status" -eq 1 ]
    has_line 'src/file/hdf5/a.c:3: "other.h" is in no room; expected "room/name.h"'
    has_line 'src/file/hdf5/a.c:4: room file may not include "nn/a.h"'
    has_line 'src/file/hdf5/a.c:5: "../../base/a.h" is in no room; expected "room/name.h"'
    has_line 'src/file/b.c:2: "hdf5/other.h" is in no room; expected "room/name.h"'
    [[ $output == *'src/file/hdf5/deeper/c.c:'*'in no room; expected src/ROOM/name.[ch]'* ]]
    [ "${#lines[@]}" -eq 5 ]
}

@test "lint: no circle of rooms" {
    mkdir -p "$work/tree/scripts" "$work/tree/src"
    sed 's/sees("dist", "base")/sees("dist", "base train")/' "$top/scripts/lint.sh" \
        >"$work/tree/scripts/lint.sh"
    chmod +x "$work/tree/scripts/lint.sh"
    run "$work/tree/scripts/lint.sh" "$work/tree"
    [ "$status" -ne 0 ]
    has_line 'lint: train does not stand above dist'
}

@test "lint: a header that its own room alone includes is private" {
    plant include/nn/own.h
    plant include/nn/tested.h
    plant include/nn/above.h '#include "nn/below.h"'
    plant include/nn/below.h
    plant src/nn/a.c '#include "nn/own.h"' '#include "nn/tested.h"' '#include "nn/above.h"'
    plant src/train/a.c '#include "nn/above.h"'
    plant tests/unit/test_a.c '#include "nn/tested.h"'
    lint
    [ "$status" -eq 1 ]
    [ "$output" = 'include/nn/own.h:1: only src/nn includes it; expected it there' ]
}

@test "lint: what begins with dt_ is public, and a status is compared with nothing" {
    plant include/nn/dense.h 'int dt_dense(void);'
    plant src/nn/dense.c '#include "nn/dense.h"' 'int a = dt_dense() + dt_own();' \
        'extern int dt_layer_dense, odt_x;' 'if (a == DT_OK) return a != DT_OK;' \
        'if (!a) return DT_OK;'
    plant tests/unit/test_dense.c '#include "nn/dense.h"' 'int dt_test = a == DT_OK;'
    lint
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 2 ]
    has_line 'src/nn/dense.c:2: dt_own is private; expected it without dt_'
    has_line 'src/nn/dense.c:4: expected a status alone, or with a ! before it'
}

@test "lint passes a clean tree" {
    plant include/nn/dense.h '#include "base/status.h"'
    plant src/nn/dense.c '#include "nn/dense.h"' '#include "own.h"' \
        "/* $(printf 'é%.0s' {1..90}) */"
    plant src/nn/own.h '/* private */'
    plant tests/unit/test_dense.c '#include "nn/dense.h"'
    lint
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "lint names the line of each violation" {
    plant include/nn/wrong.h '/* */'
    sed -i '2s/NN/nn/' "$work/tree/include/nn/wrong.h"
    plant src/nn/own.h
    sed -i '1s/NN/SRC/' "$work/tree/src/nn/own.h"
    plant src/nn/tab.c 'int a;' $'\tint b;'
    plant src/nn/wide.c "/* $(printf 'é%.0s' {1..95}) */"
    plant src/nn/lost.c '#include "nowhere.h"' '#include "../file/npz.h"'
    plant src/data/opens.c 'int a = open(path, O_RDONLY);' 'FILE *b = (fopen(path, "r"));' \
        'DIR *c = opendir(path);' 'int d = file_open(path);' 'FILE *e = fdopen(a, "r");' \
        'fsync(a);' 'self->openat64(a);'
    plant src/base/file.c 'int a = open(path, O_RDONLY);'
    plant src/nn/long.c ''{1..451}
    plant src/nn/longest.c ''{1..450}
    plant src/nn/library.c 'double a = exp(1);' '/* log(2) */' 'float b = 1 - cosf(c);'
    plant src/README.md "$(printf '%161s' x)" "$(printf '%160s' x)"
    plant README.md {1..251}
    plant src/loose.c
    plant src/gpu/kernel.c
    plant tests/unit/test_tab.c $'\t'
    lint
    echo "$output"
    [ "$status" -eq 1 ]
    has_line 'include/nn/wrong.h:2: expected "#define DT_NN_WRONG_H", found "#define DT_nn_WRONG_H"'
    has_line 'src/nn/own.h:1: expected "#ifndef DT_NN_OWN_H", found "#ifndef DT_SRC_OWN_H"'
    has_line 'include/nn/wrong.h:1: only src/nn includes it; expected it there'
    has_line 'src/nn/tab.c:2: a tab; expected spaces'
    has_line 'src/nn/wide.c:1: over 100 columns'
    has_line 'src/README.md:1: over 160 columns'
    has_line 'README.md:251: more than 250 lines'
    has_line 'src/nn/lost.c:1: "nowhere.h" is in no room; expected "room/name.h"'
    has_line 'src/nn/lost.c:2: "../file/npz.h" is in no room; expected "room/name.h"'
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
    [ "$(grep -c '^[a-z/_]*\.[ch]:' <<<"$output")" -eq 18 ]
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
