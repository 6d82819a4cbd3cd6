"""Whether the files of dist-train export hold the network, and files to import.

usage: check_export.py formats DATA COUNT     compares the exports in the directories 0 to COUNT - 1
       check_export.py elsewhere DIR          writes networks as other programs do, and bad files
       check_export.py elsewhere-answers DATA compares dist-train's answers for these
       check_export.py images DIR             writes networks of images as other programs do
       check_export.py images-answers DATA    compares dist-train's answers for these
       check_export.py torch DATA             writes state.safetensors and pickles with PyTorch
       check_export.py torch-answers DATA     compares the answers in `out`, and back.safetensors
       check_export.py edit FILE              writes edited.safetensors, with another value

Reads each format by its own documents, not with dist-train's code; PyTorch and the safetensors
package are used where they are installed. Outputs are computed in double precision from what is
known of the network, and must agree with dist-train predict to 1e-5.
"""
import importlib.util
import io
import json
import math
import os
import struct
import sys
import zipfile

import h5py
import numpy as np

import check_weights
import idx
import layer_reference


def fail(what, expected, found):
    sys.exit(f"{what}: expected {expected}, found {found}")


def has(package):
    return importlib.util.find_spec(package) is not None


# ---- networks ----

def normalise(images, kind):
    return images / 255 if kind == "unit" else (images / 255 - 0.1307) / 0.3081


def square(images):
    side = math.isqrt(images[0].size)
    return side, side, 1


def answers(tensors, images, architecture, loss, normalisation):
    """Probabilities; tensors: a list a layer, [kernel, bias or none], as Keras has them."""
    parsed = layer_reference.parse(architecture)
    flat = [array.astype(np.float64) for layer in tensors for array in layer]
    inputs = normalise(images.astype(np.float64).reshape(len(images), -1), normalisation)
    outputs = layer_reference.forward(parsed, flat, inputs, square(images))[-1]
    return layer_reference.probabilities(parsed, loss, outputs)


def read_answers(path):
    return np.array([json.loads(line)["probabilities"] for line in open(path)])


def compare(what, expected, found):
    if expected.shape != found.shape or not abs(expected - found).max() <= 1e-5:
        fail(what, expected, found)


# ---- formats ----

def read_keras(path):
    """As Keras' load_weights_from_hdf5_group does: see check_weights.py."""
    with h5py.File(path) as file:
        check_weights.check_header(file)
        layers = []
        for name in check_weights.names(file, "layer_names"):
            weights = check_weights.names(file[name], "weight_names")
            if weights:
                layers.append([file[name][weight][:] for weight in weights])
        facts = {key: value for key, value in file.attrs.items() if key.startswith("dist_train.")}
    return layers, facts


def read_safetensors(path):
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    if (8 + length) % 8 or data[8:9] != b"{":
        fail(f"{path}: header", "a multiple of 8 bytes that begins with {", length)
    metadata, end = header.pop("__metadata__", {}), 0
    arrays = {}
    for name, it in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, stop = it["data_offsets"]
        if begin != end or it["dtype"] != "F32":
            fail(f"{path}: {name}", f"F32 from byte {end} on", it)
        arrays[name] = np.frombuffer(data[8 + length + begin:8 + length + stop],
                                     "<f4").reshape(it["shape"])
        end = stop
    if 8 + length + end != len(data):
        fail(f"{path}: end", len(data), 8 + length + end)
    if has("safetensors"):
        from safetensors.numpy import load_file
        for name, array in load_file(path).items():
            np.testing.assert_array_equal(array, arrays.pop(name))
        if arrays:
            fail(f"{path}: arrays", "none left", arrays)
        return read_safetensors_twice(path, metadata, load_file(path))
    return arrays, metadata


def read_safetensors_twice(path, metadata, arrays):
    from safetensors import safe_open
    with safe_open(path, "numpy") as file:
        if file.metadata() != metadata:
            fail(f"{path}: metadata", metadata, file.metadata())
    return arrays, metadata


def read_npz(path):
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files if file[name].dtype.kind == "f"}
        texts = {name: str(file[name]) for name in file.files if file[name].dtype.kind == "U"}
        if len(arrays) + len(texts) != len(file.files):
            fail(f"{path}: members", "floats and texts", file.files)
    return arrays, texts


def by_layer(arrays, names, tensor_names):
    """The tensors of these layers; no others may be there."""
    layers = [[arrays.pop(name) for name in (f"{layer}{tensor}" for tensor in tensor_names)
               if name in arrays] for layer in names]
    if arrays:
        fail("arrays", "none left", list(arrays))
    return layers


def keras_name(i, kind="dense"):
    return kind if i == 0 else f"{kind}_{i}"


def keras_names(kinds):
    own = {"conv": "conv2d", "layernorm": "layer_normalization",
           "groupnorm": "group_normalization"}
    return [keras_name(kinds[:i].count(kind), own.get(kind, kind)) for i, kind in enumerate(kinds)]


def from_torch(layers, parsed, images):
    """Kernels as Keras has them: what is [out][in] there; and of an image, and of a row that it
    became, whose values are [channel][height][width] there, in the order of ours."""
    found, images, row, left = [], np.zeros((1, *square(images))), None, list(layers)
    parsed = [layer for layer in parsed if layer[0] not in layer_reference.SECOND]
    for kind, words in parsed:
        own = left.pop(0) if kind in layer_reference.TRAINED else []
        if images.ndim == 4 and kind not in layer_reference.OF_IMAGES:
            row = images.shape[1:]
        if kind == "conv":
            own = [own[0].transpose(2, 3, 1, 0), *own[1:]]
        if kind == "layernorm" and row:
            height, width, channels = row
            own = [array.reshape(channels, height, width).transpose(1, 2, 0) for array in own]
        if kind == "dense":
            height, width, channels = row or (1, 1, len(own[0].T))
            kernel = own[0].T.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
            own, row = [kernel.reshape(height * width * channels, -1), *own[1:]], None
        if own:
            found.append(own)
        images = layer_reference.forward([(kind, words)], own, images, keep=True)[-1]
    return found


def check_texts(what, facts, texts):
    """The attributes of the weights file, as texts."""
    for name, value in facts.items():
        if isinstance(value, bytes):
            same = texts.get(name, "") == value.decode()
        elif isinstance(value, np.ndarray):
            same = json.loads(texts[name]) == value.tolist()
        elif isinstance(value, np.floating):
            same = math.isnan(value) and name not in texts or float(texts[name]) == value
        else:
            same = int(texts[name]) == value
        if not same:
            fail(f"{what}: {name}", value, texts.get(name))
    strangers = set(texts) - set(facts) - {"format"}
    if strangers:
        fail(f"{what}: texts", "none but the facts", strangers)


def check_torch(directory, images, expected):
    import torch
    spec = importlib.util.spec_from_file_location("network", f"{directory}/torch.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with torch.no_grad():
        for shape in ((len(images), -1), (len(images), 6, 6), (len(images), 6, 6, 1)):
            outputs = module.model(torch.from_numpy(images.reshape(shape)))
            compare(f"{directory}/torch.py", expected, module.probabilities(outputs).numpy())


def check_case(directory, images):
    _, _, loss, _, _, normalisation = open(f"{directory}/case").read().strip().split("|")
    expected = read_answers(f"{directory}/answers")
    keras, facts = read_keras(f"{directory}/model.h5")
    architecture = facts["dist_train.layers"].decode()
    parsed = layer_reference.parse(architecture)
    kinds = [kind for kind, _ in parsed if kind in layer_reference.TRAINED]
    arrays, metadata = read_safetensors(f"{directory}/model.safetensors")
    torch_arrays, torch_metadata = read_safetensors(f"{directory}/torch.safetensors")
    npz_arrays, texts = read_npz(f"{directory}/model.npz")
    names = (keras_names(kinds), ("/kernel", "/bias", "/gamma", "/beta"))
    modules = sorted({int(name.split(".")[0]) for name in torch_arrays})
    state = by_layer(dict(torch_arrays), modules, (".weight", ".bias"))
    formats = {
        "keras": keras, "safetensors": by_layer(dict(arrays), *names),
        "npz": by_layer(npz_arrays, *names), "pytorch": from_torch(state, parsed, images)}
    for name, layers in formats.items():
        compare(f"{directory} {name}", expected,
                answers(layers, images, architecture, loss, normalisation))
    for name, found in (("safetensors", metadata), ("pytorch", torch_metadata), ("npz", texts)):
        check_texts(f"{directory} {name}", facts, found)
    if has("torch"):
        check_torch(directory, images, expected)


def check_formats(data, count):
    images, _ = idx.read_part(data, "test")
    for directory in range(int(count)):
        check_case(str(directory), images)


# ---- files from elsewhere ----

WIDTHS = [36, 12, 36, 36, 10]


def network(random, widths=WIDTHS):
    """[kernel [in][out], bias] of each layer, whose values a half has too."""
    return [[np.float32(random.integers(-64, 65, (n, m)) / 128),
             np.float32(random.integers(-64, 65, m) / 128)] for n, m in zip(widths, widths[1:])]


def write_safetensors(path, arrays):
    """As the safetensors package does: sorted by name."""
    types = {"float32": "F32", "float16": "F16", "float64": "F64", "int64": "I64", "uint16": "BF16"}
    header, data = {}, b""
    for name, array in sorted(arrays.items()):
        header[name] = {"dtype": types[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def torch_state(layers, names):
    return {f"{name}.{kind}": np.ascontiguousarray(array.T)
            for name, layer in zip(names, layers) for kind, array in zip(("weight", "bias"), layer)}


def write_keras3(file, root, layers, names=None):
    """source of the layout: Keras, saving_lib.py, _save_state, H5Entry."""
    with h5py.File(file, "w", libver="earliest") as to:
        to.create_group("vars")
        for i, layer in enumerate(layers):
            for j, array in enumerate(layer):
                to[f"{root}/{names[i] if names else keras_name(i)}/vars/{j}"] = array
        to[f"{root}/dropout/seed_generator/vars/0"] = np.array([1, 2], np.uint32)
        to[f"{root}/flatten"] = np.float32(0)
        del to[f"{root}/flatten"]
        to.create_group(f"{root}/flatten/vars")
        to["optimizer/vars/0"] = np.int64(7)
        to["optimizer/vars/1"] = np.float32(0.01)


def write_legacy(path, layers):
    with h5py.File(path, "w", libver="earliest") as to:
        names = [f"hidden {i}" for i in range(len(layers))]
        to.attrs["layer_names"] = names
        for name, layer in zip(names, layers):
            to.create_group(name).attrs["weight_names"] = [f"{name}/kernel", f"{name}/bias"]
            for kind, array in zip(("kernel", "bias"), layer):
                to[f"{name}/{name}/{kind}"] = array


def write_elsewhere(directory):
    os.chdir(directory)
    layers = network(np.random.default_rng(5))
    fc = torch_state(layers, ("fc1", "fc2", "fc3", "out"))
    write_safetensors("fc.safetensors", fc)
    write_safetensors("words.safetensors",
                      torch_state(layers, ("input", "hidden", "middle", "output")))
    write_safetensors("sequential.safetensors", torch_state(layers, ("0", "2", "10", "12")))
    write_safetensors("half.safetensors", {k: v.astype(np.float16) for k, v in fc.items()})
    write_safetensors("wide.safetensors", {k: v.astype(np.float64) for k, v in fc.items()})
    write_safetensors("brain.safetensors", {k: np.uint16(v.view(np.uint32) >> 16)
                                            for k, v in fc.items()})
    arrays = {f"{keras_name(i)}/{kind}": array for i, layer in enumerate(layers)
              for kind, array in zip(("kernel", "bias"), layer)}
    np.savez("plain.npz", **arrays)
    np.savez_compressed("packed.npz", **{name: np.asfortranarray(array)
                                         for name, array in arrays.items()})
    write_keras3("keras3.weights.h5", "layers", layers)
    write_keras3("keras2.weights.h5", "_layer_checkpoint_dependencies", layers)
    write_legacy("legacy.h5", layers)
    inner = io.BytesIO()
    write_keras3(inner, "layers", layers)
    with zipfile.ZipFile("model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", inner.getvalue())
    np.savez("object.npz", **{"a/kernel": np.array([{}], object)})
    np.savez_compressed("bomb.npz", **{"a/kernel": np.zeros((4000, 4000), np.float32)})
    write_safetensors("integers.safetensors", {"0.weight": np.ones((3, 3), np.int64)})
    write_safetensors("conv.safetensors", {"0.weight": np.ones((3, 3, 1, 1), np.float32)})


def check_elsewhere_answers(data):
    images, _ = idx.read_part(data, "test")
    layers = network(np.random.default_rng(5))
    architecture = "dense 12 tanh, dense 36 tanh, dense 36 tanh, dense 10"
    expected = {"exact": answers(layers, images, architecture, "bce", "standard")}
    cut = [[np.uint32(array.view(np.uint32) & 0xffff0000).view(np.float32) for array in layer]
           for layer in layers]
    expected["brain.safetensors"] = answers(cut, images, architecture, "bce", "standard")
    names = [name[:-len(".answers")] for name in os.listdir() if name.endswith(".answers")]
    if len(names) != 12:
        fail("files", 12, names)
    for name in names:
        compare(name, expected.get(name, expected["exact"]), read_answers(name + ".answers"))
        with h5py.File(name + ".in.h5") as file:
            for i, layer in enumerate(cut if name.startswith("brain") else layers):
                for kind, array in zip(("kernel", "bias"), layer):
                    np.testing.assert_array_equal(
                        file[f"{keras_name(i)}/{keras_name(i)}/{kind}:0"][:], array, name)


IMAGES = "conv 4 3x3 relu, maxpool 2, conv 4 3x3 same tanh, dense 20 relu, dense 20, dense 10"


def image_network():
    """As Keras has it, for images of 12 x 12: layers of which some could change places."""
    random = np.random.default_rng(6)
    shapes = [(3, 3, 1, 4), (3, 3, 4, 4), (100, 20), (20, 20), (20, 10)]
    return [[np.float32(random.integers(-64, 65, shape) / 256),
             np.float32(random.integers(-64, 65, shape[-1]) / 256)] for shape in shapes]


def as_torch(layers, names, image):
    """The state_dict; image: what the first dense layer takes."""
    state = {}
    for name, (kernel, bias) in zip(names, layers):
        if kernel.ndim == 4:
            weight = kernel.transpose(3, 2, 0, 1)
        else:
            height, width, channels = image or (1, 1, len(kernel))
            weight = kernel.reshape(height, width, channels, -1).transpose(3, 2, 0, 1)
            weight, image = weight.reshape(weight.shape[0], -1), None
        state |= {f"{name}.weight": np.ascontiguousarray(weight), f"{name}.bias": bias}
    return state


def write_images(directory):
    os.chdir(directory)
    layers, image = image_network(), (5, 5, 4)
    keras = keras_names(["conv", "conv", "dense", "dense", "dense"])
    write_safetensors("fc.safetensors",
                      as_torch(layers, ("conv1", "conv2", "fc1", "fc2", "fc3"), image))
    write_safetensors("sequential.safetensors", as_torch(layers, ("0", "3", "6", "8", "9"), image))
    np.savez("plain.npz", **{f"{name}/{kind}": array for name, layer in zip(keras, layers)
                             for kind, array in zip(("kernel", "bias"), layer)})
    write_keras3("keras3.weights.h5", "layers", layers, keras)
    write_legacy("legacy.h5", layers)
    few = [[np.ones((3, 3, 1, 4), np.float32), np.ones(4, np.float32)],
           [np.ones((4, 10), np.float32), np.ones(10, np.float32)]]
    write_safetensors("any.safetensors", as_torch(few, ("0", "4"), None))
    few[0][0] = np.ones((3, 3, 3, 4), np.float32)
    write_safetensors("colours.safetensors", as_torch(few, ("0", "4"), None))


def check_images_answers(data):
    images, _ = idx.read_part(data, "test")
    expected = answers(image_network(), images, IMAGES, "mse", "standard")
    names = [name for name in os.listdir() if name.endswith(".answers")]
    if len(names) != 5:
        fail("files", 5, names)
    for name in names:
        compare(name, expected, read_answers(name))


def torch_model():
    import torch
    torch.manual_seed(3)
    nn = torch.nn
    return nn.Sequential(nn.Linear(36, 36), nn.GELU(), nn.Linear(36, 36), nn.GELU(),
                         nn.Linear(36, 10))


def torch_image_model():
    import torch
    torch.manual_seed(4)
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.GroupNorm(3, 6), nn.ReLU(), nn.MaxPool2d(2),
        nn.LayerNorm([6, 3, 3]), nn.Conv2d(6, 8, (2, 1)), nn.Tanh(), nn.AvgPool2d(2, 1, 1),
        nn.Flatten(), nn.Linear(96, 20), nn.ReLU(), nn.Linear(20, 10))
    for i in (1, 4):  # of which PyTorch makes ones and zeros
        nn.init.normal_(model[i].weight, 1)
        nn.init.normal_(model[i].bias)
    return model


def write_torch():
    import torch
    model = torch_model()
    for file, network_of in (("state", torch_model), ("images", torch_image_model)):
        write_safetensors(f"{file}.safetensors", {
            name: value.numpy() for name, value in network_of().state_dict().items()})
    torch.save(model.state_dict(), "model.pt")
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.zeros(1, 36)).sum().backward()
    torch.save({"model_state_dict": model.state_dict(), "epoch": 3, "best": 0.5,
                "optimizer_state_dict": optimizer.state_dict()}, "checkpoint.pt")
    torch.save(model, "whole.pt")
    torch.save(model.state_dict(), "old.pt", _use_new_zipfile_serialization=False)


def check_torch_answers(data):
    import torch
    images, _ = idx.read_part(data, "test")
    x = torch.from_numpy(np.float32(normalise(images.astype(float), "standard")))
    for file, model, x in (("state", torch_model(), x),
                           ("images", torch_image_model(), x.reshape(-1, 1, 6, 6))):
        with torch.no_grad():
            compare(file, torch.sigmoid(model(x)).numpy(), read_answers(f"{file}.answers"))
        back, _ = read_safetensors(f"{file}.back.safetensors")
        state = model.state_dict()
        if set(back) != set(state):
            fail("names", set(state), set(back))
        for name, array in back.items():
            np.testing.assert_array_equal(array, state[name].numpy(), name)


def edit(path):
    data = bytearray(open(path, "rb").read())
    data[-1] ^= 1
    with open("edited.safetensors", "wb") as file:
        file.write(data)


if __name__ == "__main__":
    {"formats": check_formats, "elsewhere": write_elsewhere,
     "elsewhere-answers": check_elsewhere_answers, "images": write_images,
     "images-answers": check_images_answers, "torch": lambda data: write_torch(),
     "torch-answers": check_torch_answers, "edit": edit}[sys.argv[1]](*sys.argv[2:])
