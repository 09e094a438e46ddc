"""What a user can choose about a reconstruction. No heavy imports: the command line reads this for its --help."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from ats_sim.errors import ConfigError

Preset = Literal["fast", "default", "full"]
AgentBody = Literal["quadruped", "human", "bones"]
Hypothesis = Literal["keypoints", "geometry", "neural", "regression"]


@dataclass(frozen=True)
class ReconstructConfig:
    """Settings of ``ats reconstruct``."""

    preset: Preset = "default"
    """fast: coarse voxels and few frames, for a first look; full: finest, slowest."""
    method: Literal["classical", "full"] = "classical"
    """How cameras, scene and agent are found. classical = keypoints, geometry, TSDF, fitted template; full = also
    feature-metric bundle adjustment, and, where some video finds no place otherwise, a localizer that is trained on the
    walkthrough and the videos placed so far (minutes)."""
    hypotheses: tuple[Hypothesis, ...] | None = None
    """What guesses where a video lies; by default the method's. neural = scene coordinates learned for this home,
    regression = the paper's localizer; both learn only for videos that the others leave, or at once if named alone."""
    features: Literal["own", "dinov2"] = "own"
    """What bundle adjustment compares (method full): own = a small descriptor learnt from this very capture; dinov2 =
    the paper's, for those who have its weights."""
    dinov2_weights: Path | None = None
    """DINOv2 ViT-S/14 state dict (.pth or .safetensors); by default where torch.hub keeps it."""
    dinov2_block: int | None = None
    """Take tokens after this block instead of the last, for trunks whose last blocks were fine-tuned away (try 7)."""
    scene: Literal["tsdf", "neural"] = "tsdf"
    """What the scene is made with: tsdf = fused depth; neural = a field of distance, colour and feature that starts
    from it and is trained through differentiable rendering (minutes), stored beside it and sampled onto its grid."""
    agent: Literal["template", "neural"] = "template"
    """What the animal is made with: template = a fitted body whose outline is fused; neural = a field of distance,
    colour and feature, bent by bones, that starts from it and is trained, poses included, through differentiable
    rendering of scene and animal together (minutes)."""
    masks: bool = True
    """Use the capture's agent masks. Without them the agent is what stands in the scene's free space."""
    agent_body: AgentBody = "quadruped"
    """What is fitted to the agent: a quadruped's skeleton (25 joints beside the root), a human's (18), or, for anything
    else (a robot, a bird, a toy), a few loose bones about whatever shape is seen, which faces where it goes."""
    mask_network: Path | None = None
    """A segmentation network (.onnx) that refines masks found in free space: pictures (1, 3, H, W), normalised as
    ImageNet's, to scores (1, C, h, w), as torchvision's networks are exported."""
    mask_classes: tuple[int, ...] = (8, 12)
    """Which of its classes are the agent: of Pascal VOC's 21, 8 is cat, 12 dog, 15 person."""
    device: str = "cpu"
    """Torch device of the steps that use torch."""
    workers: int = 2
    """Videos that are registered, and whose animal is fitted, side by side, each in a process of its own (on the
    CPU)."""
    renders: bool = False
    """Write renders/VIDEO/{rgb,depth,mask}/ as seen from the estimated cameras."""
    seed: int = 0
    """Seed of every random choice (RANSAC, sampling)."""
    voxel_size: float | None = None
    """Edge of a scene voxel in metres; by default the preset's."""
    max_keyframes: int | None = None
    """Most frames of the walkthrough that make the keypoint map; by default the preset's."""
    max_fused_frames: int | None = None
    """Most frames fused into the scene (walkthrough and videos); by default the preset's."""
    texture_size: int = 2048
    """Edge of the home's texture in pixels."""
    ablate: tuple[
        Literal[
            "keypoints",
            "geometry",
            "localizer",
            "consensus",
            "refinement",
            "feature-ba",
            "photometric-ba",
            "videos-in-scene",
            "layouts",
            "code-swapping",
        ],
        ...,
    ] = ()
    """Parts to leave out or to replace by something simpler, for ablation tables. consensus: the best single frame
    places a video. feature-ba, photometric-ba (with --method full): no bundle adjustment, one that compares colours.
    code-swapping (with --scene or --agent neural): each recording has its own appearance code from the start."""

    def __post_init__(self) -> None:
        if self.voxel_size is not None and not 0.01 <= self.voxel_size <= 0.2:
            raise ConfigError(f"--voxel-size {self.voxel_size}: must lie between 0.01 and 0.2 m; 0.03 suits a flat")
        if not 64 <= self.texture_size <= 8192:
            raise ConfigError(f"--texture-size {self.texture_size}: must lie between 64 and 8192; 2048 suits a flat")
        if self.agent_body not in get_args(AgentBody):
            raise ConfigError(f"agent_body {self.agent_body!r}: there is {', '.join(get_args(AgentBody))}")
        if not self.mask_classes or min(self.mask_classes) < 0:
            raise ConfigError(f"mask_classes {self.mask_classes}: name one class at least, counted from 0")
        if not self.generators:
            raise ConfigError("no hypotheses are left to place videos by; ablate fewer of them")
        for name in ("max_keyframes", "max_fused_frames", "workers"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"--{name.replace('_', '-')} {value}: must be at least 1")

    def resolved(self) -> ReconstructConfig:
        """This config with every None filled in from the preset."""
        voxel, keyframes, fused = {"fast": (0.06, 60, 150), "default": (0.03, 150, 500), "full": (0.025, 300, 1500)}[
            self.preset
        ]
        return replace(
            self,
            voxel_size=self.voxel_size or voxel,
            max_keyframes=self.max_keyframes or keyframes,
            max_fused_frames=self.max_fused_frames or fused,
        )

    @property
    def generators(self) -> tuple[Hypothesis, ...]:
        """What guesses where a video lies, in order."""
        usual: tuple[Hypothesis, ...] = ("keypoints", "geometry")
        if self.method == "full":
            usual = ("keypoints", "neural", "geometry")
        learned = ("neural", "regression") if "localizer" in self.ablate else ()
        chosen = usual if self.hypotheses is None else self.hypotheses
        return tuple(name for name in chosen if name not in self.ablate and name not in learned)

    @property
    def keypoints_per_frame(self) -> int:
        """Most keypoints kept per frame."""
        return {"fast": 400, "default": 800, "full": 1500}[self.preset]
