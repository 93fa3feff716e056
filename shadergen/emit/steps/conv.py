"""A convolution, as its kernel's plan writes it."""

from __future__ import annotations

from shadergen.emit.written import Written
from shadergen.errors import TargetError
from shadergen.glsl.addressing import Addressing
from shadergen.glsl.spelling import PrecisionError
from shadergen.kernels.kernel import Prepares
from shadergen.schedule.steps import ConvStep


def write(step: ConvStep, at: Addressing, graph: str) -> Written:
    """The step, for all of the invocation's pixels. Raises TargetError for weights that the precision cannot hold."""
    plan = step.plan
    try:
        view, blocks = plan.view(at), plan.blocks()
        before = (plan.before(at),) if isinstance(plan, Prepares) else ()
    except PrecisionError as error:
        raise TargetError(f"{graph}: node {step.node!r}", str(error), "use --precision fp32") from None
    first = tuple((f"kernels/{name}", own) for name, own in before)
    template = f"kernels/{plan.template}"
    return Written(template, view, plan.needs(at), plan.functions(at), plan.shared(at), blocks, first)
