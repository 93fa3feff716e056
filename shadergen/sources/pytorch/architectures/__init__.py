"""The networks that are known by their keys, a file each. A new one is a file here, and a line in the list."""

from __future__ import annotations

from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.architectures import acnet, artcnn, compact, espcn, fsrcnn, rlfn, span, srcnn, vdsr

ARCHITECTURES: tuple[Architecture, ...] = (
    *acnet.ARCHITECTURES,
    *artcnn.ARCHITECTURES,
    *compact.ARCHITECTURES,
    *espcn.ARCHITECTURES,
    *fsrcnn.ARCHITECTURES,
    *rlfn.ARCHITECTURES,
    *span.ARCHITECTURES,
    *srcnn.ARCHITECTURES,
    *vdsr.ARCHITECTURES,
)
"""In the order they are tried; no two know the same keys."""
