"""Values that somebody put in place of recorded ones: plain JSON, made into what the code at that place takes.

Not here: which calls they are for (the engine knows), and the fitting itself (``_inputs``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kitaru._inputs import fit, hints_of
from kitaru._values import decode_plain
from kitaru.errors import KitaruOverrideError

if TYPE_CHECKING:
    from kitaru._flow import Flow
    from kitaru._spec import Spec
    from kitaru._values import Bound


def given(spec: Spec, text: str, changed: list[str], *, settable: bool) -> Bound:
    """The arguments that a call's body gets after a change of the parameters ``changed``.

    Raises :class:`~kitaru.errors.KitaruInputsError` for a value that is not of its annotated type, and
    :class:`~kitaru.errors.KitaruOverrideError` where the body does not have its inputs from its arguments.
    """
    if not settable:
        raise KitaruOverrideError(
            f"{spec.name} is made by kitaru.call or kitaru.open_call: its body has its inputs from the code around it",
            hint="put its output in its place instead",
        )
    args, kwargs = spec.signature.unbind(text)
    bound = spec.signature.bind(args, kwargs)
    hints = hints_of(spec.function)
    fitted = {name: fit(name, bound.arguments[name], hints[name]) for name in changed if name in hints}
    if not fitted:
        return bound
    return spec.signature.bind(*spec.signature.spread({**bound.arguments, **fitted}))


def flow_inputs(flow: Flow[Any, Any], text: str, plain: list[str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of a recorded execution; those named ``plain`` were put in place by somebody.

    Raises :class:`~kitaru.errors.KitaruInputsError` for a value that is not of its annotated type.
    """
    signature = flow.signature()
    args, kwargs = signature.unbind(text)
    if not plain:
        return args, kwargs
    arguments = signature.bind(args, kwargs).arguments
    hints = hints_of(flow._function)
    fitted = {name: fit(name, arguments[name], hints[name]) for name in plain if name in hints and name in arguments}
    return signature.spread({**arguments, **fitted})


def supplied(spec: Spec, text: str) -> Any:
    """A result that somebody supplied.

    Raises :class:`~kitaru.errors.KitaruInputsError` for one that is not of the annotated type.
    """
    value = decode_plain(text)
    hint = hints_of(spec.function).get("return")
    return value if hint is None else fit("output", value, hint)
