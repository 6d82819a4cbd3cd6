#!/usr/bin/env bats
# ONNX files and pages as others read them: ONNX' own checker, Python's parser of HTML. That they
# compute what predict says: make test-web.
# shellcheck disable=SC2154 # helpers.bash sets program, python

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

check() { "$python" "$top/tests/runs/check_portable.py" "$@"; }

# export_all ARGUMENT...: trains, and exports to network.onnx and network.html.
export_all() {
    rm -rf run
    train 0 --data data --max-steps 3 --output run "$@"
    train 0 export --weights run/weights.h5 --format onnx --out network.onnx
    train 0 export --weights run/weights.h5 --format html --out network.html
}

@test "ONNX' checker accepts files of all networks, and every weight is in its place" {
    "$python" -c 'import onnx' 2>/dev/null || skip "no onnx in $python"
    make_data data 60 20
    local activation loss layers
    for activation in $(names activation); do
        export_all --layers "9, 8, 10" --activation "$activation"
        check onnx run/weights.h5 network.onnx
    done
    for loss in $(names loss); do
        export_all --layers 10 --bias=false --loss "$loss" --normalize standard
        check onnx run/weights.h5 network.onnx
    done
    export_all --layers "8, 7, 6, 10" --loss mse --output-activation softmax
    check onnx run/weights.h5 network.onnx
    while read -r layers; do
        export_all --layers "$layers" --loss mse
        check onnx run/weights.h5 network.onnx
    done < <(kind_networks; printf '%s\n' "${image_networks[@]}")
}

@test "a page holds every weight, names nothing outside it and forbids itself to fetch" {
    make_data data 60 20 9 3
    export_all --classes 3 --layers "8, 3"
    check html run/weights.h5 network.html
    local activation layers
    for activation in $(names activation); do
        export_all --classes 3 --layers "8, 3" --activation "$activation"
        check html run/weights.h5 network.html
    done
    while read -r layers; do
        export_all --classes 3 --layers "${layers/%dense 10/dense 3}"
        check html run/weights.h5 network.html
    done < <(kind_networks)
    export_all --classes 3 --layers "conv 5 4x4 same relu, maxpool 3 stride 2 same, flatten, 3"
    check html run/weights.h5 network.html
    export_all --classes 3 --layers 3 --bias=false
    check html run/weights.h5 network.html
}
