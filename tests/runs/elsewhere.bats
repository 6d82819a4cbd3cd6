#!/usr/bin/env bats
# Networks that other programs saved: brought in whole, or refused by name. What they are and what
# they answer is in check_elsewhere.py.
# shellcheck disable=SC2154 # helpers.bash sets program, python, status

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

check() { "$python" "$top/tests/runs/check_elsewhere.py" "$@"; }

# The names of all formats, as the program lists them.
export_formats() {
    dist_train 0 export --weights x -o x --format nonsense
    sed "s/.*expected //; s/, found 'nonsense'//; s/,\\| or / /g" err
}

# bring_in LIST: imports each file of it, as FILE.in.h5, and asks the network.
bring_in() {
    local file told
    while read -r file told; do
        eval "train 0 import --from $file -o $file.in.h5 $told"
        cp out "$file.said"
        train 0 predict --json --weights "$file.in.h5" data/t10k-images-idx3-ubyte.gz
        mv out "$file.answers"
    done <"$1"
}

@test "networks of Keras, NumPy and PyTorch are brought in whole" {
    make_data data 10 30 12
    check write .
    bring_in list
    check answers data
    grep -q "; pixels as numbers from 0 to 1, or else --normalize" article-row.keras.said
    expect "lines about pixels" 0 "$(grep -c "pixels as" lenet-row.keras.said || true)"
    grep -q "; batch normalisations folded: batch_normalization into conv2d_1, \
batch_normalization_1 into dense, batch_normalization_2 into dense" lenet-row.keras.said
    local word
    for word in optimizer compile_metrics seed_generator; do
        grep -q "; without .*$word" article-row.keras.said
    done
    grep -q "net.1 into net.0 with epsilon 1e-05; without epoch, net.1.num_batches_tracked" \
        normed-row.safetensors.said
    grep -q "bn1 into fc1 with epsilon 1e-05 (as directly behind it)" normed-names.safetensors.said
    grep -q "2 into 3 with epsilon 1e-05" behind-row.safetensors.said
    grep -q "2 into .*3 with epsilon 1e-05; without .*epoch, loss, names, optimizer_state_dict$" \
        behind-row.pt.said
    grep -q "big-endian F32 became 32-bit floats" turned.npz.said
    grep -q "; 32-bit signed integer values became 32-bit floats" whole.h5.said
    grep -q "; without .*classes, author$" columns.npz.said
    grep -q "layers in order: hidden, dense_1, out" class.weights.h5.said
}

@test "what was brought in can be exported in every format, and comes back" {
    check write .
    local file told format number=0 formats
    formats=$(export_formats)
    while read -r file told; do
        eval "train 0 import --from $file -o $number.h5 $told"
        for format in $formats; do
            train 0 export --weights $number.h5 --format "$format" -o "$number.$format"
            [ "$format" != html ] || continue
            train 0 import --from "$number.$format" -o back.h5
            cmp back.h5 $number.h5
        done
        number=$((number + 1))
    done < <(grep -v -e -graph-whole -e '[.]pt ' list)
}

onnx_check() { "$python" "$top/tests/runs/check_onnx.py" "$@"; }

@test "networks of PyTorch's ONNX exporter are brought in, and answer as PyTorch does" {
    "$python" -c 'import torch' 2>/dev/null || skip "python3-torch is not installed"
    make_data data 10 30 12
    onnx_check write .
    bring_in list
    onnx_check answers data
    grep -q "an ONNX file that scales numbers from 0 to 1; layers in order: first, " \
        scaled-17.onnx.said
    grep -q "; pixels as numbers from 0 to 1, or else --normalize; " lenet-13.onnx.said
    train 0 export --weights residual-17.onnx.in.h5 --format onnx -o again.onnx
    train 0 import --from again.onnx -o again.h5
    cmp again.h5 residual-17.onnx.in.h5
}

@test "what a graph of ONNX can be is known, and all else refused by name" {
    "$python" -c 'import onnx' 2>/dev/null || skip "python3-onnx is not installed"
    onnx_check forms .
    local file layers why
    while IFS='|' read -r file layers; do
        train 0 import --from "$file" -o "$file.h5"
        train 0 inspect "$file.h5"
        expect "layers of $file" "$layers" "$(sed -n 's/^  layers    //p' out)"
    done <forms
    onnx_check refused .
    while IFS='|' read -r file why; do
        dist_train 0 import --from "$file" -o x.h5
        [ "$status" = 65 ] && [ "$(wc -l <err)" = 1 ] && [ ! -e x.h5 ] &&
            grep -qE "^dist-train: $file: .*$why" err && continue
        echo "$file: expected exit code 65 and one line like '$why', found $status and:"
        cat err
        return 1
    done <refused
}

@test "what a network cannot be is refused by name" {
    check refused .
    local file why code
    while IFS='|' read -r file code why; do
        dist_train 0 import --from "$file" -o x.h5
        [ "$status" = "$code" ] && [ "$(wc -l <err)" = 1 ] && [ ! -e x.h5 ] &&
            grep -qE "^dist-train: $file: .*$why" err && continue
        echo "$file: expected exit code $code and one line like '$why', found $status and:"
        cat err
        return 1
    done <refused
    [ ! -e run-by-the-pickle ]
    make_data data 20 10 6
    train 0 --data data --epochs 1 --layers "36, 12, 10" --output run
    grep -q "(dense 36 is a layer: the input of 36 values need not be in the list)" out
}
