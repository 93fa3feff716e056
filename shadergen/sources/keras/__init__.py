"""Keras models, as `model.save` writes them: `.keras` archives, and the older `.h5` and `.hdf5`.

The file is read and checked (file.py): its description becomes layers with their weights. Layers become ONNX nodes
(layers.py), which the importer of ONNX turns into a graph. Nothing in a file is called; a `Lambda` is refused.
"""

from __future__ import annotations

from shadergen.sources.keras.importer import load

__all__ = ["load"]
