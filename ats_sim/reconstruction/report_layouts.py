"""The home over time, for a report: a floor plan per layout, what was moved in red, who came and went in blue."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.gltf import read_scene
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.report_pictures import CELL, floor_plan, png_source
from ats_sim.reconstruction.scene.variants import FOLDER, VOTES, read_variants
from ats_sim.reconstruction.scene.votes import MOVED, TRANSIENT, Votes

TINTS = {MOVED: (209, 40, 60, 150), TRANSIENT: (0, 110, 200, 110)}
"""Red, green, blue and opacity of what is marked."""
LOW, HIGH = 0.1, 1.2
"""Metres above the floor between which furniture is marked: below is the floor's own noise, above the plan is cut."""


def layouts_html(folder: Path, floor: float) -> str:
    """The section of a reconstruction's report; empty where nobody looked for layouts.

    Raises:
        ReconstructionError: If the folder's variants are damaged.
    """
    variants = read_variants(folder)
    if not variants:
        return ""
    votes, labels = Votes.read(folder / FOLDER / VOTES)
    marks = changes(votes, labels, floor)
    shown = []
    for variant in variants:
        plan = _plan(read_scene(folder / variant.mesh), floor, marks, votes)
        newest = " (the scene)" if variant is variants[-1] else ""
        seen_by = escape(", ".join(variant.recordings))
        shown.append(f"<figure style='margin:0'>{plan}<figcaption>{escape(variant.name)}{newest}: {seen_by}")
        shown.append("</figcaption></figure>")
    columns = "display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:1em"
    return (
        "<h2>The home over time</h2><p>A plan per layout in which nothing moved, oldest first. Red: stands elsewhere "
        f"in another layout. Blue: came and went.</p><div style='{columns}'>{''.join(shown)}</div>"
    )


def changes(votes: Votes, labels: Array, floor: float) -> Array:
    """Marks (Y, X, 4) uint8, +y up: the tint of what a column of voxels holds between `LOW` and `HIGH`, else clear."""
    height = votes.origin[2] + np.arange(labels.shape[2]) * votes.voxel_size - floor
    band = labels[:, :, (height > LOW) & (height < HIGH)]
    marks = np.zeros((*labels.shape[:2], 4), np.uint8)
    for label in (TRANSIENT, MOVED):
        marks[(band == label).any(axis=2)] = TINTS[label]
    return np.ascontiguousarray(marks.transpose(1, 0, 2)[::-1])


def _plan(mesh: TriangleMesh, floor: float, marks: Array, votes: Votes) -> str:
    picture, corner = floor_plan(mesh, floor)
    height, width = picture.shape[:2]
    across, up = marks.shape[1] * votes.voxel_size / CELL, marks.shape[0] * votes.voxel_size / CELL
    left, low = (votes.origin[:2] - 0.5 * votes.voxel_size - corner) / CELL
    return (
        f'<svg viewBox="0 0 {width} {height}" style="width:100%">'
        f'<image href="{png_source(picture)}" width="{width}" height="{height}" opacity="0.75"/>'
        f'<image href="{png_source(marks)}" x="{left:.2f}" y="{height - low - up:.2f}" width="{across:.2f}" '
        f'height="{up:.2f}" style="image-rendering:pixelated"/></svg>'
    )
