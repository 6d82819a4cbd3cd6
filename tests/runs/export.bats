#!/usr/bin/env bats
# Networks for other programs, and of them: export, import. What loads the files is not ours: h5py,
# NumPy, PyTorch where it is installed, and readers of a few lines in check_export.py.
# shellcheck disable=SC2154 # helpers.bash sets program, python, mnist, status

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

export_check() { "$python" "$top/tests/runs/check_export.py" "$@"; }

# write_all WEIGHTS DIR: exports it as DIR/model.h5, .npz, .safetensors, .onnx, torch.safetensors.
write_all() {
    mkdir -p "$2"
    train 0 export --weights "$1" --format keras -o "$2/model.h5"
    train 0 export --weights "$1" --format npz -o "$2/model.npz"
    train 0 export --weights "$1" --format safetensors -o "$2/model.safetensors"
    train 0 export --weights "$1" --format onnx -o "$2/model.onnx"
    train 0 export --weights "$1" --format pytorch -o "$2/torch.safetensors"
}

# hash_of WEIGHTS: that of its parameters.
hash_of() { "$program" inspect "$1" | sed -n 's/.*parameter_hash //p'; }

# write_keras3 DIR WEIGHTS: Keras 3's files of it, which come back, and DIR in the file keras3; or,
# in the file strangers, the kind of layer that Keras does not have.
write_keras3() {
    local file
    for file in model.keras model.weights.h5; do
        dist_train 0 export --weights "$2" -o "$1/$file"
        if [ "$status" = 65 ]; then
            sed -n "s/.*expected kinds of .* that Keras has, found '\(.*\)'/\1/p" err >>strangers
            [ ! -e "$1/$file" ]
            return
        fi
        expect "exit code" 0 "$status"
        train 0 import --from "$1/$file" -o back.h5
        cmp back.h5 "$2"
    done
    echo "$1" >>keras3
}

# Activation, layers, loss, output activation, bias, normalisation: the values of each in turn; then
# every kind of layer, and networks of images.
cases() {
    local layers=("36, 36, 10" "12, 36, 36, 10" "36, 36, 36, 10" "36, 10" "20, 10" "10") number=0
    local name loss output
    # shellcheck disable=SC2046 # words
    for name in $(names activation); do
        loss=$(nth $number $(names loss))
        output=$(nth $((number / 2)) $(names output_activation))
        [ "$loss" != cross-entropy ] || output=identity
        echo "$name|${layers[number % 6]}|$loss|$output|$(nth $number bias no-bias bias)|$(
            nth $number $(names normalize))"
        number=$((number + 1))
    done
    kind_networks | cat - <(printf '%s\n' "${image_networks[@]}" \
        "dense 36, layernorm relu, dense 36, groupnorm 3, dense 10") | while read -r layers; do
        echo "relu|$layers|mse|identity|bias|unit"
    done
}

@test "every format holds the network, and import brings the same bytes back" {
    make_data data 300 40 6
    local number=0 fields file cases
    mapfile -t cases < <(cases)
    for fields in "${cases[@]}"; do
        IFS='|' read -r activation layers loss output bias normalize <<<"$fields"
        local network=(--layers "$layers")
        [[ $layers != [0-9]* ]] || network+=(--activation "$activation" "--$bias"
            --output-activation "$output")
        train 0 --data data --epochs 1 --batch-size 10 --init pytorch "${network[@]}" \
            --loss "$loss" --normalize "$normalize" --optimizer sgd --lr 0.1 --output "$number/run"
        write_all "$number/run/weights.h5" "$number"
        train 0 predict --json --weights "$number/run/weights.h5" data/t10k-images-idx3-ubyte.gz
        mv out "$number/answers"
        echo "$fields" >"$number/case"
        cmp "$number/model.h5" "$number/run/weights.h5"
        for file in model.h5 model.npz model.safetensors model.onnx torch.safetensors; do
            train 0 import --from "$number/$file" -o back.h5
            cmp back.h5 "$number/run/weights.h5"
        done
        write_keras3 "$number" "$number/run/weights.h5"
        number=$((number + 1))
    done
    export_check formats data "$number"
    # shellcheck disable=SC2046 # words
    "$python" "$top/tests/runs/check_elsewhere.py" exported data $(cat keras3)
    # shellcheck disable=SC2046 # words
    "$python" "$top/tests/runs/check_elsewhere.py" resaved $(cat keras3)
    while read -r number; do
        train 0 import --from "$number/resaved.keras" -o resaved.h5
        expect "weights of $(cat "$number/case"), saved again" \
            "$(hash_of "$number/run/weights.h5")" "$(hash_of resaved.h5)"
    done <keras3
    expect "kinds of layers that Keras does not have" "rms" "$(sort -u strangers | words)"
}

@test "a name of another format is refused, and one that says its format is enough" {
    make_data data 100 20 6
    train 0 --data data --epochs 1 --layers "12, 10" --output run
    local name weights=run/weights.h5
    for name in a.keras a.weights.h5 a.h5 a.npz a.onnx a.html; do
        train 0 export --weights $weights -o $name
        refuse 64 "--out $name: expected a name of --format pytorch, found one of" \
            export --weights $weights --format pytorch -o $name
    done
    cmp a.h5 $weights
    refuse 64 "export: a.safetensors can be pytorch or safetensors: give --format" \
        export --weights $weights -o a.safetensors
    refuse 64 "--out a.pt: expected a name that ends in .safetensors, .* that of a pickle" \
        export --weights $weights --format pytorch -o a.pt
}

@test "the same file is exported from the same weights at any time and on any number of ranks" {
    make_data data 100 20 6
    train 0 --data data --epochs 1 --layers "12, 10" --output run
    write_all run/weights.h5 a
    sleep 2.1
    write_all run/weights.h5 b
    diff -r a b
    dist_train 3 export --weights run/weights.h5 --format npz -o c.npz
    expect "exit code" 0 "$status"
    cmp a/model.npz c.npz
    expect "said once" 1 "$(grep -c '^c.npz: 36-12-10' out)"
}

# The settings that a file from elsewhere does not say.
elsewhere=(--normalize standard --loss bce --output-activation identity)

@test "networks trained elsewhere are brought in, bit for bit" {
    make_data data 10 40 6
    export_check elsewhere .
    local file layers
    for file in fc.safetensors sequential.safetensors half.safetensors brain.safetensors \
        wide.safetensors words.safetensors plain.npz packed.npz keras3.weights.h5 \
        keras2.weights.h5 legacy.h5 model.keras; do
        train 0 import --from "$file" -o "$file.in.h5" "${elsewhere[@]}" --activation tanh \
            --layers "12, 36, 36, 10"
        grep -q "^$file.in.h5: 36-12-36-36-10, .* parameters, from a" out
        train 0 predict --json --weights "$file.in.h5" data/t10k-images-idx3-ubyte.gz
        mv out "$file.answers"
        train 0 inspect "$file.in.h5"
        grep -q "good: the hash of the parameters is right" out
    done
    train 0 import --from half.safetensors -o half.h5 "${elsewhere[@]}" --activation tanh
    grep -q "; layers in order: fc1, fc2, fc3, out; F16 became 32-bit floats$" out
    export_check elsewhere-answers data
    train 0 export --weights legacy.h5 --format npz -o known.npz "${elsewhere[@]}" --activation tanh
    train 0 import --from known.npz -o known.h5
    train 0 predict --json --weights known.h5 data/t10k-images-idx3-ubyte.gz
    cmp out legacy.h5.answers
    train 0 export --weights fc.safetensors.in.h5 --format pytorch -o out.safetensors
    train 0 import --from out.safetensors -o again.h5
    cmp again.h5 fc.safetensors.in.h5
}

@test "--layers says all of a network from elsewhere that its file does not" {
    make_data data 10 40 6
    export_check elsewhere .
    local file list="dense 12 relu, rms, dense 36 tanh, dense 36, dense 10"
    local few=(--normalize standard --loss bce)
    for file in words.safetensors plain.npz legacy.h5 keras3.weights.h5; do
        train 0 import --from "$file" -o "$file.in.h5" "${few[@]}" --layers "$list"
        train 0 inspect "$file.in.h5"
        grep -q "^  layers    $list$" out
    done
    train 0 import --from words.safetensors -o in.h5 "${few[@]}" --activation silu \
        --layers "dense 12 relu, 36, dense 36 tanh, dense 10"
    train 0 inspect in.h5
    grep -q "^  layers    dense 12 relu, dense 36 silu, dense 36 tanh, dense 10$" out
    # A number in front of an activation leaves nothing open; the last one is the output's.
    list="12, tanh, dense 36, relu, dense 36, 10, rms"
    refuse 78 "output_activation is not known: .*loss, output_activation" \
        import --from words.safetensors -o x "${few[@]}" --layers "$list"
    train 0 import --from words.safetensors -o in.h5 "${few[@]}" --layers "$list" \
        --output-activation identity
    train 0 inspect in.h5
    grep -q "^  layers    dense 12 tanh, dense 36 relu, dense 36, dense 10, rms$" out
    refuse 78 "activation is not known: .* expected the settings normalize, loss and activation" \
        import --from words.safetensors -o x "${few[@]}" \
        --layers "dense 12 relu, 36, dense 36 tanh, dense 10"
    refuse 78 "output_activation is not known: .* expected the settings .*loss, output_activation" \
        import --from words.safetensors -o x "${few[@]}" \
        --layers "dense 12 relu, dense 36, dense 36, 10"
    refuse 65 "tensor dense/bias: expected the kernel .12..36., .* found the bias .12." \
        import --from words.safetensors -o x "${few[@]}" \
        --layers "dense 12 bias false relu, dense 36, dense 36, dense 10"
}

@test "networks of images that were trained elsewhere are brought in, with --layers" {
    make_data data 10 40 12
    export_check images .
    local file few=(--normalize standard --loss mse)
    local list="conv 4 3x3 relu, maxpool 2, conv 4 3x3 same tanh, dense 20 relu, dense 20, dense 10"
    for file in fc.safetensors sequential.safetensors plain.npz keras3.weights.h5 legacy.h5; do
        train 0 import --from $file -o $file.in.h5 "${few[@]}" --layers "$list"
        grep -q "^$file.in.h5: 12x12x1-10x10x4-5x5x4-20-20-10, .*; for images of 12x12x1" out
        train 0 predict --json --weights $file.in.h5 data/t10k-images-idx3-ubyte.gz
        mv out $file.answers
        train 0 inspect $file.in.h5
        grep -q "good: the hash of the parameters is right" out
        cmp $file.in.h5 fc.safetensors.in.h5
        refuse 65 "$file: found other layers .* expected --layers .conv 4 3x3 ..., conv 4 3x3 \
..., dense 20 ..., dense 20 ..., dense 10. with that in it" import --from $file -o x "${few[@]}"
        refuse 65 "$file: expected .*, for square images of 1 or 3 channels" \
            import --from $file -o x "${few[@]}" --layers "${list/3x3 relu/5x5 relu}"
    done
    export_check images-answers data
    train 0 import --from fc.safetensors -o bare.h5 "${few[@]}" --output-activation identity \
        --activation relu --layers "${list/dense 20, dense 10/dense 20, 10}"
    cmp bare.h5 fc.safetensors.in.h5
    # Of any size: 28 x 28.
    train 0 import --from any.safetensors -o any.h5 "${few[@]}" \
        --layers "conv 4 3x3 relu, avgpool all, dense 10"
    grep -q "; for images of 28x28x1; layers in order: 0, 4$" out
    train 0 import --from colours.safetensors -o colours.h5 "${few[@]}" \
        --layers "conv 4 3x3 relu, avgpool all, dense 10"
    grep -q "; for images of 28x28x3" out
}

@test "a network of PyTorch goes in and comes out as it was" {
    "$python" -c 'import torch' 2>/dev/null || skip "python3-torch is not installed"
    make_data data 10 40 6
    export_check torch data
    train 0 import --from state.safetensors -o state.h5 "${elsewhere[@]}" --activation gelu
    train 0 import --from images.safetensors -o images.h5 --normalize standard --loss bce --layers \
        "conv 6 3x3 pad 1, groupnorm 3 relu, maxpool 2, layernorm, conv 8 2x1 tanh, \
        avgpool 2 stride 1 pad 1, dense 20 relu, dense 10"
    local file
    for file in state images; do
        train 0 export --weights $file.h5 --format pytorch -o $file.back.safetensors
        train 0 predict --json --weights $file.h5 data/t10k-images-idx3-ubyte.gz
        mv out $file.answers
    done
    export_check torch-answers data
    train 0 import --from model.pt -o pt.h5 "${elsewhere[@]}" --activation gelu
    cmp pt.h5 state.h5
    train 0 import --from checkpoint.pt -o pt.h5 "${elsewhere[@]}" --activation gelu
    cmp pt.h5 state.h5
    grep -q "; without epoch, best, optimizer_state_dict$" out
    refuse 65 "whole.pt: .*found torch.nn.modules.container.Sequential, which would have to be" \
        import --from whole.pt -o x.h5
    refuse 65 "old.pt: .*found a pickle of Python" import --from old.pt -o x.h5
}

@test "export and import refuse in one line what they cannot do" {
    make_data data 100 20 6
    train 0 --data data --epochs 1 --layers "12, 10" --output run
    local weights=run/weights.h5
    refuse 64 "export: expected --format keras, pytorch, .* or .*, found none" \
        export --weights $weights -o x
    refuse 64 "--format: expected keras, .*, found 'kears'; did you mean 'keras'\?" \
        export --weights $weights --format kears -o x
    refuse 64 "export: expected --weights FILE, found none" export --format npz -o x
    refuse 64 "export: expected --out FILE, found none" export --format npz --weights $weights
    refuse 73 "no/where.npz: cannot create" export --format npz --weights $weights -o no/where.npz
    refuse 64 "import: expected --from FILE, found none" import -o x
    refuse 64 "import: expected --out FILE, found none" import --from $weights
    refuse 66 "nothing: cannot open" import --from nothing -o x
    local end
    for end in keras weights.h5 safetensors npz ONNX html htm pt ckpt; do
        refuse 64 "--out x.$end: expected a name of a weights file, .*found .* in .${end,,};" \
            import --from nothing -o x.$end
    done
    refuse 78 "run/weights.h5: layers: expected dense 12 .*, as this file has it, found dense 36 " \
        import --from $weights --layers "36, 10" -o x
    refuse 64 "--epochs: expected with the command" import --from $weights --epochs 3 -o x
    refuse 65 "run/config.ini: expected safetensors, npz, ONNX, Keras or PyTorch, found something" \
        import --from run/config.ini -o x
    refuse 65 "run/checkpoints/step-0.*: expected a weights file .*, found a checkpoint" \
        import --from run/checkpoints/step-00000002.h5 -o x
    export_check elsewhere .
    refuse 78 "fc.safetensors: normalize is not known: this file" import --from fc.safetensors -o x
    refuse 65 "words.safetensors: expected .* or --layers, which says the order.*found hidden " \
        import --from words.safetensors "${elsewhere[@]}" --activation tanh -o x
    refuse 65 "object.npz: .*found .*'.O'" import --from object.npz -o x
    refuse 65 "bomb.npz: a.kernel.npy: expected members of at most 32 times" \
        import --from bomb.npz -o x
    refuse 65 "integers.safetensors: array 0.weight: .*, found I64" \
        import --from integers.safetensors -o x
    refuse 65 'conv.safetensors: found other layers .*; expected --layers "conv 3 1x1" with' \
        import --from conv.safetensors -o x
    train 0 --data data --epochs 1 --layers "conv 6 3x3, flatten, groupnorm 3, 10" --output groups
    refuse 65 "x: expected a dense layer between the values of an image in a row and groupnorm" \
        export --weights groups/weights.h5 --format pytorch -o x
    [ ! -e x ]
    train 0 export --weights $weights --format safetensors -o model.safetensors
    export_check edit model.safetensors
    refuse 65 "edited.safetensors: .*the file is damaged or was edited" \
        import --from edited.safetensors -o x
    [ ! -e x ]
}

@test "no command writes over the file that it reads, nor any over files of a run" {
    make_data data 100 20 6
    train 0 --data data --epochs 1 --layers "12, 10" --output run
    train 0 --data data --epochs 1 --layers "12, 10" --output other
    ln run/weights.h5 hard.h5
    ln -s run/weights.h5 soft.h5
    find run -type f -exec sha256sum {} + >before
    local weights=run/weights.h5 name
    local link='soft.h5: expected a regular file, or none yet, found a symbolic link'
    refuse 73 "$link" export --weights $weights --format keras -o soft.h5
    refuse 73 "$link" import --from $weights -o soft.h5
    refuse 73 "$link" eval --weights $weights --csv soft.h5
    for name in $weights ./run/../$weights hard.h5; do
        refuse 73 "$name: expected a new file, .*, found .*, which stays" \
            export --weights $weights --format keras -o "$name"
        refuse 73 "$name: .* which stays" import --from $weights -o "$name"
        refuse 73 "$name: .* which stays" eval --weights $weights --csv "$name"
        refuse 73 "$name: .* which stays" eval --weights $weights --json "$name"
    done
    for name in config.ini log.txt metrics.csv summary.json weights.h5 insight.h5; do
        refuse 73 "run/$name: .* which stays" report run -o "run/$name"
        refuse 73 "run/$name: .* which stays" report other run -o "run/$name"
    done
    refuse 73 'run/metrics.csv: .* which stays' eval --weights other/weights.h5 \
        --csv run/metrics.csv
    refuse 73 'run/weights.h5: .* which stays' train --data data --timeline run/weights.h5
    name=run/checkpoints/step-00000002.h5
    refuse 73 "$name: .* which stays" import --from $weights -o $name
    sha256sum --quiet -c before
    train 0 report run -o run/report.html
}

@test "export replaces what it wrote, and never a Python file of the user's" {
    make_data data 100 20 6
    train 0 --data data --epochs 1 --layers "12, 10" --output run
    echo "import antigravity" >model.py
    refuse 73 "model.py: expected none, or one that export wrote" \
        export --weights run/weights.h5 --format pytorch -o model.safetensors
    expect "kept" "import antigravity" "$(cat model.py)"
    [ ! -e model.safetensors ]
    refuse 73 "x.py: expected a name that a .py can stand beside" \
        export --weights run/weights.h5 --format pytorch -o x.py
    local name
    for name in 'plain' 'my "model".v2.st' "söß\\'\$(x).safetensors" '.hidden'; do
        train 0 export --weights run/weights.h5 --format pytorch -o "$name"
        train 0 export --weights run/weights.h5 --format pytorch -o "$name"
        [ -e "${name%.*}.py" ] || [ -e "$name.py" ]
    done
    "$python" -c 'import torch' 2>/dev/null || return 0
    for name in *.py .*.py; do
        [ "$name" = model.py ] || "$python" "$name"
    done
}
