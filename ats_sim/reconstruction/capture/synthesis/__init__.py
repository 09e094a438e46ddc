"""Captures made from nothing: a procedural home, an animal with a mind, and a person who films it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig

__all__ = ["SynthesizeConfig", "synthesize"]


def synthesize(output: Path, config: SynthesizeConfig) -> dict[str, Any]:
    """Writes a capture with ground truth into ``output`` and returns a summary."""
    from ats_sim.reconstruction.capture.synthesis.production import produce

    return produce(output, config)
