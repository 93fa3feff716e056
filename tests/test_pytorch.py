"""State dicts: every architecture is what onnxruntime computes for its ONNX twin, and no file can do harm."""

from __future__ import annotations

import os
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from shadergen.cli import main
from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.sources import load
from shadergen.sources.pytorch.archive import read
from tests.torch_files import (
    SCALES,
    SYSTEMS,
    called,
    compact,
    dictionary,
    fsrcnn,
    number,
    refiner,
    saved,
    saved_as_stream,
    tensor,
    text,
    write,
)

WEIGHTS = refiner()[0]
"""Of a small network."""


def arrays(path: Path) -> Any:
    return read(path, path.read_bytes())


@pytest.mark.parametrize("name", SYSTEMS)
def test_an_architecture(name: str, tmp_path: Path) -> None:
    weights, model = SYSTEMS[name]()
    graph = load(saved(tmp_path / "net.pth", weights), scale=SCALES.get(name))
    picture = np.random.default_rng(1).random((graph.input_type.channels, 21, 30), np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {"input": picture[None]})[0][0]
    actual = reference.evaluate(graph, picture)[graph.output]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


# ---------------------------------------------------------------------------------------------------------------------
# Files


def test_formats_hold_the_same(tmp_path: Path) -> None:
    expected = dump(load(saved(tmp_path / "net.pth", WEIGHTS)))
    assert dump(load(saved(tmp_path / "net.pt", WEIGHTS))) == expected
    (tmp_path / "old").mkdir()
    assert dump(load(saved_as_stream(tmp_path / "old" / "net.pth", WEIGHTS))) == expected
    save_file(WEIGHTS, tmp_path / "net.safetensors")
    assert dump(load(tmp_path / "net.safetensors")) == expected


def test_views_of_a_storage(tmp_path: Path) -> None:
    """Two tensors share one: a part of it, transposed."""
    numbers = np.arange(24, dtype="<f4")
    whole, part = tensor("0", (4, 6), (6, 1)), tensor("0", (2, 3), (1, 6), offset=7)
    found = arrays(write(tmp_path / "a.pth", dictionary({"a": whole, "b": part}), {"0": numbers.tobytes()}))
    np.testing.assert_array_equal(found["a"], numbers.reshape(4, 6))
    np.testing.assert_array_equal(found["b"], numbers.reshape(4, 6)[1:4, 1:3].T)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("Double", "<f8"), ("Float", "<f4"), ("Half", "<f2"), ("Long", "<i8"), ("Byte", "<u1")]
)
def test_types_of_numbers(kind: str, dtype: str, tmp_path: Path) -> None:
    numbers = np.array([0, 1, 2.5, 100]).astype(dtype)
    path = write(tmp_path / "a.pth", dictionary({"a": tensor("0", (4,), (1,), kind=kind)}), {"0": numbers.tobytes()})
    np.testing.assert_array_equal(arrays(path)["a"], numbers)


def test_bfloat16_is_the_upper_half_of_float32(tmp_path: Path) -> None:
    content = np.array([0x3F80, 0xC000], "<u2").tobytes()
    path = write(tmp_path / "a.pth", dictionary({"a": tensor("0", (2,), (1,), kind="BFloat16")}), {"0": content})
    np.testing.assert_array_equal(arrays(path)["a"], np.array([1, -2], np.float32))
    header = b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    (tmp_path / "a.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + content)
    np.testing.assert_array_equal(arrays(tmp_path / "a.safetensors")["a"], np.array([1, -2], np.float32))


def test_what_trainers_put_around_a_state_dict(tmp_path: Path) -> None:
    """The average over time is taken first; `module.` in front of every key is that of several GPUs."""
    inner = {f"module.{key}": array for key, array in WEIGHTS.items()}
    keys = {key: tensor(str(i), a.shape, tuple(s // 4 for s in a.strides)) for i, (key, a) in enumerate(inner.items())}
    zeros = {key: tensor("zero", (1,), (1,)) for key in inner}
    content = dictionary({"params": dictionary(zeros), "iter": number(7), "params_ema": dictionary(keys)})
    storages = {str(i): array.tobytes() for i, array in enumerate(inner.values())} | {"zero": bytes(4)}
    found = load(write(tmp_path / "net.pth", content, storages))
    assert dump(found) == dump(load(saved(tmp_path / "net.pt", WEIGHTS)))


def test_pytorch_s_own_files(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs PyTorch, which writes its own files")
    for i, new in enumerate((True, False)):
        path = tmp_path / f"{i}.pth"
        state = {key: torch.from_numpy(array) for key, array in WEIGHTS.items()}
        torch.save({"params": state}, path, _use_new_zipfile_serialization=new)
        for key, array in arrays(path)["params"].items():
            np.testing.assert_array_equal(array, WEIGHTS[key])


def test_build_takes_them_and_the_factor(tmp_path: Path) -> None:
    saved(tmp_path / "fsrcnn.pth", fsrcnn()[0])
    run = CliRunner().invoke
    arguments = ["convert", str(tmp_path / "fsrcnn.pth"), str(tmp_path / "out.npz")]
    without = run(main, arguments)
    assert without.exit_code == 1
    assert "FSRCNN network: found weights that fit any factor, expected one to be given: say it with --scale" in (
        without.stderr
    )
    assert run(main, [*arguments, "--scale", "2"]).exit_code == 0
    saved(tmp_path / "compact.pth", compact()[0])
    wrong = run(main, ["convert", str(tmp_path / "compact.pth"), str(tmp_path / "out.npz"), "--scale", "4"])
    assert "found a network whose result has 2n rows, expected 4 times as many: --scale" in wrong.stderr
    other = run(main, ["convert", str(tmp_path / "out.npz"), str(tmp_path / "out.onnx"), "--scale", "4"])
    assert "found a model that says its own factor, expected no --scale" in other.stderr


# ---------------------------------------------------------------------------------------------------------------------
# Files that are none, or would do harm


def complaint(path: Path) -> str:
    """The error for a file: one line, without its path."""
    with pytest.raises(ModelError) as caught:
        load(path)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith(str(path))
    assert "found" in message
    assert "expected" in message
    return message.removeprefix(f"{path}").removeprefix(": ")


class Harm:
    """What a pickle can do to whoever loads it."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.file}",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_file_is_called(protocol: int, tmp_path: Path) -> None:
    content = pickle.dumps({"params": Harm(tmp_path / "harm")}, protocol)
    (tmp_path / "bare.pth").write_bytes(content)
    message = complaint(tmp_path / "bare.pth")
    inside = write(tmp_path / "zip.pth", content[2 if protocol > 1 else 0 : -1], {})
    assert "posix.system" in complaint(inside) or "instruction" in message
    assert not (tmp_path / "harm").exists()


def test_why_a_pickled_network_is_refused(tmp_path: Path) -> None:
    content = called("torch.nn.modules.conv Conv2d") + b")R"
    assert complaint(write(tmp_path / "a.pth", content, {})) == (
        "found 'torch.nn.modules.conv.Conv2d', which a state dict does not need and loading would call, "
        "expected tensors only: save net.state_dict(), and nothing beside it"
    )


BAD = {
    "a call with other arguments": called("torch._utils _rebuild_tensor_v2") + b"(" + number(1) + b"tR",
    "a dictionary made of something": called("collections OrderedDict") + b"(" + number(1) + b"tR",
    "a storage of objects": b"(" + text("storage") + called("collections OrderedDict") + b"tQ",
    "a storage that is not there": dictionary({"a": tensor("7", (2,), (1,))}),
    "a tensor beyond its storage": dictionary({"a": tensor("0", (9, 9), (9, 1))}),
    "a tensor of more than its storage": dictionary({"a": tensor("0", (9,), (0,), offset=20)}),
    "a negative offset": dictionary({"a": tensor("0", (2,), (1,), offset=-1)}),
    "a huge shape": dictionary({"a": tensor("0", (1 << 30, 1 << 20), (0, 0))}),
    "a memory that is not there": b"h\x05",
    "an empty stack": b"R",
    "items of a list": b"](" + text("a") + number(1) + b"u",
    "a key that is a tuple": b"}((" + number(1) + b"t" + number(2) + b"u",
    "no dictionary": number(7),
    "an empty dictionary": b"}",
    "other things by name": dictionary({"epoch": number(3)}),
    "a dictionary in itself": b"}q\x00" + text("params") + b"h\x00s",
    "nothing at the end": b"}" + b"(",
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD.keys())
def test_instructions_that_make_no_state_dict(content: bytes, tmp_path: Path) -> None:
    complaint(write(tmp_path / "a.pth", content, {"0": np.zeros(4, "<f4").tobytes()}))


def test_one_dictionary_many_times(tmp_path: Path) -> None:
    """Twelve levels of a hundred references to the level below would be 10^24 of them."""
    content = b"}q\x00"
    for level in range(12):
        items = b"".join(text(str(i)) + b"h" + bytes([level]) for i in range(100))
        content += b"}q" + bytes([level + 1]) + b"(" + items + b"u"
    complaint(write(tmp_path / "a.pth", content, {}))


def test_a_storage_that_is_a_bomb(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pth", dictionary({"a": tensor("0", (4,), (1,))}), {"0": bytes(1 << 20)})
    assert complaint(path) == "found 1048576 bytes in net/data/0, expected 16 or less"


def test_what_is_no_state_dict_at_all(tmp_path: Path) -> None:
    for name, content in {
        "a.pth": b"",
        "b.pth": b"\0" * 100,
        "c.pt": b"PK\3\4",
        "d.safetensors": b"",
        "e.safetensors": b"\xff" * 64,
    }.items():
        (tmp_path / name).write_bytes(content)
        complaint(tmp_path / name)
    assert "found no readable file (No such file" in complaint(tmp_path / "none.pth")
    with zipfile.ZipFile(write(tmp_path / "jit.pt", b"}", {}), "a") as archive:
        archive.writestr("net/constants.pkl", b"")
    assert "found a TorchScript module, expected a state dict" in complaint(tmp_path / "jit.pt")


def test_networks_that_are_not_known(tmp_path: Path) -> None:
    unknown = {f"layers.{i}.attn.qkv.weight": np.zeros((4, 4), np.float32) for i in range(5)}
    assert complaint(saved(tmp_path / "a.pth", unknown)) == (
        "found 5 tensors ('layers.0.attn.qkv.weight', 'layers.1.attn.qkv.weight', 'layers.2.attn.qkv.weight'...), "
        "expected those of ACNet, ARNet, ArtCNN, Compact (SRVGG), ESPCN, FSRCNN, RLFN, SPAN, SRCNN, VDSR; "
        "export another network as ONNX"
    )
    more = {**WEIGHTS, "gate.weight": np.zeros(3, np.float32)}
    assert complaint(saved(tmp_path / "b.pth", more)) == (
        "found 'gate.weight' in a Compact (SRVGG) network, expected no other weights than its own; "
        "is it a variant of it? then export it as ONNX"
    )
    fewer = {key: array for key, array in WEIGHTS.items() if not key.endswith(("1.weight", "3.weight"))}
    assert "whether ReLU or LeakyReLU follow, such a file does not say" in complaint(saved(tmp_path / "c.pth", fewer))
    wrong = {**WEIGHTS, "body.2.weight": np.zeros((4, 7, 3, 3), np.float32)}
    assert "Compact (SRVGG) network: found" in complaint(saved(tmp_path / "d.pth", wrong))
    endless = {**WEIGHTS, "body.2.bias": np.full(4, np.inf, np.float32)}
    assert "found numbers in 'body.2.bias' that are not finite" in complaint(saved(tmp_path / "e.pth", endless))


@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_damaged_file(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], stream: bool) -> None:
    """It is read, if the damage is in the weights, or is no model; nothing else is raised."""
    path = tmp_path_factory.mktemp("damaged") / "net.pth"
    damaged = bytearray((saved_as_stream if stream else saved)(path, WEIGHTS).read_bytes())
    for place, value in changes:
        damaged[place % len(damaged)] = value
    path.write_bytes(damaged)
    with suppress(ModelError):
        load(path)
