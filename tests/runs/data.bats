#!/usr/bin/env bats
# Data sets under the names and in the forms that people have: read whole, or refused in one line.
# shellcheck disable=SC2030,SC2031,SC2054,SC2154
# A test is a subshell; 10,4 is one word; helpers.bash sets what seems unset.

load helpers

setup() { common_setup; }
teardown() { common_teardown; }

base=(--classes 4 --layers 10,4 --epochs 2 --batch-size 8 --virtual-ranks 3)

make_form() { "$python" "$top/tests/runs/make_data.py" "$@"; }

# same_as FORM NP NAME [ARGUMENT...]: trains, to the weights that the files of that form give.
same_as() {
    if [ ! -e "$1-run" ]; then
        make_form "$1" "$1"
        train 1 --data "$1" "${base[@]}" --output "$1-run"
    fi
    train "$2" "${base[@]}" --output "run-$3" "${@:4}"
    expect "$3: parameter_hash" "$(summary parameter_hash "$1-run")" \
        "$(summary parameter_hash "run-$3")"
    expect "$3: test_accuracy" "$(summary test_accuracy "$1-run")" \
        "$(summary test_accuracy "run-$3")"
}

same_as_plain() { same_as plain "$@"; }

# each_name_works DIR COUNT: of several data sets in DIR so many are named, and each name trains to
# the weights of plain files.
each_name_works() {
    local found name number=0
    refuse 66 "$1: expected the files of one data set, found those of $2: .*; name one of them$" \
        --data "$1" "${base[@]}"
    read -ra found < <(
        sed -n 's/,//g; s/.* found those of [0-9]*: \(.*\); name one of them$/\1/p' err)
    for name in "${found[@]}"; do
        number=$((number + 1))
        same_as_plain 1 "${1//\//-}-$number" --data "$name"
    done
    expect "names" "$2" "$number"
}

@test "IDX files under any name, raw and packed, train to the same weights on 1 to 3 ranks" {
    local form number=0
    for form in dots dots-gz test prefix unpacked torchvision gz-without-ending members qmnist \
        short; do
        make_form "$form" "$form"
        same_as_plain $((number++ % 3 + 1)) "$form" --data "$form"
    done
    same_as_plain 2 above --data torchvision/MNIST
    same_as_plain 3 below --data torchvision/MNIST/raw
}

@test "training files alone: trains, and says that there is nothing to test on" {
    make_form train-only alone
    train 2 --data alone "${base[@]}" --output run
    grep -q "nothing to test on" out
    expect "test_accuracy" null "$(summary test_accuracy run)"
    train 3 --data alone "${base[@]}" --val-fraction 0.2 --output held-out
    grep -q "nothing to test on" out
    refuse 78 'expected a subset with samples, found none' eval --weights run/weights.h5
    train 1 --data alone "${base[@]}" --split random --val-fraction 0.2 --output random
}

@test "a part of a data set, and two of them, are refused with what was seen" {
    make_form prefix set
    rm set/*train-labels*
    refuse 66 "set: .*found emnist-digits-train-images.*missing: emnist-digits-train-labels-idx1" \
        --data set "${base[@]}"
    make_form plain set
    refuse 66 "set: expected .*one data set, found .* 2: .*" --data set "${base[@]}"
    same_as_plain 1 by-file --data set/train-images-idx3-ubyte
    make_form prefix set
    same_as_plain 1 by-prefix --data set/emnist-digits
    mkdir notes
    touch notes/{a,b,c,d,e,f,g}.txt
    refuse 66 'notes: .*found .*\.txt, .* and 2 more; .*get-mnist.sh$' \
        --data notes "${base[@]}"
}

@test "of several data sets in a directory every name that is printed is one" {
    make_form plain two
    make_form prefix two
    each_name_works two 2
    make_form torchvision below
    make_form dots below/other
    each_name_works below 2
    mkdir arrays
    make_form h5 arrays/digits.h5
    make_form npz arrays/mnist.npz
    each_name_works arrays 2
    make_form dots above/fashion-mnist
    make_form npz above/mnist.npz
    each_name_works above 2
}

@test "files that hide themselves, as archives of macOS bring along, are no data set" {
    local form name
    for form in plain csv; do
        make_form "$form" "$form"
        mkdir -p "$form/__MACOSX/$form"
        for name in "$form"/*; do
            [ -d "$name" ] || cp "$name" "$form/._${name##*/}"
            [ -d "$name" ] || cp "$name" "$form/__MACOSX/$form/${name##*/}"
        done
        train 1 --data "$form" "${base[@]}" --output "mac-$form"
    done
    mv plain mac
    same_as_plain 1 mac --data mac
}

@test "a directory with one file of arrays is that file; beside others it is left out by name" {
    mkdir keras
    make_form npz keras/mnist.npz
    same_as_plain 2 keras --data keras/
    grep -q '^  data      arrays in keras/*mnist.npz$' out
    mkdir hdf5 keras/more
    touch keras/._mnist.npz keras/more/x.npz keras/notes.txt
    same_as_plain 1 keras-again --data keras
    make_form h5 hdf5/digits.H5
    same_as_plain 3 hdf5 --data hdf5
    make_form dots keras
    same_as_plain 1 beside --data keras
    grep -q '^ *without mnist.npz$' out
    make_form csv csv
    cp keras/mnist.npz csv
    train 1 --data csv --epochs 1 --output csv-run
    grep -q '^ *without mnist.npz$' out
    rm -r keras
    mkdir keras
    "$python" -c 'import numpy; numpy.savez("keras/x.npz", a=[1])'
    refuse 65 'keras/x.npz: expected arrays like x_train' --data keras
}

@test "--data auto: a part of a data set in data/mnist is refused, not replaced" {
    make_form dots data/mnist
    same_as_plain 1 auto
    rm data/mnist/train-labels*
    refuse 66 'data/mnist: .*missing: train-labels-idx1-ubyte' "${base[@]}"
    rm data/mnist/*
    touch data/mnist/train-images-idx3-ubyte.gz.part
    refuse 66 'data/mnist: .*found train-images-idx3-ubyte.gz.part' "${base[@]}"
    rm data/mnist/*
    dist_train 1 --layers 10 --epochs 1 --train-limit 50 --test-limit 5 --output none
    expect "source" "synthetic digits" "$(summary data_source none)"
}

@test "--data auto: what lies in data is used as --data data uses it, or refused, not replaced" {
    local form number=0
    for form in torchvision plain prefix unpacked qmnist; do
        make_form $form data
        same_as_plain $((number++ % 3 + 1)) "auto-$form"
        rm -r data
    done
    make_form csv data
    same_as square 1 auto-csv
    grep -q '^  data      CSV files in data$' out
    rm -r data
    make_form folder data
    same_as by-class 2 auto-folder
    rm -r data
    mkdir data
    make_form npz data/mnist.npz
    same_as_plain 3 auto-npz
    grep -q '^  data      arrays in data/mnist.npz$' out
    make_form torchvision data
    refuse 66 'data: .* found those of 2: data/MNIST/raw, data/mnist.npz; name one' "${base[@]}"
    rm data/mnist.npz
    same_as_plain 1 auto-below
    grep -q '^  data      MNIST-type files in data/MNIST/raw$' out
    rm data/MNIST/raw/train-labels*
    refuse 66 'data/MNIST/raw: .*missing: train-labels-idx1-ubyte' "${base[@]}"
    make_form dots data/mnist
    same_as_plain 1 auto-mnist
    grep -q '^  data      MNIST-type files in data/mnist$' out
    rm -r data/*
    for form in npz csv; do
        echo no >data/some.$form
        refuse 65 "data/some.$form: " "${base[@]}"
        rm data/*
    done
    echo no >data/notes.txt
    dist_train 1 --layers 10 --epochs 1 --train-limit 50 --test-limit 5 --output none
    expect "source" "synthetic digits" "$(summary data_source none)"
}

@test "labels from 1, and with gaps, are classes: said, kept, and given back by all who use them" {
    local np=0 form
    for form in from-1 gaps transposed; do
        make_form $form $form
        np=$((np % 3 + 1))
        base=(--layers 10,4 --epochs 2 --batch-size 8 --virtual-ranks 3)
        [ $form != transposed ] || base+=(--transpose)
        same_as_plain $np $form --data $form
    done
    train 2 --data from-1 --epochs 2 --batch-size 8 --output defaults
    grep -q 'network   48-128-64-4,' out
    grep -q 'the classes are the labels 1 to 4;' out
    refuse 78 'layers: .* one output a class, 4, found 3' --data from-1 --layers 3
    refuse 65 'expected labels 0 to 3, found 4' --data from-1 --classes 4 --layers 4

    train 3 eval --weights run-gaps/weights.h5 --csv gaps.csv --json gaps.json
    expect "classes" "class 2 3 500 7000" "$(cut -d, -f1 gaps.csv | words)"
    grep -q '"class": 7000,' gaps.json
    grep -qE '^ +7000 ' out
    train 1 predict --weights run-gaps/weights.h5 --json gaps/t10k-images-idx3-ubyte
    expect "other answers" "" "$(grep -vE '"label": (2|3|500|7000), ' out)"
    train 1 predict --weights run-transposed/weights.h5 transposed/t10k-images-idx3-ubyte
    mv out upright
    train 1 predict --weights plain-run/weights.h5 plain/t10k-images-idx3-ubyte
    expect "answers" "$(cut -f2- out)" "$(cut -f2- upright)"
    for form in transposed gaps; do
        train 1 export --weights run-$form/weights.h5 --format pytorch -o $form-torch.safetensors
        train 1 export --weights run-$form/weights.h5 -o $form.onnx
    done
    expect "files that speak of it" "./transposed-torch.py ./transposed.onnx" \
        "$(grep -la '(transpose)' ./*.py ./*.onnx | words)"
    grep -q '>7000<' run-gaps/report.html
    train 1 export --weights run-gaps/weights.h5 --format safetensors -o gaps.safetensors
    grep -aq '"id2label":"{\\"0\\": \\"2\\"' gaps.safetensors ||
        grep -aq 'id2label.*7000' gaps.safetensors
    train 1 import --from gaps.safetensors -o back.h5
    cmp run-gaps/weights.h5 back.h5
    refuse 65 'expected labels 1 to 4, found 500' eval --weights run-from-1/weights.h5 --data gaps
}

@test "a restart has the classes of its checkpoint" {
    make_form gaps gaps
    base=(--data gaps --epochs 4 --batch-size 8 --virtual-ranks 3)
    train 2 "${base[@]}" --output whole
    dist_train 1 "${base[@]}" --output parts --max-steps 9
    train 3 "${base[@]}" --output parts --resume auto
    expect "hash" "$(summary parameter_hash whole)" "$(summary parameter_hash parts)"
    cmp whole/weights.h5 parts/weights.h5
    train 1 eval --weights parts/weights.h5
    grep -qE '^ +7000 ' out
}

@test "config.ini of labels that were counted repeats the run, also after a restart" {
    local form
    for form in gaps from-1 plain; do
        make_form "$form" "$form"
        train 1 --data "$form" --epochs 2 --batch-size 8 --output "a-$form"
        grep -qx 'classes = auto' "a-$form/config.ini"
        train 1 --config "a-$form/config.ini" --output "b-$form"
        cmp "a-$form/weights.h5" "b-$form/weights.h5"
        train 1 inspect "a-$form/weights.h5"
        if grep -q -- --classes out; then cat out; false; fi
    done
    train 1 --data gaps --batch-size 8 --epochs 4 --output whole
    dist_train 1 --data gaps --batch-size 8 --epochs 4 --output parts --max-steps 9
    train 1 --data gaps --output parts --resume auto --classes 4
    cmp whole/weights.h5 parts/weights.h5
    cmp whole/config.ini parts/config.ini
    dist_train 1 --data gaps --batch-size 8 --epochs 4 --output other --max-steps 9
    dist_train 1 --data gaps --output other --resume auto --classes 5
    grep -q 'classes: expected 4, as this run has it, found 5' err
    # More outputs than labels: the checkpoint's layers say which labels are classes.
    dist_train 1 --data plain --layers 8,6 --batch-size 8 --epochs 2 --output six
    expect "exit code" 0 "$status"
    grep -q '^warning: layers: 6 outputs, but the data have labels of 4 classes; ' err
    dist_train 1 --data plain --layers 8,6 --batch-size 8 --epochs 2 --output half --max-steps 5
    train 1 --data plain --output half --resume auto
    cmp six/weights.h5 half/weights.h5
    dist_train 1 bench --config a-gaps/config.ini --quick --repetitions 1 --batches 8
    expect "exit code of bench" 0 "$status"
}

@test "arrays in .npz files: names, types, shapes, one-hot; packed and stored" {
    local np=0 form
    for form in npz npz-stored npz-words npz-unit npz-floats npz-flat npz-one-hot npz-big; do
        make_form $form $form.npz
        np=$((np % 3 + 1))
        same_as_plain $np $form --data $form.npz
    done
    make_form npz-keys keys.npz
    refuse 65 'keys.npz: expected arrays like x_train .*found a, b, c, d;' --data keys.npz
    same_as_plain 2 keys --data keys.npz --keys a,b,c,d
    refuse 78 "keys: expected names of arrays of keys.npz, found 'e'" --data keys.npz --keys a,e
    local keys count
    for keys in 1:a 3:a,b,c 5:a,b,c,d,a "3:a,b,"; do
        count=${keys%%:*}
        refuse 78 "keys: expected 2 or 4 names, .*, found $count in '${keys#*:}'" \
            --data keys.npz --keys "${keys#*:}"
    done
    refuse 78 "keys: expected names of arrays of keys.npz, found ''" --data keys.npz --keys a,
    train 3 --data keys.npz --keys a,b --layers 10,4 --epochs 1 --output half
    grep -q 'nothing to test on' out
    train 2 eval --weights run-npz/weights.h5
    make_form npz-bad bad.npz
    refuse 65 'bad.npz.*x_train: expected pixels of 0 to 255.*found 300 in image 3' --data bad.npz
    truncate -s -30 npz.npz
    refuse 65 'npz.npz: expected a .npz file' --data npz.npz
}

@test "arrays in HDF5 files: names, types, shapes, chunks, one-hot; the same rules" {
    local np=0 form
    for form in h5 h5-packed h5-channel h5-floats h5-booleans; do
        make_form $form $form.h5
        np=$((np % 3 + 1))
        same_as_plain $np $form --data $form.h5
    done
    make_form h5-usps usps.data # what it is, its content says
    same_as square 2 usps --data usps.data
    grep -q '^ *pixels of 0 to 1 become 0 to 255$' out
    make_form npz-square square.npz
    same_as square 3 npz-square --data square.npz
    make_form h5-keys keys.h5
    refuse 65 'keys.h5: expected arrays like x_train .*found a, b, c, d;' --data keys.h5
    same_as_plain 3 keys --data keys.h5 --keys a,b,c,d
    train 2 eval --weights run-h5/weights.h5 --data h5-packed.h5
    make_form h5-bad bad.h5
    refuse 65 'bad.h5.*x_train: expected pixels of 0 to 255.*found 300 in image 3' --data bad.h5
    make_form h5-lzf lzf.h5
    refuse 65 'lzf.h5: x_train: expected images .*, found the filter lzf' --data lzf.h5
    make_form h5-huge huge.h5
    refuse 65 'huge.h5: x_train: expected images .*, found 0 of 2147484 chunks' --data huge.h5
    refuse 65 'expected arrays like x_train .*found dense/' --data run-h5/weights.h5
    refuse 66 'gone.h5: cannot open' --data gone.h5
    : >empty.h5
    refuse 65 'empty.h5: expected an HDF5 file, found an empty one' --data empty.h5
    head -c 3000 h5.h5 >cut.h5
    refuse 65 'cut.h5: expected an HDF5 file of .* bytes, .*found the first 3000' --data cut.h5
}

@test "CSV files: label first, last, by name; headers, quotes, packed; the weights of IDX files" {
    local np=0 form
    for form in csv csv-packed csv-last csv-quoted; do
        make_form $form $form
        np=$((np % 3 + 1))
        same_as square $np $form --data $form
    done
    grep -q '^ *without column 1$' out
    sed '1s/""/Id/' csv-quoted/train.csv >id.csv
    train 1 --data id.csv "${base[@]}" --dry-run
    grep -q '^ *without column Id$' out
    make_form csv-packed csv-packed
    same_as square 3 by-file --data csv-packed/mnist_train.csv.gz
    grep -q '^ *labels in the first column$' out
    same_as square 2 by-test --data csv/test.csv
    same_as square 2 by-key --data csv --keys label
    train 3 eval --weights run-csv/weights.h5 --data csv-last
    expect "loss" "$(train 1 eval --weights run-csv/weights.h5 && grep -o 'loss [0-9.]*' out)" \
        "$(train 2 eval --weights run-csv/weights.h5 --data square && grep -o 'loss [0-9.]*' out)"
    # As Pandas writes what has no names, without its index and with it.
    make_form csv-packed packed
    mkdir pandas index
    for form in train test; do
        gunzip <"packed/mnist_$form.csv.gz" | sed "1i $(seq -s, 0 36)" >"pandas/$form.csv"
        awk '{ print (NR > 1 ? NR - 2 : "") "," $0 }' "pandas/$form.csv" >"index/$form.csv"
    done
    same_as square 2 pandas --data pandas
    same_as square 1 index --data index
    touch csv/preview.png # no picture of a class
    train 2 --data csv "${base[@]}" --dry-run
    rm csv/preview.png
    make_form csv-text text
    train 2 --data text/digits.txt "${base[@]}" --output text-run
    grep -q '^ *labels in the last column$' out
    grep -q 'nothing to test on' out
    rm csv/test.csv square/t10k*
    train 3 --data csv "${base[@]}" --output alone
    train 1 --data square "${base[@]}" --output square-alone
    expect "hash" "$(summary parameter_hash square-alone)" "$(summary parameter_hash alone)"
}

@test "a CSV test part without labels is left out by name, and so are other CSV files" {
    make_form csv-kaggle kaggle
    train 2 --data kaggle "${base[@]}" --output run
    grep -q '^ *test.csv has no labels and is not used; without sample_submission.csv$' out
    grep -q 'nothing to test on' out
    expect "test_accuracy" null "$(summary test_accuracy run)"
    train 1 --data kaggle/train.csv "${base[@]}" --output by-file
    expect "hash" "$(summary parameter_hash run)" "$(summary parameter_hash by-file)"
    rm kaggle/train.csv
    refuse 66 'kaggle: expected train.csv, with test.csv or without, found sample_.*, test.csv$' \
        --data kaggle
    refuse 66 'kaggle: expected train.csv beside test.csv, found' --data kaggle/test.csv
    mkdir -p data
    mv kaggle data/mnist
    refuse 66 'data/mnist: expected train.csv' "${base[@]}"
    make_form csv both
    make_form square both
    refuse 66 'both: expected the files of one data set; name one of them, found test.csv, train' \
        --data both
    same_as square 2 csv-of-both --data both/train.csv
    same_as square 1 idx-of-both --data both/train-images-idx3-ubyte
}

@test "rows of CSV files that are none are refused with file and line" {
    make_form csv csv
    damage() { sed "$1" csv/train.csv >bad.csv; }
    damage '7s/,[0-9]*$//'
    refuse 65 'bad.csv:7: expected 37 values, as in line 1, found 36' --data bad.csv
    damage '9s/,[0-9]*,/,12x,/'
    refuse 65 "bad.csv:9: expected a number in column 2, found '12x'" --data bad.csv
    damage '5s/^[0-9]*/cat/'
    refuse 65 "bad.csv:5: expected a whole number as label in column 1, found 'cat'" --data bad.csv
    damage '5s/^[0-9]*/1.5/'
    refuse 65 "bad.csv:5: expected a whole number as label in column 1, found '1.5'" --data bad.csv
    damage '11s/,[0-9]*,/,,/'
    refuse 65 "bad.csv:11: expected a number in column 2, found ''" --data bad.csv
    damage '4s/,[0-9]*,/,256,/'
    refuse 65 'expected pixels of 0 to 255, or all of 0 to 1, found 256 in image 2' --data bad.csv
    damage '1s/label/what/'
    refuse 65 'bad.csv: expected one column of labels, label, .*found what, pixel0, .*--keys' \
        --data bad.csv
    refuse 78 "keys: expected the name of a column, first or last, found 'no'; .*" \
        --data bad.csv --keys no
    damage 's/,[0-9a-z]*$//'
    refuse 65 'bad.csv: expected a label and the pixels of a square .* found 1 . 35; .*' \
        --data bad.csv
    damage '2,999d'
    refuse 65 'bad.csv: expected lines of numbers, found a header alone' --data bad.csv
    : >bad.csv
    refuse 65 'bad.csv: expected lines of numbers, found none' --data bad.csv
    refuse 66 'gone.csv: cannot open' --data gone.csv
    gzip <csv/train.csv | head -c 900 >bad.csv.gz
    refuse 65 'bad.csv.gz: expected more gzip data' --data bad.csv.gz
    head -c 5000000 /dev/zero | tr '\0' 1 >bad.csv
    refuse 65 'bad.csv:1: expected lines of at most 4 MB, found more' --data bad.csv
    damage '1d'
    paste -d, <(cut -d, -f3- csv/train.csv | sed 1d) <(cut -d, -f1 csv/train.csv | sed 1d) |
        awk -F, '{ print NR % 9 FS $0 }' >doubt.csv
    refuse 65 'doubt.csv: .*found what may be labels in both; say which with --keys first or' \
        --data doubt.csv
    train 1 --data doubt.csv --keys last "${base[@]}" --output last
    awk -F, '{ $1 = NR % 2; print }' OFS=, doubt.csv >border.csv # a pixel of few values
    refuse 65 'border.csv: .*found what may be labels in both; say which with --keys first or' \
        --data border.csv
}

@test "integers of 0 and 1 in .npz files are pixels of 0 and 255, and that is said" {
    make_form npz-bits bits.npz
    make_form npz-black black.npz
    train 1 --data black.npz "${base[@]}" --output black
    if grep -q 'pixels of 0 to 1' out; then false; fi
    train 2 --data bits.npz "${base[@]}" --output bits
    grep -q '^ *pixels of 0 to 1 become 0 to 255$' out
    expect "hash" "$(summary parameter_hash black)" "$(summary parameter_hash bits)"
    expect "test_accuracy" "$(summary test_accuracy black)" "$(summary test_accuracy bits)"
}

# arrays FILE EXPRESSION EXPRESSION: training images of 8 x 8 in 2 classes, and test images; each of
# the expressions changes x, of 0 to 1, into one of these.
arrays() {
    "$python" - "$@" <<'EOT'
import sys
import numpy as np
arrays = {}
for part, count, change in zip(("train", "test"), (40, 10), sys.argv[2:]):
    x = np.random.default_rng(count).random((count, 8, 8))
    x[0, 0, 0] = 1
    arrays["x_" + part], arrays["y_" + part] = eval(change), np.arange(count) % 2
np.savez(sys.argv[1], **arrays)
EOT
}

@test "fractions of .npz files that are of neither scale, or of two of them, are refused" {
    arrays over.npz 'x[3].__setitem__((1, 1), 1.01) or x' x
    refuse 65 'over.npz: x_train: expected pixels of 0 to 255, .*, found 1.01 in image 3' \
        --data over.npz --layers 2
    arrays two.npz 'x * 255' x
    refuse 65 'two.npz: x_test: expected pixels of 0 to 255, as those of the training part, found' \
        --data two.npz --layers 2
    arrays bytes.npz x '(x * 255).astype("u1")'
    refuse 65 'x_test: expected pixels of 0 to 1, as in .* of the training part, found ' \
        --data bytes.npz --layers 2
    arrays dark.npz 'x * 255' '(x > 0.5) * 1.0'
    train 1 --data dark.npz --layers 2 --epochs 1 --output dark
    if grep -q 'pixels of 0 to 1' out; then false; fi
}

@test "images of true and false are images of 0 and 255" {
    make_form npz-black black.npz
    train 1 --data black.npz "${base[@]}" --output black
    "$python" - <<'EOT'
import numpy as np
arrays = dict(np.load("black.npz"))
np.savez("true.npz", **{name: a > 0 if name[0] == "x" else a for name, a in arrays.items()})
EOT
    train 2 --data true.npz "${base[@]}" --output true
    grep -q '^ *pixels of 0 to 1 become 0 to 255$' out
    expect "hash" "$(summary parameter_hash black)" "$(summary parameter_hash true)"
}

@test "hosts whose files differ in the kind of their labels are refused, and do not wait" {
    mkdir a b
    make_form npz a/d.npz
    make_form npz-one-hot b/d.npz
    status=0
    timeout -k 5 60 "${launcher[@]}" -np 1 sh -c "cd a && exec $program --data d.npz" : \
        -np 1 sh -c "cd b && exec $program --data d.npz" >out 2>err </dev/null || status=$?
    expect "exit code" 65 "$status"
    grep -q 'expected what rank 0 has, .*, labels that are numbers; found .*, labels of 4' err
}

@test "arrays of .npz files that are left out are named" {
    make_form npz-val val.npz
    train 2 --data val.npz --layers 8,4 --epochs 1 --output auto
    grep -q '^ *pixels of 0 to 1 become 0 to 255; without val_images, val_labels$' out
    grep -q 'nothing to test on' out
    train 1 --data val.npz --layers 8,4 --epochs 1 --output all \
        --keys train_images,train_labels,val_images,val_labels
    if grep -qE 'without|nothing to test on' out; then false; fi
    make_form npz npz.npz
    train 1 --data npz.npz --layers 8,4 --epochs 1 --output none
    if grep -q 'without' out; then false; fi
}

@test "eval reads only the part of packed data that it looks at" {
    make_form npz npz.npz
    make_form npz-wrong wrong.npz
    train 1 --data npz.npz "${base[@]}" --output run
    train 1 eval --weights run/weights.h5 --split test
    mv out right
    train 2 eval --weights run/weights.h5 --split test --data wrong.npz
    expect "loss" "$(grep -o 'loss [0-9.]*' right)" "$(grep -o 'loss [0-9.]*' out)"
    refuse 65 'y_train: expected labels 0 to 3, found 70 at sample 0' \
        eval --weights run/weights.h5 --split train --data wrong.npz
}

@test "one-hot labels of .npz files have as many classes as columns" {
    make_form npz-wide wide.npz
    train 2 --data wide.npz --epochs 2 --batch-size 8 --output wide
    grep -q 'network   48-128-64-7,' out
    grep -q ' 7 classes$' out
    train 1 --config wide/config.ini --output again
    expect "hash" "$(summary parameter_hash wide)" "$(summary parameter_hash again)"
    refuse 78 'classes: the arrays in wide.npz have 7 classes, found 4' --data wide.npz --classes 4
    make_form npz-half half.npz
    train 1 --data half.npz --epochs 1 --output half
    grep -q 'the classes are the labels 2 to 5;' out
}

@test "settings of other formats are named as unused, and those of this one are not" {
    local row words found
    make_form plain plain
    make_form npz-keys keys.npz
    make_form h5-keys keys.h5
    make_form csv csv
    make_form folder folder
    mkdir held
    cp keys.npz held
    for row in "synthetic a,b --keys --size" "plain a,b --keys --size --synthetic-seed" \
        "keys.npz a,b,c,d --size --synthetic-seed" "keys.h5 a,b,c,d --size --synthetic-seed" \
        "held a,b,c,d --size --synthetic-seed" "csv label --size --synthetic-seed" \
        "folder a,b --keys --synthetic-seed"; do
        read -ra words <<<"$row"
        train 0 --data "${words[0]}" --keys "${words[1]}" --size 9x9 --synthetic-seed 5 --dry-run
        found=$(sed -n 's/^  unused  //p' out | grep -o -e '--[a-z-]*' | words)
        expect "${words[0]}: unused" "${words[*]:2}" "$found"
    done
}
