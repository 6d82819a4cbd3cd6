#!/usr/bin/env bats
# dist-train bench: it runs, and says what it promises; how fast anything is, is not tested.

setup() {
    top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    work=$(mktemp -d)
    unset "${!DIST_TRAIN_@}"
    read -ra launcher <<<"${LAUNCHER:-$("$top/scripts/ranks.sh" "$top/dist-train")}"
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        export OMPI_MCA_btl_vader_single_copy_mechanism=none
    fi
    small=(--quick --data synthetic --train-limit 1024 --test-limit 256 --layers "16,10"
        --optimizer sgd --lr 0.01)
}

teardown() {
    rm -rf "$work"
}

bench() {
    run timeout -k 5 180 "${launcher[@]}" -np "$1" "$top/dist-train" bench "${@:2}" </dev/null
}

# measures FILE RANKS: the rows of a CSV without what was measured: one a line, "measure batch v".
measures() {
    awk -F, -v ranks="$2" 'NR > 1 && $1 == ranks { print $2, $4, $5 }' "$1"
}

# expected RANKS: the same for a correct file.
expected() {
    local batch
    for batch in 1 64 512; do
        printf '%s\n' "training $batch $1" "dense ceiling $batch $1" "sparse ceiling $batch $1"
    done
    cat <<EOT
training 64 8
training 512 8
reduction tree 0 0
reduction mpi 0 0
meeting of a host's ranks 0 0
exchange of a window 0 $1
shuffling of an epoch 512 $1
shuffling share 512 $1
evaluation of test set 0 $1
start to first step 0 $1
EOT
}

@test "bench measures everything it promises, on 1 rank and on 2" {
    for ranks in 1 2; do
        bench "$ranks" "${small[@]}" --batches 1,64,512 --repetitions 2 --csv "$work/bench.csv"
        [ "$status" -eq 0 ]
        [ "$(head -n 1 "$work/bench.csv")" = \
            ranks,measure,network,batch,virtual_ranks,median,least,greatest,repetitions,unit ]
        diff <(expected "$ranks") <(measures "$work/bench.csv" "$ranks")
        # Numbers that can be: least <= median <= greatest, all positive, of 2 repetitions.
        awk -F, 'NR > 1 {
            times = $2 == "start to first step" ? 1 : 2
            good = $3 == "784-16-10" && 0 < $7 && $7 <= $6 && $6 <= $8 && $9 == times
            good = good && $6 < 1e12 && ($4 == 0 || $2 ~ /shuffling/ || $10 == "samples/s")
            if (!good) { print; bad = 1 }
        }
        END { exit bad }' "$work/bench.csv"
        # The table has a line for each row, and its title and head.
        [ "$(printf '%s\n' "$output" | grep -cE '(samples/s|us|ms|%) ')" -ge 17 ]
    done
}

@test "bench with more ranks than samples in a batch, and with 8 ranks no other virtual ranks" {
    bench 8 "${small[@]}" --batches 2,64 --repetitions 1 --csv "$work/bench.csv"
    [ "$status" -eq 0 ]
    [ "$(measures "$work/bench.csv" 8 | grep -c '^training')" -eq 2 ]
}

@test "bench refuses what it cannot measure, and other commands refuse its options" {
    local dist_train=$top/dist-train
    run "$dist_train" bench "${small[@]}" --batches 1,2048
    [ "$status" -eq 78 ]
    [[ $output == *"at most the 1024 training samples, found 2048"* ]]
    for batches in 0 -1 '1,,2' '1,2,' x 1.5 99999999999999999999; do
        run "$dist_train" bench "--batches=$batches"
        [ "$status" -eq 64 ]
        [[ $output == *"--batches: expected 1 to 32 integers from 1 to 16777216"*"'$batches'"* ]]
    done
    for repetitions in 0 -1 5x 10001; do
        run "$dist_train" bench "--repetitions=$repetitions"
        [ "$status" -eq 64 ]
        [[ $output == *"--repetitions: expected an integer from 1 to 10000, found"* ]]
    done
    run "$dist_train" --quick
    [ "$status" -eq 64 ]
    [[ $output == *"--quick: expected with the command bench, found with train"* ]]
    run "$dist_train" bench --dry-run
    [ "$status" -eq 64 ]
}

@test "bench says so when the CSV cannot be written, on all ranks" {
    bench 2 "${small[@]}" --batches 8 --repetitions 1 --csv "$work/none/bench.csv"
    [ "$status" -eq 73 ]
    [[ $output == *"$work/none/"* ]]
}
