#!/usr/bin/env bats
# 50 steps against PyTorch's own, where python3-torch is installed: every kind of layer, optimizer,
# loss and schedule, through the network that export writes for it.
# shellcheck disable=SC2054,SC2154 # 8,10 is one word; helpers.bash sets what seems unset

load helpers

setup() {
    common_setup
    "$python" -c 'import torch' 2>/dev/null || skip "python3-torch is not installed"
    make_data data 120 10 7
    common=(--data data --shuffle none --no-report --seed 3 --epochs 10 --batch-size 16)
}

teardown() { common_teardown; }

# as_torch ARGUMENT...: 50 steps of a run on 2 ranks are PyTorch's, to 1e-4.
as_torch() {
    train 0 "${common[@]}" --max-steps 0 "$@" --output initial --overwrite
    train 2 "${common[@]}" --max-steps 50 "$@" --output run --overwrite
    local name
    for name in initial run; do
        train 0 export --weights "$name/weights.h5" --format pytorch -o "$name.safetensors"
    done
    "$python" "$top/tests/runs/torch_reference.py" initial.py run.py run
}

@test "PyTorch's 50 steps: every kind of layer, of images and of rows" {
    local network networks
    mapfile -t networks < <(kind_networks)
    for network in "${networks[@]}"; do
        as_torch --layers "$network" --optimizer momentum --lr 0.1 --loss mse
    done
}

@test "PyTorch's 50 steps: networks of images" {
    local network loss number=0
    # shellcheck disable=SC2046 # words
    for network in "${image_networks[@]}"; do
        loss=$(nth $number $(names loss))
        [[ $network != *softmax ]] || loss=mse
        as_torch --layers "$network" --optimizer momentum --lr 0.05 --loss "$loss" \
            --normalize "$(nth $number $(names normalize))"
        number=$((number + 1))
    done
}

# Those of the optimizers that PyTorch has, too.
torch_optimizers() {
    local all
    all=$(names optimizer)
    echo "${all% lion*}" # the others are not PyTorch's
}

@test "PyTorch's 50 steps: optimizers, losses and schedules, with weight decay and clipping" {
    local name number=0 optimizers schedules
    optimizers=$(torch_optimizers)
    schedules=$(names schedule | sed s/plateau//) # needs validation samples: below
    # shellcheck disable=SC2046,SC2086 # words
    for name in $optimizers $schedules; do
        as_torch --layers 8,10 --activation tanh --optimizer "$(nth $number $optimizers)" \
            --loss "$(nth $number $(names loss))" --schedule "$(nth $number $schedules)" \
            --weight-decay "$(nth $number 0 0.1)" \
            "$(nth $((number / 2)) --no-decay-all --decay-all)" \
            --clip-norm "$(nth $number 0 0 0.3)" --clip-value "$(nth $number 0 0.003 0)" \
            --label-smoothing "$(nth $number 0 0.1)" --power 1.7 \
            --lr-scaling "$(nth $number $(names lr_scaling))"
        number=$((number + 1))
    done
}

@test "PyTorch's one-cycle: the momentum of every optimizer, both forms" {
    local name number=0
    # shellcheck disable=SC2046 # words
    for name in $(torch_optimizers) momentum nadam adam; do
        as_torch --layers 8,10 --optimizer "$name" --schedule one-cycle --pct-start 0.4 --lr 0.02 \
            --anneal "$(nth $number $(names anneal))" --base-momentum 0.6 --div-factor 10
        number=$((number + 1))
    done
}

@test "PyTorch's plateau: the drops of the learning rate, through a restart" {
    local plateau=(--data data --val-fraction 0.2 --layers 8,10 --no-report --epochs 60 --lr 0.03
        --schedule plateau --plateau-patience 2 --plateau-threshold 0.01 --gamma 0.5 --lr-min 0.004)
    train 2 "${plateau[@]}" --max-steps 150 --output run
    train 1 "${plateau[@]}" --resume auto --output run
    "$python" "$top/tests/runs/torch_reference.py" plateau run
}
