"""PyTorch's state dicts, .pth, .pt and .safetensors, of networks that are known by their keys.

A file of weights does not say what is done with them. Each architecture is one small file of architectures/, which
knows the keys of its network and makes the graph. PyTorch is not needed: its files are zip archives or streams with a
pickle in them, which is read without ever calling what it names (pickled.py, archive.py).
"""

from __future__ import annotations

from shadergen.sources.pytorch.importer import load

__all__ = ["load"]
