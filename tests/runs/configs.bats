#!/usr/bin/env bats
# scripts/configs.sh: rows of what configs come to.
# shellcheck disable=SC2154 # helpers.bash sets what seems unset

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

configs() { "$top/scripts/configs.sh" "$@" >out 2>err </dev/null; }

@test "a row is the mean, the least and the most of what the runs found" {
    local options=(-- --data synthetic --train-limit 200 --test-limit 50 --epochs 1) kind row found
    for kind in test val; do
        [ "$kind" = test ] || options+=(--val-fraction 0.2)
        configs --np 1 --seeds "3 5" --keep runs quickstart configs/mnist.ini "${options[@]}"
        expect "lines" 4 "$(wc -l <out)"
        for config in quickstart mnist; do
            row=$(grep "^| \`$config.ini\` |" out)
            found=$(for seed in 3 5; do summary "${kind}_accuracy" "runs/$config-$seed"; done)
            expect "mean, least, most" "$(awk '
                { a = 100 * $1; sum += a }
                NR == 1 { least = most = a }
                { least = a < least ? a : least; most = a > most ? a : most }
                END { printf "%.2f %.2f %.2f\n", sum / NR, least, most }' <<<"$found")" \
                "$(cut -d'|' -f4-6 <<<"$row" | tr -d '|%' | awk '{ print $1, $2, $3 }')"
        done
    done
}

@test "what it cannot do is a line" {
    local status=0
    configs || status=$?
    expect "exit code" "64 configs: expected configs (--help says what there is)" "$status $(<err)"
    configs nothing && false
    expect "said" "configs: configs/nothing.ini: no such file" "$(<err)"
    status=0
    configs --np 1 --seeds 1 mnist -- --data nowhere || status=$?
    expect "exit code" 70 "$status"
    grep -q '^configs: mnist, seed 1: dist-train: nowhere: ' err
}
