"""Take a home into another engine: Blender, Godot, Unity, Unreal, MuJoCo, Isaac, ...

    python examples/export_for_engines.py --home default --output for_engines

Writes scene and animal as glTF and USD, copies of the scene with fewer triangles, its solid as convex parts, and the
animal's rig as standard URDF with limits from its recordings. Takes minutes, most of them for textures and parts.
Needs `pip install -e ".[train,engines]"`.
"""

import argparse
from pathlib import Path

from command_line import plain_errors, require


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", default="default", help="a home folder, a .zip, or the bundled one")
    parser.add_argument("--output", type=Path, default=Path("for_engines"), help="a folder; an old one is replaced")
    options = parser.parse_args()
    for module, extra in (("fast_simplification", "train"), ("xatlas", "train"), ("pxr", "engines")):
        require(module, extra)
    from ats_sim.home import Home
    from ats_sim.reconstruction.export.for_engines import export_for_engines

    with plain_errors():
        export_for_engines(Home.load(options.home, require_policy=False), options.output)
    print(f"all of it: {options.output}")


if __name__ == "__main__":
    main()
