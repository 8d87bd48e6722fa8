"""Options for the microscope and what lies on the specimen."""

from typing import TYPE_CHECKING, Any, Final

import click

from stackmotif.cli.options import F, FiniteRange

if TYPE_CHECKING:
    from stackmotif.imaging import Microscope

_CHANGES: Final = ("semiangle_mrad", "defocus_A", "source_fwhm_A", "tilt_mrad")


def beam_options(function: F) -> F:
    """Add ``--microscope`` and what departs from it, ``--carbon-A`` and ``--list-microscopes``."""
    added = (
        click.option(
            "--microscope", default="adf-300kV", show_default=True,
            help="Preset of a microscope; see --list-microscopes.",
        ),
        click.option(
            "--list-microscopes", is_flag=True, is_eager=True, expose_value=False,
            callback=_list_microscopes, help="Print the presets with all their numbers and exit.",
        ),
        click.option(
            "--semiangle-mrad", "semiangle_mrad", type=FiniteRange(0.5, 100.0), metavar="ANGLE",
            help="Convergence semi-angle in place of the preset's; detectors stay.",
        ),
        click.option(
            "--defocus-A", "defocus_A", type=FiniteRange(-1e5, 1e5), metavar="LENGTH",
            help="Focus below the entrance surface.",
        ),
        click.option(
            "--source-A", "source_fwhm_A", type=FiniteRange(0.0, 20.0), metavar="LENGTH",
            help="Full width of the effective source.",
        ),
        click.option(
            "--tilt-mrad", "tilt_mrad", type=FiniteRange(-30.0, 30.0), nargs=2, metavar="X Y",
            help="Tilt: the beam moves to the right (X) and down (Y) inside the crystal.",
        ),
        click.option(
            "--carbon-A", "carbon_A", type=FiniteRange(0.0, 1000.0), nargs=2,
            metavar="BEFORE AFTER", help="Amorphous carbon on both sides of the crystal.",
        ),
    )  # fmt: skip
    for option in reversed(added):
        function = option(function)
    return function


def take_beam(options: dict[str, Any]) -> dict[str, Any]:
    """Take the options of :func:`beam_options` out and return what they mean for ``simulate``.

    Parameters
    ----------
    options : dict
        Changed in place.

    Returns
    -------
    dict
        ``microscope``, a preset's name or a Microscope, and ``carbon`` where it was asked for.
    """
    changes = {name: options.pop(name) for name in _CHANGES}
    layers_A = options.pop("carbon_A")
    taken: dict[str, Any] = {"microscope": _microscope(options.pop("microscope"), changes)}
    if layers_A is not None:
        from stackmotif.imaging.carbon import CarbonLayers

        taken["carbon"] = CarbonLayers(before_A=layers_A[0], after_A=layers_A[1])
    return taken


def _microscope(preset: str, changes: dict[str, Any]) -> "str | Microscope":
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        return preset
    from stackmotif.imaging import Microscope

    return Microscope.preset(preset).with_(**given, name=f"{preset}, changed")


def _list_microscopes(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from stackmotif.imaging import PRESETS

    click.echo("\n\n".join(scope.describe() for scope in PRESETS.values()))
    ctx.exit()
