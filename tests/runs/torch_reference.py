#!/usr/bin/python3
"""A third opinion on runs of dist-train: the same training by PyTorch's own layers, losses,
optimizers and derivatives, in float64.

usage: torch_reference.py INITIAL.py TRAINED.py RUN
           the run directory RUN began with the weights of INITIAL.py and ended with those of
           TRAINED.py, which dist-train export wrote with --format pytorch
       torch_reference.py plateau RUN
           the learning rates of RUN, with schedule = plateau, are those that its validation losses
           lead to

Trains INITIAL.py's model as the run was trained, and compares the parameters: see reference.py,
for what is compared and which runs can be. Dropout is PyTorch's but for the factors, which are those
that the run has drawn.

Exit code: 0 all agree, 1 not, 64 wrong usage.
"""
import importlib.util
import sys

import torch

import idx
import layer_reference
from reference import (Deviation, Run, check, check_parameters, decays, learning_rate, peak_rate,
                       smoothed)

LOSSES = {"cross-entropy": torch.nn.CrossEntropyLoss, "bce": torch.nn.BCEWithLogitsLoss,
          "mse": torch.nn.MSELoss}


def model_of(script):
    spec = importlib.util.spec_from_file_location("network", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.model.double().train()


class Dropout(torch.nn.Module):
    """In the place of torch.nn.Dropout: layer `number` of the run."""

    def __init__(self, number, words):
        super().__init__()
        self.number, self.words, self.noise = number, words, None

    def forward(self, x):
        planes = x.ndim == 4
        shape = x.permute(0, 2, 3, 1).shape if planes else x.shape
        factors = torch.from_numpy(
            layer_reference.dropout_factors(self.noise, self.number, self.words, shape))
        return x * (factors.permute(0, 3, 1, 2) if planes else factors)


def take_factors(model, layers):
    """Puts them in; returns them."""
    numbers = [number for number, (kind, _) in enumerate(layers) if kind == "dropout"]
    places = [place for place, module in enumerate(model) if isinstance(module, torch.nn.Dropout)]
    if len(numbers) != len(places):
        raise Deviation(f"dropout: expected {len(numbers)} modules, found {len(places)}")
    for number, place in zip(numbers, places):
        model[place] = Dropout(number, layers[number][1])
    return [model[place] for place in places]


class NAdam(torch.optim.Optimizer):
    """PyTorch 2's, for a PyTorch before it, whose own has one mu too many in a product."""

    def __init__(self, groups, betas, **defaults):
        super().__init__(groups, {"betas": betas, **defaults})
        self.steps, self.product = 0, 1
        self.moments = {}

    @torch.no_grad()
    def step(self):
        self.steps += 1
        beta1, beta2 = self.param_groups[0]["betas"]
        mu, following = (beta1 * (1 - 0.5 * 0.96 ** (0.004 * t))
                         for t in (self.steps, self.steps + 1))
        self.product *= mu
        for group in self.param_groups:
            for w in group["params"]:
                g = w.grad + group["weight_decay"] * w
                m, v = self.moments.setdefault(w, (torch.zeros_like(w), torch.zeros_like(w)))
                m.lerp_(g, 1 - beta1)
                v.lerp_(g * g, 1 - beta2)
                divisor = (v / (1 - beta2 ** self.steps)).sqrt() + group["eps"]
                w -= group["lr"] * ((1 - mu) / (1 - self.product) * g +
                                    following / (1 - self.product * following) * m) / divisor


def optimizer_of(run, parameters):
    number, optim = run.number, torch.optim
    nadam = optim.NAdam if int(torch.__version__.split(".")[0]) >= 2 else NAdam
    parameters = [{"params": [parameter], **({} if decays(run, parameter) else {"weight_decay": 0})}
                  for parameter in parameters]
    shared = {"lr": peak_rate(run), "weight_decay": number("weight_decay")}
    adaptive = {"eps": number("epsilon"), **shared}
    betas = {"betas": (number("beta1"), number("beta2")), **adaptive}
    momentum = {"momentum": number("momentum"), **shared}
    return {
        "sgd": lambda: optim.SGD(parameters, **shared),
        "momentum": lambda: optim.SGD(parameters, **momentum),
        "nesterov": lambda: optim.SGD(parameters, nesterov=True, **momentum),
        "adagrad": lambda: optim.Adagrad(parameters, **adaptive),
        "rmsprop": lambda: optim.RMSprop(parameters, alpha=number("alpha"), **adaptive),
        "adam": lambda: optim.Adam(parameters, **betas),
        "adamw": lambda: optim.AdamW(parameters, **betas),
        "amsgrad": lambda: optim.Adam(parameters, amsgrad=True, **betas),
        "nadam": lambda: nadam(parameters, **betas),
        "radam": lambda: optim.RAdam(parameters, **betas),
    }[run.text("optimizer")]()


def scheduler_of(run, optimizer, steps):
    """PyTorch's own, of a run of so many steps; None: the rates are those of reference.py."""
    schedulers, number = torch.optim.lr_scheduler, run.number
    if run.text("schedule") == "polynomial":
        return schedulers.PolynomialLR(optimizer, total_iters=steps - 1, power=number("power"))
    if run.text("schedule") != "one-cycle":
        return None
    cycles = run.text("cycle_momentum") == "true" and (
        "betas" in optimizer.defaults or optimizer.defaults.get("momentum", 0) > 0)
    return schedulers.OneCycleLR(
        optimizer, max_lr=peak_rate(run), total_steps=steps, pct_start=number("pct_start"),
        anneal_strategy={"cosine": "cos"}.get(run.text("anneal"), "linear"),
        cycle_momentum=cycles, base_momentum=number("base_momentum"),
        max_momentum=number("max_momentum"), div_factor=number("div_factor"),
        final_div_factor=number("final_div_factor"))


def train(run, model):
    """Returns the number of steps."""
    images, _ = idx.read_part(run.text("data"), "train", run.integer("train_limit"))
    images, (_, labels) = torch.tensor(images), run.samples("train")
    labels = torch.from_numpy(smoothed(labels, run.number("label_smoothing")))
    parameters = list(model.parameters())
    optimizer, loss = optimizer_of(run, parameters), LOSSES[run.text("loss")]()
    noisy = take_factors(model, layer_reference.parse(run.text("layers")))
    model[0].register_forward_pre_hook(lambda _, x: (x[0].double(),))
    batch, steps = run.integer("batch_size"), run.integer("max_steps")
    epoch_steps = -(-len(images) // batch)
    scheduler = scheduler_of(run, optimizer, run.integer("epochs") * epoch_steps)
    for step in range(steps):
        epoch, first = step // epoch_steps, step % epoch_steps * batch
        here = range(first, min(first + batch, len(images)))
        for layer in noisy:
            layer.noise = (run.integer("seed"), epoch, here)
        optimizer.zero_grad()
        loss(model(images[here]), labels[here]).backward()
        if run.number("clip_norm") > 0:
            torch.nn.utils.clip_grad_norm_(parameters, run.number("clip_norm"))
        if run.number("clip_value") > 0:
            torch.nn.utils.clip_grad_value_(parameters, run.number("clip_value"))
        for group in optimizer.param_groups if not scheduler else []:
            group["lr"] = learning_rate(run, step, epoch, epoch_steps)
        optimizer.step()
        if scheduler:
            scheduler.step()
    return steps


def arrays(model):
    return [parameter.detach().numpy().copy() for parameter in model.parameters()]


def check_plateau(run):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=peak_rate(run))
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=run.number("gamma"), patience=run.integer("plateau_patience"),
        threshold=run.number("plateau_threshold"), min_lr=run.number("lr_min"))
    rates = [optimizer.param_groups[0]["lr"]]
    for row in run.rows:
        check(f"learning rate of epoch {row['epoch']}", float(row["learning_rate"]), rates[-1],
              1e-6)
        scheduler.step(float(row["val_loss"]))
        rates.append(optimizer.param_groups[0]["lr"])
    if len(set(rates)) < 3 or rates[-1] != run.number("lr_min"):
        raise Deviation(f"expected drops down to lr_min, which prove something, found {rates}")
    print(f"{len(run.rows)} epochs, {len(set(rates)) - 1} drops")


def main(arguments):
    if len(arguments) != 3 and arguments[:1] != ["plateau"]:
        print(__doc__, file=sys.stderr)
        return 64
    try:
        if arguments[0] == "plateau":
            check_plateau(Run(arguments[1]))
            return 0
        run, model, trained = Run(arguments[2]), *map(model_of, arguments[:2])
        print(run.text("layers"))
        names, start = [name for name, _ in model.named_parameters()], arrays(model)
        steps = train(run, model)
        check_parameters(names, start, arrays(trained), arrays(model), steps, False)
    except Deviation as deviation:
        print(deviation, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
