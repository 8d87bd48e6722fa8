import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb

from stackmotif.matching import identify
from stackmotif.report import map_figure as module
from stackmotif.report import motif_map_figure
from stackmotif.report.cells import cell_corners, row_axes
from stackmotif.report.figure import nice_length, save_png
from stackmotif.report.palette import LABEL_COLOURS, LABEL_NAMES, STATE_NAMES
from stackmotif.stacking.palette import STATE_COLOURS
from synthetic_result import make_micrograph, make_result, with_summary


def texts(figure):
    found = [text.get_text() for text in figure.texts]
    for ax in figure.axes:
        found += [text.get_text() for text in ax.texts]
        for legend in ax.findobj(match=lambda artist: type(artist).__name__ == "Legend"):
            found += [text.get_text() for text in legend.get_texts()]
    return found


def rendered(figure):
    from io import BytesIO

    from matplotlib.image import imread

    return imread(BytesIO(save_png(figure)))[..., :3]


def pixel_at(figure, ax, x_nm, y_nm, picture):
    column, from_bottom = ax.transData.transform((x_nm, y_nm))
    row, column = picture.shape[0] - round(from_bottom), round(column)
    return picture[row - 2 : row + 3, column - 2 : column + 3].mean(axis=(0, 1))


def cells(figure):
    return {
        artist.get_gid(): artist
        for artist in figure.axes[0].collections
        if isinstance(artist, PolyCollection) and artist.get_gid()
    }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"rotation_deg": 3.0},
        {"rotation_deg": 90.0},
        {"rotation_deg": -60.0, "shear_deg": 1.0},
        {"lens": {"gap": 11, "start": 8, "stop": 18, "states": "000"}},
    ],
)
def test_every_cell_is_drawn_between_its_two_columns(options):
    r = make_result(**options)
    assert r.status == "ok"
    axes = row_axes(r.columns)
    assert np.hypot(*axes.along) == pytest.approx(2.4855, rel=0.01)
    assert np.hypot(*axes.across) == pytest.approx(4.73, rel=0.01)
    corners = cell_corners(r.shifts, r.columns, axes)
    assert corners.shape == (len(r.shifts), 4, 2)
    middle = np.stack([r.shifts["y_A"], r.shifts["x_A"]], axis=1)
    np.testing.assert_allclose(corners.mean(axis=1), middle, atol=0.05)
    found = np.stack([r.columns["y_A"], r.columns["x_A"]], axis=1)
    ends = np.stack([corners[:, :2].mean(axis=1), corners[:, 2:].mean(axis=1)], axis=1)
    distance = np.linalg.norm(ends[:, :, None] - found[None, None], axis=-1).min(axis=-1)
    assert distance.max() < 0.05


def test_states_have_their_colours_in_the_picture(result):
    figure = motif_map_figure(result)
    drawn = cells(figure)
    for state, colour in STATE_COLOURS.items():
        n = int((result.shifts["state"] == state).sum())
        assert len(drawn[f"cells-{state}"].get_paths()) == n
        if n:
            np.testing.assert_allclose(
                drawn[f"cells-{state}"].get_facecolor()[0, :3], to_rgb(colour)
            )
    picture = rendered(figure)
    expected = {"+": 2, "-": 1, "0": 0}
    for state, channel in expected.items():
        chosen = result.shifts[result.shifts["state"] == state][::5]
        seen = np.mean(
            [
                pixel_at(figure, figure.axes[0], c["x_A"] / 10, c["y_A"] / 10, picture)
                for c in chosen
            ],
            axis=0,
        )
        assert np.argmax(seen) == channel
        assert np.ptp(seen) > 0.1


def test_single_layer_motifs_are_named_where_they_are(result):
    figure = motif_map_figure(result)
    labels = {text.get_text(): text.get_position()[1] * 10 for text in figure.axes[0].texts}
    for name, motif in (("TD(1)", "TD(1)"), ("O1 fault(1)", "O1_fault(1)"), ("TD(2)", "TD(2)")):
        inside = result.columns[result.columns["motif"] == motif]
        assert inside["y_A"].min() <= labels[name] <= inside["y_A"].max()


def test_legend_gives_counts_and_shares(result):
    said = texts(motif_map_figure(result))
    for state in "+0-":
        n = int((result.shifts["state"] == state).sum())
        share = 100 * n / len(result.shifts)
        assert f"{STATE_NAMES[state]}   {n} ({share:.1f} %)" in said
    for label in ("O3", "O1", "boundary"):
        n = int((result.columns["label"] == label).sum())
        assert f"{LABEL_NAMES[label]}   {n}" in said
    assert "TD(1)   1" in said


def test_scale_bar_has_the_length_that_it_says(result):
    figure = motif_map_figure(result)
    (bar,) = [p for p in figure.axes[0].patches if p.get_gid() == "scale-bar"]
    label = next(t.get_text() for t in figure.axes[0].texts if t.get_text().endswith(" nm"))
    assert bar.get_width() == float(label.removesuffix(" nm"))
    width_nm = result.image.shape[1] * result.pixel_size_A / 10
    assert np.ptp(figure.axes[0].get_xlim()) == pytest.approx(width_nm)
    pixels = figure.axes[0].transData.transform([[0, 0], [1, 0], [0, 1]])
    assert pixels[1, 0] - pixels[0, 0] == pytest.approx(abs(pixels[2, 1] - pixels[0, 1]), rel=1e-3)


@pytest.mark.parametrize(
    ("extent", "length"), [(14.0, 2.0), (95.0, 20.0), (0.9, 0.1), (5.0, 1.0), (1000.0, 200.0)]
)
def test_scale_bar_lengths_are_round(extent, length):
    assert nice_length(extent) == length


def test_image_pixels_stand_at_their_coordinates(result):
    shown = motif_map_figure(result).axes[0].images[0]
    left, right, bottom, top = shown.get_extent()
    p = result.pixel_size_A / 10
    assert (left, top) == pytest.approx((-p / 2, -p / 2))
    assert right == pytest.approx((result.image.shape[1] - 0.5) * p)
    assert bottom == pytest.approx((result.image.shape[0] - 0.5) * p)


def test_barcode_shows_the_states_of_every_gap(result):
    bars = motif_map_figure(result).axes[1]
    word = result.summary["word"][::-1]
    widths = np.array(
        [[np.ptp(path.vertices[:, 0]) for path in c.get_paths()] for c in bars.collections]
    )
    assert [c.get_gid() for c in bars.collections] == [f"bars-{state}" for state in "+0-x"]
    assert "".join("+0-x"[k] for k in widths.argmax(axis=0)) == word
    assert widths.sum(axis=0) == pytest.approx(1.0)


def test_failed_results_are_plain_and_say_why(failed):
    figure = motif_map_figure(failed)
    assert not cells(figure)
    assert any(failed.summary["reasons"][0][:40] in " ".join(t.split()) for t in texts(figure))
    save_png(figure)


def test_bare_columns_are_drawn_without_an_image():
    from stackmotif.columns import find_columns

    r = identify(find_columns(make_micrograph()))
    assert r.image is None
    figure = motif_map_figure(r)
    assert len(cells(figure)["cells-0"].get_paths()) == (r.shifts["state"] == "0").sum()
    assert any("columns only" in text for text in texts(figure))
    save_png(figure)


def test_simulated_images_are_labelled(result):
    assert not any("simulated" in text for text in texts(motif_map_figure(result)))
    marked = motif_map_figure(with_summary(result, simulated=True))
    assert any("[simulated image]" in text for text in texts(marked))


def test_a_hostile_name_is_text(result):
    from dataclasses import replace

    name = r"$\frac{1}$ <b> 日本 " + "x" * 300
    figure = motif_map_figure(replace(result, name=name))
    assert any(text.startswith(r"$\frac{1}$ <b>") for text in texts(figure))
    save_png(figure)


def test_very_many_cells_are_drawn_as_dots(result, monkeypatch):
    monkeypatch.setattr(module, "_MOST_SHAPES", 10)
    figure = motif_map_figure(result)
    dots = {line.get_gid(): line for line in figure.axes[0].lines}
    for state in STATE_COLOURS:
        n = (result.shifts["state"] == state).sum()
        assert len(dots[f"cells-{state}"].get_xdata()) == n


def test_same_result_same_bytes(result):
    assert save_png(motif_map_figure(result)) == save_png(motif_map_figure(result))


_MACHADO = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "none": np.eye(3),
}
"""Linear RGB matrices of Machado, Oliveira and Fernandes (2009), doi 10.1109/TVCG.2009.113."""


@pytest.mark.parametrize("vision", _MACHADO)
@pytest.mark.parametrize("colours", [STATE_COLOURS, LABEL_COLOURS], ids=["states", "labels"])
def test_colours_are_told_apart_by_every_eye(vision, colours):
    rgb = np.array([to_rgb(c) for c in colours.values()])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.asarray(_MACHADO[vision]).T, 0, 1) ** (1 / 2.2)
    distance = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
    assert distance[np.triu_indices(len(seen), 1)].min() > 0.12
