#!/usr/bin/env bats
# Whole training steps against NumPy in float64 (reference.py): the article's three programs, and
# every activation, loss, optimizer and schedule.
# shellcheck disable=SC2054,SC2154 # 8,10 is one word; helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

in_order=(--shuffle none --split standard --val-fraction 0 --log-every 1)

reference() {
    "$python" "$top/tests/runs/reference.py" "$@"
}

# fifty_steps PROGRAM ARGUMENT...: as the config has it; on 3 ranks with batches that these do not
# divide, over ends of epochs; and at a rate at which no change is lost in rounding.
fifty_steps() {
    local config=(--config "$top/configs/article-$1.ini" "${in_order[@]}" "${@:2}")
    train 0 "${config[@]}" --max-steps 0 --output initial
    train 1 "${config[@]}" --max-steps 50 --output alone
    train 3 "${config[@]}" --max-steps 50 --batch-size 7 --virtual-ranks 3 --output three
    train 2 "${config[@]}" --max-steps 50 --lr 1 --output fast
    expect "steps" "50 50 50" "$(summary steps alone) $(summary steps three) $(summary steps fast)"
    reference steps initial alone three
    reference steps --moved initial fast
}

# settings FILE NAME...: their values, as the program understands the file.
settings() {
    local name all
    all=$("$program" --config "$top/configs/$1.ini" --print-config)
    for name in "${@:2}"; do sed -n "s/^$name = //p" <<<"$all"; done | words
}

@test "the article's NumPy program: 50 steps" {
    make_data data 120 33
    fifty_steps numpy --data data
}

@test "the article's PyTorch program: 50 steps" {
    make_data data 120 33
    fifty_steps pytorch --data data
}

@test "the article's Keras program: 50 steps" {
    make_data data 500 33
    fifty_steps keras --data data
}

@test "the article's programs on MNIST: 50 steps" {
    [ -n "$mnist" ] || skip "DIST_TRAIN_DATA is not set"
    local name data=(--data "$mnist" --test-limit 1000)
    for name in numpy pytorch keras; do
        local config=(--config "$top/configs/article-$name.ini" "${in_order[@]}" "${data[@]}")
        train 0 "${config[@]}" --max-steps 0 --output "initial-$name"
        train 2 "${config[@]}" --max-steps 50 --output "$name"
        reference steps "initial-$name" "$name"
    done
}

@test "the article's configs make the article's choices" {
    local names=(split normalize layers activation output_activation init bias loss epochs
        batch_size optimizer lr momentum weight_decay shuffle)
    expect numpy "random unit 128, 64, 10 sigmoid identity article false cross-entropy 10 1 sgd\
 0.001 0.9 auto global" "$(settings article-numpy "${names[@]}")"
    expect pytorch "standard standard 128, 64, 10 sigmoid softmax pytorch true bce 10 1 sgd\
 0.001 0.9 auto global" "$(settings article-pytorch "${names[@]}")"
    expect keras "standard unit 128, 64, 10 sigmoid identity glorot true bce 10 32 sgd\
 0.01 0.9 auto global" "$(settings article-keras "${names[@]}")"
    expect "held out" 0.1 "$(settings article-numpy val_fraction)"
}

@test "optimizers: 20 steps, plain, and with weight decay, clipping and an average of weights" {
    make_data data 120 33 6
    local kind runs=()
    local small=(--data data "${in_order[@]}" --layers 8,10 --activation tanh --init pytorch)
    train 0 "${small[@]}" --max-steps 0 --output initial
    # shellcheck disable=SC2046 # words
    for kind in $(names optimizer); do
        train 0 "${small[@]}" --max-steps 20 --batch-size 16 --optimizer "$kind" --output "$kind"
        train 0 "${small[@]}" --max-steps 20 --batch-size 16 --optimizer "$kind" --lr 0.02 \
            --weight-decay 0.1 --clip-norm 0.3 --ema 0.5 --output "$kind-decay"
        train 0 "${small[@]}" --max-steps 20 --batch-size 16 --optimizer "$kind" --lr 0.02 \
            --epochs 4 --schedule one-cycle --anneal "$(nth ${#runs[@]} $(names anneal))" \
            --base-momentum 0.6 --output "$kind-cycle"
        runs+=("$kind" "$kind-decay" "$kind-cycle")
    done
    reference steps --moved initial "${runs[@]}"
}

@test "activations, losses and schedules: 20 steps" {
    make_data data 120 33 6
    local small=(--data data "${in_order[@]}" --layers 8,9,10 --init pytorch --seed 3
        --batch-size 16 --optimizer momentum --lr 0.1)
    local run="train 0 ${small[*]} --max-steps 20 --epochs 4"
    train 0 "${small[@]}" --max-steps 0 --output initial
    local name number=0 loss schedules schedule output runs=()
    schedules=$(names schedule | sed s/plateau//) # needs validation samples: torch.bats
    # shellcheck disable=SC2046,SC2086 # words
    for name in $(names activation) $(names loss) $schedules; do
        loss=$(nth $number $(names loss))
        schedule=$(nth $number $schedules)
        output=$(nth $((number / 2)) $(names output_activation))
        [ "$loss" != cross-entropy ] || output=identity
        $run --activation "$(nth $number $(names activation))" --loss "$loss" --gamma 0.5 \
            --anneal "$(nth $number $(names anneal))" --power 1.7 \
            --label-smoothing "$(nth $number 0 0.2)" \
            --schedule "$schedule" --step-epochs $((number % 2 + 1)) --lr-min 0.01 \
            --normalize "$(nth $((number / 3)) $(names normalize))" \
            --output-activation "$output" --output "$number"
        runs+=("$number")
        number=$((number + 1))
    done
    reference steps --moved initial "${runs[@]}"
}

@test "layers of every kind, of images and of rows: 20 steps" {
    make_data data 120 33 7
    local network networks
    mapfile -t networks < <(kind_networks)
    for network in "${networks[@]}"; do
        local small=(--data data "${in_order[@]}" --init pytorch --seed 3 --loss mse --lr 0.1
            --optimizer momentum --layers "$network" --no-report)
        train 0 "${small[@]}" --max-steps 0 --output initial --overwrite
        train 0 "${small[@]}" --max-steps 20 --epochs 4 --batch-size 16 --output run --overwrite
        reference steps initial run
    done
}

@test "one batch of the whole shuffled training set: its mean gradient, on any ranks" {
    make_data data 59 10 6
    local whole=(--data data --layers 8,10 --init pytorch --optimizer sgd --lr 1 --log-every 1
        --batch-size 100)
    train 0 "${whole[@]}" --max-steps 0 --output initial
    train 3 "${whole[@]}" --epochs 5 --output three
    train 8 "${whole[@]}" --epochs 5 --shuffle shard --virtual-ranks 64 --output eight
    reference steps --moved initial three eight
}
