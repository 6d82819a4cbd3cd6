"""Networks of ONNX for dist-train import, as PyTorch and others write them, and what they answer.

usage: check_onnx.py write DIR       writes them with PyTorch, and DIR/list: a line each, FILE and
                                     what else import is to be told
       check_onnx.py answers DATA    compares FILE.answers of dist-train predict with PyTorch's
       check_onnx.py forms DIR       writes what newer exporters than PyTorch 1.13's write, and
                                     DIR/forms: a line each, FILE|LAYERS
       check_onnx.py refused DIR     writes what is to be refused, and DIR/refused: FILE|why
"""
import os
import pathlib
import sys

import numpy as np

import check_export
import idx

SIDE = 12
OPSETS = (9, 11, 13, 17)


# ---- of PyTorch ----

def torch_networks():
    import torch
    from torch import nn
    torch.manual_seed(5)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1)
            self.norm, self.third = nn.BatchNorm2d(6), nn.Conv2d(6, 6, 3, padding=1, bias=False)
            self.out = nn.Linear(216, 10)

        def forward(self, x):
            a = torch.relu(self.first(x))
            y = torch.relu(self.norm(self.second(a)) + a)
            y = torch.relu(y + self.third(y))
            y = nn.functional.max_pool2d(y, 2)
            return torch.log_softmax(self.out(y.view(y.size(0), -1)), 1)

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(144, 20), nn.Linear(20, 20, bias=False)
            self.third = nn.Linear(20, 10)

        def forward(self, x):
            x = torch.tanh(self.first(((x - 0.13) / 0.31).reshape(-1, 144)))
            return torch.sigmoid(self.third(nn.functional.silu(self.second(x))))

    class Products(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.b = nn.Parameter(torch.randn(144, 16) / 12), nn.Parameter(torch.randn(16))
            self.v = nn.Parameter(torch.randn(16, 10) / 4)

        def forward(self, x):
            return torch.relu(x.flatten(1) @ self.w + self.b) @ self.v

    networks = {
        "lenet": nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3),
            nn.Tanh(), nn.Flatten(), nn.Linear(128, 20), nn.ReLU(), nn.Dropout(0.3),
            nn.Linear(20, 10)),
        "norms": nn.Sequential(
            nn.Conv2d(1, 6, (3, 2), stride=(2, 1), bias=False), nn.GroupNorm(3, 6, eps=1e-3),
            nn.GELU(), nn.AvgPool2d(2, 1), nn.LayerNorm([6, 4, 10]), nn.BatchNorm2d(6),
            nn.Conv2d(6, 4, 2), nn.LeakyReLU(), nn.Flatten(), nn.LayerNorm(108),
            nn.BatchNorm1d(108), nn.Linear(108, 12), nn.BatchNorm1d(12), nn.SiLU(),
            nn.Linear(12, 10)),
        "means": nn.Sequential(
            nn.BatchNorm2d(1), nn.Conv2d(1, 6, 3), nn.Sigmoid(), nn.AvgPool2d(3, 2, 1),
            nn.MaxPool2d(2, 2, 1), nn.Conv2d(6, 10, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Softmax(1)),
        "residual": Residual(), "scaled": Scaled(), "products": Products()}
    for network in networks.values():
        for module in network.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                nn.init.normal_(module.running_mean, 0, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 2)
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)):
                nn.init.normal_(module.weight, 1, 0.3)
                nn.init.normal_(module.bias, 0, 0.3)
        network.eval()
    return networks


def write(directory):
    import torch
    os.chdir(directory)
    lines = []
    for name, network in torch_networks().items():
        for opset in OPSETS:
            axes = {"x": {0: "n"}} if opset % 4 == 1 else None
            torch.onnx.export(network, torch.zeros(1, 1, SIDE, SIDE), f"{name}-{opset}.onnx",
                              opset_version=opset, input_names=["x"], dynamic_axes=axes)
            lines.append(f"{name}-{opset}.onnx\n")
    pathlib.Path("list").write_text("".join(lines))


def answers(data):
    import torch
    images, _ = idx.read_part(data, "test")
    x = torch.from_numpy(np.float32(images / 255)).reshape(-1, 1, SIDE, SIDE)
    for name, network in torch_networks().items():
        with torch.no_grad():
            y = network(x)
        expected = {"residual": torch.exp, "scaled": lambda y: y, "means": lambda y: y}.get(
            name, lambda y: torch.softmax(y, 1))(y).numpy()
        for opset in OPSETS:
            file = f"{name}-{opset}.onnx"
            check_export.compare(file, expected, check_export.read_answers(f"{file}.answers"))


# ---- put together node by node ----

def random(*shape, seed=1):
    return np.float32(np.random.default_rng(seed).normal(size=shape) / 4)


def save(path, nodes, arrays, shape=("n", 1, SIDE, SIDE), outputs=("y",), opset=18, **options):
    from onnx import TensorProto, helper, numpy_helper
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node(op, takes.split(), gives.split(), name=f"n{i}", **attributes)
         for i, (op, takes, gives, attributes) in enumerate(nodes)], "graph",
        [value("x", options.get("type", TensorProto.FLOAT), shape)],
        [value(name, TensorProto.FLOAT, ("n", 10)) for name in outputs],
        [array if isinstance(array, TensorProto) else numpy_helper.from_array(array, name)
         for name, array in arrays.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def dense(inputs=144):
    return {"w": random(10, inputs), "b": random(10)}


HEAD = [("Flatten", "x", "f", {})]
TAIL = [("Gemm", "f w b", "y", {"transB": 1})]


def forms(directory):
    """source: onnxscript, torch_lib; PyTorch 2, torch.onnx.export(dynamo=True)"""
    from onnx import TensorProto, helper
    os.chdir(directory)
    lines = []

    def accept(name, layers, *arguments, **options):
        save(f"{name}.onnx", *arguments, **options)
        lines.append(f"{name}.onnx|{layers}\n")

    whole = dense()
    accept("half", "dense 10", HEAD + TAIL, {**whole, "w": np.float16(whole["w"])})
    accept("double", "dense 10", HEAD + TAIL, {
        **whole, "w": helper.make_tensor("w", TensorProto.DOUBLE, (10, 144), whole["w"].ravel())})
    accept("plain", "dense 10", HEAD + TAIL, {
        **whole, "w": helper.make_tensor("w", TensorProto.FLOAT, (10, 144), whole["w"].ravel())})
    bits = np.float16(whole["w"]).ravel()
    accept("bits", "dense 10", HEAD + TAIL, {
        **whole, "w": helper.make_tensor("w", TensorProto.FLOAT16, (10, 144), bits)})
    accept("reshaped", "dense 10", [("Reshape", "x s", "f", {}), *TAIL],
           {**whole, "s": np.array([-1, 144])})
    accept("measured", "dense 10",
           [("Shape", "x", "n", {"start": 0, "end": 1}), ("Concat", "n s", "t", {"axis": 0}),
            ("Reshape", "x t", "f", {"allowzero": 1}), *TAIL], {**whole, "s": np.array([-1])})
    accept("turned", "dense 10",
           [*HEAD, ("Transpose", "w", "t", {"perm": [1, 0]}), ("MatMul", "f t", "m", {}),
            ("Add", "b m", "y", {})], whole)
    accept("gelu", "gelu, dense 10", [("Gelu", "x", "g", {}), ("Flatten", "g", "f", {}), *TAIL],
           whole, opset=20)
    accept("layernorm", "flatten, layernorm epsilon 0.001, dense 10",
           [*HEAD, ("LayerNormalization", "f g h", "l", {"axis": -1, "epsilon": 1e-3}),
            ("Gemm", "l w b", "y", {"transB": 1})],
           {**whole, "g": random(144), "h": random(144)})
    accept("groupnorm", "conv 4 3x3 bias false, groupnorm 2, avgpool all, dense 10",
           [("Conv", "x k", "c", {}),
            ("GroupNormalization", "c g h", "d", {"num_groups": 2}),
            ("ReduceMean", "d axes", "f", {"keepdims": 0}), *TAIL],
           {**dense(4), "k": random(4, 1, 3, 3), "g": random(4), "h": random(4),
            "axes": np.array([2, 3])}, opset=21)
    accept("same", "conv 2 2x2 same bias false, maxpool 2x2, dense 10",
           [("Conv", "x k", "c", {"auto_pad": b"SAME_UPPER"}),
            ("MaxPool", "c", "m", {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1}),
            ("Flatten", "m", "f", {}), *TAIL], {**dense(72), "k": random(2, 1, 2, 2)})
    accept("bytes", "dense 10", [("Cast", "x", "c", {"to": 1}), ("Div", "c k", "d", {}),
                                 ("Flatten", "d", "f", {}), *TAIL],
           {**whole, "k": np.float32(255)}, ("n", SIDE, SIDE, 1), type=TensorProto.UINT8)
    accept("dropped", "dropout 0.25, dense 10",
           [*HEAD, ("Dropout", "f r", "d", {}), ("Gemm", "d w b", "y", {"transB": 1})],
           {**whole, "r": np.float32(0.25)})
    accept("padded", "conv 2 3x3 pad 1 bias false, dense 10",
           [("Pad", "x p", "q", {}), ("Conv", "q k", "c", {}), ("Flatten", "c", "f", {}), *TAIL],
           {**dense(288), "k": random(2, 1, 3, 3), "p": np.array([0, 0, 1, 1, 0, 0, 1, 1])})
    pathlib.Path("forms").write_text("".join(lines))


def refused(directory):
    from onnx import TensorProto
    os.chdir(directory)
    lines = []

    def refuse(name, why, *arguments, **options):
        save(f"{name}.onnx", *arguments, **options)
        lines.append(f"{name}.onnx|{why}\n")

    def between(op, takes="f", **attributes):
        return [*HEAD, (op, takes, "g", attributes), ("Gemm", "g w b", "y", {"transB": 1})]

    whole = dense()
    square = {**whole, "v": random(144, 144), "z": random(144)}
    kernel = {**dense(200), "k": random(2, 1, 3, 3)}

    def conv(**attributes):
        return [("Conv", "x k", "c", attributes), ("Flatten", "c", "f", {}), *TAIL]

    refuse("elu", r"node n1 \(Elu\): expected operations of the layers that", between("Elu"), whole)
    refuse("slope", r"node n1 \(LeakyRelu\)", between("LeakyRelu", alpha=0.2), whole)
    refuse("tanh", r"node n1 \(Gelu\)", between("Gelu", approximate=b"tanh"), whole, opset=20)
    refuse("times", r"node n1 \(Mul\): expected one number, in front", between("Mul", "f z"), square)
    refuse("other", r"node n1 \(Relu\): expected operations of ONNX itself, found com.own",
           between("Relu", domain="com.own"), whole)
    refuse("alpha", r"node n1 \(Gemm\): expected alpha 1",
           [*HEAD, ("Gemm", "f w b", "y", {"transB": 1, "alpha": 0.5})], whole)
    refuse("what", r"node n1 \(Gemm\): .*found attribute what",
           [*HEAD, ("Gemm", "f w b", "y", {"transB": 1, "what": 1})], whole)
    refuse("groups", r"node n0 \(Conv\): expected group 1", conv(group=2), kernel)
    refuse("dilated", r"node n0 \(Conv\): expected dilations of 1", conv(dilations=[2, 2]), kernel)
    refuse("uneven", r"node n0 \(Conv\): expected padding", conv(pads=[2, 2, 1, 1]), kernel)
    refuse("mean", r"node n0 \(AveragePool\): expected windows within the image",
           [("AveragePool", "x", "c", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
            ("Flatten", "c", "f", {}), *TAIL], whole)
    mean = {"kernel_shape": [3, 3], "strides": [2, 2], "count_include_pad": 1}
    refuse("ceil", r"node n0 \(AveragePool\): expected windows within the image and its padding, as",
           [("AveragePool", "x", "c", {**mean, "ceil_mode": 1, "pads": [0, 0, 0, 0]}),
            ("Flatten", "c", "f", {}), *TAIL], dense(36))
    refuse("pads", r"node n1 \(AveragePool\): expected no pads of its own behind a Pad, or count_in",
           [("Pad", "x p", "q", {}),
            ("AveragePool", "q", "c", {"kernel_shape": [5, 5], "pads": [1, 1, 1, 1]}),
            ("Flatten", "c", "f", {}), *TAIL], {**whole, "p": np.array([0, 0, 1, 1, 0, 0, 1, 1])})
    refuse("scale", "input x: expected it scaled as bytes are, .*, found a mean of 128",
           [("Sub", "x k", "s", {}), ("Flatten", "s", "f", {}), *TAIL],
           {**whole, "k": np.float32(128)})
    refuse("axis", r"node n1 \(Softmax\): expected softmax of a row",
           [("Relu", "x", "r", {}), ("Softmax", "r", "s", {"axis": 3}), ("Flatten", "s", "f", {}),
            *TAIL], whole)
    refuse("branch", r"node n3 \(Gemm\): expected that it takes what the one before it gives",
           [*HEAD, ("Gemm", "f v z", "g", {}), ("Relu", "g", "r", {}),
            ("Gemm", "f w b", "y", {"transB": 1})], square)
    refuse("pixels", r"node n2 \(Add\): expected the sum with what a layer",
           [*HEAD, ("Gemm", "f v z", "g", {}), ("Add", "g f", "a", {}),
            ("Gemm", "a w b", "y", {"transB": 1})], square)
    refuse("cycle", r"node n1 \(Relu\): .*found .*'y', which no node in front",
           [*HEAD, ("Relu", "y", "g", {}), ("Gemm", "g w b", "y", {"transB": 1})], whole)
    refuse("twice", r"node n1 \(Relu\): expected a name of its own", [
        *HEAD, ("Relu", "f", "f", {}), *TAIL], whole)
    refuse("sizes", r"node n1 \(Gemm\): expected a constant kernel", HEAD + TAIL, dense(143))
    refuse("huge", r"initializer w: expected the 1440 values of its shape, found 4", HEAD + TAIL,
           {**whole, "w": TensorProto(name="w", data_type=1, dims=(10, 144), raw_data=b"0" * 16)})
    outside = TensorProto(name="w", data_type=1, dims=(10, 144), data_location=1)
    outside.external_data.add(key="location", value="w.bin")
    refuse("outside", "initializer w: expected its values in the file .*in another file",
           HEAD + TAIL, {**whole, "w": outside})
    refuse("whole", "initializer w: expected floats of 16, 32 or 64 bits", HEAD + TAIL,
           {**whole, "w": np.ones((10, 144), np.int32)})
    refuse("open", "input x: expected .* found a size that is open", HEAD + TAIL, whole,
           ("n", 1, "h", "w"))
    refuse("inner", "output f: expected what the last layer gives", HEAD + TAIL, whole,
           outputs=("y", "f"))
    refuse("dead", "expected what the last node gives among the outputs",
           HEAD + TAIL + [("Softmax", "y", "p", {})], whole)
    refuse("late", r"output y: expected no padding at the end, and nothing behind",
           [*HEAD, ("Gemm", "f v z", "g", {}), ("LogSoftmax", "g", "l", {}),
            ("Gemm", "l w b", "y", {"transB": 1})], square)
    refuse("last", r"node n3 \(BatchNormalization\): expected a dense layer, or",
           [*HEAD, ("Gemm", "f w b", "g", {"transB": 1}), ("Relu", "g", "r", {}),
            ("BatchNormalization", "r b b b q", "y", {})], {**whole, "q": np.ones(10, "f4")})
    refuse("old", "expected ONNX of opset 7 to", HEAD + TAIL, whole, opset=5)
    refuse("order", "output c: expected a dense layer between the values of an image",
           [("Conv", "x k", "c", {})], {"k": random(2, 1, 3, 3)}, outputs=("c",))
    pathlib.Path("refused").write_text("".join(lines))


if __name__ == "__main__":
    {"write": write, "answers": answers, "forms": forms, "refused": refused}[sys.argv[1]](
        sys.argv[2])
