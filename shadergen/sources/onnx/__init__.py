"""ONNX models of feed-forward image networks.

The file is parsed and checked (read.py). Every node becomes graph nodes (build.py, with handlers for the operators in
conv.py, pointwise.py and layout.py), or disappears into views (view.py), constants and shape arithmetic (sizes.py).
What several nodes spell out is folded (fold.py). importer.py puts these steps together, write.py is the way back.

A network that only fits together where the picture's size is a multiple of something, such as a U-Net, gets a Fit in
front that continues the picture's last row and column to the next multiple, and one behind that crops.
"""

from __future__ import annotations

from shadergen.sources.onnx.importer import load

__all__ = ["load"]
