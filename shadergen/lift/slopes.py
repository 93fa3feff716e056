"""Leaky rectifiers that were read as two: w * prelu(x) is w * max(x, 0) and -(slope * w) * max(-x, 0).

Where a pass stores such a value it is one function already (`lower`). Where the pass goes on with it, as one with a
layer within it does, the weights of what it computes are all that is left of the slope.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from shadergen.lift.affine import INF
from shadergen.lift.channels import Channel, Channels, Tap

_ROUNDING = 1e-12
"""By how much the ratio of two weights may be off: the text's numbers have 24 bits, and products of two of them 48,
which a double holds."""


def joined(channels: Channels, inputs: Sequence[int], outputs: Sequence[int]) -> tuple[Channels, list[int], list[int]]:
    """The channels with a leaky rectifier for each two that are read like one; the inputs and outputs among them.

    Such a slope is a number of 24 bits that gives all the weights. Two weights of a network that has both rectifiers
    (CReLU) have such a ratio only where they were made so.
    """
    needed = channels.needed(outputs)
    slopes, dropped = _pairs(channels, needed, outputs)
    if not slopes:
        return channels, list(inputs), list(outputs)
    result = Channels()
    number: dict[int, int] = {}
    for old in sorted({*inputs, *needed} - dropped):
        channel = channels[old]
        operands = tuple(number[operand] for operand in channel.operands)
        if old in slopes:
            number[old] = result.of("prelu", operands, channel.grid, (slopes[old],))
            continue
        taps = {
            replace(tap, channel=number[tap.channel]): weight
            for tap, weight in channel.taps
            if tap.channel not in dropped
        }
        number[old] = result.number(replace(channel, operands=operands, taps=tuple(taps.items())))
    return result, [number[one] for one in inputs], [number[one] for one in outputs]


_Pair = tuple[int, int]
"""The numbers of max(x, 0) and of max(-x, 0)."""


def _pairs(channels: Channels, needed: Sequence[int], outputs: Sequence[int]) -> tuple[dict[int, float], set[int]]:
    """The slope for each max(x, 0) that becomes a leaky rectifier, and the max(-x, 0) that are in it."""
    candidates = _candidates(channels, needed)
    reads = _reads(channels, needed, {number for pair in candidates for number in pair})
    slopes: dict[int, float] = {}
    dropped: set[int] = set()
    for pair in candidates:
        if (slopes.keys() | dropped | set(outputs)) & set(pair):
            continue
        found = [(abs(slope), slope, one) for one in (pair, pair[::-1]) if (slope := _slope(reads, one)) is not None]
        if found:  # of x and -x the one with the smaller slope, where both have one
            _, slope, (positive, negative) = min(found)
            slopes[positive] = slope
            dropped.add(negative)
    return slopes, dropped


def _candidates(channels: Channels, needed: Sequence[int]) -> list[_Pair]:
    """Each two rectifiers of opposite values, once."""
    rectifiers = {
        channels[number].operands[0]: number
        for number in needed
        if channels[number].kind == "clip" and channels[number].parameters == (0.0, INF)
    }
    pairs = (
        (number, rectifiers[opposite])
        for x, number in rectifiers.items()
        for opposite in _opposites(channels, x)
        if opposite in rectifiers
    )
    return list({frozenset(pair): pair for pair in pairs}.values())


_Reads = dict[tuple[int, Tap | None], float]
"""The weights with which a channel is read, by the reader and the place; a reader that is no sum has none."""


def _reads(channels: Channels, needed: Sequence[int], wanted: set[int]) -> dict[int, _Reads]:
    """What reads some channels."""
    reads: dict[int, _Reads] = {number: {} for number in wanted}
    for number in needed if wanted else ():
        channel = channels[number]
        for tap, weight in channel.taps:
            if tap.channel in wanted:
                reads[tap.channel][number, replace(tap, channel=0)] = weight
        for operand in wanted.intersection(channel.operands):
            reads[operand][number, None] = math.nan
    return reads


def _opposites(channels: Channels, x: int) -> list[int]:
    """The channels that are -x."""
    channel = channels[x]
    negative = replace(channel, taps=tuple((tap, -weight) for tap, weight in channel.taps), bias=-channel.bias)
    candidates = [Channel("linear", channel.grid, taps=((Tap(x), -1.0),))]
    if channel.kind == "linear":
        candidates.append(negative)
    return [number for one in candidates if (number := channels.find(one)) is not None]


def _slope(reads: Mapping[int, _Reads], pair: _Pair) -> float | None:
    """The slope for which the second is read with -slope times the weights of the first; None where there is none."""
    positive, negative = (reads[number] for number in pair)
    if positive.keys() != negative.keys():
        return None
    place = max(positive, key=lambda place: abs(positive[place]))
    slope = float(np.float32(-negative[place] / positive[place]))
    exact = all(
        abs(negative[place] + slope * weight) <= _ROUNDING * abs(slope * weight) for place, weight in positive.items()
    )
    return slope if exact else None
