"""A hook file from end to end: which passes run, what each leaves, and the graph of all of them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from shadergen.errors import ModelError
from shadergen.hookfile import HookFile, HookPass, format, parse
from shadergen.hookfile.stages import (
    PLANE_COMPONENTS,
    DisabledError,
    Scope,
    canonical,
    initial_values,
    passes_at,
    resources,
    result_name,
    result_size,
    skip_reason,
    variables,
)
from shadergen.ir.graph import Graph, Plane, Record
from shadergen.lift.affine import LiftError
from shadergen.lift.channels import Channel, Channels, Table, Tables
from shadergen.lift.chroma import enlarges_chroma
from shadergen.lift.compiled import compiled
from shadergen.lift.hookpass import Evaluation, Situation, Size
from shadergen.lift.layers import graph
from shadergen.lift.lower import table_of
from shadergen.lift.machine import Budget
from shadergen.lift.module import Module
from shadergen.lift.periods import Cells, find
from shadergen.lift.textures import Symbols

BASE: Size = (256, 128)
"""The picture's size. Powers of two, so that coordinates are exact; large enough to have a middle far from borders."""

FACTORS = (2.0, 3.0, 4.0, 1.0)
"""Factors at which a file's passes are tried, in turn, where none is asked for."""

_PLANES: Mapping[str, tuple[Plane, int]] = {
    "LUMA": ("luma", 1),
    "MAINPRESUB": ("rgb", 3),
    "RGB": ("rgb", 3),
    "NATIVE": ("ycbcr", 3),
}
"""The plane of a graph for each stage, and how many channels the picture has there."""


@dataclass(frozen=True)
class PassReport:
    """What one pass was found to be."""

    index: int
    texture: str
    """The name of what it stores."""
    size: Size
    """In texels, for a picture of BASE."""
    cells: Size
    """How many texels make a pixel, across and down."""
    images: Size
    """How many pictures stand side by side."""
    kinds: Mapping[str, int]
    """What its components are, and how many."""

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        layout = "" if self.images == (1, 1) else ", {}x{} pictures".format(*self.images)
        return f"pass {self.index}: {self.texture}, cells of {self.cells[0]}x{self.cells[1]}{layout}: {kinds}"


@dataclass(frozen=True)
class Lifted:
    """A network that was a hook file."""

    graph: Graph
    factor: float
    """How much larger than the picture the player's output is where the passes fire."""
    stage: str
    """The stage that the file hooks, by canonical name."""
    values: Mapping[str, float]
    """Of the PARAMs."""
    passes: tuple[PassReport, ...]


Progress = Callable[[PassReport], None]


def lift(
    text: str,
    where: str,
    *,
    params: Mapping[str, float] | None = None,
    factor: float | None = None,
    progress: Progress = lambda report: None,
    original: str | None = None,
) -> Lifted:
    """The network of a hook file's text; errors begin with `where`, the file's name.

    `params` overrides PARAMs, `factor` is how much larger the picture is shown, `original` is the file's text where
    `text` is part of it: the record has its hash. Raises HookFileError for text that is
    no hook file, ModelError for a file that is no network, NoDeviceError where glslang is not installed.
    """
    file = parse(text, where)
    values = initial_values(file)
    for name, value in (params or {}).items():
        if name not in values:
            raise ModelError(where, f"found parameter {name!r}, expected one of {', '.join(values) or 'none'}")
        values[name] = value
    stage = _stage(file, where)
    for tried in FACTORS if factor is None else (factor,):
        walk = _Walk(file, where, stage, values, tried, progress)
        walk.run()
        if walk.changed:
            return Lifted(walk.graph(_record(file, original or text)), tried, stage, values, tuple(walk.reports))
    raise ModelError(where, "found no pass that runs", "choose another --factor or --param")


def under_condition(text: str, where: str, number: int) -> str:
    """Of a file's text what one of its conditions chooses: the passes whose WHEN is the number-th, counted from 1 in
    the file's order. No WHEN is a condition, too.

    Raises HookFileError for text that is no hook file, ModelError for a number that no condition has.
    """
    file = parse(text, where)
    conditions = list(dict.fromkeys(item.when for item in file.passes))
    if not 1 <= number <= len(conditions):
        found = ", ".join(f"{i} ({when or 'none'})" for i, when in enumerate(conditions, 1))
        raise ModelError(where, f"found --when-index {number}, expected one of {found}")
    chosen = conditions[number - 1]
    blocks = (block for block in file.blocks if not isinstance(block, HookPass) or block.when == chosen)
    return format(replace(file, blocks=tuple(blocks)))


def load(path: Path) -> Lifted:
    """The network of a hook file as it is, without a proof. Raises what `lift` does, and ModelError for other files."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ModelError(path, "found bytes that are not UTF-8, expected a hook file") from None
    except OSError as error:
        raise ModelError(path, f"cannot be read: {error.strerror}") from None
    return lift(text, str(path))


def _stage(file: HookFile, where: str) -> str:
    stages = list(dict.fromkeys(canonical(hook) for item in file.passes for hook in item.hooks))
    if "NATIVE" in stages and "CHROMA" in stages:
        stages.remove("CHROMA")  # see enlarges_chroma
    if len(stages) != 1 or stages[0] not in _PLANES:
        problem = f"found passes that hook {', '.join(stages) or 'none'}, expected one of {', '.join(_PLANES)}"
        several = len({item.when for item in file.passes}) > 1
        raise ModelError(where, problem, "lift what one WHEN chooses with --when-index" if several else "")
    return stages[0]


@dataclass
class _Walk:
    """The passes of a file at one stage, in order."""

    file: HookFile
    where: str
    stage: str
    values: Mapping[str, float]
    factor: float
    progress: Progress
    reports: list[PassReport] = field(default_factory=list)
    changed: bool = False
    """Whether a pass replaced the picture."""

    def __post_init__(self) -> None:
        self._plane, count = _PLANES[self.stage]
        self._budget = Budget()
        self._channels = Channels()
        self._tables = Tables(self._channels)
        one = (Fraction(1), Fraction(1))
        self._inputs = [self._channels.number(Channel("input", one, (float(i),))) for i in range(count)]
        self._tables[0] = Table((1, 1), one, {(0, 0, i): channel for i, channel in enumerate(self._inputs)})
        self._textures = {self.stage: Symbols(0, BASE, count)}
        self._next = 1
        width, height = BASE
        self._output = (float(round(width * self.factor)), float(round(height * self.factor)))

    def run(self) -> None:
        """Lift every pass that runs."""
        if self.stage == "NATIVE":
            self._each("CHROMA", self._chroma)
        self._each(self.stage, self._pass)

    def _each(self, stage: str, lift_pass: Callable[[int, HookPass], None]) -> None:
        for index, item in passes_at(self.file, stage):
            try:
                lift_pass(index, item)
            except DisabledError as error:
                raise self._error(index, item, str(error)) from None
            except LiftError as error:
                raise self._error(index, item, str(error)) from None

    def _error(self, index: int, item: HookPass, reason: str) -> ModelError:
        line = f":{item.source[0].line}" if item.source else ""
        name = f" {item.desc!r}" if item.desc else ""
        return ModelError(f"{self.where}{line}", f"is no network that shadergen knows: pass {index}{name} {reason}")

    def _scope(self) -> Scope:
        def size(name: str) -> tuple[float, float] | None:
            texture = self._textures.get(name)
            return None if texture is None else (float(texture.size[0]), float(texture.size[1]))

        hooked = self._textures[self.stage].size
        native = (float(BASE[0]), float(BASE[1]))
        return Scope(hooked, native, self._output, size, variables(self.file, self.values))

    def _pass(self, index: int, item: HookPass) -> None:
        scope = self._scope()
        own = resources(self.file)
        if skip_reason(item, self.stage, scope, lambda name: name in self._textures or name in own):
            return
        size = result_size(item, scope)
        name = result_name(item, self.stage)
        situation = Situation(
            self.file, self.stage, self._textures, size, scope.native, self._output, self.values, self._budget
        )
        components = PLANE_COMPONENTS.get(self.stage, 3) if name == self.stage else 4
        images, cells, tables = self._tables_of(item, situation, components)
        symbols = Symbols(self._numbers(len(tables)), size, components, images)
        for number, table in zip(symbols.numbers, tables, strict=True):
            self._tables[number] = table
        self._textures = {**self._textures, name: symbols}
        self.changed = self.changed or name == self.stage
        kinds = Counter(
            self._channels[entry].kind if isinstance(entry, int) else "constant"
            for table in tables
            for entry in table.entries.values()
        )
        self.reports.append(PassReport(index, name, size, cells[0].period, images, kinds))
        self.progress(self.reports[-1])

    def _chroma(self, index: int, item: HookPass) -> None:
        """A pass that only enlarges chroma, as the player does otherwise. Raises LiftError for another."""
        if enlarges_chroma(self.file, item, BASE, self._output, self.values, self._budget):
            self.reports.append(PassReport(index, "CHROMA", BASE, (1, 1), (1, 1), {"interpolated": 2}))
            self.progress(self.reports[-1])

    def _numbers(self, count: int) -> int:
        """The first of some numbers of textures that no other has."""
        self._next += count
        return self._next - count

    def _tables_of(
        self, item: HookPass, situation: Situation, components: int
    ) -> tuple[Size, list[Cells], list[Table]]:
        """How many pictures a pass leaves side by side, with the cells and the table of each. Raises LiftError.

        Of two ways to understand reads between texels, as weighted sums or as reads of an enlarged texture, the one
        with the smaller cells is taken, and the other where that does not do.
        """
        module = compiled(self.file, item, self.stage, self.values)
        for source in situation.textures.values():
            source.read_between = False
        found, failure = [], LiftError("")
        for fine in (False, True):
            if fine and not self._coarse(situation):
                break
            run = self._evaluation(item, situation, module, fine)
            try:
                images, cells = find(run)
                found.append((cells[0].period[0] * cells[0].period[1], fine, run, images, cells))
            except LiftError as error:
                failure = failure if found else error
            if found and found[0][0] == 1:
                break
        for _, _, run, images, cells in sorted(found, key=lambda one: one[:2]):
            try:
                tables = [table_of(run, one, components, self._channels, self._tables) for one in cells]
                return images, cells, tables
            except LiftError as error:
                failure = error
        raise failure

    def _coarse(self, situation: Situation) -> dict[str, int]:
        """The textures that are read between their texels and a fraction of the result's size, with that fraction."""
        factors = {}
        for name, source in situation.textures.items():
            factor, rest = divmod(situation.size[0], source.size[0])
            whole = not rest and situation.size == (source.size[0] * factor, source.size[1] * factor)
            if source.read_between and source.images == (1, 1) and whole and factor > 1:
                factors[name] = factor
        return factors

    def _evaluation(self, item: HookPass, situation: Situation, module: Module, fine: bool) -> Evaluation:
        numbers = {}
        for name, factor in self._coarse(situation).items() if fine else ():
            numbers[name] = self._numbers(1)
            self._tables[numbers[name]] = self._tables.enlarged(situation.textures[name].number, factor)
        return Evaluation(item, situation, module, numbers)

    def graph(self, record: Record) -> Graph:
        """The network of what the stage's picture has become. Raises ModelError."""
        table = self._tables[self._textures[self.stage].number]
        width, height = table.period
        try:
            if width != height:
                raise LiftError(f"makes a picture of cells of {width}x{height} texels")
            outputs = [
                self._tables.channel(table.entries[row, column, component], table.grid)
                for component in range(len(self._inputs))
                for row in range(height)
                for column in range(width)
            ]
            name = graph_name(self.where)
            return graph(self._channels, self._inputs, outputs, width, name=name, plane=self._plane, record=record)
        except LiftError as error:
            raise ModelError(self.where, f"is no network that shadergen knows: it {error}") from None


def graph_name(where: str) -> str:
    """A graph's name after a file's."""
    words = re.sub(r"[^\w.+ -]", "_", Path(where).stem, flags=re.ASCII).strip(" ._-+")
    return words[:100] or "lifted"


_LICENCE = re.compile(r"licen[cs]e|copyright|\(c\)|SPDX", re.IGNORECASE)


def _record(file: HookFile, text: str) -> Record:
    """Where the weights come from: what the text says of its licence, and its hash."""
    comments = re.findall(r"^[\s/*#]*(.*)$", file.header, re.M)
    lines = [line.strip() for line in comments if _LICENCE.search(line)]
    licence = "; ".join(dict.fromkeys(lines))
    printable = "".join(letter if letter.isprintable() and letter != "\\" else " " for letter in licence)
    stated = (
        " ".join(printable.replace("//!", "").split()) or "that of the shader it was lifted from, which states none"
    )
    return Record(stated[:200], hashlib.sha256(text.encode()).hexdigest())
