"""What a kernel is: one way to compute a convolution within a hook pass.

A kernel is one file of this folder and one template of `templates/kernels/`. It is asked for plans: it gets a `Task`,
which says what is to be computed and nothing of how, and `Limits`, which say what the target allows, and answers with
every `Plan` it has for that, each with what it needs and what it costs; none means that it cannot. `choose` takes, for
all convolutions of a pass together, plans that agree on their `Dispatch`. The plan that is taken writes itself: its
`view` has a field for each variable of its template.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar, Protocol, runtime_checkable

from shadergen.glsl.addressing import Addressing
from shadergen.glsl.pixels import MAX_PIXELS
from shadergen.glsl.spelling import Statement
from shadergen.glsl.tables import Table
from shadergen.hookfile import Param, UserBuffer, UserTexture
from shadergen.ir.ops import Conv, Pointwise
from shadergen.ir.types import TensorType
from shadergen.kernels.heuristics import Heuristics
from shadergen.storage.layout import Layout
from shadergen.target import Precision, TableFormat, Weights

Pair = tuple[int, int]
"""Width and height, in invocations or pixels."""
Definition = UserTexture | UserBuffer | Param
"""What a plan may define in the file: numbers that its pass binds, and constants that the user may set."""


@dataclass(frozen=True)
class Source:
    """The value that a convolution reads."""

    value: str
    type: TensorType
    layout: Layout | None
    """How it lies in textures; None for the graph's input, which the player has stored."""
    settled: bool
    """Whether that can no longer change; otherwise a plan may ask for another layout."""
    whole: Pair | None = None
    """The least and the largest of its numbers, where it is known to have whole ones alone."""


@dataclass(frozen=True)
class Task:
    """One convolution within a pass: what is to be computed."""

    node: str
    """The value it gives."""
    label: str
    """What the names of all that a plan defines in the file start with: the file's prefix and the value's name."""
    op: Conv
    source: Source
    packs: tuple[int, ...]
    """The packs of the result that the pass wants, in ascending order."""
    type: TensorType
    """The result's."""
    any_pack: bool
    """Whether the code is to be for any of the packs, all of them wanted, the first of whose number a variable holds:
    the pass then does the same for each of them. Otherwise each has code of its own."""
    precision: Precision
    tables: TableFormat = "rgba32f"
    """The format of numbers that are read from a TEXTURE."""
    half_input: bool = False
    """Whether the graph's input is fp16, too, where the precision is."""

    @property
    def padded_layout(self) -> Layout:
        """The source's layout, with the padding's zeros in it."""
        assert self.source.layout
        return replace(self.source.layout, zero_edge=True)

    def written(self, dispatch: Dispatch) -> int:
        """Packs that the code has registers for."""
        return dispatch.packs if self.any_pack else len(self.packs)


@dataclass(frozen=True)
class Limits:
    """What a target allows a pass, and which trade-offs a device wants."""

    binds: int = 12
    """Textures that a pass may bind, tables among them."""
    blocks: tuple[Pair, ...] = ((1, 1),)
    """How many pixels, (width, height), an invocation may compute: a fragment is one."""
    workgroups: bool = True
    """Whether invocations know their workgroup, which may be divided."""
    shared_bytes: int = 32 * 1024
    """Of shared memory: what Direct3D 11 and OpenGL 4.3 guarantee, and all but a few phones have on Vulkan."""
    buffers: int = 0
    """BUFFER blocks that a pass may bind: none where vo=gpu is to read the file, which refuses it."""
    extensions: frozenset[str] | None = frozenset()
    """GLSL extensions that a pass may require; None is any."""
    kernel: str = ""
    """The kernel that the user named: one that does not run everywhere has no plans unless it is that."""
    can_store: Callable[[Layout], bool] = lambda layout: True
    """Whether a pass can store its result in a layout that a plan asks for."""
    heuristics: Heuristics = field(default_factory=Heuristics)


@dataclass(frozen=True)
class Dispatch:
    """How a pass's work is shared out: plans of one pass must agree on it."""

    pixels: Pair = (1, 1)
    """Pixels of the convolution's result that an invocation computes, (width, height)."""
    workgroup: Pair | None = None
    """Threads, (width, height), where the plan depends on their number, such as to fill shared memory together. None
    takes the target's."""
    area: Pair | None = None
    """Where the workgroup's threads are divided: how many invocations, (width, height), lie side by side in the
    picture. Threads beyond those, a whole number of times as many, do the same pixels again, each part for another pack
    of the result; fewer do what the last of those does. Needs `workgroup`, and a task for any pack."""
    packs: int = 1
    """Packs of the result that an invocation computes at once, where the code is for any."""
    loop: str = ""
    """What stands in front of the loop over packs: whether a compiler is to unroll it."""

    def __post_init__(self) -> None:
        width, height = self.pixels
        assert width * height <= MAX_PIXELS, "there is a letter for each pixel"
        if self.area is not None:
            assert self.workgroup is not None, "threads that are divided have a number"
            assert self.parts > 0, "each part has a thread for each invocation"
            assert self.parts == 1 or not self.spare, "where there are parts, they are all of the workgroup"

    @property
    def parts(self) -> int:
        """Into how many parts, each for another pack, the workgroup is divided."""
        if self.workgroup is None or self.area is None:
            return 1
        return self.workgroup[0] * self.workgroup[1] // (self.area[0] * self.area[1])

    @property
    def spare(self) -> int:
        """Threads that are in no part."""
        if self.workgroup is None or self.area is None:
            return 0
        return self.workgroup[0] * self.workgroup[1] % (self.area[0] * self.area[1])

    def joined(self, other: Dispatch) -> Dispatch | None:
        """The dispatch that is right for both; None where they do not agree.

        Who asks for no workgroup takes any, divided or not.
        """
        if (self.pixels, self.packs) != (other.pixels, other.packs):
            return None
        if self.workgroup is None or other.workgroup is None:
            return other if self.workgroup is None else self
        return self if self == other else None


@dataclass(frozen=True)
class Resources:
    """What a plan takes of a pass."""

    sums: int = 0
    """vec4 registers that hold the sums."""
    products: int = 0
    """Products of a vec4 with a scalar that are written out: the length of the code."""
    tables: int = 0
    """TEXTURE blocks that it reads; each takes a bind."""
    buffers: int = 0
    """BUFFER blocks that it reads: the file is then for gpu-next alone."""
    shared_bytes: int = 0
    extensions: frozenset[str] = frozenset()
    """GLSL extensions that the pass then requires."""
    switch: str = ""
    """The PARAM among its blocks that is 0 where the pass is to do without this kernel; empty where none is."""


@dataclass(frozen=True)
class Work:
    """What a plan does for a pixel of its result, the same over the whole picture."""

    products: Fraction = Fraction(0)
    """Products for each pair of an input and an output channel: kernel height times width, or fewer."""
    texels: Fraction = Fraction(0)
    """Texels of each pack of the source that are read."""
    sources: tuple[int, ...] = ()
    """The source's packs that are read."""


@dataclass(frozen=True)
class Needs:
    """Functions of `templates/functions.glsl.j2` that a step calls."""

    padded: frozenset[Statement] = frozenset()
    """Types of the texels that `padded` is for, each with its zero."""
    mirror: bool = False
    erf: bool = False
    is_at: bool = False
    number: bool = False
    dot8: bool = False

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.padded | other.padded,
            self.mirror or other.mirror,
            self.erf or other.erf,
            self.is_at or other.is_at,
            self.number or other.number,
            self.dot8 or other.dot8,
        )


class View(Protocol):
    """A frozen dataclass with a field for each variable of its template."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


@dataclass(frozen=True)
class Function:
    """A GLSL function in front of `hook()` that returns an expression."""

    comment: str
    type: str
    name: str
    parameters: str
    value: str


def readers(table: Table) -> tuple[Function, ...]:
    """The function that reads a table, where it needs one; it calls `number`."""
    if not table.reader:
        return ()
    return (Function("Four numbers of a table", "vec4", table.reader, "int column, int row", table.value),)


@dataclass(frozen=True)
class SharedArray:
    """An array in shared memory."""

    comment: str
    type: str
    name: str
    length: int


class Plan(Protocol):
    """One way to compute a task; frozen."""

    @property
    def kernel(self) -> str:
        """The kernel's name."""

    @property
    def task(self) -> Task:
        """What it computes."""

    @property
    def dispatch(self) -> Dispatch: ...

    @property
    def resources(self) -> Resources: ...

    @property
    def work(self) -> Work: ...

    @property
    def template(self) -> str:
        """The file within `templates/kernels/` that lays out its view."""

    @property
    def growth(self) -> float:
        """How many times larger rounding errors are than those of plain products, see `Axis.growth`."""

    @property
    def reads_tiles(self) -> bool:
        """Whether its source may be in shared memory instead of a texture, see `schedule.fusion`."""

    @property
    def layout(self) -> Layout | None:
        """The layout that it wants its source in, which then is the layout for all that read it; None takes any.

        How the graph's input is stored is the player's choice, whatever is wanted here.
        """

    def blocks(self) -> tuple[Definition, ...]:
        """What it defines in the file, by names that start with the task's label; equal ones are defined once."""

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        """Functions of its own, by names that `at.functions` gives; equal ones are defined once."""

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        """Its arrays in shared memory, by names that `at.functions` gives."""

    def needs(self, at: Addressing) -> Needs:
        """Functions of all that it calls."""

    def view(self, at: Addressing) -> View:
        """The statements that put the result's packs into the registers that `at` names, for every pixel.

        What they declare besides has names of `at.names`, and of a scope of it within a block. Raises PrecisionError
        for numbers that the precision cannot hold.
        """


@runtime_checkable
class Prepares(Protocol):
    """A plan whose workgroup does something once, in front of the loop over packs of the result."""

    def before(self, at: Addressing) -> tuple[str, View]:
        """A file within `templates/kernels/`, and the view that it lays out."""


class JoinedPlan(Plan, Protocol):
    """A plan that computes what it reads as well, into shared memory."""

    @property
    def tile(self) -> Pair:
        """At how many pixels, (width, height), a workgroup computes it."""

    @property
    def margin(self) -> Pair:
        """How many of them are left of and above the workgroup's first."""


@runtime_checkable
class Joins(Protocol):
    """A plan that may compute what it reads as well, see `schedule.pairs`."""

    def joined(self, source: Plan, between: Sequence[Pointwise], limits: Limits) -> JoinedPlan | None:
        """The plan that computes both: what `source` gives, and what pointwise operators make of it one after the
        other, is what this one reads. None where it cannot."""


class Kernel(Protocol):
    """One way to compute convolutions."""

    name: ClassVar[str]
    """A word that `--kernel` spells, and `--no-opt` where `target.OPTIMISATIONS` lists it."""
    weights: ClassVar[Weights]
    """Which choice of `--weights` it belongs to: `code`, which is fast, or `texture`, which starts at once."""
    any_pack: ClassVar[bool]
    """Whether it can write code for any pack of the result, see `Task.any_pack`."""

    def plan(self, task: Task, limits: Limits) -> Iterable[Plan]:
        """Its plans for a task, in no particular order; none where it cannot."""
