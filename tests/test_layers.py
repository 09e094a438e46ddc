"""Imports point one way, and importing the package is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "ats_sim"
FLOORS = [
    {"errors", "arrays", "files", "progress", "redact_options", "remembered", "snapshot"},
    {"geometry"},
    {"skeleton", "pace"},
    {"mesh", "volume", "graph_metadata"},
    {"glb", "gltf", "gltf_colors", "bundle", "collision", "rig", "manifest", "recorded", "plain_colors"},
    {"home"},
    {
        "perception",
        "plan",
        "denoising",
        "sight",
        "puppet",
        "physics",
        "dynamics",
        "rendering",
        "video",
        "observer",
        "sliding",
        "floor_maps",
        "likeness",
        "filmer",
        "contents",
        "redaction",
    },
    {"samplers"},
    {"policy_fit"},
    {"policy"},
    {"seam", "sweep", "legs"},
    {"footing", "gait", "wanted"},
    {"stretch", "routes"},
    {"course"},
    {"walking"},
    {"agent"},
    {"planning", "replay"},
    {"measures", "starts", "reset_options", "moment", "futures"},
    {"opening"},
    {"world"},
    {"envs"},
    {"play", "doctor"},
    {"viewer", "doctor_table", "arguments", "exit_codes", "summaries"},
    {"cli"},
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
ALLOWED = {
    "reconstruction": {room for floor in FLOORS[:7] for room in floor} - {"perception", "plan", "denoising", "physics"},
    "models": {room for floor in FLOORS[:10] for room in floor} - {"physics", "rendering", "video"},
}
ENGINES = {"pybullet": {"physics"}, "onnxruntime": {"policy", "doctor", "reconstruction"}, "pyrender": {"rendering"}}
TORCH_ROOMS = {"models", "reconstruction"}


def imports() -> list[tuple[Path, str, str, str]]:
    """Every import in the package as (file, room it stands in, module imported, room imported or '')."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            modules = []
            if isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
                if node.module == "ats_sim":
                    modules = [f"ats_sim.{name.name}" for name in node.names]
            for module in modules:
                parts = module.split(".")
                target = parts[1] if parts[0] == "ats_sim" and len(parts) > 1 else ""
                found.append((path, room, module, target))
    return found


@pytest.mark.parametrize("rule", ["up", "rooms", "engines", "torch"])
def test_imports_point_one_way(rule: str) -> None:
    wrong = []
    for path, room, module, target in imports():
        where = f"{path.relative_to(ROOT)} imports {module}"
        inside = target in ("", room, "__version__") or room == "cli"
        bottom = module.split(".")[0]
        broken = {
            "up": room in FLOOR_OF and not inside and FLOOR_OF.get(target, 99) > FLOOR_OF[room],
            "rooms": room in ALLOWED and not inside and target not in ALLOWED[room],
            "engines": bottom in ENGINES and room not in ENGINES[bottom],
            "torch": bottom in {"torch", "onnx", "onnxscript", "safetensors"} and room not in TORCH_ROOMS,
        }
        if broken[rule]:
            wrong.append(where)
    assert not wrong, "\n".join(wrong)


def test_every_room_has_its_floor() -> None:
    rooms = {path.stem for path in ROOT.glob("[a-z]*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert rooms - {"__init__", "assets"} == set(FLOOR_OF) | set(ALLOWED)


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, time; start = time.process_time(); import ats_sim; spent = time.process_time() - start;"
        "heavy = {'torch', 'pybullet', 'onnxruntime', 'trimesh', 'moderngl', 'pyrender', 'cv2', 'av', 'pygame'};"
        "print(sorted(heavy & set(sys.modules)), 'gymnasium' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[] True"
