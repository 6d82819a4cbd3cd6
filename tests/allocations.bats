#!/usr/bin/env bats
# Without memory: an allocation of the program or of a library of file formats fails, and the end is
# an error in one line or the right result, never a third thing. Of the places that allocate each
# test takes some, evenly; ALLOC_OPTIONS=--every takes every allocation, "--most 0" every place.
# shellcheck disable=SC2054,SC2154 # 3,10 is one word; helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    shim=${ALLOCATIONS:-$top/build/allocations/shim.so}
    read -ra more <<<"${ALLOC_OPTIONS:---most 12}"
    run_words=(--data synthetic --layers 3,10 --train-limit 20 --test-limit 10 --batch-size 10
        --epochs 1 --output run)
}

teardown() { common_teardown; }

# without_memory NAME OPTION... -- COMMAND...
without_memory() {
    "$python" "$top/tests/allocations/allocations.py" "$shim" "${more[@]}" "$@"
}

# A network to read: run/weights.h5.
network() {
    train 1 "${run_words[@]}"
}

@test "without memory: import" {
    local name
    network
    for name in keras safetensors npz; do
        train 1 export --weights run/weights.h5 --format $name --out x.$name
        without_memory $name -- "$program" import --from "$work/x.$name" --out w.h5
    done
}

@test "without memory: jansson does not leave out a character" {
    network
    train 1 export --weights run/weights.h5 --format safetensors --out x.safetensors
    more=(--every) # the first of a place is not the one that hurts
    ALLOC_ONLY=libjansson without_memory lexer -- \
        "$program" import --from "$work/x.safetensors" --out w.h5
}

@test "without memory: export and eval" {
    network
    without_memory export --later -- "$program" export --weights "$work/run/weights.h5" \
        --format keras --out x.h5
    without_memory eval -- "$program" eval --weights "$work/run/weights.h5" --data synthetic \
        --test-limit 20 --csv out.csv
}

@test "without memory: train on one rank and on two" {
    # They hold times, or are kept as after a signal.
    export ALLOC_VARY='\.txt$|\.json$|insight|\.html$|\.csv$|\.ini$|checkpoints|lock$'
    without_memory one -- "$program" "${run_words[@]}"
    without_memory first --later -- "${launcher[@]}" -np 2 "$program" "${run_words[@]}"
    without_memory second --rank 1 -- "${launcher[@]}" -np 2 "$program" "${run_words[@]}"
}
