#!/usr/bin/env bats
# Using what was trained: eval, predict, inspect.
# shellcheck disable=SC2154 # helpers.bash sets program, python, mnist, status

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

# trained [ARGUMENT...]: a run in ./run.
trained() {
    make_data data 500 203
    train 0 --data data --epochs 1 --layers "20, 10" --output run "$@"
}

use_check() { "$python" "$top/tests/runs/check_use.py" "$@"; }

# use NP CODE ARGUMENT...: runs it, expects the exit code; on success no word on stderr.
use() {
    local code=$2
    dist_train "$1" "${@:3}"
    [ "$status" = "$code" ] && { [ "$code" != 0 ] || [ ! -s err ]; } && return
    echo "dist-train ${*:3}: expected exit code $code, found $status and:"
    cat out err
    return 1
}

# Every setting of [model] that has names or is a switch, with each of its values: a line each.
model_choices() {
    "$program" --print-config | awk '
        NF == 0 { count = 0 }
        /^\[/ { model = $1 == "[model]" }
        /^; (one of|true or false)/ { sub(/^; (one of )?/, ""); sub(/;.*/, ""); gsub(/,| or /, " ")
            count = split($0, values, " ") }
        model && $2 == "=" { for (i = 1; i <= count; i++) print $1, values[i] }'
}

@test "a weights file says what the network is: eval has the loss of the run at all of [model]" {
    make_data data 200 60
    local name value base count=0
    while read -r name value; do
        base=(--loss mse)
        [ "$name" != loss ] || base=()
        train 0 --data data --epochs 1 --layers "20, 12, 10" --overwrite --output run \
            "${base[@]}" "--$name=$value" </dev/null
        use 0 0 eval --weights run/weights.h5 --json eval.json </dev/null
        expect "$name = $value: loss" "$(printf %.12f "$(summary test_loss)")" \
            "$(printf %.12f "$(sed -n 's/^  "loss": \(.*\),/\1/p' eval.json)")"
        count=$((count + 1))
    done < <(model_choices)
    [ "$count" -ge 17 ]
}

@test "eval counts what NumPy counts, on any number of ranks" {
    trained --val-fraction 0.2
    local np
    for np in 0 1 2 3 8; do
        use "$np" 0 eval --weights run/weights.h5 --json "$np.json" --csv "$np.csv"
        cp out "$np.out"
        cmp 0.json "$np.json" && cmp 0.csv "$np.csv" && cmp 0.out "$np.out"
    done
    use_check eval run/weights.h5 data test 0.json 0.csv
    expect "accuracy" "$(summary test_accuracy)" \
        "$(sed -n 's/^  "accuracy": \(.*\),/\1/p' 0.json)"
    use 2 0 eval --weights run/weights.h5 --split val --json val.json
    expect "accuracy" "$(summary val_accuracy)" \
        "$(sed -n 's/^  "accuracy": \(.*\),/\1/p' val.json)"
    use 0 0 eval --weights run/weights.h5 --split train --test-limit 7 --json train.json
    expect "samples" 400 "$(sed -n 's/^  "samples": \(.*\),/\1/p' train.json)"
    use 0 0 eval --weights run/weights.h5 --test-limit 7 --json few.json
    expect "samples" 7 "$(sed -n 's/^  "samples": \(.*\),/\1/p' few.json)"
    make_data other 20 30
    use 0 0 eval --weights run/weights.h5 --data other --json other.json --csv other.csv
    use_check eval run/weights.h5 other test other.json other.csv
}

@test "eval of several networks: the mean of their probabilities, on any number of ranks" {
    make_data data 300 70
    local seed np last loss files=(1/weights.h5 2/weights.h5 3/weights.h5)
    local layers=("12,10" "20,10" 10)
    for seed in 1 2 3; do
        train 0 --data data --epochs 2 --lr 0.01 --batch-size 16 --seed $seed --output $seed \
            --layers "${layers[seed - 1]}"
    done
    for np in 0 2 3; do
        use "$np" 0 eval --weights "${files[@]}" --json "$np.json" --csv "$np.csv"
        [ "$np" = 0 ] || { cmp 0.json "$np.json"; cmp 0.csv "$np.csv"; diff out0 out; }
        [ "$np" != 0 ] || mv out out0
    done
    use_check eval 1/weights.h5,2/weights.h5,3/weights.h5 data test 0.json 0.csv
    grep -q '^mean probabilities of these 3 on .*, test: 70 samples$' out0
    # Several times the same network is that network.
    use 0 0 eval --weights 1/weights.h5 --json alone.json --csv alone.csv
    cp 1/weights.h5 again.h5
    use 0 0 eval --weights 1/weights.h5 again.h5 --json twice.json --csv twice.csv
    cmp alone.csv twice.csv
    expect "loss" "$(sed -n 's/^  "loss": \(.\{9\}\).*/\1/p' alone.json)" \
        "$(sed -n 's/^  "loss": \(.\{9\}\).*/\1/p' twice.json)"
    # A file counts once, whatever leads to it.
    ln -s 3 latest
    dist_train 0 eval --weights "${files[@]}" latest/weights.h5 --json linked.json
    expect "warning" 'warning: latest/weights.h5 is 3/weights.h5: it counts once' "$(cat err)"
    cmp 0.json linked.json
    local name value
    while read -r name value; do
        train 0 --data data --epochs 1 --layers 10 --output other --overwrite "--$name=$value" \
            </dev/null
        refuse 78 "other/weights.h5: expected a network of .*, as 1/weights.h5 has, found" \
            eval --weights 1/weights.h5 other/weights.h5 </dev/null
    done <<<"normalize standard
transpose true
loss mse"
    # The mean squared error is of outputs as they are, beyond 0 and 1 too.
    use 0 0 eval --weights other/weights.h5 --csv alone.csv
    loss=$(grep -o '^loss [^ ]*' out)
    cp other/weights.h5 again.h5
    use 0 0 eval --weights other/weights.h5 again.h5 --csv twice.csv
    expect "loss" "$loss" "$(grep -o '^loss [^ ]*' out)"
    cmp alone.csv twice.csv
    # What one has learned the other has not: they have no validation samples together.
    for seed in 4 5; do
        train 0 --data data --epochs 1 --layers 10 --seed $seed --val-fraction 0.2 --output $seed
    done
    refuse 78 "--split val: 5/weights.h5 has other samples there .val_seed 5. than 4/weights.h5 \
.val_seed 4., and learned some of those; train both with one val_seed, or take --split test" \
        eval --weights 4/weights.h5 5/weights.h5 --split val
    for name in val_seed=0 val_fraction=0.3 train_limit=200 split=random; do
        value=${name#*=} name=${name%=*}
        DIST_TRAIN_VAL_FRACTION=0.2 train 0 --data data --epochs 1 --layers 10 --seed 4 \
            --output other --overwrite "--${name/_/-}=$value"
        refuse 78 "other/weights.h5 has other samples there .$name $value. than 4/weights.h5 \
.*; train both with one $name" eval --weights {4,other}/weights.h5 --split val
    done
    expect "advice" "" "$(grep -o 'take --split test' err)" # a random split has none
    # With one --val-seed they have, and it holds out what a run with that seed does.
    train 0 --data data --epochs 1 --layers 10 --seed 5 --val-seed 4 --val-fraction 0.2 --output 54
    for name in 4 5 54; do
        use 0 0 eval --weights $name/weights.h5 --split val --csv $name.csv
        cut -d, -f1,2 $name.csv >$name.labels
    done
    cmp 4.labels 54.labels
    cmp -s 4.labels 5.labels && false
    use 0 0 eval --weights {4,54}/weights.h5 --split val
    # Classes that a list of a few does not show.
    for last in 58 99; do
        "$python" -c 'import sys, numpy as np
labels = np.append(np.arange(0, 58, 2), int(sys.argv[1])).repeat(2)
images = np.zeros((60, 4, 4), np.uint8)
np.savez(sys.argv[1], x_train=images, y_train=labels, x_test=images, y_test=labels)' $last
        train 0 --data $last.npz --epochs 1 --layers 30 --output $last
    done
    refuse 78 "99/weights.h5: expected class number 29 to be '58', as 58/weights.h5 has, found" \
        eval --weights 58/weights.h5 99/weights.h5
    make_data small 90 9 8
    train 0 --data small --epochs 1 --layers 10 --output other --overwrite
    refuse 78 "other/weights.h5: expected a network of 28 x 28 .* found 8 x 8 x 1 pixels" \
        eval --weights 1/weights.h5 other/weights.h5
    refuse 66 "nowhere.h5: cannot open" eval --weights 1/weights.h5 nowhere.h5
    refuse 73 "x.h5: expected a new file, .* found one that is read" \
        eval --weights 1/weights.h5 "$(cp 2/weights.h5 x.h5; echo x.h5)" --csv x.h5
}

@test "eval counts what NumPy counts on MNIST" {
    [ -n "$mnist" ] || skip "DIST_TRAIN_DATA is not set"
    train 0 --data "$mnist" --max-steps 200 --normalize standard --activation tanh --output run
    for np in 0 3; do
        use "$np" 0 eval --weights run/weights.h5 --json "$np.json" --csv "$np.csv"
    done
    cmp 0.json 3.json
    use_check eval run/weights.h5 "$mnist" test 0.json 0.csv
    use 0 0 predict --weights run/weights.h5 "$mnist/t10k-images-idx3-ubyte"*
    expect "answers" "$(cut -d, -f3 0.csv | tail -n +2 | words)" \
        "$(cut -f2 out | sort | uniq -c | awk '{ print $1 }' | words)"
}

@test "eval refuses in one line what it cannot do" {
    trained
    mkdir folder
    : >c.ini
    refuse 73 "folder/../x: expected a new file, .* found that of --json, which stays" \
        eval --weights run/weights.h5 --data data --csv folder/../x --json x
    refuse 73 "c.ini: expected a new file, .* found that of --config, which stays" \
        eval --weights run/weights.h5 --data data --config c.ini --csv c.ini
    refuse 64 "eval: expected --weights FILE, found none" eval
    refuse 64 "eval: .* found none; give run/weights.h5 behind --weights" eval run/weights.h5
    refuse 64 "--split: expected train, val or test, found 'tset'; did you mean 'test'?" \
        eval --weights run/weights.h5 --split tset
    refuse 64 "--weights: expected with the command eval, predict or export, found with train" \
        --weights run/weights.h5
    refuse 66 "nowhere.h5: cannot open" eval --weights nowhere.h5
    refuse 65 "data/t10k-labels-idx1-ubyte.gz: expected an HDF5 file" \
        eval --weights data/t10k-labels-idx1-ubyte.gz
    refuse 65 "run/checkpoints/step-0*8.h5: expected a weights file .*, found a checkpoint" \
        eval --weights run/checkpoints/step-00000008.h5
    refuse 78 "--split val: expected a subset with samples, found none" \
        eval --weights run/weights.h5 --split val
    refuse 78 "run/weights.h5: activation: expected relu, as this file has it, found tanh" \
        eval --weights run/weights.h5 --activation tanh
    make_data small 9 9 8
    refuse 78 "images of 28 x 28 x 1, as the network takes them, found 8 x 8 x 1" \
        eval --weights run/weights.h5 --data small
    refuse 73 "no/where.json" eval --weights run/weights.h5 --json no/where.json
    mv data moved
    refuse 66 "data: expected a directory with MNIST-type files" eval --weights run/weights.h5
}

@test "weights of Keras are evaluated when the user says what they do not" {
    trained --activation tanh
    "$python" - <<'EOF'
import h5py
with h5py.File("run/weights.h5") as ours, h5py.File("keras.h5", "w", libver="earliest") as keras:
    top = keras.create_group("model_weights")
    top.attrs["layer_names"] = ["flatten", "hidden one", "out"]
    top.create_group("flatten").attrs["weight_names"] = h5py.Empty("S1")
    top["flatten"].attrs["weight_names"] = [b""][:0]
    for theirs, layer in (("hidden one", "dense"), ("out", "dense_1")):
        group = top.create_group(theirs)
        group.attrs["weight_names"] = [f"sequential/{theirs}/kernel", f"sequential/{theirs}/bias"]
        for kind in ("kernel", "bias"):
            group[f"sequential/{theirs}/{kind}"] = ours[f"{layer}/{layer}/{kind}:0"][:]
EOF
    refuse 78 "keras.h5: normalize is not known: " eval --weights keras.h5 --data data
    use 0 0 eval --weights keras.h5 --data data --normalize unit --loss cross-entropy \
        --output-activation identity --activation tanh --csv keras.csv
    use 0 0 eval --weights run/weights.h5 --csv ours.csv
    cmp keras.csv ours.csv
    use 0 0 inspect keras.h5
    grep -q "keras.h5: a weights file from elsewhere" out
    grep -q "hidden one kernel \[784\]\[20\]" out
}

# The weights of a run as older versions wrote them, without a form of images: that is MNIST's.
forget_form() {
    "$python" -c 'import h5py
with h5py.File("run/weights.h5", "r+") as file:
    for name in [name for name in file.attrs if "ink_" in name]:
        del file.attrs[name]'
}

@test "predict sees a digit in pictures of every kind and size" {
    trained
    forget_form
    use_check pictures pictures
    use 0 0 predict --weights run/weights.h5 pictures/*.png
    use_check predict run/weights.h5 pictures out
    local line
    line=$(sed -n 's/^pictures.3-large.png//p' out)
    "$program" predict --weights run/weights.h5 - <pictures/3-large.png >out 2>err
    expect "standard input" "-$line" "$(cat out)"
    "$program" predict --weights run/weights.h5 --json - <pictures/3-large.png >out
    "$python" - "$line" <<'EOF'
import json, sys
label, probabilities = sys.argv[1].split("\t")[1:]
found = json.loads(open("out").read())
assert found["file"] == "-" and found["label"] == int(label), found
assert [f"{p:.4f}" for p in found["probabilities"]] == probabilities.split(" "), found
EOF
}

@test "predict reads IDX files, raw, packed and from standard input" {
    trained
    use 0 0 predict --weights run/weights.h5 data/train-images-idx3-ubyte
    expect "lines" 500 "$(wc -l <out)"
    expect "last" "data/train-images-idx3-ubyte[499]" "$(tail -1 out | cut -f1)"
    use 0 0 predict --weights run/weights.h5 data/t10k-images-idx3-ubyte.gz
    cut -f2- out >packed
    use 0 0 eval --weights run/weights.h5 --csv eval.csv
    expect "answers" "$(awk -F, 'NR > 1 && $3 > 0 { print $3 }' eval.csv | words)" \
        "$(cut -f1 packed | sort -n | uniq -c | awk '{ print $1 }' | words)"
    local source
    for source in cat zcat; do
        $source data/t10k-images-idx3-ubyte.gz |
            "$program" predict --weights run/weights.h5 - | cut -f2- | cmp - packed
    done
}

# make_colours DIR: images of 12 x 14 in three channels, whose class is in the second one alone.
make_colours() {
    (cd "$top/tests/runs" && "$python" - "$work/$1" <<'EOT'
import os, sys
import numpy as np
import idx
random = np.random.default_rng(7)
os.makedirs(sys.argv[1])
for part, count in (("train", 300), ("test", 60)):
    labels = random.integers(0, 3, count)
    images = random.integers(0, 90, (count, 12, 14, 3))
    for i, label in enumerate(labels):
        images[i, 4 * label:4 * label + 4, :, 1] += 150
    for name, array in zip(idx.NAMES[part], (images, labels)):
        idx.write(os.path.join(sys.argv[1], name), array)
EOT
    )
}

@test "images in three channels: trained on any ranks, evaluated, predicted, brought out and in" {
    make_colours colours
    local net="conv 4 3x3 relu, maxpool 2, dense 3" np
    for np in 1 2; do
        train "$np" --data colours --classes 3 --layers "$net" --epochs 6 --lr 0.01 \
            --batch-size 16 --virtual-ranks 2 --output "run$np"
    done
    expect "hash" "$(summary parameter_hash run1)" "$(summary parameter_hash run2)"
    awk -v x="$(summary test_accuracy run1)" 'BEGIN { exit !(x > 0.95) }'
    train 0 predict --weights run1/weights.h5 colours/t10k-images-idx3-ubyte
    expect "answers" 60 "$(wc -l <out)"
    cut -f2- out | head -9 >expected
    train 0 export --weights run1/weights.h5 --format pytorch -o net.safetensors
    train 0 import --from net.safetensors -o back.h5
    cmp back.h5 run1/weights.h5
    train 0 export --weights run1/weights.h5 --format html -o x.html
    "$python" - <<'EOT'
import struct, zlib
import numpy as np
def chunk(name, data):
    crc = struct.pack(">I", zlib.crc32(name + data))
    return struct.pack(">I", len(data)) + name + data + crc
images = np.frombuffer(open("colours/t10k-images-idx3-ubyte", "rb").read(), np.uint8)[-60 * 504:]
for i, image in enumerate(images.reshape(60, 12, 14, 3)[:9]):
    for name, times in (("own", 1), ("larger", 5)):
        rows = np.kron(image, np.ones((times, times, 1), np.uint8))
        size = struct.pack(">II", 14 * times, 12 * times)
        packed = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
        data = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0]))
                + chunk(b"IDAT", packed) + chunk(b"IEND", b""))
        open(f"{name}{i}.png", "wb").write(data)
EOT
    local name
    for name in own larger; do
        train 0 predict --weights run1/weights.h5 "$name"?.png
        cut -f2- out | cmp - expected
    done
    COLUMNS=80 LC_ALL=C.UTF-8 train 0 predict --weights run1/weights.h5 --show own0.png
    expect "lines" 13 "$(wc -l <out)"
    refuse 65 "own0.png: expected a network of images with one channel, for pictures fitted" \
        predict --weights run1/weights.h5 --fit mnist own0.png
    refuse 65 "predict: expected a network of images with one channel, for --many, found one" \
        predict --weights run1/weights.h5 --many own0.png
}

# A set that fills its frame: its own form, kept in the weights file, not MNIST's.
@test "pictures become images as those that the network was trained on are" {
    (cd "$top/tests/runs" && "$python" photographs.py bars "$work/bars")
    local settings=(--data bars --classes 5 --layers "32,5" --epochs 40 --batch-size 20
        --virtual-ranks 2)
    train 0 "${settings[@]}" --output run
    train 0 predict --weights run/weights.h5 bars/t10k-images-idx3-ubyte
    cut -f2- out >expected
    train 0 predict --weights run/weights.h5 bars/*.png
    cut -f2- out | cmp - expected
    train 2 "${settings[@]}" --output run2
    "$python" - run/weights.h5 run2/weights.h5 <<'EOT'
import sys, h5py
names = ["ink_background", "ink_extent", "ink_centre", "ink_middle_y", "ink_middle_x"]
facts = [[h5py.File(path).attrs["dist_train." + name] for name in names] for path in sys.argv[1:]]
assert facts[0] == facts[1] and facts[0][:2] == [-1, 1.0], facts
EOT
    train 0 predict --weights run/weights.h5 --fit none bars/*.png
    cut -f2- out | cmp - expected
    refuse 64 "--fit: expected auto, mnist or none, found 'some'" \
        predict --weights run/weights.h5 --fit some bars/00-0.png
}

@test "a set that fills its frames, light on dark or not: pictures of both ways are seen" {
    local tone way
    for tone in light dark; do
        (cd "$top/tests/runs" && "$python" photographs.py shapes "$work/$tone" "$tone")
        train 0 --data "$tone" --classes 5 --layers "32,5" --epochs 20 --batch-size 20 \
            --output "run-$tone"
        train 0 predict --weights "run-$tone/weights.h5" "$tone/t10k-images-idx3-ubyte"
        cut -f2- out >expected
        for way in own other; do
            train 0 predict --weights "run-$tone/weights.h5" "$tone"/*$way*.png
            cut -f2- out | cmp - expected
        done
    done
}

@test "photographs of digits: nearly as often right as the images themselves" {
    [ -n "$mnist" ] || skip "no MNIST in \$DIST_TRAIN_DATA"
    train 0 --config "$top/configs/mnist.ini" --data "$mnist" --epochs 3 --output run
    "$python" "$top/tests/runs/photographs.py" make "$mnist" photographs 200
    train 0 predict --weights run/weights.h5 photographs/*-*.p?m photographs/*-*.png
    cp out answers
    train 0 predict --weights run/weights.h5 photographs/originals
    "$python" "$top/tests/runs/photographs.py" check answers out photographs

    # As one of many characters, too.
    "$program" predict --many --weights run/weights.h5 photographs/*-*.p?m photographs/*-*.png \
        >out 2>err
    grep -q '^warning: photographs.167-ruled-5.png\[0\] is much wider than high' err
    expect "other than warnings" "" "$(grep -v '^warning: .* is much wider than high' err || true)"
    awk -F'\t' 'NF == 2' out | diff - <(cut -f1,2 answers)
    "$python" "$top/tests/runs/photographs.py" rows "$mnist" rows 24
    train 0 predict --weights run/weights.h5 rows/originals
    cp out originals
    train 0 predict --many --weights run/weights.h5 rows/*-*.p?m rows/*-*.png
    "$python" "$top/tests/runs/photographs.py" check_rows out originals rows
    for many in --many ""; do
        # shellcheck disable=SC2086 # none, or one
        refuse 65 "rows.blank.png: expected a digit on a background, found nothing" \
            predict $many --weights run/weights.h5 rows/blank.png
    done
}

@test "predict of many characters answers for each as for a picture of it alone" {
    trained
    forget_form
    use_check pictures pictures
    use_check lines pictures lines.png
    use 0 0 predict --weights run/weights.h5 pictures/?-as-it-is.png
    "$python" - <<'EOF'
lines = [line.split("\t", 1)[1] for line in open("out")]
with open("text", "w") as text, open("json", "w") as json:
    for i, line in enumerate(lines):
        if i % 4 == 0:
            text.write("lines.png\t" + " ".join(l.split("\t")[0] for l in lines[i:i + 4]) + "\n")
        text.write(f"lines.png[{i}]\t{line}")
        json.write(f'"file": "lines.png", "index": {i}, "line": {i // 4}, "label": {line[0]}\n')
EOF
    use 0 0 predict --many --weights run/weights.h5 lines.png
    cmp out text
    use 0 0 predict --many --json --weights run/weights.h5 lines.png
    grep -o '"file.*"label": [0-9]*' out | cmp - json
    COLUMNS=80 LC_ALL=C.UTF-8 use 0 0 predict --many --show --weights run/weights.h5 lines.png
    expect "lines" $((2 + 8 * 29)) "$(wc -l <out)"
    use 0 0 predict --many --weights run/weights.h5 pictures/0-large.png
    tail -n +2 out | cmp - <(sed -n '2s/lines.png/pictures\/0-large.png/p' text)
    refuse 64 "predict: expected --many or --fit none, found both" \
        predict --many --fit none --weights run/weights.h5 lines.png
    refuse 65 "data.train-images-idx3-ubyte: expected a picture for --many, found IDX images" \
        predict --many --weights run/weights.h5 data/train-images-idx3-ubyte
}

@test "predict draws what the network sees, as wide as the terminal" {
    trained
    use_check pictures pictures
    local columns width
    for columns in 80 55 20; do
        COLUMNS=$columns LC_ALL=C use 0 0 predict --show --weights run/weights.h5 \
            pictures/0-large.png
        width=$((columns >= 56 ? 56 : columns >= 28 ? 28 : 20))
        expect "width at $columns" "$width" "$(tail -n +2 out | awk '{ print length }' | sort -u)"
        ! LC_ALL=C grep -q '[^ -~	]' out
    done
    COLUMNS=80 LC_ALL=C.UTF-8 use 0 0 predict --show --weights run/weights.h5 pictures/0-large.png
    expect "lines" 29 "$(wc -l <out)"
    grep -q '█' out
    COLUMNS=80 LC_ALL=C.UTF-8 use 0 0 predict --show --weights run/weights.h5 \
        pictures/0-inverted.png
    tail -n +2 out >inverted
    COLUMNS=80 LC_ALL=C.UTF-8 use 0 0 predict --show --weights run/weights.h5 pictures/0-rgb.png
    tail -n +2 out | cmp - inverted
}

@test "predict refuses in one line what is no picture, and answers for the others" {
    trained
    use_check pictures pictures
    refuse 64 "predict: expected --weights FILE, found none" predict pictures/0-rgb.png
    refuse 64 "predict: expected FILE..., found none" predict --weights run/weights.h5
    refuse 64 "predict: expected --json or --show, found both" \
        predict --weights run/weights.h5 --json --show pictures/0-rgb.png
    head -c 200 pictures/0-large.png >cut.png
    refuse 65 "cut.png: expected a whole picture" predict --weights run/weights.h5 cut.png
    refuse 65 "run/config.ini: expected a picture .JPEG, PNG.* or IDX images, found something" \
        predict --weights run/weights.h5 run/config.ini
    refuse 66 "nothing.png: cannot open" predict --weights run/weights.h5 -- nothing.png
    use 0 65 predict --weights run/weights.h5 pictures/0-rgb.png cut.png nothing.png \
        pictures/1-rgb.png
    expect "answers" "pictures/0-rgb.png pictures/1-rgb.png" "$(cut -f1 out | words)"
    expect "errors" 2 "$(wc -l <err)"
}

@test "inspect says what is what, and the exit code tells" {
    trained --val-fraction 0.1 --checkpoint-steps 4
    use 0 0 inspect run
    expect "good files" 4 "$(grep -c ': a .* file, good\|: a checkpoint, good' out)"
    grep -q "nobody is writing here" out
    grep -q "settings  --data data --val-fraction 0.1 " out
    use 3 0 inspect run/weights.h5
    expect "hash" "$(summary parameter_hash)" \
        "$(sed -n 's/.*parameter_hash \(.*\)/\1/p' out)"
    refuse 64 "inspect: expected FILE\.\.\., found none" inspect
    refuse 66 "nothing: cannot open" inspect nothing
    refuse 66 "data: expected a run directory" inspect data
    refuse 65 "run/config.ini: expected a checkpoint, a weights file or a run directory" \
        inspect run/config.ini
    "$python" -c 'import h5py; h5py.File("other.h5", "w", libver="earliest")["a/b"] = [1.0]'
    use 0 0 inspect other.h5
    grep -q "no checkpoint and no weights: 2 objects" out
}

# flip FILE PLACE: turns a bit of the byte over.
flip() {
    "$python" - "$1" "$2" <<'EOF'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(int(sys.argv[2]))
    byte = file.read(1)[0]
    file.seek(int(sys.argv[2]))
    file.write(bytes([byte ^ 16]))
EOF
}

@test "inspect finds damage anywhere in a checkpoint, and in the parameters" {
    trained
    local size place checkpoint=run/checkpoints/step-00000008.h5
    size=$(stat -c %s $checkpoint)
    for place in 0 100 $((size / 3)) $((size / 2)) $((size - 30)) $((size - 20)) $((size - 1)); do
        cp $checkpoint damaged.h5
        flip damaged.h5 "$place"
        refuse 65 "damaged.h5: " inspect damaged.h5
    done
    cp run/weights.h5 damaged.h5
    size=$(stat -c %s damaged.h5)
    flip damaged.h5 $((size / 2))
    refuse 65 "damaged.h5: expected parameters of the hash" inspect damaged.h5
    flip $checkpoint $((size / 2))
    use 0 65 inspect run
    grep -q "run/weights.h5: a weights file, good" out
}

@test "inspect names who is writing, and changes nothing" {
    make_data data 500 203
    "${launcher[@]}" -np 1 "$program" --data data --epochs 100000 --output run \
        >live.out 2>live.err &
    local pid=$! before
    for _ in {1..100}; do [ -s run/weights.h5 ] || [ -d run/checkpoints ] && break; sleep 0.1; done
    use 0 0 inspect run
    grep -qE "lock      being written: process [0-9]+ on host $(uname -n)" out
    touch run/stop
    wait $pid || true
    before=$(find run -printf '%p %T@ %s\n' | sort)
    use 0 0 inspect run
    grep -q "nobody is writing here" out
    expect "files" "$before" "$(find run -printf '%p %T@ %s\n' | sort)"
}
