#!/usr/bin/env bats
# Without memory: an allocation of the program or of a library of file formats fails, and the end is
# an error in one line or the right result, never a third thing. A test takes every place that
# allocates, which is a pair of innermost callers, at its first allocation; on two ranks some of
# them, evenly. ALLOC_ALL=1: every allocation, and on two ranks every place (make test-allocations).
# shellcheck disable=SC2054,SC2154 # 3,10 is one word; helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    shim=${ALLOCATIONS:-$top/build/allocations/shim.so}
    every=() most=60
    [ -z "${ALLOC_ALL:-}" ] || every=(--every) most=0
    run_words=(--data synthetic --layers 3,10 --train-limit 20 --test-limit 10 --batch-size 10
        --ema 0.9)
}

teardown() { common_teardown; }

# without_memory NAME OPTION... -- COMMAND...
without_memory() {
    "$python" "$top/tests/allocations/allocations.py" "$shim" "${every[@]}" "$@"
}

# A run to read: run.
make_run() {
    train 1 "${run_words[@]}" --epochs 1 --output run
}

# What a training leaves holds times, or is kept as after a signal.
training_varies() {
    export ALLOC_VARY='\.txt$|\.json$|insight|\.html$|\.csv$|\.ini$|checkpoints|lock$'
}

@test "without memory: import" {
    local name
    make_run
    local read=0
    for name in $(choices export format); do
        train 1 export --weights run/weights.h5 --format "$name" --out "x.$name"
        dist_train 0 import --from "x.$name" --out w.h5
        [ "$status" = 0 ] || continue
        without_memory "$name" -- "$program" import --from "$work/x.$name" --out w.h5
        read=$((read + 1))
    done
    at_least $read 3
}

@test "without memory: jansson does not leave out a character" {
    make_run
    train 1 export --weights run/weights.h5 --format safetensors --out x.safetensors
    # The first of a place is not the one that hurts.
    without_memory lexer --every --only libjansson -- \
        "$program" import --from "$work/x.safetensors" --out w.h5
}

@test "without memory: export" {
    make_run
    without_memory export -- "$program" export --weights "$work/run/weights.h5" --format keras \
        --out x.h5
    without_memory later --later -- "$program" export --weights "$work/run/weights.h5" \
        --format keras --out x.h5
}

@test "without memory: eval, predict, inspect, report" {
    make_run
    make_data data 10 2
    without_memory eval -- "$program" eval --weights "$work/run/weights.h5" --data synthetic \
        --test-limit 20 --csv out.csv
    without_memory ensemble -- "$program" eval --weights "$work"/run/{weights,weights}.h5 \
        --data synthetic --test-limit 20 --csv out.csv
    without_memory predict -- "$program" predict --weights "$work/run/weights.h5" \
        "$work/data/t10k-images-idx3-ubyte.gz"
    without_memory inspect -- "$program" inspect "$work/run/weights.h5"
    without_memory report -- "$program" report "$work/run" --out page.html
}

@test "without memory: train on one rank, and go on with a run" {
    make_run
    training_varies
    without_memory train -- "$program" "${run_words[@]}" --epochs 1 --output run
    without_memory resume -- "$program" "${run_words[@]}" --epochs 2 --output run \
        --resume "$(ls "$work"/run/checkpoints/step-*.h5)"
}

# Where a library finds no memory the process ends at once, and its peers with it; where the program
# does, ranks have to agree.
@test "without memory: train on two ranks" {
    local rank every=() # a start of ranks takes too long
    training_varies
    for rank in 0 1; do
        without_memory "rank $rank" --rank $rank --only dist-train --most "$most" -- \
            "${launcher[@]}" -np 2 "$program" "${run_words[@]}" --epochs 1 --output run
    done
    without_memory libraries --only lib --most "$((most / 5))" -- \
        "${launcher[@]}" -np 2 "$program" "${run_words[@]}" --epochs 1 --output run
}
