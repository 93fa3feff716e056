"""What becomes of a player that does not do its part: programs by mpv's name that are none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from shadergen.errors import ShaderRunError
from shadergen.runtime import mpv

CONNECTED = f"""#!{sys.executable}
import socket, sys
pipe = next(word.partition("=")[2] for word in sys.argv if word.startswith("--input-ipc-server"))
server = socket.socket(socket.AF_UNIX)
server.bind(pipe)
server.listen()
connection, _ = server.accept()
"""
TALKING = CONNECTED + """while True: connection.sendall(b'{"event": "tick"}\\n')\n"""
SILENT = CONNECTED + "connection.recv(1 << 20)\nimport time\ntime.sleep(600)\n"
ENDING = f"#!{sys.executable}\nprint('    vo/gpu: a complaint')\nraise SystemExit(3)\n"
LATE = "hangs or ends while drawing|does not start within"  # on a busy machine it may not come to talk


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (TALKING, LATE),
        (SILENT, LATE),
        (ENDING, r"ends with code 3, expected a frame \(vo/gpu: a complaint\)"),
    ],
    ids=["talking", "silent", "ending"],
)
def test_a_player_that_shows_nothing(program: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much it says: one that sent events for ever was waited for for ever."""
    (tmp_path / "mpv").write_text(program)
    (tmp_path / "mpv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ShaderRunError, match=words):
        mpv.show({}, Path("clip.mkv"), (2, 2), display=":0", renderer="gpu", api="opengl", timeout=2)
