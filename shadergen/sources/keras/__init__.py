"""Keras models: `.keras` archives, the older `.h5` and `.hdf5`, and TensorFlow.js's layers models, `.json`.

Weights are read (hdf5.py, tfjs.py), and with them the description becomes layers where they are called
(description.py). Layers become ONNX nodes (layers.py), which the importer of ONNX turns into a graph. Nothing in a file
is called; a `Lambda` is refused.
"""

from __future__ import annotations

from shadergen.sources.keras.importer import load

__all__ = ["load"]
