"""Weight files: what is read back, and one line for whatever is wrong with them."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadergen.errors import ModelError, ShadergenError
from shadergen.ir.dump import dump
from shadergen.ir.graph import Graph, Plane, Record
from shadergen.ir.ops import Stored
from shadergen.sources import cmodel, load, save
from shadergen.sources.npz.schema import SCHEMAS
from tests.nets import PLANES, c_model
from tests.random_graphs import random_graph

Arrays = dict[str, npt.NDArray[Any]]
ROOT = Path(__file__).parents[1]


def weights(graph: Graph) -> Arrays:
    """Every array of a graph, by its name in the file."""
    arrays: Arrays = {}
    for node in graph.nodes:
        found = {field.name: getattr(node.op, field.name) for field in fields(node.op)}
        arrays |= {f"{node.name}.{name}": value for name, value in found.items() if isinstance(value, np.ndarray)}
    return arrays


def contents(path: Path) -> Arrays:
    with np.load(path) as archive:
        return dict(archive)


def write(path: Path, arrays: Mapping[str, Any]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", stream.getvalue())
    return path


def complaint(path: Path) -> str:
    """The error for a file: one line that names it and says what was expected."""
    with warnings.catch_warnings(action="ignore"), pytest.raises(ModelError) as caught:
        load(path)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith(f"{path}: ")
    assert "found" in message
    assert "expected" in message
    return message.removeprefix(f"{path}: ")


# ---------------------------------------------------------------------------------------------------------------------
# Good files

GRAPHS = [*(c_model(plane, filters=5) for plane in PLANES), *(random_graph(seed) for seed in range(8))]


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_a_native_file_gives_the_same_graph(graph: Graph, tmp_path: Path) -> None:
    graph = replace(graph, record=Record("CC0-1.0", "", {"steps": 9, "data": ["a", "b"]}, {"PSNR": 38.5}))
    save(graph, tmp_path / "a.npz")
    read = load(tmp_path / "a.npz")
    assert dump(read) == dump(graph)
    assert [(node.name, type(node.op), node.inputs) for node in read.nodes] == [
        (node.name, type(node.op), node.inputs) for node in graph.nodes
    ]
    assert (read.name, read.plane, read.output) == (graph.name, graph.plane, graph.output)
    assert replace(read.record, sha256="") == graph.record
    expected = weights(graph)
    assert weights(read).keys() == expected.keys()
    for name, array in weights(read).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("graph", GRAPHS[:4], ids=lambda graph: graph.name)
def test_saving_again_gives_the_same_bytes(graph: Graph, tmp_path: Path) -> None:
    save(graph, tmp_path / "a.npz")
    save(load(tmp_path / "a.npz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_the_record_has_the_file_s_hash(tmp_path: Path) -> None:
    save(c_model(), tmp_path / "a.npz")
    output = subprocess.run(["sha256sum", tmp_path / "a.npz"], capture_output=True, text=True, check=True).stdout
    assert load(tmp_path / "a.npz").record.sha256 == output.split()[0]


def test_weights_cannot_be_changed_by_accident(tmp_path: Path) -> None:
    save(c_model(), tmp_path / "a.npz")
    for array in weights(load(tmp_path / "a.npz")).values():
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


@pytest.mark.parametrize("plane", PLANES)
def test_a_bare_file_is_a_c_model(plane: Plane, tmp_path: Path) -> None:
    graph = c_model(plane)
    np.savez(tmp_path / "Mine.npz", **weights(graph))  # type: ignore[arg-type]
    read = load(tmp_path / "Mine.npz")
    assert dump(read) == dump(replace(graph, name="Mine"))
    assert read.plane == plane


@pytest.mark.parametrize("order", ["C", "F"])
def test_float16_and_fortran_order(order: Any, tmp_path: Path) -> None:
    half = {name: np.asarray(array, np.float16, order=order) for name, array in weights(c_model()).items()}
    for name, array in weights(load(write(tmp_path / "half.npz", half))).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, half[name])


def test_members_without_the_suffix_npy(tmp_path: Path) -> None:
    save(c_model(), tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as a, zipfile.ZipFile(tmp_path / "b.npz", "w") as b:
        for name in a.namelist():
            b.writestr(name.removesuffix(".npy"), a.read(name))
    assert dump(load(tmp_path / "b.npz")) == dump(c_model())


# ---------------------------------------------------------------------------------------------------------------------
# No archive


def test_what_is_no_readable_file(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "empty.npz").touch()
    (tmp_path / "text.npz").write_text("conv0.weight")
    assert complaint(tmp_path / "folder.npz") == "found a directory, expected the file of a model or a shader"
    assert complaint(tmp_path / "empty.npz") == "found an empty file, expected an .npz archive"
    assert complaint(tmp_path / "text.npz").startswith("found no zip archive, expected an .npz file")
    assert complaint(tmp_path / "missing.npz").startswith("found no readable file (No such file or directory)")
    assert "found suffix '.pkl', expected .npz, .onnx, .param, .bin, .pth, .pt" in complaint(tmp_path / "model.pkl")


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_a_truncated_file(part: float, tmp_path: Path) -> None:
    save(c_model(), tmp_path / "a.npz")
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: int(len(whole) * part)])
    assert "is it truncated" in complaint(tmp_path / "cut.npz")


def test_damaged_members(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", weights(c_model()))
    whole = bytearray(path.read_bytes())
    whole[200] ^= 255
    path.write_bytes(whole)
    assert "the file is damaged" in complaint(path)


def test_a_member_with_a_password(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", weights(c_model()))
    whole = path.read_bytes()
    path.write_bytes(re.sub(rb"(PK\x01\x02....)..", lambda found: found[1] + b"\x01\x00", whole, flags=re.DOTALL))
    assert "is encrypted" in complaint(path)


def test_a_compression_that_numpy_never_writes(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("conv0.weight.npy", b"")
    assert "found compression method 14, expected stored or deflated" in complaint(tmp_path / "a.npz")


# ---------------------------------------------------------------------------------------------------------------------
# Hostile headers


def header(shape: str, descr: str = "'<f4'") -> bytes:
    """A .npy file's first bytes, for whatever shape is claimed."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (header("(512, 1024, 1024)"), r"found 0 bytes, expected 2147483648 for shape \(512, 1024, 1024\)"),
        (header("(99999999999, 99999999999)") + bytes(16), "found 16 bytes, expected 3999999999"),
        (header("(-1, -4)") + bytes(16), r"found shape \(-1, -4\), expected one of an array"),
        (header("(0, 99999999999999999999)"), r"found shape \(0, 99999999999999999999\), expected"),
        (header(f"({'9' * 4000}, {'9' * 4000})"), r"found shape \(9+\.\.\.9+, 9+\.\.\.9+\), expected one of an array"),
        (header(f"({'1, ' * 99})") + bytes(4), r"found shape \(1, 1, 1, 1, 1, 1, ...\), expected"),
        (header("(1,)", "'|V0'"), "found type .*, expected float32 or float16"),
        (header("(1,)", "'<U0'"), "found type .*, expected float32 or float16"),
        (header("(1,)", "[('a', '<f4')]") + bytes(4), "found type .*, expected float32 or float16"),
        (header("(1,)", "'<c99'") + bytes(4), "found no readable array"),
        (header("(1, {}, [])") + bytes(4), "found no readable array"),
        (header("((((") + bytes(4), "found"),
        (b"\x93NUMPY\x09\x00", "found no readable array"),
        (b"\x93NUMPY\x01\x00\xff\xff{", "found no readable array"),
        (b"NUMPY", "found no readable array"),
        (b"", "found no readable array"),
    ],
)
def test_an_array_s_header_is_not_believed(member: bytes, message: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("conv0.weight.npy", member)
        archive.writestr("conv0.bias.npy", header("(1,)") + bytes(4))
    found = complaint(tmp_path / "a.npz")
    assert re.match(f"array 'conv0.weight': {message}", found), found


def claiming(archive: bytes, size: int) -> bytes:
    """The archive with another unpacked size in the directory's first entry."""
    claim = size.to_bytes(4, "little")
    return re.sub(rb"(PK\x01\x02.{20})....", lambda found: found[1] + claim, archive, count=1, flags=re.DOTALL)


def test_a_directory_that_claims_2_gb(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", weights(c_model()))
    path.write_bytes(claiming(path.read_bytes(), 2 << 30))
    assert re.match(r"found arrays of \d{10} bytes, expected at most 536870912", complaint(path))


def test_a_zip_bomb_takes_no_memory(tmp_path: Path) -> None:
    """1 MB that unpacks to 1 GB, and claims to be of 100 bytes."""
    stream = io.BytesIO()
    archive = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
    with archive, archive.open("conv0.weight.npy", "w") as member:
        for _ in range(1024):
            member.write(bytes(1 << 20))
    (tmp_path / "bomb.npz").write_bytes(claiming(stream.getvalue(), 100))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "array 'conv0.weight'" in complaint(tmp_path / "bomb.npz")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # kilobytes


def test_duplicate_members(tmp_path: Path) -> None:
    path = write(tmp_path / "a.npz", weights(c_model()))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("conv0.bias", b"")
    assert complaint(path) == "array 'conv0.bias': found it twice, expected unique names"


class Shell:
    """What a pickle may do: run a command when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


@pytest.mark.parametrize("name", ["conv0.weight", "graph"])
def test_a_pickle_is_never_loaded(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.npz", {name: np.array([Shell()], object)})
    found = complaint(path)
    assert found.startswith(f"array '{name}': found pickled Python objects, expected numbers; pickles can run code")
    assert not Path("pwned").exists()


# ---------------------------------------------------------------------------------------------------------------------
# Bare files that are no C model


def without(*names: str) -> Arrays:
    return {name: array for name, array in weights(c_model()).items() if name not in names}


def changed(name: str, change: Callable[[npt.NDArray[Any]], Any]) -> Arrays:
    arrays = weights(c_model())
    return arrays | {name: change(arrays[name].copy())}


def one(value: float) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
    """The last number becomes `value`."""

    def change(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        array.flat[-1] = value
        return array

    return change


BARE: list[tuple[Arrays, str]] = [
    ({}, "found 0 convolutions, expected 4 or more"),
    (changed("conv1.weight", one(np.nan)), "node 'conv1': found nan in weight[7, 7, 2, 2], expected finite numbers"),
    (changed("conv1.bias", one(np.inf)), "node 'conv1': found inf in bias[7], expected finite numbers"),
    (changed("conv0.weight", one(-np.inf)), "node 'conv0': found -inf in weight[7, 0, 2, 2], expected finite numbers"),
    (changed("conv1.weight", lambda w: w[0]), "array 'conv1.weight': found shape (8, 3, 3), expected 4 axes"),
    (changed("conv1.bias", lambda b: b[None]), "array 'conv1.bias': found shape (1, 8), expected 1 axes"),
    (changed("conv1.bias", lambda b: b[0]), "array 'conv1.bias': found shape (), expected 1 axes"),
    (changed("conv1.bias", lambda b: b[:4]), "node 'conv1': found bias of shape (4,), expected (8,)"),
    (changed("conv2.weight", lambda w: w[:, :5]), "node 'conv2': found weight for 5 input channels, expected 8"),
    (changed("conv3.weight", lambda w: w[:5]), "node 'conv3': found bias of shape (8,), expected (5,)"),
    (changed("conv1.weight", lambda w: w[:, :, :2]), "found a 3x2 kernel, expected odd sizes"),
    (changed("conv1.weight", lambda w: w[:0]), "found weight of shape (0, 8, 3, 3), expected (out, in, kh, kw)"),
    (changed("conv4.weight", lambda w: w[:3]), "found 1 channels in and 3 out, expected 1 to 4 (luma), "),
    (changed("conv1.weight", np.float64), "array 'conv1.weight': found type float64, expected float32 or float16"),
    (changed("conv1.weight", lambda w: w.astype("S1")), "found type |S1, expected float32 or float16"),
    (without() | {"conv9.bias": np.zeros(8)}, "found 11 arrays, expected a weight and a bias for each convolution"),
    (without("conv1.bias", "conv4.bias"), "found no array 'conv1.bias', expected conv0 to conv3 with both"),
    (without("conv2.weight", "conv2.bias"), "found no array 'conv2.weight', expected conv0 to conv3 with both"),
    (without("conv1.bias") | {"conv1.gain": np.zeros(8, np.float32)}, "array 'conv1.gain': found an unknown name"),
    (weights(c_model()) | {"a\nb": np.zeros(1)}, "array 'a\\nb': found an unknown name, expected conv<i>.weight"),
]


@pytest.mark.parametrize(("arrays", "message"), BARE, ids=[message for _, message in BARE])
def test_a_bare_file_that_is_no_c_model(arrays: Arrays, message: str, tmp_path: Path) -> None:
    assert message in complaint(write(tmp_path / "bad.npz", arrays))


def test_too_few_convolutions() -> None:
    pair = (np.zeros((4, 1, 3, 3), np.float32), np.zeros(4, np.float32))
    with pytest.raises(ValueError, match="found 3 convolutions, expected 4 or more"):
        cmodel.build("net", [pair] * 3, Record())


# ---------------------------------------------------------------------------------------------------------------------
# Native files with a graph that is none


def native(path: Path, edit: Callable[[dict[str, Any]], object] = lambda document: None) -> Path:
    """A valid native file but for what `edit` does to the JSON document."""
    save(c_model(), path)
    arrays = contents(path)
    document = json.loads(str(arrays["graph"]))
    edit(document)
    return write(path, arrays | {"graph": np.array(json.dumps(document))})


def node(document: dict[str, Any], op: str) -> dict[str, Any]:
    """The first node of an operator."""
    found: dict[str, Any] = next(node for node in document["nodes"] if node["op"] == op)
    return found


def attribute(op: str, name: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: node(document, op)["attributes"].update({name: value})


def top(**entries: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(entries)


def first(**entries: object) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["nodes"][0].update(entries)


NATIVE: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (top(format=2), "graph: found format 2, expected 1; update shadergen"),
    (top(format="1"), "graph: found 'format' of type str, expected int"),
    (top(plane="alpha"), "graph: found plane 'alpha', expected one of luma, chroma, rgb"),
    (top(plane="rgb"), "node 'conv0': found weight for 1 input channels, expected 3"),
    (top(output="nowhere"), "found output 'nowhere', expected the name of a node"),
    (top(output="conv0"), "output 'conv0': found"),
    (top(nodes={}), "graph: found 'nodes' of type dict, expected list"),
    (top(nodes=[7]), "graph node 0: found int, expected an object"),
    (top(nodes=[{}]), "graph node 0: found no 'name', expected one"),
    (top(training=None), "graph: found 'training' of type NoneType, expected dict"),
    (lambda document: document.pop("licence"), "graph: found no 'licence', expected one"),
    (first(op="Softmax"), "node 'conv0': found operator 'Softmax', expected one of Conv, ConvTranspose, "),
    (first(op="Graph"), "node 'conv0': found operator 'Graph', expected one of Conv, ConvTranspose, "),
    (first(op=["Conv"]), "node 'conv0': found 'op' of type list, expected str"),
    (first(name="conv99"), "node 'conv99': found no array 'conv99.weight', expected one"),
    (first(inputs=["conv0"]), "node 'conv0': found input 'conv0', expected an earlier node or 'input'"),
    (first(inputs=["nowhere"]), "node 'conv0': found input 'nowhere', expected an earlier node or 'input'"),
    (first(inputs=[]), "node 'conv0': found 0 inputs, expected 1"),
    (first(inputs=[[1]]), "node 'conv0': found an input that is no name, expected strings"),
    (first(attributes={"dilation": 2}), "node 'conv0': found attribute 'dilation', expected those of Conv"),
    (first(attributes={"weight": 2}), "node 'conv0': found attribute 'weight', expected those of Conv"),
    (lambda document: document["nodes"].reverse(), "expected an earlier node or 'input'"),
    (lambda document: document["nodes"].append(document["nodes"][0]), "node 'conv0': found the name twice"),
    (attribute("Conv", "pads", [1, 1, 1]), "found pads = [1, 1, 1], expected four integers"),
    (attribute("Conv", "pads", [1, 1, 1, -1]), "found pads (1, 1, 1, -1), expected none below 0"),
    (attribute("Conv", "pads", [1, 1, 1, True]), "found pads = [1, 1, 1, True], expected four integers"),
    (attribute("Conv", "pad_mode", "wrap"), "found pad_mode = 'wrap', expected one of zero, edge, reflect"),
    (attribute("Conv", "pad_mode", {}), "found pad_mode = {}, expected one of zero, edge, reflect"),
    (attribute("DepthToSpace", "block", 2.0), "found block = 2.0, expected an integer"),
    (attribute("DepthToSpace", "block", 10**400), "found block = 1000"),
    (attribute("DepthToSpace", "block", 0), "expected a multiple of 0 for block 0"),
    (lambda document: node(document, "DepthToSpace")["attributes"].clear(), "expected all of DepthToSpace's"),
    # A name becomes a file's name, and a comment in the shader.
    (top(name=""), "graph: found name '', expected up to 100 letters, digits"),
    (top(name="../../mpv"), "graph: found name '../../mpv', expected up to 100 letters"),
    (top(name="..\\x"), "expected up to 100 letters"),
    (top(name=".x"), "expected up to 100 letters"),
    (top(name="x\n//!HOOK MAIN"), "graph: found name 'x\\n//!HOOK MAIN', expected up to 100 letters"),
    (top(name="\ud800"), "graph: found name '\\ud800', expected up to 100 letters"),
    (top(licence="MIT\n//!HOOK MAIN"), "found licence 'MIT\\n//!HOOK MAIN', expected one line"),
    (top(licence="MIT //!HOOK MAIN"), "found licence 'MIT //!HOOK MAIN', expected one line"),
]


def test_a_native_file_is_read_when_nothing_is_changed(tmp_path: Path) -> None:
    assert dump(load(native(tmp_path / "good.npz"))) == dump(c_model())


@pytest.mark.parametrize(("edit", "message"), NATIVE, ids=[message for _, message in NATIVE])
def test_a_graph_with_a_fault(edit: Callable[[dict[str, Any]], Any], message: str, tmp_path: Path) -> None:
    assert message in complaint(native(tmp_path / "bad.npz", edit))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -(2**31), 10**400, "1", None, [0.1], True])
def test_an_attribute_that_is_no_number(value: object, tmp_path: Path) -> None:
    path = native(tmp_path / "bad.npz", lambda document: document["nodes"].append(leaky(value)))
    assert re.search("node 'leaky': found alpha = .*, expected a finite number", complaint(path))


def leaky(alpha: object) -> dict[str, Any]:
    return {"name": "leaky", "op": "LeakyRelu", "inputs": ["input"], "attributes": {"alpha": alpha}}


def test_arrays_of_the_wrong_rank_in_a_native_file(tmp_path: Path) -> None:
    arrays = contents(native(tmp_path / "bad.npz"))
    arrays["conv0.bias"] = arrays["conv0.bias"][:, None]
    assert "node 'conv0' bias: found shape (" in complaint(write(tmp_path / "bad.npz", arrays))


TEXTS: list[tuple[npt.NDArray[Any], str]] = [
    (np.array(["{}"]), "graph: found <U2 of shape (1,), expected one string"),
    (np.array(b"{}"), "graph: found |S2 of shape (), expected one string"),
    (np.zeros(()), "graph: found float64 of shape (), expected one string"),
    (np.array(""), "graph: found no valid JSON (Expecting value: line 1 column 1 (char 0)), expected an object"),
    (np.array("{"), "graph: found no valid JSON"),
    (np.array("1" * 5000), "graph: found no valid JSON"),
    (np.array("[" * 100_000), "graph: found no valid JSON"),
    (np.array("[]"), "graph: found JSON of type list, expected an object"),
    (np.array(2**31 - 1, np.uint32).view("<U1"), "graph: found no valid JSON"),
]


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=[message for _, message in TEXTS])
def test_a_graph_that_is_no_document(text: npt.NDArray[Any], message: str, tmp_path: Path) -> None:
    assert complaint(write(tmp_path / "bad.npz", {"graph": text})).startswith(message)


@pytest.mark.parametrize("depth", [*range(880, 1000, 3), 5000])
def test_deeply_nested_attributes(depth: int, tmp_path: Path) -> None:
    """Reading stops at Python's limit on nesting, printing must not hit it a little earlier."""
    save(c_model(), tmp_path / "a.npz")
    document = str(contents(tmp_path / "a.npz")["graph"])
    nested = re.sub('"pads": [^]]*]', f'"pads": {"[" * depth}{"]" * depth}', document, count=1)
    complaint(write(tmp_path / "bad.npz", {"graph": np.array(nested)}))


def test_every_operator_of_a_file_has_a_schema_of_all_its_fields() -> None:
    """In their order, which is that of the file's bytes."""
    assert {schema.op for schema in SCHEMAS.values()} == set(get_args(Stored))
    for schema in SCHEMAS.values():
        assert [field.name for field in schema.fields] == [field.name for field in fields(schema.op)]


# ---------------------------------------------------------------------------------------------------------------------
# Anything at all

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value within a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in inner for place in places(item, (*path, key)))]


def put(value: Any, path: tuple[Any, ...], new: object) -> Any:
    """A copy of a JSON document with `new` at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = put(copy[path[0]], path[1:], new)
    return copy


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    return contents(native(tmp_path_factory.mktemp("npz") / "good.npz"))


def graph_or_one_line(path: Path) -> None:
    """Reading either works or fails as it should."""
    try:
        with warnings.catch_warnings(action="ignore"):  # numpy's, about odd headers
            dump(load(path))
        return
    except ShadergenError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1


@given(document=ANYTHING)
def test_any_json_document(document: object, arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npz"
    complaint(write(path, arrays | {"graph": np.array(json.dumps(document))}))


@given(data=st.data(), new=ANYTHING)
@settings(max_examples=200)
def test_any_value_anywhere(
    data: st.DataObject, new: object, arrays: Arrays, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = json.loads(str(arrays["graph"]))
    document = put(document, data.draw(st.sampled_from(places(document))), new)
    path = tmp_path_factory.getbasetemp() / "any.npz"
    graph_or_one_line(write(path, arrays | {"graph": np.array(json.dumps(document))}))


@pytest.fixture(scope="module", params=["deflated", "stored"])
def valid_bytes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small valid file; stored, so that damage also reaches the headers of the arrays."""
    folder = tmp_path_factory.mktemp("valid")
    save(c_model(filters=1, layers=1), folder / "a.npz")
    if request.param == "stored":
        np.savez(folder / "a.npz", **contents(folder / "a.npz"))  # type: ignore[arg-type]
    return (folder / "a.npz").read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_damaged_bytes(seed: int, valid_bytes: bytes, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(150):
        damaged = np.frombuffer(valid_bytes, np.uint8).copy()
        places = rng.integers(0, len(damaged), rng.integers(1, 4))
        damaged[places] = rng.integers(0, 256, len(places))
        end = len(damaged) if rng.random() < 0.8 else rng.integers(len(damaged))
        (tmp_path / "damaged.npz").write_bytes(damaged[:end].tobytes())
        graph_or_one_line(tmp_path / "damaged.npz")


def test_reading_needs_neither_onnx_nor_a_gpu() -> None:
    program = "import sys, shadergen.sources; sys.exit(bool({'onnx', 'moderngl', 'jinja2'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
