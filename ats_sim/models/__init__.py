"""Behaviour: goal, path and pose diffusion learned from a reconstruction, exported to ONNX."""
