"""Networks of others for dist-train import, as their programs write them, and what they answer.

usage: check_elsewhere.py write DIR          writes the networks, and DIR/list: a line each, FILE and
                                             what else import is to be told
       check_elsewhere.py answers DATA       compares NAME.answers of dist-train predict with them
       check_elsewhere.py refused DIR        writes what is to be refused, and DIR/refused: FILE|code|why
       check_elsewhere.py exported DATA DIR... loads DIR/model.keras and DIR/model.weights.h5 as Keras
                                             does, and compares what they answer with DIR/answers
       check_elsewhere.py resaved DIR...     DIR/model.keras as Keras writes it once more: DIR/resaved.keras

What a network answers is computed in double precision, layer by layer, from the definitions of
Keras, not with dist-train's code. The layout of files is that of Keras' sources: saving_lib.py,
legacy_h5_format.py, serialization_lib.py.
"""
import collections
import io
import json
import os
import pathlib
import pickle
import re
import sys
import types
import zipfile

import h5py
import numpy as np

import check_export
import idx

SIDE = 12


def random_network(seed):
    random = np.random.default_rng(seed)
    return lambda *shape: np.float32(random.normal(size=shape) / 2)


# ---- layers of Keras: a class, a config, weights by their names ----

def layer(cls, weights=None, **config):
    return {"class": cls, "config": config, "weights": weights or {}}


def dense(values, inputs, units, activation="linear", **config):
    weights = {"kernel": values(inputs, units)}
    if config.get("use_bias", True):
        weights["bias"] = values(units)
    return layer("Dense", weights, units=units, activation=activation, **config)


def conv(values, inputs, filters, size, activation="linear", **config):
    weights = {"kernel": values(*size, inputs, filters)}
    if config.get("use_bias", True):
        weights["bias"] = values(filters)
    return layer("Conv2D", weights, filters=filters, kernel_size=list(size),
                 activation=activation, **config)


def batchnorm(values, channels, **config):
    weights = {}
    if config.get("scale", True):
        weights["gamma"] = 1 + values(channels)
    if config.get("center", True):
        weights["beta"] = values(channels)
    weights |= {"moving_mean": values(channels), "moving_variance": abs(values(channels)) + 0.1}
    return layer("BatchNormalization", weights, **({"axis": -1, "epsilon": 1e-3} | config))


def add(second):
    """Of what comes and what layer number `second` gives."""
    return {**layer("Add"), "second": second}


def norm(cls, values, *shape, **config):
    return layer(cls, {"gamma": 1 + values(*shape), "beta": values(*shape)}, **config)


def act(x, name):
    from math import erf
    return {"linear": lambda: x, "relu": lambda: np.maximum(x, 0), "tanh": lambda: np.tanh(x),
            "sigmoid": lambda: 1 / (1 + np.exp(-x)), "silu": lambda: x / (1 + np.exp(-x)),
            "leaky": lambda: np.where(x < 0, 0.01 * x, x),
            "gelu": lambda: x * (1 + np.vectorize(erf)(x / np.sqrt(2))) / 2,
            "softmax": lambda: np.exp(x) / np.exp(x).sum(-1, keepdims=True)}[name]()


def windows(x, size, step, padding, fill):
    """[n][rows][columns][height][width][channels]."""
    (h, w), (down, across) = size, step
    if padding == "same":
        pads = [max((-(-length // s) - 1) * s + k - length, 0)
                for length, k, s in zip(x.shape[1:3], size, step)]
        x = np.pad(x, ((0, 0), *((p // 2, p - p // 2) for p in pads), (0, 0)),
                   constant_values=fill)
    rows, columns = (x.shape[1] - h) // down + 1, (x.shape[2] - w) // across + 1
    return np.stack([np.stack([x[:, i * down:i * down + h, j * across:j * across + w]
                               for j in range(columns)], 1) for i in range(rows)], 1)


def pair(value, otherwise):
    value = otherwise if value is None else value
    return value if isinstance(value, (list, tuple)) else [value, value]


def normalised(x, axes, epsilon):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + epsilon)


def apply(it, x):
    cls, config = it["class"], it["config"]
    w = {name: value.astype(np.float64) for name, value in it["weights"].items()}
    if cls == "Dense":
        return act(x @ w["kernel"] + w.get("bias", 0), config["activation"])
    if cls == "Conv2D":
        seen = windows(x, config["kernel_size"], pair(config.get("strides"), 1),
                       config.get("padding", "valid"), 0)
        return act(np.einsum("nijhwc,hwco->nijo", seen, w["kernel"]) + w.get("bias", 0),
                   config["activation"])
    if cls in ("MaxPooling2D", "AveragePooling2D"):
        size = pair(config["pool_size"], 2)
        largest = cls == "MaxPooling2D"
        seen = windows(x, size, pair(config.get("strides"), size), config.get("padding", "valid"),
                       -np.inf if largest else np.nan)
        return seen.max((3, 4)) if largest else np.nanmean(seen, (3, 4))
    if cls == "BatchNormalization":
        factor = w.get("gamma", 1) / np.sqrt(w["moving_variance"] + config["epsilon"])
        return (x - w["moving_mean"]) * factor + w.get("beta", 0)
    if cls == "LayerNormalization":
        axes = tuple(range(1, x.ndim))
        return normalised(x, axes, config.get("epsilon", 1e-3)) * w["gamma"] + w["beta"]
    if cls == "GroupNormalization":
        groups = x.reshape(len(x), -1, x.shape[-1])
        groups = groups.reshape(*groups.shape[:2], int(config["groups"]), -1)
        groups = normalised(groups, (1, 3), config.get("epsilon", 1e-3))
        return groups.reshape(x.shape) * w["gamma"] + w["beta"]
    if cls == "ZeroPadding2D":
        (top, bottom), (left, right) = config["padding"]
        return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    return {"Flatten": lambda: x.reshape(len(x), -1), "Dropout": lambda: x,
            "Rescaling": lambda: x * config.get("scale") + config.get("offset", 0),
            "GlobalAveragePooling2D": lambda: x.mean((1, 2)),
            "GlobalMaxPooling2D": lambda: x.max((1, 2)),
            "ReLU": lambda: act(x, "relu"), "LeakyReLU": lambda: act(x, "leaky"),
            "Softmax": lambda: act(x, "softmax"), "Reshape": lambda: x.reshape(len(x), *config[
                "target_shape"]), "Activation": lambda: act(x, config["activation"])}[cls]()


def run(layers, pixels, shape):
    x = pixels.astype(np.float64).reshape(len(pixels), *shape)
    if not any(it["class"] == "Rescaling" for it in flat(layers)):
        x = x / 255
    outputs = []
    for it in flat(layers):
        outputs.append(step(it, x, outputs))
        x = outputs[-1]
    return x


def step(it, x, outputs):
    return x + outputs[it["second"]] if "second" in it else apply(it, x)


def flat(layers):
    return [inner for it in layers for inner in (flat(it["layers"]) if "layers" in it else [it])]


# ---- as Keras writes them ----

def snake(name):
    """source: Keras, naming.py, to_snake_case."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def container_names(layers, first=0):
    """source: Keras, saving_lib.py, _save_container_state."""
    names, used = [], {}
    for it in layers:
        name = snake(it["class"])
        used[name] = used.get(name, -1) + 1
        names.append(f"{name}_{used[name]}" if used[name] else name)
    return names


def write_vars(file, path, it):
    group = file.require_group(f"{path}/vars")
    for i, value in enumerate(it["weights"].values()):
        group[str(i)] = value


def write_layers(file, path, layers):
    for name, it in zip(container_names(layers), layers):
        if "layers" in it:
            file.require_group(f"{path}layers/{name}/vars")
            write_layers(file, f"{path}layers/{name}/", it["layers"])
        else:
            write_vars(file, f"{path}layers/{name}", it)
            if it["class"] == "Dropout":
                file[f"{path}layers/{name}/seed_generator/vars/0"] = np.array([1, 2], np.uint32)


def write_weights(to, layers, **options):
    with h5py.File(to, "w", libver="earliest", **options) as file:
        file.create_group("vars")
        write_layers(file, "", layers)
        file["optimizer/vars/0"] = np.int64(7)
        file["optimizer/vars/1"] = np.float32(0.01)
        file["_compile_metrics/mean/vars/0"] = np.float32(1)


def layer_config(it, name, graph, source=None, old=False, second=None):
    out = {"module": "keras.layers", "class_name": it["class"],
           "config": {"name": name, "trainable": True, **it["config"]}, "registered_name": None}
    if "layers" in it:
        out |= {"module": "keras", "config": model_config(it["layers"], name, None)["config"]}
    if graph:
        out["name"] = name
        sources = [source, second] if second else [source]
        histories = [{"class_name": "__keras_tensor__", "config": {"keras_history": [it, 0, 0]}}
                     for it in sources]
        node = [[it, 0, 0, {}] for it in sources] if old else {
            "args": [histories] if second else histories, "kwargs": {}}
        out["inbound_nodes"] = [node] if source else []
    return out


def model_config(layers, name, shape, graph=False, old=False, compiled=None):
    names = [f"{name}_{own}" if graph else own for own in container_names(layers)]
    config = [layer_config(it, own, graph, before, old, "second" in it and names[it["second"]])
              for it, own, before in zip(layers, names, ["the_input", *names])]
    if shape:
        key = "batch_input_shape" if old else "batch_shape"
        config.insert(0, layer_config(layer("InputLayer", **{key: [None, *shape]}), "the_input",
                                      graph))
    out = {"module": "keras", "class_name": "Functional" if graph else "Sequential",
           "config": {"name": name, "layers": config}, "registered_name": None}
    if graph:
        out["config"] |= {"input_layers": [["the_input", 0, 0]],
                          "output_layers": [[names[-1], 0, 0]]}
    if compiled:
        out["compile_config"] = {"optimizer": "adam", "loss": compiled, "metrics": ["accuracy"]}
    return out


def write_keras(path, layers, config):
    inner = io.BytesIO()
    write_weights(inner, layers)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", '{"keras_version": "3.4.1"}')
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", inner.getvalue())


def write_legacy(path, layers, config=None, root="", names=None):
    """source: Keras, legacy_h5_format.py. A model inside has its layers' weights in its group."""
    with h5py.File(path, "w", libver="earliest") as file:
        to = file.create_group(root) if root else file
        names = names or container_names(layers)
        to.attrs["layer_names"] = names
        to.attrs["backend"], to.attrs["keras_version"] = "tensorflow", "2.15.0"
        for name, it in zip(names, layers):
            group, weights = to.create_group(name), []
            inner = it.get("layers", [it])
            for own, each in zip(container_names(inner) if "layers" in it else [name], inner):
                for kind, value in each["weights"].items():
                    weights.append(f"{own}/{kind}:0")
                    group[weights[-1]] = value
            group.attrs["weight_names"] = weights
        if config:
            file.attrs["model_config"] = json.dumps(config)
            file["optimizer_weights/Adam/iter:0"] = np.int64(3)


# ---- networks ----

def model(cls="Sequential", *layers):
    return {"class": cls, "layers": list(layers), "weights": {}, "config": {}}


IMAGE = [SIDE, SIDE, 1]
SAYS = "--normalize unit --loss cross-entropy"
DENSE = f"{SAYS} --activation relu --output-activation identity"


def article():
    values = random_network(1)
    return [layer("Flatten"), dense(values, 144, 20, "relu"), layer("Dropout", rate=0.3),
            dense(values, 20, 20, "relu"), dense(values, 20, 10, "softmax")]


def lenet():
    values = random_network(2)
    return [layer("Rescaling", scale=1 / 127.5, offset=-1.0),
            conv(values, 1, 4, (3, 3), "relu", padding="same"),
            layer("MaxPooling2D", pool_size=[2, 2], padding="valid"),
            conv(values, 4, 6, (3, 2), strides=[2, 1], use_bias=False),
            batchnorm(values, 6, scale=False, epsilon=0.01), layer("Activation", activation="relu"),
            layer("Dropout", rate=0.25), layer("Flatten"), batchnorm(values, 60),
            dense(values, 60, 10, use_bias=False), batchnorm(values, 10, center=False),
            layer("Softmax")]


def norms():
    values = random_network(3)
    return [layer("ZeroPadding2D", padding=[[1, 1], [2, 2]]), conv(values, 1, 4, (3, 3), "gelu"),
            norm("GroupNormalization", values, 4, groups=2, epsilon=0.02), layer("LeakyReLU",
                                                                                 negative_slope=0.01),
            layer("AveragePooling2D", pool_size=[2, 2], padding="same"),
            norm("LayerNormalization", values, 6, 7, 4, axis=[1, 2, 3]),
            batchnorm(values, 4), conv(values, 4, 5, (2, 2)), layer("ReLU"),
            layer("GlobalAveragePooling2D"), norm("LayerNormalization", values, 5, axis=-1),
            dense(values, 5, 10, "sigmoid")]


def nested():
    values = random_network(4)
    return [layer("Flatten"), model("Sequential", dense(values, 144, 16, "tanh"),
                                    dense(values, 16, 16, "tanh")),
            dense(values, 16, 12, "tanh"), model("Sequential", dense(values, 12, 10))]


def square():
    """Layers that only their names tell apart."""
    values = random_network(8)
    return [dense(values, 144, 16, "relu"), dense(values, 16, 16, "relu"),
            dense(values, 16, 16, "relu"), dense(values, 16, 10)]


def summed():
    """Residual connections, and zeros that are not the same on both sides."""
    values = random_network(12)
    return [layer("ZeroPadding2D", padding=[[0, 1], [0, 1]]), conv(values, 1, 4, (2, 2), "relu"),
            conv(values, 4, 4, (3, 3), padding="same"), batchnorm(values, 4), add(1),
            layer("ReLU"), layer("ZeroPadding2D", padding=[[1, 0], [1, 0]]),
            layer("AveragePooling2D", pool_size=[3, 3], strides=[2, 2]),
            layer("Flatten"), norm("LayerNormalization", values, 144, axis=-1),
            dense(values, 144, 12, "tanh"), dense(values, 12, 12), add(10),
            dense(values, 12, 10)]


def padded():
    """A padded maximum of values that are not below 0."""
    values = random_network(13)
    return [conv(values, 1, 4, (3, 3), "relu"), layer("Dropout", rate=0.1),
            layer("ZeroPadding2D", padding=[[1, 1], [1, 1]]),
            layer("MaxPooling2D", pool_size=[3, 3], strides=[2, 2]), layer("Flatten"),
            dense(values, 100, 10)]


def plain():
    """784-16-16-10 in small: all dense, with relu between."""
    values = random_network(5)
    return [dense(values, 144, 20, "relu"), dense(values, 20, 20, "relu"), dense(values, 20, 10)]


def whole():
    """Of whole numbers."""
    return [{**it, "weights": {name: np.rint(1.5 * value).astype(np.int32)
                               for name, value in it["weights"].items()}} for it in plain()]


def normed():
    """Batch normalisations directly behind dense layers."""
    values = random_network(6)
    return [dense(values, 144, 20), batchnorm(values, 20, epsilon=1e-5), layer("ReLU"),
            dense(values, 20, 10)]


def behind():
    """One behind an activation."""
    values = random_network(7)
    return [dense(values, 144, 20, "relu"), batchnorm(values, 20, epsilon=1e-5),
            dense(values, 20, 10)]


def paired():
    """Two normalisations that fit behind each of two layers."""
    values = random_network(10)
    return [dense(values, 144, 20), batchnorm(values, 20, epsilon=1e-5), layer("ReLU"),
            dense(values, 20, 20), batchnorm(values, 20, epsilon=1e-5), layer("ReLU"),
            dense(values, 20, 10)]


def single():
    """One that fits behind each of two layers."""
    return [it for i, it in enumerate(paired()) if i != 4]


def images():
    """Convolutions that only their order tells apart."""
    values = random_network(11)
    return [*(conv(values, inputs, 4, (3, 3), "relu") for inputs in (1, 4, 4)), layer("Flatten"),
            dense(values, 144, 10)]


NETWORKS = {"article": (article, IMAGE), "lenet": (lenet, IMAGE), "norms": (norms, IMAGE),
            "nested": (nested, IMAGE), "square": (square, [144]), "plain": (plain, [144]),
            "whole": (whole, [144]), "normed": (normed, [144]),
            "behind": (behind, [144]), "paired": (paired, [144]), "single": (single, [144]),
            "images": (images, IMAGE), "summed": (summed, IMAGE),
            "padded": (padded, IMAGE)}
FILES = []


def note(path, network, told=""):
    FILES.append(f"{path} {told}".strip())
    os.symlink(network, f"{path}.network")


def write_models():
    """Whole models: nothing need be told."""
    losses = {"article": "sparse_categorical_crossentropy", "norms": "binary_crossentropy",
              "lenet": {"class_name": "CategoricalCrossentropy",
                        "config": {"name": "categorical_crossentropy"}}}
    for name, (make, shape) in NETWORKS.items():
        layers, loss = make(), losses.get(name)
        for graph in (False, True)[name == "summed":]:
            path = f"{name}-{'graph' if graph else 'row'}"
            write_keras(f"{path}.keras", layers,
                        model_config(layers, "m", shape, graph, compiled=loss))
            note(f"{path}.keras", name)
            write_legacy(f"{path}-whole.h5", layers,
                         model_config(layers, "m", shape, graph, old=True), "model_weights",
                         [f"m_{own}" if graph else own for own in container_names(layers)])
            note(f"{path}-whole.h5", name)


def write_renamed():
    """Names of people's own, which another layer could have by its number."""
    for i, names in enumerate((["a", "dense_2", "dense_1", "out"],
                               ["dense_1", "dense_3", "dense_2", "dense"])):
        layers = square()
        config = model_config(layers, "m", [144], old=True)
        for it, name in zip(config["config"]["layers"][1:], names):
            it["config"]["name"] = name
        write_legacy(f"renamed{i}.h5", layers, config, "model_weights", names)
        note(f"renamed{i}.h5", "square")
        write_keras(f"renamed{i}.keras", layers, config)
        note(f"renamed{i}.keras", "square")


def write_keras_weights():
    layers = plain()
    write_weights("plain.weights.h5", layers)
    note("plain.weights.h5", "plain", DENSE)
    write_weights("nested.weights.h5", nested())
    note("nested.weights.h5", "nested", DENSE.replace("relu", "tanh"))
    write_legacy("nested.h5", nested())
    note("nested.h5", "nested", DENSE.replace("relu", "tanh"))
    with h5py.File("class.weights.h5", "w") as file:  # self.hidden, self.out, and what is between
        write_vars(file, "hidden", layers[0])
        write_vars(file, "layers/dense_1", layers[1])
        write_vars(file, "out", layers[2])
    note("class.weights.h5", "plain", DENSE)
    with h5py.File("blocks.weights.h5", "w") as file:
        write_vars(file, "a_part/layers/dense", layers[0])
        write_vars(file, "other/b", layers[1])
        write_vars(file, "other/layers/dense_1", layers[2])
    note("blocks.weights.h5", "plain", DENSE)
    write_weights("normed.weights.h5", [normed()[0], {**normed()[1]}, *normed()[2:]])
    write_legacy("whole.h5", whole())
    note("whole.h5", "whole", DENSE)
    write_legacy("images.h5", images(), names=["stem", "body", "aux", "flatten", "out"])
    note("images.h5", "images",
         f"{SAYS} --layers '{', '.join(3 * ['conv 4 3x3 relu'])}, dense 10'")
    lists = "dense 20 relu, dropout 0.3, dense 20 relu, dense 10"
    write_weights("article.weights.h5", article())
    note("article.weights.h5", "article", f"{SAYS} --layers '{lists}'")


def write_arrays():
    """Weights as people save them with NumPy."""
    layers = plain()
    flat_list = [value for it in layers for value in it["weights"].values()]
    np.savez("weights.npz", *flat_list)
    note("weights.npz", "plain", DENSE)
    np.savez_compressed("rows.npz", **{f"{kind}{i + 1}": value for i, it in enumerate(layers)
                                       for kind, value in zip("Wb", (
                                           it["weights"]["kernel"],
                                           it["weights"]["bias"][np.newaxis]))})
    note("rows.npz", "plain", DENSE)
    np.savez("columns.npz", **{f"{kind}_{i}": value for i, it in enumerate(layers)
                               for kind, value in zip("wb", (
                                   it["weights"]["kernel"].T,
                                   it["weights"]["bias"][:, np.newaxis]))}, epochs=np.int64(3),
             classes=np.array(["a", "b"]), author=np.array("someone"))
    note("columns.npz", "plain", DENSE)
    np.savez("turned.npz", *[np.asfortranarray(value).astype(">f4") for value in flat_list])
    note("turned.npz", "plain", DENSE)
    values = [value for it in normed() for value in it["weights"].values()]
    values[4:6] = [values[4], values[5] + np.float32(1e-5 - 1e-3)]  # of epsilon 1e-3
    np.savez("normed.npz", *values)
    note("normed.npz", "normed", DENSE)


def torch_state(layers, names):
    kinds = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias",
             "moving_mean": "running_mean", "moving_variance": "running_var"}
    state = {}
    for name, it in zip(names, [it for it in layers if it["weights"]]):
        for kind, value in it["weights"].items():
            state[f"{name}.{kinds[kind]}"] = np.ascontiguousarray(value.T)
        if it["class"] == "BatchNormalization":
            state[f"{name}.num_batches_tracked"] = np.array(9)
    return state


# ---- torch.save, without PyTorch ----

def fake_torch():
    """Modules whose names a pickle of PyTorch's has."""
    names = ("Float", "Double", "Half", "BFloat16", "Long")
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in names:
        storage = type(f"{name}Storage", (), {"__module__": "torch"})
        setattr(torch, storage.__name__, storage)
    def _rebuild_tensor_v2():
        pass
    _rebuild_tensor_v2.__module__ = "torch._utils"
    _rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2, torch._utils = _rebuild_tensor_v2, utils
    sys.modules |= {"torch": torch, "torch._utils": utils}
    return torch


class Storage:
    def __init__(self, array, key):
        self.array, self.key = array, key


class Tensor:
    def __init__(self, array, key):
        base = array.T if array.flags.f_contiguous and array.ndim > 1 else array
        self.array, self.storage = array, Storage(np.ascontiguousarray(base), key)

    def __reduce__(self):
        strides = tuple(step // self.array.itemsize for step in self.array.strides)
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (
            self.storage, 0, self.array.shape, strides, False, collections.OrderedDict())


def torch_pickle(state):
    """source: torch/serialization.py, _save. Returns data.pkl and the storages' bytes."""
    kinds = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long"}
    torch, stored, file = fake_torch(), {}, io.BytesIO()

    class Pickler(pickle.Pickler):
        def persistent_id(self, it):
            if not isinstance(it, Storage):
                return None
            stored[it.key] = it.array.tobytes()
            kind = getattr(torch, f"{kinds[it.array.dtype.name]}Storage")
            return "storage", kind, it.key, "cpu", it.array.size

    def tensors(it):
        if isinstance(it, dict):
            return collections.OrderedDict((name, tensors(value)) for name, value in it.items())
        keys.append(str(len(keys)))
        return Tensor(it, keys[-1]) if isinstance(it, np.ndarray) else it

    keys = []
    Pickler(file, protocol=2).dump(tensors(state))
    del sys.modules["torch"], sys.modules["torch._utils"]
    return file.getvalue(), stored


def write_pt(path, data, stored):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", data)
        archive.writestr("net/byteorder", "little")
        for key, value in stored.items():
            archive.writestr(f"net/data/{key}", value)
        archive.writestr("net/version", "3\n")


def write_pickles():
    for name, (make, names) in STATES.items():
        state = torch_state(make(), names)
        state = {key: np.asfortranarray(value) if key.endswith("3.weight") else value
                 for key, value in state.items()}
        write_pt(f"{name}.pt", *torch_pickle({
            "model_state_dict": state, "epoch": 3, "loss": 0.25, "names": ["a", None],
            "optimizer_state_dict": {"state": {0: {"step": np.float32([1])}}}}))
        note(f"{name}.pt", name.split("-")[0], DENSE)


def write_declared():
    """Layers that a class declares in another order than it calls them."""
    for name, make, names, order in (
            ("paired", paired, ("fc1", "bn1", "fc2", "bn2", "out"), (0, 2, 1, 3, 4)),
            ("single", single, ("fc1", "bn1", "fc2", "out"), (0, 2, 1, 3))):
        state = torch_state(make(), names)
        write_pt(f"{name}.pt", *torch_pickle({
            key: value for i in order for key, value in state.items()
            if key.startswith(names[i] + ".")}))
        note(f"{name}.pt", name, DENSE)


STATES = {"normed-row": (normed, ("net.0", "net.1", "net.3")),
          "normed-names": (normed, ("fc1", "bn1", "fc2")),
          "behind-row": (behind, ("0", "2", "3"))}


def write_states():
    for name, (make, names) in STATES.items():
        state = torch_state(make(), names)
        check_export.write_safetensors(f"{name}.safetensors", {**state, "epoch": np.array(3)})
        note(f"{name}.safetensors", name.split("-")[0], DENSE)


def write_all(directory):
    os.chdir(directory)
    for write in (write_models, write_renamed, write_keras_weights, write_arrays, write_states,
                  write_pickles, write_declared):
        write()
    pathlib.Path("list").write_text("".join(f"{line}\n" for line in FILES))


def check_answers(data):
    pixels, _ = idx.read_part(data, "test")
    for link in sorted(pathlib.Path(".").glob("*.network")):
        make, shape = NETWORKS[os.readlink(link)]
        layers, name = make(), str(link)[:-len(".network")]
        outputs = run(layers, pixels, shape)
        last = flat(layers)[-1]
        ends = last["class"] == "Softmax" or last["config"].get("activation") in ("softmax",
                                                                                  "sigmoid")
        check_export.compare(name, outputs if ends else act(outputs, "softmax"),
                             check_export.read_answers(f"{name}.answers"))


# ---- what is to be refused ----

class Evil:
    def __reduce__(self):
        return os.system, ("touch run-by-the-pickle",)


def write_refused(directory):
    os.chdir(directory)
    values, lines = random_network(9), []

    def refuse(name, layers, why, shape=IMAGE, **options):
        write_keras(f"{name}.keras", layers, model_config(layers, "m", shape, **options))
        lines.append(f"{name}.keras|65|{why}")

    head = [layer("Flatten"), dense(values, 144, 10)]
    refuse("lstm", [layer("LSTM", units=3)], r"layer lstm \(LSTM\): expected kinds of layers")
    refuse("dilated", [conv(values, 1, 2, (3, 3), dilation_rate=[2, 2])],
           r"layer conv2d \(Conv2D\): expected dilation_rate 1")
    refuse("grouped", [conv(values, 1, 2, (3, 3), groups=2)], "expected groups 1")
    refuse("flat", [dense(values, 1, 10)], r"layer dense \(Dense\): expected a row of values")
    refuse("slope", [layer("LeakyReLU", negative_slope=0.3), *head], "negative_slope of 0.01")
    refuse("usual", [layer("LeakyReLU"), *head], "negative_slope of 0.01, found 0.3")
    leaky = [layer("Flatten"), dense(values, 144, 10, "leaky_relu")]
    why = r"layer dense \(Dense\): expected a negative_slope of 0.01, found 0.2"
    refuse("leaky", leaky, why)
    write_legacy("leaky.h5", leaky, model_config(leaky, "m", IMAGE, old=True), "model_weights")
    lines.append(f"leaky.h5|65|{why}")
    odd = {"class_name": "LeakyReLU", "config": {"negative_slope": 0.2}}
    refuse("object", [layer("Flatten"), dense(values, 144, 10, odd)], "found LeakyReLU")
    odd = {"module": "mine", "class_name": "relu", "config": {}}
    refuse("other", [layer("Flatten"), dense(values, 144, 10, odd)],
           "an activation of .*found mine")
    refuse("six", [layer("ReLU", max_value=6.0), *head], "no max_value")
    refuse("slopes", [layer("ReLU", negative_slope={"value": 0.1}), *head], "no max_value")
    for name in ("elu", "selu", "softplus", "hard_sigmoid", "relu6", "leaky-relu"):
        refuse(name, [layer("Activation", activation=name), *head],
               f"an activation of .*found {name}")
    refuse("mean", [layer("AveragePooling2D", pool_size=[5, 5], padding="same"), layer("Flatten"),
                    dense(values, 9, 10)], "AveragePooling2D.*padding same")
    refuse("axis", [norm("LayerNormalization", values, 1, axis=-1), *head], "all axes of a sample")
    refuse("edge", [batchnorm(values, 1), conv(values, 1, 2, (3, 3), padding="same"),
                    layer("Flatten"), dense(values, 288, 10)], "no padding behind a batch")
    refuse("open", [conv(values, 1, 2, (3, 3), "relu"), batchnorm(values, 2),
                    layer("MaxPooling2D", pool_size=2), layer("Flatten"), dense(values, 50, 10)],
           r"max_pooling2d .*behind the batch")
    refuse("scaled", [batchnorm(values, 1), layer("Rescaling", scale=1 / 255), *head],
           r"layer rescaling \(Rescaling\): expected one scale and one offset, at the front")
    refuse("shaped", [batchnorm(values, 144), layer("Reshape", target_shape=IMAGE), *head],
           r"layer reshape \(Reshape\): expected one at the front", [144])
    refuse("last", [layer("Flatten"), dense(values, 144, 10, "relu"), batchnorm(values, 10)],
           r"layer batch_normalization \(BatchNormalization\): expected a dense layer")
    refuse("first", [conv(values, 1, 2, (3, 3), data_format="channels_first")],
           "data_format channels_last")
    refuse("turned", [layer("Flatten", data_format="channels_first"), *head[1:]],
           r"layer flatten \(Flatten\): expected data_format channels_last")
    for name, found, edit in (
            ("theirs", "mine>Dense", {"module": "mine", "registered_name": "mine>Dense"}),
            ("named", "mine>Dense", {"registered_name": "mine>Dense"}),
            ("main", "__main__", {"module": "__main__", "registered_name": "Dense"}),
            ("near", "keras_like.layers", {"module": "keras_like.layers"})):
        config = model_config(head, "m", IMAGE)
        config["config"]["layers"][2] |= edit
        write_keras(f"{name}.keras", head, config)
        lines.append(rf"{name}.keras|65|layer dense \({found}\): expected kinds of layers that")
    config = model_config(head, "m", IMAGE) | {"registered_name": "mine>Sequential"}
    write_keras("class.keras", head, config)
    lines.append("class.keras|78|normalize is not known")
    config = model_config(head, "m", IMAGE, True)
    config["config"]["layers"][2]["inbound_nodes"][0]["args"] *= 2
    write_keras("two.keras", head, config)
    for name, outputs, found in (("inner", ["m_flatten"], "m_flatten"),
                                 ("both", ["m_flatten", "m_dense"], "several")):
        config = model_config(head, "m", IMAGE, True)
        config["config"]["output_layers"] = [[output, 0, 0] for output in outputs]
        write_keras(f"{name}.keras", head, config)
        lines.append(f"{name}.keras|65|layer m_dense: expected it to be the only.*found {found}")
    lines.append(r"two.keras|65|layer m_dense \(Dense\): expected layers one behind the other")
    for name, second, found in (("before", 2, "a batch normalisation takes"),
                                ("fork", 1, "two behind one")):
        layers = summed()
        layers[4]["second"] = second
        config = model_config(layers, "m", IMAGE, True)
        if name == "fork":  # a layer on the way round
            config["config"]["layers"][7]["inbound_nodes"] = (
                config["config"]["layers"][3]["inbound_nodes"])
        write_keras(f"{name}.keras", layers, config)
        lines.append(f"{name}.keras|65|layer m_.*: expected layers one behind.*{found}")
    refuse("border", [layer("ZeroPadding2D", padding=[[2, 1], [2, 1]]), conv(values, 1, 2, (3, 3)),
                      layer("Flatten"), dense(values, 338, 10)],
           "layer conv2d: expected zeros in front of it that are as many on both")
    layers = padded()
    layers[0]["config"]["activation"] = "tanh"
    refuse("below", layers, r"layer max_pooling2d \(MaxPooling2D\): expected values >= 0")
    write_keras("lost.keras", head, model_config([*head, dense(values, 10, 10)], "m", IMAGE))
    lines.append("lost.keras|65|layer dense_1: expected weights at dense_1, found none")
    write_keras("more.keras", [*head, dense(values, 10, 10)], model_config(head, "m", IMAGE))
    lines.append("more.keras|65|layer dense_1: expected weights of layers that the model has")
    config = model_config(head, "m", IMAGE)
    config["config"]["layers"][2]["config"]["units"] = 9
    write_keras("sizes.keras", head, config)
    lines.append("sizes.keras|65|expected the layers with weights that the file says it has")
    write_keras("json.keras", head, [])
    lines.append("json.keras|78|normalize is not known")

    def weights(name, why, **arrays):
        with h5py.File(f"{name}.weights.h5", "w") as file:
            for path, array in arrays.items():
                file[path] = array
        lines.append(f"{name}.weights.h5|65|{why}")
    kernel, row = np.ones((144, 10), "f4"), np.ones(10, "f4")
    weights("transposed", "conv2d_transpose: expected the variables of", **{
        "layers/conv2d_transpose/vars/0": np.ones((3, 3, 1, 1), "f4")})
    weights("recurrent", "gru: expected the variables of.*144..10., .10..10., .10.", **{
        "layers/gru/vars/0": kernel, "layers/gru/vars/1": np.ones((10, 10), "f4"),
        "layers/gru/vars/2": row})
    weights("half", "batch_normalization: expected the variables of", **{
        "layers/dense/vars/0": kernel, "layers/batch_normalization/vars/0": row,
        "layers/batch_normalization/vars/1": row, "layers/batch_normalization/vars/2": row})
    weights("stray", "/stray: expected LAYER/vars/NUMBER", **{
        "layers/dense/vars/0": kernel, "stray": row})
    weights("twice", "expected once, found again", **{
        "layers/dense/vars/0": kernel, "dense/vars/0": kernel})
    for name, kind in (("whole", "i4"), ("complex", "c8")):
        np.savez(f"{name}.npz", *(it["weights"]["kernel"].astype(kind) for it in plain()))
        lines.append(f"{name}.npz|65|found no arrays of floats, but arr_0 of <{kind}")
    state = torch_state(normed(), STATES["normed-row"][1])
    data, stored = torch_pickle(state)

    def broken(name, why, data=data, stored=stored):
        write_pt(f"{name}.pt", data, stored)
        lines.append(f"{name}.pt|65|{why}")
    broken("evil", "found (posix|os).system, which would have to be run",
           pickle.dumps(Evil(), protocol=2))
    broken("module", "found torch.nn.Linear, which", data.replace(
        b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch.nn\nLinear\n"))
    broken("cut", "the pickle: expected", data[:-20])
    broken("new", "found 0x82", b"\x80\x02\x82\x01.")
    broken("short", "expected .* values in net/data/0", stored={**stored, "0": b"1234"})
    broken("gone", "expected its values in net/data/1", stored={"0": stored["0"]})
    broken("list", "expected a dictionary of tensors", pickle.dumps([1, 2], protocol=2))
    broken("far", "within its storage", data.replace(b"M\xb4\0", b"M\xff\xff").replace(
        b"K\x90", b"M\xff\xff"))
    no_place = r"batch normalisation \w+ \[20\]: expected it directly behind"
    write_weights("counted.weights.h5", [dense(values, 144, 20), dense(values, 20, 20),
                                         batchnorm(values, 20), dense(values, 20, 10)])
    lines.append(f"counted.weights.h5|65|{no_place}")
    state = torch_state(single(), ("fc", "bn", "fc2", "out"))
    np.savez("numberless.npz", **state)
    lines.append(f"numberless.npz|65|{no_place}")
    write_pt("contrary.pt", *torch_pickle(torch_state(single(), ("fc", "bn1", "fc1", "out"))))
    lines.append(f"contrary.pt|65|{no_place}")
    state = torch_state(square(), ("fc1", "fc3", "fc2", "fc4"))
    write_pt("declared.pt", *torch_pickle(state))
    lines.append("declared.pt|65|layers fc3 and fc2 have the same sizes, and their numbers say")
    write_legacy("between.h5", [dense(values, 144, 10), layer("Activation", activation="relu"),
                                batchnorm(values, 10)])
    lines.append("between.h5|65|batch normalisation batch_normalization: .*found activation before it")
    write_legacy("unlisted.h5", head)
    with h5py.File("unlisted.h5", "a") as file:
        file["dense/dense/more"] = row
    lines.append("unlisted.h5|65|/dense/dense/more: expected datasets that weight_names")
    pathlib.Path("refused").write_text("".join(f"{line}\n" for line in lines))


# ---- as Keras loads them ----

def variables(cls, config, shape):
    """The shapes of a layer's variables, in order, for an input of that shape."""
    if cls == "Dense":
        if len(shape) != 1:
            check_export.fail("Dense", "a row of values", shape)
        own = {"kernel": (shape[0], config["units"]), "bias": (config["units"],)}
    elif cls == "Conv2D":
        own = {"kernel": (*config["kernel_size"], shape[2], config["filters"]),
               "bias": (config["filters"],)}
    elif cls == "LayerNormalization":
        axes = [axis - 1 if axis > 0 else axis for axis in config["axis"]]
        own = dict.fromkeys(("gamma", "beta"), tuple(shape[axis] for axis in axes))
    elif cls == "GroupNormalization":
        own = dict.fromkeys(("gamma", "beta"), (shape[-1],))
    else:
        own = {}
    if not config.get("use_bias", True):
        del own["bias"]
    return own


MODELS = {"Sequential": ("keras", None),
          "Functional": ("keras.src.models.functional", "Functional")}


def history(tensor):
    """serialization_lib.py, __keras_tensor__. The layer's name, and the shape of what it gives."""
    own = tensor["config"]
    if (tensor["class_name"], own["dtype"], own["keras_history"][1:]) != (
            "__keras_tensor__", "float32", [0, 0]) or own["shape"][0] is not None:
        check_export.fail("inbound_nodes", "a tensor", tensor)
    return own["keras_history"][0], own["shape"][1:]


def load_graph(config, layers):
    """functional.py, functional_from_config; all layers stand on one way from input to output."""
    names = [it["config"]["name"] for it in layers]
    for i, (it, own) in enumerate(zip(layers, config["layers"])):
        nodes = own["inbound_nodes"]
        if own["name"] != names[i] or len(nodes) != (i > 0):
            check_export.fail("config.json", "a name, and one node", own)
        if i == 0:
            continue
        (args,) = nodes[0]["args"]
        taken = [history(each) for each in (args if it["class"] == "Add" else [args])]
        if len(taken) > 2 or taken[0][0] != names[i - 1] or nodes[0]["kwargs"]:
            check_export.fail("inbound_nodes", names[i - 1], taken)
        it["shapes"] = [shape for _, shape in taken]
        for name, _ in taken[1:]:
            it["second"] = names.index(name, 1, i) - 1
    if (config["input_layers"], config["output_layers"]) != (
            [[names[0], 0, 0]], [[names[-1], 0, 0]]) or set(config) != {
                "name", "trainable", "layers", "input_layers", "output_layers"}:
        check_export.fail("config.json", "the first and the last", config)


def load_config(config):
    """serialization_lib.py, deserialize_keras_object; sequential.py, from_config."""
    cls = config["class_name"]
    if (config["module"], config["registered_name"]) != MODELS[cls] or (
            config["compile_config"] is not None):
        check_export.fail("config.json", "an uncompiled model", config)
    layers = []
    for it in config["config"]["layers"]:
        if it["module"] != "keras.layers" or it["registered_name"] is not None:
            check_export.fail("config.json", "layers of keras.layers", it)
        layers.append(layer(it["class_name"], **it["config"]))
    names = [it["config"]["name"] for it in layers]
    if len(set(names)) != len(names):
        check_export.fail("config.json", "names that differ", names)
    if cls == "Functional":
        load_graph(config["config"], layers)
    elif any(it["class"] == "Add" for it in layers):
        check_export.fail("config.json", "no Add in a row", names)
    first = layers.pop(0)
    if first["class"] != "InputLayer" or first["config"]["batch_shape"][0] is not None:
        check_export.fail("config.json", "an InputLayer", first)
    return layers, first["config"]["batch_shape"][1:]


def load_weights(file, layers, shape):
    """saving_lib.py, _load_state; layer.py, load_own_variables. Everything must be used."""
    left = []
    file.visititems(lambda name, it: left.append(name) if isinstance(it, h5py.Dataset) else None)
    if len(file["vars"]):
        check_export.fail("vars", "none of the model itself", list(file["vars"]))
    x, outputs = np.zeros((1, *shape)), []
    for it, name in zip(layers, container_names(layers)):
        taken = [x, *([outputs[it["second"]]] if "second" in it else [])]
        shapes = [list(each.shape[1:]) for each in taken]
        if it.get("shapes", shapes) != shapes or shapes[-1] != shapes[0]:
            check_export.fail(f"what {name} takes", shapes, it.get("shapes"))
        path = f"layers/{name}/vars"
        own = variables(it["class"], it["config"], x.shape[1:])
        found = file[path] if path in file else {}
        if len(found) != len(own):
            check_export.fail(path, list(own), list(found))
        for i, (kind, expected) in enumerate(own.items()):
            value = found[str(i)]
            if value.shape != expected or value.dtype != np.float32:
                check_export.fail(f"{path}/{i}", expected, value)
            it["weights"][kind] = value[()]
            left.remove(f"{path}/{i}")
        outputs.append(step(it, x, outputs))
        x = outputs[-1]
    if left:
        check_export.fail("datasets", "none that Keras does not load", left)
    return x.shape[1:]


def check_exported(data, *directories):
    pixels, _ = idx.read_part(data, "test")
    for directory in directories:
        with zipfile.ZipFile(f"{directory}/model.keras") as archive:
            if sorted(archive.namelist()) != ["config.json", "metadata.json", "model.weights.h5"]:
                check_export.fail("members", "three", archive.namelist())
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            layers, shape = load_config(json.loads(archive.read("config.json")))
            with h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as file:
                load_weights(file, layers, shape)
                loss = file.attrs["dist_train.loss"].decode()
        if not version.startswith("3."):
            check_export.fail("keras_version", "3", version)
        outputs = run(layers, pixels, shape)
        with h5py.File(f"{directory}/model.weights.h5") as file:
            load_weights(file, layers, shape)
        if abs(run(layers, pixels, shape) - outputs).max() != 0:
            check_export.fail(f"{directory}/model.weights.h5", "the same weights", "others")
        if loss == "mse":
            outputs = np.clip(outputs, 0, 1)
        check_export.compare(f"{directory}/model.keras",
                             check_export.read_answers(f"{directory}/answers"), outputs)


def write_resaved(*directories):
    """Keras keeps no attributes that it does not know."""
    for directory in directories:
        with zipfile.ZipFile(f"{directory}/model.keras") as old, \
                zipfile.ZipFile(f"{directory}/resaved.keras", "w") as new:
            for name in old.namelist():
                data = old.read(name)
                if name.endswith(".h5"):
                    inner = io.BytesIO(data)
                    with h5py.File(inner, "r+") as file:
                        for fact in list(file.attrs):
                            del file.attrs[fact]
                    data = inner.getvalue()
                new.writestr(name, data)


if __name__ == "__main__":
    {"write": write_all, "answers": check_answers, "refused": write_refused,
     "exported": check_exported, "resaved": write_resaved}[sys.argv[1]](
        *sys.argv[2:])
