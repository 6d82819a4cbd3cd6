#!/usr/bin/env bats
# --track-samples: what is learned of each training sample is what NumPy computes, and the same bits
# on any number of ranks, through restarts, in any order; and it changes nothing else.
# shellcheck disable=SC2054,SC2154 # 20,10 is one word; helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# 15 steps an epoch, the last one short: 236 training samples of 295.
small=(--data synthetic --train-limit 295 --test-limit 60 --val-fraction 0.2 --layers 16,10
    --batch-size 16 --virtual-ranks 8 --epochs 3)

tracked() { "$python" "$top/tests/runs/check_tracked.py" "$@"; }

@test "norms and margins as NumPy computes them, a gradient at a time" {
    make_data data 90 10 14
    local base=(--data data --shuffle none --batch-size 20 --epochs 2 --layers 12,8,10
        --init pytorch --seed 5 --track-samples)
    train 1 "${base[@]}" --max-steps 0 --output initial
    train 1 "${base[@]}" --max-steps 0 --no-bias --output initial-plain
    train 2 "${base[@]}" --output a
    train 3 "${base[@]}" --loss bce --activation tanh --normalize standard --output b
    train 1 "${base[@]}" --loss mse --output-activation softmax --activation gelu \
        --optimizer sgd --lr 0.5 --label-smoothing 0.3 --output c
    tracked reference initial a b c
    train 2 "${base[@]}" --no-bias --activation sigmoid --clip-norm 0.1 --output d
    tracked reference initial-plain d
    local images=("${base[@]/12,8,10/conv 4 3x3 relu, maxpool 2, dropout 0.3, layernorm, dense 10}")
    train 1 "${images[@]}" --max-steps 0 --output initial-images
    train 3 "${images[@]}" --label-smoothing 0.1 --schedule one-cycle --output e
    tracked reference initial-images e
}

@test "the same bits on 1, 2, 3 and 8 ranks, in any order; the training is as without" {
    local np way
    train 1 "${small[@]}" --output untracked
    for np in 1 2 3 8; do
        train $np "${small[@]}" --track-samples --checkpoint-steps $np --output run-$np
        expect "hash" "$(summary parameter_hash untracked)" "$(summary parameter_hash run-$np)"
        diff <(metrics untracked) <(metrics run-$np)
    done
    tracked same run-1 run-2 run-3 run-8
    for way in shard none; do
        train 1 "${small[@]}" --track-samples --shuffle $way --output $way-1
        train 3 "${small[@]}" --track-samples --shuffle $way --output $way-3
        tracked same $way-1 $way-3
    done
    "$python" "$top/tests/runs/check_checkpoint.py" run-3/checkpoints/step-00000045.h5
    "$python" "$top/tests/runs/check_checkpoint.py" untracked/checkpoints/step-00000045.h5
}

@test "k steps, a restart on another number of ranks, N - k steps" {
    local k
    train 1 "${small[@]}" --track-samples --output whole
    for k in 0 1 14 15 16 44; do
        rm -rf pieces
        train 3 "${small[@]}" --track-samples --max-steps $k --output pieces
        train 2 --resume auto --max-steps -1 --output pieces
        tracked same whole pieces
    done
    # From checkpoints that did not end a run.
    train 3 "${small[@]}" --track-samples --checkpoint-steps 4 --keep 100 --output many
    for k in 04 12 16 28; do
        rm -rf pieces
        train 2 --resume "many/checkpoints/step-000000$k.h5" --output pieces
        tracked same whole pieces
    done
}

@test "more ranks than samples; steps that are left out are left out" {
    local few=(--data synthetic --train-limit 5 --test-limit 60 --layers 16,10 --virtual-ranks 8
        --epochs 3 --track-samples)
    train 1 "${few[@]}" --output few-1
    train 8 "${few[@]}" --output few-8
    tracked same few-1 few-8
    local np wild=("${small[@]}" --optimizer sgd --lr 1000 --loss mse --activation identity
        --on-nonfinite skip --max-skips 100 --track-samples)
    for np in 1 3; do
        dist_train $np "${wild[@]}" --output wild-$np
        expect "exit code" 0 "$status" || { cat err; return 1; }
        grep -q "left out" err
    done
    tracked same wild-1 wild-3
    "$python" - <<'END'
import glob, h5py
tracked = h5py.File(sorted(glob.glob("wild-1/checkpoints/*.h5"))[-1])["/tracked"]
plays = tracked["plays"][()]
assert 0 < plays.sum() < 3 * len(plays), plays
assert not tracked["gradient_norms"][plays == 0].any() and not tracked["margins"][plays == 0].any()
END
}

@test "a run that goes on with or without it: said, and the sums begin or end there" {
    train 2 "${small[@]}" --max-steps 15 --output run
    dist_train 3 --resume auto --track-samples --max-steps -1 --output run
    expect "exit code" 0 "$status"
    grep -q "samples are tracked from step 15 on" err
    "$python" - <<'END'
import h5py
plays = h5py.File("run/checkpoints/step-00000045.h5")["/tracked/plays"][()]
assert (plays == 2).all() and len(plays) == 236, plays
END
    dist_train 1 --resume auto --no-track-samples --epochs 4 --output run
    expect "exit code" 0 "$status"
    grep -q "samples were tracked up to step 45, and are no longer" err
    "$python" - <<'END'
import h5py
assert not h5py.File("run/checkpoints/step-00000060.h5")["/tracked"].keys()
END
}

@test "large images: as many in a gallery as have room, one at least" {
    make_data data 3 1 1600 2
    train 2 --data data --classes 2 --layers 2 --epochs 1 --batch-size 2 --track-samples \
        --output run
    "$python" - run/insight.h5 <<'EOF'
import sys
import h5py
with h5py.File(sys.argv[1]) as file:
    for name in "hardest", "doubtful", "mistakes":
        found = len(file[name + "/scores"]) if name in file else 0
        assert found == 1 if name == "hardest" else found <= 1, (name, found)
EOF
}
