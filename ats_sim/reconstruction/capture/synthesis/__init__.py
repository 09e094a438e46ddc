"""Captures made from nothing: a procedural home, an animal with a mind, and a person who films it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig

__all__ = ["SynthesizeConfig", "synthesize"]


def synthesize(output: Path, config: SynthesizeConfig) -> dict[str, Any]:
    """Writes a capture with ground truth into ``output`` and returns a summary; see ``synthesis.synthesize``."""
    from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize as run

    return run(output, config)
