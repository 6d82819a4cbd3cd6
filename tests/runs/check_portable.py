"""What ONNX files and pages of a network must be, held against its weights file.

usage: check_portable.py onnx|html WEIGHTS FILE
"""
import base64
import html.parser
import json
import re
import sys

import h5py
import numpy as np

import layer_reference


def expect(what, expected, found):
    if expected != found:
        sys.exit(f"{what}: expected {expected}, found {found}")


def read_weights(path):
    """The facts, and the tensors by name, in the order of the model."""
    with h5py.File(path) as file:
        facts = {key[len("dist_train."):]: value for key, value in file.attrs.items()
                 if key.startswith("dist_train.")}
        tensors = {name.decode()[:-len(":0")]: file[layer][name][:]
                   for layer in file.attrs["layer_names"]
                   for name in file[layer].attrs["weight_names"]}
    return {key: value.decode() if isinstance(value, bytes) else value
            for key, value in facts.items()}, tensors


def planes(values):
    """Weights as ONNX has them: of windows [out][in][height][width], of images
    [channel][height][width]."""
    order = {3: (2, 0, 1), 4: (3, 2, 0, 1)}
    return values.transpose(order[values.ndim]) if values.ndim in order else values


def check_onnx(weights, path):
    import onnx
    from onnx import numpy_helper
    facts, tensors = read_weights(weights)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    known = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True,
                                              data_prop=True)
    shapes = {value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
              for value in [*known.graph.input, *known.graph.value_info, *known.graph.output]}
    outputs = {node.output[0] for node in model.graph.node}
    expect("shapes", outputs | {"image"}, set(shapes))
    height, width, channels = facts["input_shape"]
    expect("channels", 1, channels)
    expect("image", ["batch", height, width], shapes["image"])
    for name in ("logits", "probabilities"):
        expect(name, ["batch", facts["classes"]], shapes[name])
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, values in tensors.items():
        values = planes(values)
        if found[name].ndim == 3 and values.ndim == 1:  # of the channels of planes
            values = values.reshape(-1, 1, 1)
        expect(name, (values.dtype, values.tolist()), (found[name].dtype, found[name].tolist()))
    expect("weights", set(tensors), {name for name in found if not name[0].isdigit()
                                     and "/" in name})
    expect("scale", np.float32(facts["input_scale"]), found["scale"])
    expect("shift", np.float32(facts["input_shift"]), found["shift"])
    properties = {entry.key: entry.value for entry in model.metadata_props}
    missing = {key for key, value in facts.items() if str(value) in ("", "-1", "nan")}
    expect("facts", {f"dist_train.{key}" for key in set(facts) - missing}, set(properties))
    for key in set(facts) - missing - {"input_shape"}:
        expect(key, facts[key], type(facts[key])(properties[f"dist_train.{key}"]))
    expect("input_shape", facts["input_shape"].tolist(),
           json.loads(properties["dist_train.input_shape"]))
    expect("producer", ("dist-train", facts["version"]),
           (model.producer_name, model.producer_version))


class Page(html.parser.HTMLParser):
    """Texts of the elements with an id, and all attributes."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.attributes, self.open = {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += attrs
        self.open = dict(attrs).get("id", tag)

    def handle_endtag(self, tag):
        self.open = None

    def handle_data(self, data):
        self.texts[self.open] = self.texts.get(self.open, "") + data


def check_html(weights, path):
    facts, tensors = read_weights(weights)
    text = open(path, encoding="utf-8").read()
    page = Page(text)
    found = np.frombuffer(base64.b64decode(page.texts["weights"], validate=True), "<f4")
    expected = np.concatenate([values.ravel() for values in tensors.values()])
    expect("weights", expected.tolist(), found.tolist())
    stated = json.loads(page.texts["facts"])
    for theirs, ours in (("parameterHash", "parameter_hash"), ("scale", "input_scale"),
                         ("shift", "input_shift"), ("loss", "loss"), ("step", "step"),
                         ("testAccuracy", "test_accuracy")):
        expect(theirs, facts[ours], stated[theirs])
    layers = layer_reference.parse(facts["layers"])
    expect("layers", [kind for kind, _ in layers], [layer["kind"] for layer in stated["layers"]])
    functions = re.search(r"const kinds = \{\n(.*?)\n\};", text, re.DOTALL).group(1)
    known = re.findall(r"^    '([\w-]+)':", functions, re.MULTILINE)
    expect("a function for each layer", set(), {kind for kind, _ in layers} - set(known))
    expect("title", f"dist-train {facts['architecture']}", page.texts["title"].strip())
    expect("addresses", [], [pair for pair in page.attributes if pair[0] in ("src", "href")])
    expect("addresses", [], re.findall(r"https?://\S*|url\(|@import|fetch\(|XMLHttp", text))
    policy = [value for key, value in page.attributes
              if key == "content" and "default-src" in value]
    expect("policies", 1, len(policy))
    expect("policy", True, policy[0].startswith("default-src 'none'; "))


if __name__ == "__main__":
    {"onnx": check_onnx, "html": check_html}[sys.argv[1]](*sys.argv[2:])
