"""Rules over the textures that passes save and bind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shadergen.hookfile import HookFile, HookPass, Rpn
from shadergen.hookfile.stages import STAGE_ORDER, canonical, may_exist, overwrites, resources, saved_names
from shadergen.lint.rule import (
    Finding,
    Rule,
    Shader,
    each_expression,
    expressions,
    line_of,
    listed,
    registrar,
    stored_into,
)
from shadergen.lint.situations import situations

RULES: list[Rule] = []
rule = registrar(RULES)


@rule("bind-unknown", "error", "CM:1352-1357, VC:1565-1572")
def _bind_unknown(shader: Shader) -> Iterator[Finding]:
    """A pass that binds a name which is no stage, no SAVE, no TEXTURE and no BUFFER is skipped without a word."""
    known = saved_names(shader.file) | STAGE_ORDER.keys() | resources(shader.file).keys() | {"HOOKED"}
    for block in shader.file.passes:
        for bind in dict.fromkeys(block.binds):
            if bind not in known:
                message = f"found BIND {bind}, expected HOOKED, a stage, or a SAVE, TEXTURE or BUFFER of this file"
                yield Finding(line_of(block, "BIND", bind), f"{message}; players skip the pass")


@rule("bind-order", "error", "CM:1323-1357, VC:1519-1572")
def _bind_order(shader: Shader) -> Iterator[Finding]:
    """A texture can be bound only after its stage has fired or a pass has saved it; else players skip the pass."""
    known = saved_names(shader.file) | STAGE_ORDER.keys()
    for index, block in enumerate(shader.file.passes):
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            continue
        for bind in dict.fromkeys(block.binds):
            if bind in known and not may_exist(shader.file, bind, index):
                message = f"found BIND {bind} in a pass that runs before {bind} exists, expected it after"
                yield Finding(line_of(block, "BIND", bind), f"{message}; move the pass or hook a later stage")


@rule("save-unused", "warning", "CM:1553-1569, VC:1691")
def _save_unused(shader: Shader) -> Iterator[Finding]:
    """A pass whose result nobody binds or measures costs its whole time for nothing."""
    used = {canonical(bind) for block in shader.file.passes for bind in block.binds}
    used |= {canonical(name) for _, _, rpn in each_expression(shader) for name in rpn.names()}
    for block in shader.file.passes:
        if stored_into(shader.file, block):
            continue
        if block.save and not overwrites(block) and canonical(block.save) not in used | STAGE_ORDER.keys():
            message = f"found SAVE {block.save}, which no pass of this file binds; bind it or delete the pass"
            yield Finding(line_of(block, "SAVE"), message)


@rule("save-stage", "warning", "CM:1555-1583, VC:1620-1691")
def _save_stage(shader: Shader) -> Iterator[Finding]:
    """SAVE of a stage that the pass does not hook leaves the picture alone; only later BINDs of the name see it."""
    for block in shader.file.passes:
        if block.save in STAGE_ORDER and not overwrites(block):
            message = f"found SAVE {block.save} on a pass that hooks {listed(block.hooks)}, which does not change the"
            yield Finding(line_of(block, "SAVE"), f"{message} picture; hook {block.save} or save another name")


@rule("save-twice", "warning", "CM:1221-1227, VC:1524-1528")
def _save_twice(shader: Shader) -> Iterator[Finding]:
    """A result that is saved over before any pass has read it is lost."""
    unread: dict[str, int] = {}
    for block in shader.file.passes:
        for name in (*block.binds, *(name for _, rpn in expressions(block) for name in rpn.names())):
            unread.pop(name, None)
        if not block.save or overwrites(block):
            continue
        line = line_of(block, "SAVE")
        if block.save in unread and block.when is None:
            message = f"found SAVE {block.save} again before any pass has read the one of line {unread[block.save]}"
            yield Finding(line, f"{message}; rename one")
        if block.when is None:
            unread[block.save] = line


@rule("when-mismatch", "warning", "CM:1274-1277, 1352-1357")
def _when_mismatch(shader: Shader) -> Iterator[Finding]:
    """Of a pass and those that save its textures, WHEN should hold together: without its textures it is skipped.

    A pass without WHEN says that it follows them. Others are tried at common sizes and with each PARAM moved.
    """
    for index, block in enumerate(shader.file.passes):
        for bind in dict.fromkeys(block.binds):
            makers = [maker for maker in shader.file.passes[:index] if maker.save == bind]
            conditions = [maker.when for maker in makers if maker.when is not None]
            if block.when is None or not makers or bind in STAGE_ORDER or len(conditions) < len(makers):
                continue
            if block.when not in conditions and _runs_alone(shader.file, block, conditions):
                message = f"found WHEN {block.when}, but {bind} is saved WHEN {conditions[-1]}"
                yield Finding(line_of(block, "WHEN"), f"{message}; where only this one holds, players skip the pass")


def _runs_alone(file: HookFile, block: HookPass, conditions: Sequence[Rpn]) -> bool:
    hook = block.hooks[0] if block.hooks else "MAIN"
    for situation in situations(file):
        runs = block.when is None or situation.evaluate(block.when, hook)
        if runs and not any(situation.evaluate(condition, hook) for condition in conditions):
            return True
    return False
