"""The agent's capsule rig (`agent.urdf`), checked line by line before a physics engine sees it.

Physics engines crash on malformed robots instead of raising, so a rig is only ever handed on when it is a tree of
simple shapes whose joints sit where the home's skeleton puts them.
"""

import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import HomeError
from ats_sim.geometry import rigid
from ats_sim.skeleton import Skeleton

MAX_URDF_BYTES = 2**20
MAX_LINKS = 127
JOINT_TOLERANCE = 2e-3  # metres and matrix entries; URDF text is rounded
SHAPES = {"capsule": ("radius", "length"), "cylinder": ("radius", "length"), "sphere": ("radius",), "box": ("size",)}
JOINTS = ("spherical", "fixed")


@dataclass(frozen=True)
class Rig:
    """What a valid rig holds."""

    root: str
    """Name of the base link."""
    joint_of_link: dict[str, int]
    """Skeleton joint that moves each link (the base follows joint 0)."""


def read_rig(path: Path, skeleton: Skeleton) -> Rig:
    """Check a rig against the skeleton.

    Raises:
        HomeError: If the file is no small plain URDF, no tree, names other shapes, or puts a joint elsewhere.
    """
    robot = _parsed(path)
    links = [link.get("name", "") for link in robot.findall("link")]
    if not 1 <= len(links) <= MAX_LINKS or len(set(links)) != len(links) or "" in links:
        raise HomeError(f"{path}: {len(links)} links, want 1 to {MAX_LINKS} with different names")
    for link in robot.findall("link"):
        _check_link(path, link)
    parents = _parents(path, robot, links)
    roots = [link for link in links if link not in parents]
    if len(roots) != 1:
        raise HomeError(f"{path}: {len(roots)} base links ({', '.join(roots[:4])}), want one")
    _refuse_cycles(path, parents, roots[0])
    index = {name: joint for joint, name in enumerate(skeleton.joint_names)}
    joint_of_link = {link: index[link] for link in links if link in index and link != roots[0]}
    joint_of_link[roots[0]] = 0
    missing = [name for name in skeleton.joint_names[1:] if name not in parents]
    if missing:
        raise HomeError(f"{path}: no link for the joints {', '.join(missing[:4])}")
    for joint in robot.findall("joint"):
        _check_place(path, joint, skeleton, joint_of_link)
    return Rig(roots[0], joint_of_link)


def _parsed(path: Path) -> xml.Element:
    if path.stat().st_size > MAX_URDF_BYTES:
        raise HomeError(f"{path}: larger than {MAX_URDF_BYTES} bytes")
    text = path.read_bytes()
    if b"<!DOCTYPE" in text or b"<!ENTITY" in text:
        raise HomeError(f"{path}: declares entities; a rig is plain XML")
    try:
        robot = xml.fromstring(text)
    except xml.ParseError as error:
        raise HomeError(f"{path}: not XML ({error})") from error
    if robot.tag != "robot":
        raise HomeError(f"{path}: the outer element is <{robot.tag}>, want <robot>")
    return robot


def _check_link(path: Path, link: xml.Element) -> None:
    name = link.get("name")
    for geometry in link.iter("geometry"):
        for shape in geometry:
            if shape.tag not in SHAPES:
                raise HomeError(f"{path}: link {name} has a <{shape.tag}>; only {', '.join(SHAPES)} are allowed")
            for attribute in SHAPES[shape.tag]:
                if (_numbers(path, shape, attribute, None) <= 0.0).any():
                    raise HomeError(f"{path}: link {name}: {attribute} must be positive")
    for origin in link.iter("origin"):
        _origin(path, origin)
    for tag in ("mass", "inertia"):
        for element in link.iter(tag):
            for attribute in element.attrib:
                _numbers(path, element, attribute, 1)


def _parents(path: Path, robot: xml.Element, links: list[str]) -> dict[str, str]:
    parents: dict[str, str] = {}
    for joint in robot.findall("joint"):
        if joint.get("type") not in JOINTS:
            raise HomeError(f"{path}: joint {joint.get('name')} is {joint.get('type')!r}, want {' or '.join(JOINTS)}")
        ends = [element.get("link", "") for tag in ("parent", "child") if (element := joint.find(tag)) is not None]
        if len(ends) != 2 or ends[0] == ends[1] or not set(ends) <= set(links) or ends[1] in parents:
            raise HomeError(f"{path}: joint {joint.get('name')} does not link two links of a tree: {ends}")
        parents[ends[1]] = ends[0]
    return parents


def _refuse_cycles(path: Path, parents: dict[str, str], root: str) -> None:
    for link in parents:
        walked = {link}
        while link != root:
            link = parents.get(link, root)
            if link in walked:
                raise HomeError(f"{path}: the joints form a ring through link {link}")
            walked.add(link)


def _check_place(path: Path, joint: xml.Element, skeleton: Skeleton, joint_of_link: dict[str, int]) -> None:
    """A link named like a skeleton joint must hang where that joint rests, or physics and pictures disagree."""
    child = joint.find("child")
    parent = joint.find("parent")
    origin = joint.find("origin")
    place = np.eye(4) if origin is None else _origin(path, origin)
    index = joint_of_link.get(child.get("link", "") if child is not None else "")
    if not index:
        return
    above = joint_of_link.get(parent.get("link", "") if parent is not None else "")
    if joint.get("type") != "spherical" or above != skeleton.joint_parents[index]:
        raise HomeError(f"{path}: joint {skeleton.joint_names[index]} must be spherical, on its skeleton parent")
    error = np.abs(place - skeleton.joint_rest[index]).max()
    if error > JOINT_TOLERANCE:
        raise HomeError(f"{path}: joint {skeleton.joint_names[index]} is {error:.3f} away from the skeleton's rest")


def _origin(path: Path, origin: xml.Element) -> Array:
    """(4, 4) of a URDF origin; its angles are fixed-axis roll, pitch, yaw."""
    shift = _numbers(path, origin, "xyz", 3) if "xyz" in origin.attrib else np.zeros(3)
    roll, pitch, yaw = _numbers(path, origin, "rpy", 3) if "rpy" in origin.attrib else np.zeros(3)
    (cr, sr), (cp, sp), (cy, sy) = ((np.cos(angle), np.sin(angle)) for angle in (roll, pitch, yaw))
    about_z = np.array([[cy, -sy, 0.0], [sy, cy, 0.0], [0.0, 0.0, 1.0]])
    about_y = np.array([[cp, 0.0, sp], [0.0, 1.0, 0.0], [-sp, 0.0, cp]])
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cr, -sr], [0.0, sr, cr]])
    return rigid(about_z @ about_y @ about_x, shift)


def _numbers(path: Path, element: xml.Element, attribute: str, count: int | None) -> Array:
    text = element.get(attribute, "")
    try:
        values = np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise HomeError(f"{path}: <{element.tag}> {attribute}={text!r} is no number") from error
    if not len(values) or (count is not None and len(values) != count):
        raise HomeError(f"{path}: <{element.tag}> {attribute}={text!r} holds {len(values)} numbers, want {count or 1}")
    if not np.isfinite(values).all() or np.abs(values).max() > 1e4:
        raise HomeError(f"{path}: <{element.tag}> {attribute}={text!r} is not finite or far too large")
    return values
