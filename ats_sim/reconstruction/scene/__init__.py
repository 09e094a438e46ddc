"""The static scene: fused distance field, mesh, ray casting, floor."""
