"""Four halves in two words: how fp16 vectors lie in uniform buffers and in shared memory.

A `f16vec4` in shared memory may be loaded half by half, and a uniform buffer may hold none at all (VkPhysicalDevice
16BitStorageFeatures); a uvec2 is one load of 8 bytes everywhere.
"""

from __future__ import annotations

from shadergen.kernels.kernel import Function

READ = Function(
    "Four halves from the words that hold them",
    "f16vec4",
    "four_halves",
    "uvec2 words",
    "f16vec4(unpackFloat2x16(words.x), unpackFloat2x16(words.y))",
)
WRITE = Function(
    "The words that hold four halves",
    "uvec2",
    "two_words",
    "f16vec4 halves",
    "uvec2(packFloat2x16(halves.xy), packFloat2x16(halves.zw))",
)


def read(words: str) -> str:
    """The f16vec4 in an expression of type uvec2; calls READ."""
    return f"{READ.name}({words})"


def written(halves: str) -> str:
    """The uvec2 that holds an expression of type f16vec4; calls WRITE."""
    return f"{WRITE.name}({halves})"
