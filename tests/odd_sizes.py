"""Networks that take care of any size themselves, in PyTorch, as people write them: by sizes that they compute."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

Body = Callable[[Any, Tensor], Any]


def conv(channels: int, out: int, stride: int = 1, pad: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out, 3, stride, pad)


class Net(nn.Module):  # type: ignore[misc, unused-ignore]
    """Layers by name, and what is done with them."""

    def __init__(self, body: Body, **layers: nn.Module) -> None:
        super().__init__()
        self.body = body
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.body(self, x)
        return result


# ---------------------------------------------------------------------------------------------------------------------
# To another value's size


def _unet(mode: str, **more: Any) -> Body:
    def body(net: Any, x: Tensor) -> Any:
        """Up to the size of what is skipped."""
        first = net.first(x)
        second = net.second(first)
        y = net.third(second)
        y = F.interpolate(y, size=second.shape[2:], mode=mode, **more) + second
        y = net.fourth(y)
        return net.last(torch.cat((F.interpolate(y, size=first.shape[-2:], mode=mode, **more), first), 1))

    return body


def unet(mode: str, **more: Any) -> Net:
    layers = {"first": conv(1, 4), "second": conv(4, 6, 2), "third": conv(6, 6, 2), "fourth": conv(6, 4)}
    return Net(_unet(mode, **more), **layers, last=conv(8, 1))


def _to_twice(net: Any, x: Tensor) -> Any:
    """Down by 3 and up to twice the picture."""
    height, width = x.shape[-2:]
    small = F.interpolate(x, size=(height // 3 + 1, width // 3 + 1), mode="bilinear")
    return F.interpolate(net.conv(small), size=(2 * height, 2 * width), mode="bicubic", align_corners=True)


def _padded_like(net: Any, x: Tensor) -> Any:
    """The classic U-Net: what comes up is padded to the size of what is skipped."""
    skip = net.first(x)
    y = net.up(F.max_pool2d(skip, 2))
    down, right = skip.size(2) - y.size(2), skip.size(3) - y.size(3)
    y = F.pad(y, [right // 2, right - right // 2, down // 2, down - down // 2])
    return net.last(torch.cat((skip, y), 1))


def _cropped_like(net: Any, x: Tensor) -> Any:
    """The first U-Net: without padding, and what is skipped is cropped around its centre."""
    skip = net.first(x)
    y = net.up(net.inner(F.max_pool2d(skip, 4)))
    down, right = (skip.shape[2] - y.shape[2]) // 2, (skip.shape[3] - y.shape[3]) // 2
    skip = skip[:, :, down : down + y.shape[2], right : right + y.shape[3]]
    return net.last(torch.cat((skip, y), 1))


# ---------------------------------------------------------------------------------------------------------------------
# To a multiple


def _multiple(mode: str, multiple: int) -> Body:
    def body(net: Any, x: Tensor) -> Any:
        """Real-ESRGAN's and Restormer's way: padded behind, and the result cropped."""
        height, width = x.shape[2:]
        pad_h, pad_w = (multiple - height % multiple) % multiple, (multiple - width % multiple) % multiple
        y = F.pad(x, (0, pad_w, 0, pad_h), mode)
        y = net.up(net.down(F.pixel_unshuffle(y, 2)))
        return F.pixel_shuffle(y, 2)[:, :, : 2 * height, : 2 * width]

    return body


def multiple(mode: str, of: int = 4) -> Net:
    return Net(_multiple(mode, of), down=conv(4, 8, 2), up=nn.ConvTranspose2d(8, 4, 4, 4))


def _always_more(net: Any, x: Tensor) -> Any:
    """nunif's way: a margin on all sides, and behind as much more as makes it even."""
    height, width = x.shape[2:]
    y = F.pad(x, (5, 5 + 4 - width % 4, 5, 5 + 4 - height % 4), "replicate")
    y = net.up(net.second(net.first(y)))
    return y[:, :, 2 : 2 + height, 2 : 2 + width]


def _around(net: Any, x: Tensor) -> Any:
    """Half of what is missing on each side."""
    more = -x.shape[2] % 8, -x.shape[3] % 8
    left, top = more[1] // 2, more[0] // 2
    y = F.pad(x, (left, more[1] - left, top, more[0] - top), "reflect")
    y = F.pixel_shuffle(net.conv(F.pixel_unshuffle(y, 4)), 4)
    return y[..., top : top + x.shape[2], left : left + x.shape[3]]


NETS: dict[str, Callable[[], Net]] = {
    "U-Net, nearest": lambda: unet("nearest"),
    "U-Net, bilinear": lambda: unet("bilinear"),
    "U-Net, bilinear, corners": lambda: unet("bilinear", align_corners=True),
    "U-Net, bicubic": lambda: unet("bicubic"),
    "to twice": lambda: Net(_to_twice, conv=conv(1, 1)),
    "padded like": lambda: Net(_padded_like, first=conv(1, 4), up=nn.ConvTranspose2d(4, 4, 2, 2), last=conv(8, 1)),
    "cropped like": lambda: Net(
        _cropped_like, first=conv(1, 4), inner=conv(4, 4, pad=0), up=nn.ConvTranspose2d(4, 4, 4, 4), last=conv(8, 1)
    ),
    "multiple, zero": lambda: multiple("constant"),
    "multiple, edge": lambda: multiple("replicate"),
    "multiple, reflect": lambda: multiple("reflect"),
    "always more": lambda: Net(
        _always_more, first=conv(1, 4, 2, 0), second=conv(4, 4, 1, 0), up=nn.ConvTranspose2d(4, 1, 4, 2, 1)
    ),
    "around": lambda: Net(_around, conv=conv(16, 16)),
}


def export(name: str, path: Path, dynamo: bool = False) -> Path:
    """One of NETS with random weights as an ONNX file, by one of PyTorch's exporters."""
    torch.manual_seed(0)
    net, picture = NETS[name]().eval(), torch.rand(1, 1, 21, 26)
    axes = {2: "height", 3: "width"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter, and about sizes as numbers, which are followed here
        if dynamo:
            sizes = {axis: torch.export.Dim(word, min=9, max=4096) for axis, word in axes.items()}
            torch.onnx.export(
                net, (picture,), path, dynamo=True, input_names=["input"], dynamic_shapes={"x": sizes}, verbose=False
            )
        else:
            torch.onnx.export(
                net,
                (picture,),
                path,
                dynamo=False,
                opset_version=17,
                input_names=["input"],
                dynamic_axes={"input": axes},
            )
    return path
