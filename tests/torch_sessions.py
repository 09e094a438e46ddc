"""Networks run by torch behind onnxruntime's calls: a policy without the minute that an export takes."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ats_sim.arrays import Array
from ats_sim.denoising import GRAPHS, STAGES, Normalisation, falling_levels
from ats_sim.manifest import POLICY_FORMAT
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.onnx_export import graph_inputs, graph_outputs
from ats_sim.models.recipes import CALLS, CROWDING
from ats_sim.policy import Policy


class TorchSession:
    """One network with the `run` of an `onnxruntime.InferenceSession`."""

    def __init__(self, module: torch.nn.Module, inputs: Sequence[str]) -> None:
        self._module, self._inputs = module.eval(), inputs

    def run(self, names: Sequence[str], inputs: Mapping[str, Array]) -> list[Array]:
        """All outputs, in the graph's order."""
        with torch.no_grad():
            outputs = self._module(*(torch.from_numpy(inputs[name]) for name in self._inputs))
        return [value.numpy() for value in (outputs if isinstance(outputs, tuple) else (outputs,))]


def torch_policy(
    networks: Behaviour,
    normalisation: Normalisation,
    joint_names: Sequence[str],
    channels: Sequence[str],
    calls: Mapping[str, int] = CALLS,
    hidden: Sequence[str] = (),
    guidance: Mapping[str, float] | None = None,
    schedule: Mapping[str, Any] | None = None,
) -> Policy:
    """The policy that an export of these networks would give, by a schedule of their own or a number of calls."""
    inputs, outputs = graph_inputs(networks, len(channels)), graph_outputs(networks)
    graphs = {name: {"inputs": inputs[name], "outputs": outputs[name]} for name in GRAPHS}
    spec = {
        "format": POLICY_FORMAT,
        "joint_names": joint_names,
        "channels": channels,
        "graphs": graphs,
        "schedule": {
            "persistence_s": 4.0,
            "guidance": dict(guidance or {}),
            **(schedule or {"levels": {stage: falling_levels(calls[stage], CROWDING[stage]) for stage in STAGES}}),
        },
        "hidden": hidden,
        "normalisation": normalisation.to_json(),
    }
    sessions = {name: TorchSession(networks.get_submodule(name), list(inputs[name])) for name in GRAPHS}
    return Policy(sessions, spec)
