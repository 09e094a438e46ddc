"""ats-sim: a simulator in which your animal lives in your home and reacts to you.

Importing the package registers the environment, so `gym.make("ATSHome-v0")` works afterwards. Nothing heavy happens
here: no window, no physics client, no network graph is opened before an environment asks for it.
"""

import gymnasium

__version__ = "0.1.0"

if "ATSHome-v0" not in gymnasium.registry:
    gymnasium.register(
        id="ATSHome-v0",
        entry_point="ats_sim.envs.home_env:ATSHomeEnv",
        vector_entry_point="ats_sim.envs.vector_env:ATSHomeVectorEnv",
        max_episode_steps=600,
    )
