"""Score a reconstruction against its capture's ground truth, and put the scores into its report."""

from __future__ import annotations

from pathlib import Path

from ats_sim.errors import ReconstructionError
from ats_sim.files import read_json
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.metrics import reconstruction_scores
from ats_sim.reconstruction.report import write_scored_report
from ats_sim.reconstruction.scores import Scores


def evaluate_reconstruction(recon: Path, capture: Path) -> Scores:
    """Score `recon`, and show scores and error curves in its report.json and report.html where it has them.

    Returns:
        What `reconstruction_scores` returns.

    Raises:
        ReconstructionError: If the reconstruction is incomplete or of another capture.
        CaptureError: If the capture is broken.
    """
    opened = Capture.open(capture)
    scores = reconstruction_scores(recon, opened)
    if (recon / "report.json").is_file():
        write_scored_report(recon, opened, read_json(recon / "report.json", ReconstructionError), scores)
    return scores
