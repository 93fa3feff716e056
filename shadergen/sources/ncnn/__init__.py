"""ncnn models, as waifu2x, Real-CUGAN and Real-ESRGAN are shipped: a .param of text and a .bin of weights beside it.

The text is parsed (param.py), and each layer takes its weights from the .bin in the text's order (weights.py). Layers
become ONNX nodes (call.py, with handlers in conv.py, pointwise.py and layout.py), which the ONNX importer makes a graph
of; its errors name the layers. What a layer means is what ncnn's own code says (github.com/Tencent/ncnn, src/layer).
"""

from __future__ import annotations

from shadergen.sources.ncnn.importer import load

__all__ = ["load"]
