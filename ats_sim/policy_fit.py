"""Whether what `policy.json` says fits the home it lies in, and the graphs what it says."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ats_sim.denoising import GRAPHS, GUIDED, STAGES
from ats_sim.errors import PolicyError
from ats_sim.manifest import POLICY_FORMAT
from ats_sim.perception import patch_channels
from ats_sim.plan import MOST_GUIDANCE
from ats_sim.samplers import sampler_of

if TYPE_CHECKING:
    from ats_sim.home import Home


def check_fit(spec: Mapping[str, Any], home: "Home", where: str) -> None:
    """Refuse a policy made for another body or another kind of perception.

    Args:
        spec: The parsed `policy.json`.
        home: The home it is to be used in.
        where: Where the policy stands, for the message.

    Raises:
        PolicyError: If it does not fit.
        KeyError, TypeError, ValueError: If it is no policy at all.
    """
    if spec["format"] != POLICY_FORMAT or set(GRAPHS) - set(spec["graphs"]):
        raise PolicyError(f"{where}: want format {POLICY_FORMAT} with the graphs {', '.join(GRAPHS)}")
    joints, channels = list(home.skeleton.joint_names), list(patch_channels(home.perception))
    if list(spec["joint_names"]) != joints:
        raise PolicyError(f"{where}: joint order {spec['joint_names']}, the home's skeleton has {joints}")
    if list(spec["channels"]) != channels:
        raise PolicyError(f"{where}: perceives {spec['channels']}, the home's volume offers {channels}")
    for stage in STAGES:
        try:
            predicted = sampler_of(spec["schedule"], stage).predicts
        except ValueError as error:
            raise PolicyError(f"{where}: schedule of {stage}: {error}") from error
        outputs = list(spec["graphs"][stage]["outputs"])
        if outputs != [predicted]:
            raise PolicyError(f"{where}: graph {stage} gives {outputs}, its schedule is for {predicted!r}")
    for stage, strength in spec["schedule"].get("guidance", {}).items():
        if stage not in GUIDED or not 0.0 <= float(strength) <= MOST_GUIDANCE:
            raise PolicyError(f"{where}: guidance {strength} of {stage}, want 0 to {MOST_GUIDANCE:.0f} of {GUIDED}")


def check_graph(name: str, session: Any, entry: Mapping[str, Any], where: str) -> None:
    """Refuse an opened graph whose inputs and outputs are not those that its entry in `policy.json` promises."""
    found = {node.name: list(node.shape[1:]) for node in session.get_inputs()}
    if found != {key: list(shape) for key, shape in entry["inputs"].items()}:
        raise PolicyError(f"{where}: graph {name} takes {found}, promised was {dict(entry['inputs'])}")
    missing = set(entry["outputs"]) - {node.name for node in session.get_outputs()}
    if missing:
        raise PolicyError(f"{where}: graph {name} lacks the outputs {sorted(missing)}")
