"""The native weight file, and bare lists of convolutions, both NumPy .npz archives.

Native (native.py): a 0-d string array `graph` holds JSON with the format version, name, plane, nodes (name, op, inputs,
attributes), output, licence, training record and scores; arrays are `<node>.<field>`: `conv0.weight` (out, in, kh, kw),
`conv0.bias` (out,), float32 or float16. What each operator has is in schema.py. Bare (bare.py): only `conv<i>.weight`
and `conv<i>.bias`, read as a C model (cmodel.py).

Nothing in a file is trusted: pickles are never loaded, and an array is read only when its header, the archive's
directory and a limit agree (archive.py).
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np

from shadergen.errors import ModelError
from shadergen.files import write_whole
from shadergen.ir.graph import Graph
from shadergen.sources.check import verified
from shadergen.sources.npz import bare, native
from shadergen.sources.npz.archive import read_arrays


def load(path: Path) -> Graph:
    """The graph in an .npz file. Raises ModelError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(path, f"found no readable file ({error.strerror}), expected an .npz archive") from None
    arrays = read_arrays(path, content)
    sha256 = hashlib.sha256(content).hexdigest()
    read = native.read if "graph" in arrays else bare.read
    return verified(read(path, arrays, sha256), path)


def save(graph: Graph, path: Path) -> None:
    """Write the native file. The same graph gives the same bytes.

    Raises ModelError for a graph that was rewritten, and ShadergenError where the file cannot be written.
    """
    stream = io.BytesIO()
    np.savez_compressed(stream, **native.write(graph))  # type: ignore[arg-type]  # the stubs take them for allow_pickle
    write_whole(path, stream.getvalue())
