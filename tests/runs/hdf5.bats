#!/usr/bin/env bats
# HDF5 files of others: whatever h5py writes is read, and nothing but the file itself.
# shellcheck disable=SC2154 # helpers.bash sets program, python, status

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

make_hdf5() { "$python" "$top/tests/runs/make_hdf5.py" "$@"; }

import_it() {
    dist_train 0 import --from "$1" -o back.h5 --activation relu --normalize unit \
        --loss cross-entropy --output-activation identity
}

parameters() {
    dist_train 0 inspect "$1"
    sed -n 's/.*, \(parameter_hash [0-9a-f]*\)$/\1/p' out
}

@test "weights in every version of the format, storage and type are the same network" {
    local file hash='' count=0
    mkdir many
    make_hdf5 weights many
    for file in many/*; do
        import_it "$file"
        expect "$file" "0 " "$status $(cat err)"
        case $file in
            *typelf4* | many/[!t]*) expect "$file: note" 0 "$(grep -c became out || true)" ;;
            *) grep -q ' values became 32-bit floats' out ;;
        esac
        grep -q '16-5-3, 103 parameters' out
        hash=${hash:-$(parameters back.h5)}
        expect "$file" "$hash" "$(parameters back.h5)"
        count=$((count + 1))
    done
    at_least $count 60
}

@test "what lies in another file is not read, and named" {
    local kind
    mkdir others
    make_hdf5 hostile "$work/others"
    for kind in link storage virtual; do
        import_it others/$kind.h5
        expect "$kind" 65 "$status"
        expect "$kind: lines" 1 "$(wc -l <err)"
        grep -q 'h5: /dense/dense/bias:0: expected a dataset with all its values, found' err
    done
}

@test "a weights file of ours that another program has packed is still ours" {
    make_data data 200 60
    train 0 --data data --epochs 1 --layers "20, 10" --output run
    make_hdf5 repack run/weights.h5 packed.h5
    local file
    for file in run/weights.h5 packed.h5; do
        dist_train 0 eval --weights $file --data data --json "${file##*/}.json"
        expect "$file" "0 " "$status $(cat err)"
    done
    cmp <(grep -v \\.h5 weights.h5.json) <(grep -v \\.h5 packed.h5.json)
    dist_train 0 inspect packed.h5
    grep -q 'packed.h5: a weights file, good: the hash of the parameters is right' out
}

@test "inspect says once that the kernel does not deny system calls" {
    make_data data 200 60
    train 0 --data data --epochs 1 --layers "20, 10" --output run
    make_hdf5 without-seccomp "$program" inspect run >out
    expect "lines" 1 "$(grep -c seccomp out)"
    dist_train 0 inspect run
    expect "exit code and lines" "0 0" "$status $(grep -c seccomp out || true)"
}
