"""Every camera of every video in ONE scene frame: hypotheses, consensus, refinement, verification."""
