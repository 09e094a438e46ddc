"""Scenes as USD: one mesh with its texture or its colours.

USD says in the file which axis is up and how long a unit is, so points stay in the home's own frame: metres, z up.
Needs `usd-core` (the extra `engines`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.arrays import Array
from ats_sim.files import atomic_path
from ats_sim.gltf_colors import FULL, encode_colors, encode_picture
from ats_sim.mesh import TriangleMesh

TIME_CODES_PER_SECOND = 30.0
"""What engines count frames in; keys of the 10 Hz clock then lie on whole frames."""


def write_usd_scene(path: Path, mesh: TriangleMesh) -> None:
    """Write a mesh (`.usdc`, or `.usda` to read it by eye) and beside it its texture, `<stem>.jpg`.

    Raises:
        ModuleNotFoundError: If usd-core is missing.
    """
    picture = write_picture(path, mesh)
    with new_stage(path) as stage:
        root = stage.DefinePrim("/scene", "Xform")
        stage.SetDefaultPrim(root)
        write_mesh(stage, "/scene/mesh", mesh, picture)


def write_picture(path: Path, mesh: TriangleMesh) -> str:
    """Write a mesh's texture, if it has one, beside the USD file that refers to it by what this returns."""
    if mesh.texture is not None:
        with atomic_path(path.with_suffix(".jpg")) as temporary:
            temporary.write_bytes(encode_picture(mesh.texture, "jpeg"))
    return f"./{path.stem}.jpg"


@contextmanager
def new_stage(path: Path) -> Iterator[Any]:
    """A stage in our frame that becomes the file at `path` when all went well."""
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(TIME_CODES_PER_SECOND)
    stage.SetFramesPerSecond(TIME_CODES_PER_SECOND)
    yield stage
    with atomic_path(path) as temporary:
        stage.GetRootLayer().Export(str(temporary))


def write_mesh(stage: Any, place: str, mesh: TriangleMesh, picture: str) -> Any:
    """Define a UsdGeom.Mesh of triangles; `picture` is where its texture lies, relative to the file."""
    from pxr import UsdGeom, Vt

    prim = UsdGeom.Mesh.Define(stage, place)
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(mesh.vertices))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(mesh.faces), 3, np.int32)))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(mesh.faces.reshape(-1)))
    # Without this USD would round the mesh off as a subdivision surface.
    prim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    prim.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([mesh.vertices.min(0), mesh.vertices.max(0)])))
    if mesh.uv is not None:
        # USD's texture coordinates start at the lower left corner.
        places = np.column_stack([mesh.uv[:, 0], 1.0 - mesh.uv[:, 1]]).astype(np.float32)
        _primvar(prim, "st", "TexCoord2fArray", Vt.Vec2fArray.FromNumpy(places))
    if mesh.colors is not None:
        linear = (encode_colors(mesh.colors)[:, :3] / FULL).astype(np.float32)
        _primvar(prim, "displayColor", "Color3fArray", Vt.Vec3fArray.FromNumpy(linear))
    _write_material(stage, prim, picture if mesh.texture is not None else None)
    return prim


def _primvar(prim: Any, name: str, kind: str, values: Array) -> None:
    from pxr import Sdf, UsdGeom

    made = UsdGeom.PrimvarsAPI(prim).CreatePrimvar(name, getattr(Sdf.ValueTypeNames, kind), UsdGeom.Tokens.vertex)
    made.Set(values)


def _write_material(stage: Any, prim: Any, picture: str | None) -> None:
    """A rough surface coloured by the picture, or else by the colours of the vertices.

    USD's preview surface cannot be unlit, as the scene is in glTF: engines shine their own light on it.
    """
    from pxr import Sdf, UsdShade

    kinds, place = Sdf.ValueTypeNames, prim.GetPath().AppendChild("material")
    material, surface, reader, colors = (
        UsdShade.Material.Define(stage, place),
        UsdShade.Shader.Define(stage, place.AppendChild("surface")),
        UsdShade.Shader.Define(stage, place.AppendChild("reader")),
        UsdShade.Shader.Define(stage, place.AppendChild("colors")),
    )
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", kinds.Float).Set(1.0)
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", kinds.String).Set("st")
    if picture is None:
        stage.RemovePrim(reader.GetPath())
        colors.CreateIdAttr("UsdPrimvarReader_float3")
        colors.CreateInput("varname", kinds.String).Set("displayColor")
        output = colors.CreateOutput("result", kinds.Float3)
    else:
        colors.CreateIdAttr("UsdUVTexture")
        colors.CreateInput("file", kinds.Asset).Set(Sdf.AssetPath(picture))
        colors.CreateInput("sourceColorSpace", kinds.Token).Set("sRGB")
        colors.CreateInput("st", kinds.Float2).ConnectToSource(reader.CreateOutput("result", kinds.Float2))
        output = colors.CreateOutput("rgb", kinds.Float3)
    surface.CreateInput("diffuseColor", kinds.Color3f).ConnectToSource(output)
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", kinds.Token))
    UsdShade.MaterialBindingAPI.Apply(prim.GetPrim()).Bind(material)
