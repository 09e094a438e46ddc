"""From a reconstruction to a home: scene mesh, collision shapes, capsule rig, perception volume."""

from ats_sim.reconstruction.export.home import export_home

__all__ = ["export_home"]
