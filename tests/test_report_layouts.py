"""The report's plans over time: marks lie where things were moved, in every layout's own plan."""

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh

from ats_sim.files import write_json, write_npz
from ats_sim.gltf import write_scene
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.report_layouts import changes, layouts_html
from ats_sim.reconstruction.scene.votes import MOVED, STATIC, TRANSIENT, Votes

VOXEL = 0.1
RED, BLUE, CLEAR = (209, 40, 60, 150), (0, 110, 200, 110), (0, 0, 0, 0)


def room(box_at: tuple[float, float]) -> TriangleMesh:
    """A floor of 4 x 3 m with a corner at (1, 2), and a box of half a metre somewhere on it."""
    floor = trimesh.creation.box((4.0, 3.0, 0.02), trimesh.transformations.translation_matrix((3.0, 3.5, -0.01)))
    box = trimesh.creation.box((0.5, 0.5, 0.5), trimesh.transformations.translation_matrix((*box_at, 0.25)))
    both = trimesh.util.concatenate([floor, box])
    colors = np.full((len(both.vertices), 3), 128, np.uint8)
    return TriangleMesh(vertices=both.vertices, faces=both.faces, colors=colors)


@pytest.fixture()
def labelled() -> tuple[Votes, np.ndarray]:
    """A grid over the room: something was moved at (2.0, 3.0), somebody passed at (4.0, 4.0)."""
    shape = (40, 30, 20)
    votes = Votes.empty(np.array([1.05, 2.05, 0.05]), VOXEL, shape)
    labels = np.full(shape, STATIC, np.uint8)
    labels[9:12, 9:12, 2:5] = MOVED
    labels[29:32, 19:22, 2:9] = TRANSIENT
    labels[20, 20, 0] = MOVED
    labels[25, 5, 15] = MOVED
    return votes, labels


def test_marks_lie_over_what_changed(labelled: tuple[Votes, np.ndarray]) -> None:
    """Moved is red, transient blue; the floor's own noise and what hangs above the plan are not marked."""
    marks = changes(*labelled, floor=0.0)
    assert marks.shape == (30, 40, 4)
    for x, y, tint in ((2.0, 3.0, RED), (4.0, 4.0, BLUE), (3.05, 4.05, CLEAR), (3.55, 2.55, CLEAR), (2.0, 4.5, CLEAR)):
        row, column = 29 - int((y - 2.0) / VOXEL), int((x - 1.0) / VOXEL)
        assert tuple(marks[row, column]) == tint, (x, y)


def test_every_layout_has_its_plan_and_the_same_marks(tmp_path: Path, labelled: tuple[Votes, np.ndarray]) -> None:
    """Two layouts, two plans with the marks laid where the world has them: pixel = (metres from the corner) / 4 cm."""
    (tmp_path / "variants").mkdir()
    write_scene(tmp_path / "variants" / "layout-00.glb", room((2.0, 3.0)))
    write_scene(tmp_path / "scene.glb", room((4.0, 3.0)))
    votes, labels = labelled
    names = ["walkthrough", "v00 <b>"]
    entries = [
        {"name": f"layout-0{i}", "recordings": [names[i]], "mesh": mesh}
        for i, mesh in enumerate(("variants/layout-00.glb", "scene.glb"))
    ]
    index = {"format": "ats-variants/1", "newest": "layout-01", "layouts": entries}
    write_json(tmp_path / "variants" / "variants.json", index)
    votes.write(tmp_path / "variants" / "votes.npz", labels)
    page = layouts_html(tmp_path, 0.0)
    assert page.count("<svg") == 2 and "layout-01 (the scene): v00 &lt;b&gt;" in page
    places = re.findall(r'base64,([^"]+)" x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"', page)
    assert len(places) == 2
    for data, *numbers in places:
        x, y, width, height = map(float, numbers)
        assert x == pytest.approx(0.0, abs=0.01) and width == pytest.approx(4.0 / 0.04)
        assert y + height == pytest.approx(float(re.search(r'viewBox="0 0 \d+ (\d+)"', page)[1]), abs=0.01)
        marks = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_UNCHANGED)
        assert tuple(marks[19, 10]) == (60, 40, 209, 150), "blue, green, red, opacity at (2.0, 3.0)"


def test_a_reconstruction_without_layouts_has_no_section(tmp_path: Path) -> None:
    """Nothing to show is nothing shown."""
    write_npz(tmp_path / "motion.npz")
    assert layouts_html(tmp_path, 0.0) == ""
