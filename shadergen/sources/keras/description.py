"""The description of a model in JSON: its layers, and where each is called. Nothing in it is trusted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.errors import quoted

Array = npt.NDArray[np.float32]
Layers = Sequence[Mapping[str, Any]]

MAX_LAYERS = 20000


@dataclass(frozen=True, eq=False)
class Call:
    """A layer where it is called: a layer that is called twice is two of these."""

    kind: str
    """The class of the layer."""
    name: str
    output: str
    """What the result is called."""
    config: Mapping[str, Any]
    inputs: tuple[str | float, ...]
    """The results that go in, or numbers."""
    options: Mapping[str, Any]
    """What the call was given by name."""
    weights: tuple[Array, ...]
    """In the order of Keras: kernel, bias."""

    @property
    def words(self) -> str:
        """How an error names the layer."""
        return f"layer {quoted(self.name)} ({quoted(self.kind)[1:-1]})"


@dataclass(frozen=True, eq=False)
class Model:
    """A model's calls in an order in which they can be made, and the names of its results."""

    calls: tuple[Call, ...]
    outputs: tuple[str, ...]


def described(text: str | bytes) -> Mapping[str, Any]:
    """The description of a model. Raises ValueError where the text is none."""
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("found a description that is no JSON, expected that of a model") from None
    if not isinstance(config, dict) or config.get("class_name") not in ("Functional", "Model", "Sequential"):
        kind = config.get("class_name") if isinstance(config, dict) else config
        raise ValueError(f"found {quoted(str(kind))[:60]}, expected a Functional or a Sequential model")
    return config


def layers(config: Mapping[str, Any]) -> Layers:
    """The descriptions of a model's layers. Raises ValueError where there are none."""
    given = config.get("config")
    layers = given.get("layers") if isinstance(given, dict) else given
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("found a description without layers, expected that of a model")
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"found {len(layers)} layers, expected at most {MAX_LAYERS}")
    return layers


def model(config: Mapping[str, Any], weights: Mapping[str, tuple[Array, ...]]) -> Model:
    """The model of a description, with the weights of its layers by name. Raises ValueError where it is none."""
    if config["class_name"] == "Sequential":
        return _sequence(layers(config), weights)
    waiting = [call for layer in layers(config) for call in _calls(layer, weights)]
    ready: dict[str, Call] = {}
    while waiting:
        able = [call for call in waiting if all(value in ready for value in call.inputs if isinstance(value, str))]
        if not able:
            raise ValueError(f"found {waiting[0].words} before what goes into it, expected a model without circles")
        ready |= {call.output: call for call in able}
        waiting = [call for call in waiting if call.output not in ready]
    outputs = config["config"].get("output_layers")
    return Model(tuple(ready.values()), tuple(_histories(outputs)))


def _sequence(layers: Layers, weights: Mapping[str, tuple[Array, ...]]) -> Model:
    calls: list[Call] = []
    for layer in layers:
        if not calls and text_of(layer, "class_name") != "InputLayer":
            shape = _config(layer).get("batch_input_shape") or _config(layer).get("batch_shape")
            if shape is None:
                raise ValueError("found no input, expected the shape of what goes into the first layer")
            calls.append(Call("InputLayer", "input", "input", {"batch_shape": shape}, (), {}, ()))
        inputs = tuple(call.output for call in calls[-1:])
        calls.append(_call(layer, 0, inputs, {}, weights))
    return Model(tuple(calls), tuple(call.output for call in calls[-1:]))


def _calls(layer: Mapping[str, Any], weights: Mapping[str, tuple[Array, ...]]) -> Iterator[Call]:
    """A layer's calls, an input's being one."""
    nodes = layer.get("inbound_nodes") or [[]]
    for number, node in enumerate(nodes):
        if isinstance(node, dict):  # of Keras 3
            inputs, options = list(_arguments(node.get("args"))), node.get("kwargs", {})
        else:
            nested = node if node and isinstance(node[0], list) else [node] if node else []
            inputs = [value for item in nested for value in _histories([item[:3]])]
            options = nested[0][3] if nested and len(nested[0]) > 3 else {}
        if not isinstance(options, dict):
            raise ValueError(f"found {str(options)[:60]} for layer {quoted(name_of(layer))}, expected options by name")
        named = [value for item in options.values() for value in _arguments(item) if isinstance(value, str)]
        yield _call(layer, number, (*inputs, *named), options, weights)


def _call(
    layer: Mapping[str, Any],
    number: int,
    inputs: tuple[str | float, ...],
    options: Mapping[str, Any],
    weights: Mapping[str, tuple[Array, ...]],
) -> Call:
    name = name_of(layer)
    return Call(
        kind=text_of(layer, "class_name").split(">")[-1],  # behind the package of a class that is not Keras's own
        name=name,
        output=_output(name, number),
        config=_config(layer),
        inputs=inputs,
        options=options,
        weights=weights.get(name, ()),
    )


def _arguments(value: Any) -> Iterator[str | float]:
    """The results and numbers among a call's arguments."""
    match value:
        case [str(), int(), int()]:
            yield from _histories(value)
        case {"class_name": "__keras_tensor__", "config": {"keras_history": history}}:
            yield from _histories([history])
        case list():
            for item in value:
                yield from _arguments(item)
        case int() | float() if not isinstance(value, bool):
            yield float(value)


def _histories(value: Any) -> Iterator[str]:
    """The results of [layer, call, tensor], one or a list of them. Only a layer's first tensor is one."""
    match value:
        case [str() as name, int() as call, 0]:
            yield _output(name, call)
        case list() if value:
            for item in value:
                yield from _histories(item)
        case _:
            raise ValueError(f"found {str(value)[:60]}, expected a layer, the number of its call, and 0")


def _output(name: str, call: int) -> str:
    return f"{name}/{call}" if call else name


def name_of(layer: Mapping[str, Any]) -> str:
    """The name of a layer."""
    return str(layer.get("name") or _config(layer).get("name") or "")


def _config(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    config = layer.get("config")
    if not isinstance(config, dict):
        raise ValueError(f"found {str(config)[:60]} as a layer's description, expected its settings by name")
    return config


def text_of(layer: Mapping[str, Any], key: str) -> str:
    """What a layer says of itself. Raises ValueError where that is no text."""
    value = layer.get(key)
    if not isinstance(value, str):
        raise ValueError(f"found a layer's {key} to be {str(value)[:60]}, expected a name")
    return value
