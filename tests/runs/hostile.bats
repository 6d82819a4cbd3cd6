#!/usr/bin/env bats
# Texts of files and names of files that a terminal would obey or that deceive a reader.
# shellcheck disable=SC2030,SC2031,SC2054,SC2154 # 4,3 is one word; helpers.bash sets status, work

load helpers

setup() {
    common_setup
    export LC_ALL=C.UTF-8
    make_data data 40 20 4 3
    train 0 "${few[@]}" --data data --output run
    hostile make run
    name=$(hostile name)
}
teardown() { common_teardown; }

few=(--classes 3 --layers 4,3 --batch-size 8 --epochs 1 --virtual-ranks 2)

hostile() { "$python" "$top/tests/runs/check_hostile.py" "$@"; }

# says CODE ARGUMENT...: it ends with the code (any: of those that it has), and says something that
# is safe.
says() {
    local code=$1
    shift
    dist_train 0 "$@"
    [ "$code" != any ] || [[ ! "$status" =~ ^(0|6[456]|7[348])$ ]] || code=$status
    expect "exit code of $1" "$code" "$status"
    [ -s out ] || [ -s err ]
    hostile safe out err
}

@test "no command prints what a terminal obeys, whatever the file tells" {
    says 0 inspect weights.h5 insight.h5 other.h5
    grep -qF 'training  on \x1b]0;own\x07\x1b[31mred\x7f\r\n\u009b32m\u0085\u202e' out
    says 0 inspect keras.h5
    says 0 eval --weights weights.h5 --data data --csv a.csv --json a.json
    hostile safe a.csv a.json
    local format
    for format in $(choices export format); do
        "$program" export --weights weights.h5 --format "$format" --out "made.$format" >out 2>err
        hostile safe out err
    done
    hostile safe made.py made.html
    says any import --from keras.h5 --out k.h5
    says any import --from names.safetensors --out s.h5
    says any import --from names.npz --out n.h5
    says any import --from bad.npz --out x.h5
    says any import --from bad.safetensors --out x.h5
    says any predict --weights weights.h5 "$name.png"
    says any inspect names.safetensors "$name.png"
    says any train --config hostile.ini
    says any train --config control.ini
    says any --"$name"
    says any "$name"
    says any train --optimizer "$name"
    says any inspect $'\e[31m\a\n'"$name"
    says any watch "$name.png"
    says any bench --data "$name"
}

@test "the page of a run shows what its files tell" {
    cp insight.h5 run/insight.h5
    says 0 report run
    hostile safe run/report.html
    grep -qF '\x1b]0;own\x07' run/report.html
    cp -r run "$name"
    says 0 report "$name" run --out two.html
    hostile safe two.html
    says 0 watch "$name" run
    says 0 inspect "$name"
}

@test "a run with such names of data and run directory tells them safely, and goes on" {
    mv data "$name"
    dist_train 2 "${few[@]}" --data "$name" --output "$name/run" --tensorboard --timeline t.json
    expect "exit code" 0 "$status"
    hostile safe out err t.json "$name"/run/{log.txt,report.html,summary.json,config.ini} \
        "$name/run/metrics.csv"
    says 0 "${few[@]}" --data "$name" --print-config
    cp out printed.ini
    says 0 train --config printed.ini --dry-run
    says 0 train --config "$name/run/config.ini" --output "$name/run" --epochs 2 --resume auto
    expect "steps" 10 "$(summary steps "$name/run")"
    hostile same "$name/run" "$name"
}

@test "the script for PyTorch names a file whatever its name" {
    local odd
    for odd in "$name" $'caf\xe9"\\'; do
        says 0 export --weights weights.h5 --format pytorch --out "$odd.safetensors"
        hostile safe "$odd.py"
        "$python" - "$odd" <<'END'
import ast, sys
tree = ast.parse(open(sys.argv[1] + ".py").read())
texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
assert sys.argv[1] + ".safetensors" in texts, texts
END
    done
}
