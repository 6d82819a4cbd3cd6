#!/usr/bin/env bats
# scripts/configs.sh: rows of what configs come to.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

configs() { "$top/scripts/configs.sh" "$@" >out 2>err </dev/null; }

@test "a row is the mean, the least and the most of what the runs found" {
    local options=(-- --data data --epochs 1)
    make_data data 200 50
    local kind row found all split
    mkdir "my own"
    sed 's/^layers .*/layers = 7, 10/' "$top/configs/mnist.ini" >"my own/mnist.ini"
    for kind in test val "val together"; do
        case $kind in
            val) options+=(--val-fraction 0.2) ;;
            "val together") options+=(--val-seed 1) ;;
        esac
        split=${kind% *}
        configs --np 1 --seeds "3 5" --keep "my runs" quickstart "my own/mnist.ini" \
            "${options[@]}"
        mv out rows
        expect "lines" 4 "$(wc -l <rows)"
        expect "parameters" "$((784 * 7 + 7 + 7 * 10 + 10))" \
            "$(awk '/mnist.ini/ { print $4 }' rows)"
        for config in quickstart mnist; do
            row=$(grep "^| \`$config.ini\` |" rows)
            found=$(for seed in 3 5; do summary "${split}_accuracy" "my runs/$config-$seed"; done)
            expect "mean, least, most" "$(awk '
                { a = 100 * $1; sum += a }
                NR == 1 { least = most = a }
                { least = a < least ? a : least; most = a > most ? a : most }
                END { printf "%.2f %.2f %.2f\n", sum / NR, least, most }' <<<"$found")" \
                "$(cut -d'|' -f4-6 <<<"$row" | tr -d '|%' | awk '{ print $1, $2, $3 }')"
            all=''
            if [ "$kind" != val ]; then # where each run holds out samples of its own
                train 1 eval --weights "my runs/$config"-{3,5}/weights.h5 --split "$split"
                all=$(awk '/^loss/ { printf "%.2f %%", 100 * $4 }' out)
            fi
            expect "together" "$all" "$(cut -d'|' -f7 <<<"$row" | xargs)"
        done
    done
}

@test "what it cannot do is a line" {
    local status=0
    configs --seed 1 || status=$?
    expect "exit code" "64 configs: unknown option --seed (--help says what there is)" \
        "$status $(<err)"
    configs nothing && false
    expect "said" "configs: $(realpath "$top")/configs/nothing.ini: no such file" "$(<err)"
    configs ./ && false
    expect "said" "configs: ./: no such file" "$(<err)"
    configs nowhere/mnist.ini && false
    expect "said" "configs: nowhere/mnist.ini: no such file" "$(<err)"
    configs mnist "$top/configs/mnist.ini" && false
    expect "said" "configs: two configs of the name mnist: their rows would be one" "$(<err)"
    status=0
    configs --np 1 --seeds 1 mnist -- --data nowhere || status=$?
    expect "exit code" 70 "$status"
    grep -q '^configs: mnist: dist-train: nowhere: ' err
    configs --seeds " " && false
    expect "said" "configs: --seeds: expected numbers with blanks between, found ' '" "$(<err)"
    configs --seeds 1,2 && false
    expect "said" "configs: --seeds: expected numbers with blanks between, found '1,2'" "$(<err)"
    touch file
    configs --keep file mnist && false
    expect "said" "configs: --keep: file: cannot make this directory" "$(<err)"
    configs --np 1 --seeds 1 quickstart -- --data synthetic --version && false
    expect "said" "configs: quickstart, seed 1: '--data synthetic --version' trains nothing" \
        "$(<err)"
    echo "[train]
no = 1" >bad.ini
    configs --np 1 --seeds 1 quickstart ./bad.ini -- --data synthetic && false
    expect "rows" "" "$(<out)"
    configs --np x && false
    expect "said" "configs: --np: expected a number of ranks from 1, found 'x'" "$(<err)"
}

@test "synthetic digits are no row of MNIST, unless they are asked for" {
    local status=0
    cp -r "$top/scripts" "$top/configs" .
    cp "$program" dist-train
    env -u DIST_TRAIN_DATA scripts/configs.sh --np 1 --seeds 1 quickstart >out 2>err </dev/null ||
        status=$?
    expect "exit code" 66 "$status"
    grep -q '^configs: no MNIST here: ' err
}
