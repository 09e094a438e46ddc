"""From a reconstruction to a home: scene mesh, collision shapes, capsule rig, perception volume."""
