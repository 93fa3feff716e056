"""From a pass and a driver's answer to milliseconds.

A pass takes as long as the busiest of a few parts: the vector pipes, the scalar ones, the texture units, the shared
memories, the video memory; or, without loops, as the waits of too few waves. docs/cost.md has the formula, what it
leaves out, and how far to trust it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shadergen.cost import amd, intel, nvidia
from shadergen.cost.constructs import Source
from shadergen.cost.driver import Executable
from shadergen.cost.frame import Run
from shadergen.cost.gpus import Gpu
from shadergen.cost.loops import Counted, counted, frequencies

TERMS = ("valu", "salu", "tex", "lds", "mem", "wait")
"""The parts, in the order of the table."""

_ISA: Mapping[str, Any] = {"amd": amd, "nvidia": nvidia, "intel": intel}


def texts(gpu: Gpu) -> tuple[str, ...]:
    """What the driver calls the text that is read."""
    names: tuple[str, ...] = _ISA[gpu.vendor].TEXTS
    return names


@dataclass(frozen=True)
class PassCost:
    """What a pass costs on a GPU."""

    registers: int
    """Vector registers of a thread; Intel: at most live at once."""
    spills: int
    """Registers that are kept in memory; Intel: stores and loads of such."""
    occupancy: int
    """Waves that a SIMD holds at once; Intel: lanes of a thread."""
    wave: int
    """Lanes of a wave."""
    code_bytes: int
    shared_bytes: int
    """Shared memory of a workgroup."""
    instructions: float
    """Instructions that 64 invocations execute."""
    invocations: int
    parts: Mapping[str, float]
    """Milliseconds of each of TERMS."""
    constructs: tuple[Counted, ...]
    """The code's loops and branches, and how often they run."""
    code: str
    """The driver's text."""

    @property
    def bound(self) -> str:
        """The part that takes longest."""
        return max(TERMS, key=lambda term: self.parts[term])

    @property
    def milliseconds(self) -> float:
        return self.parts[self.bound]


def invocations(run: Run) -> tuple[int, int]:
    """How many threads a pass starts, and how many a workgroup has (64 of a fragment pass)."""
    width, height = run.size
    if run.item.compute is None:
        return width * height, 64
    (block_width, block_height), (across, down) = run.item.compute.block, run.item.compute.threads
    groups = -(-width // block_width) * -(-height // block_height)
    return groups * across * down, across * down


def lanes(executable: Executable, gpu: Gpu) -> int:
    """The lanes of a wave."""
    return executable.subgroup or {"amd": 64, "nvidia": 32, "intel": 8}[gpu.vendor]


def estimate(run: Run, executable: Executable, gpu: Gpu, sources: tuple[Source, ...], shared_bytes: int) -> PassCost:
    """The cost of a pass, whose loops and branches are `sources`."""
    isa = _ISA[gpu.vendor]
    wave = lanes(executable, gpu)
    text = next((text for name, text in executable.texts.items() if name.startswith(isa.TEXTS)), "")
    code = isa.parse(text)
    constructs = counted(code, sources, isa.feature)
    work = isa.work(code, frequencies(code, constructs), gpu, wave)
    threads, group = invocations(run)
    started = threads * (-(-group // wave) * wave / group)  # lanes of the last wave that have no thread
    unit = started / 64 / gpu.units / (gpu.clock * 1e6)  # milliseconds of a cycle of every unit
    numbers = _numbers(executable, gpu)
    looped = any(item.region.kind == "loop" for item in constructs)
    waits = numbers.latency * (64 / wave) / max(1, numbers.waves) / gpu.simds * unit
    parts = {
        "valu": work.valu / gpu.simds * unit,
        "salu": work.salu / gpu.simds * unit,
        "tex": work.texture * unit,
        "lds": work.lds * unit,
        "mem": (run.traffic.read + run.traffic.written) / gpu.bandwidth / 1e6,
        "wait": 0.0 if looped else waits,
    }
    return PassCost(
        registers=numbers.registers,
        spills=numbers.spills,
        occupancy=numbers.occupancy,
        wave=wave,
        code_bytes=numbers.code_bytes,
        shared_bytes=shared_bytes,
        instructions=work.instructions,
        invocations=threads,
        parts=parts,
        constructs=constructs,
        code=text,
    )


@dataclass(frozen=True)
class _Numbers:
    """A driver's statistics by one name each."""

    registers: int
    spills: int
    occupancy: int
    waves: int
    """Waves that a SIMD holds at once."""
    code_bytes: int
    latency: float
    """Cycles from the first instruction to the last of a lone wave."""


def _numbers(executable: Executable, gpu: Gpu) -> _Numbers:
    found = {name.lower(): value for name, value in executable.statistics.items()}

    def number(*names: str) -> int:
        return int(sum(found.get(name, 0) for name in names))

    size = number("code size")
    match gpu.vendor:
        case "amd":
            waves = number("subgroups per simd")
            return _Numbers(number("vgprs"), number("spilled vgprs"), waves, waves, size, number("latency"))
        case "nvidia":
            registers = number("number of gprs")
            waves = (number("max warps/sm") or _warps(registers, gpu)) // gpu.simds
            spills = number("spills to memory")
            return _Numbers(registers, spills, waves, waves, size, number("static cycle count"))
        case "intel":
            text = next(iter(executable.texts.values()), "")
            live, spills = number("max live registers"), number("spills", "spill count", "fills", "fill count")
            cycles = number("cycles", "cycle count")
            return _Numbers(live, spills, executable.subgroup, 8, size or intel.code_bytes(text), cycles)


def _warps(registers: int, gpu: Gpu) -> int:
    """Warps that an SM holds, by its 65536 registers, given out in eights (CUDA programming guide, capabilities)."""
    most = 32 if gpu.generation == 75 else 48
    return min(most, 65536 // (32 * max(8, -(-registers // 8) * 8)))
