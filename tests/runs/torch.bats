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

@test "PyTorch's 50 steps: optimizers, losses and schedules, with weight decay and clipping" {
    local name number=0 optimizers
    optimizers=$(names optimizer)
    optimizers=${optimizers% lion*} # the others are not PyTorch's
    # Before version 2 its NAdam has one mu too many in a product.
    "$python" -c 'import torch; assert torch.__version__ >= "2"' 2>/dev/null ||
        optimizers=${optimizers/ nadam/}
    # shellcheck disable=SC2046,SC2086 # words
    for name in $optimizers $(names schedule); do
        as_torch --layers 8,10 --activation tanh --optimizer "$(nth $number $optimizers)" \
            --loss "$(nth $number $(names loss))" --schedule "$(nth $number $(names schedule))" \
            --weight-decay "$(nth $number 0 0.1)" \
            "$(nth $((number / 2)) --no-decay-all --decay-all)" \
            --clip-norm "$(nth $number 0 0 0.3)" --clip-value "$(nth $number 0 0.003 0)"
        number=$((number + 1))
    done
}
