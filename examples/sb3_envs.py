"""What Stable-Baselines3 needs around the vector environment: its own kind of batch, and an end to the training."""

import time
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv


class Sb3Envs(VecEnv):
    """Gymnasium's vector environment as Stable-Baselines3 wants it: it must begin ended episodes at once."""

    def __init__(self, env: Any, seed: int) -> None:
        """Wrap a vector environment in SAME_STEP mode."""
        self.env, self._seed_once, self._actions = env, seed, np.zeros((env.num_envs, 4), np.float32)
        self.recent: list[np.ndarray] = []
        """Rewards of the running rollout as the task gave them; what PPO sees is normalised."""
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> np.ndarray:
        """All anew; seeded the first time."""
        seed, self._seed_once = self._seed_once, None
        return self.env.reset(seed=seed)[0]

    def step_async(self, actions: np.ndarray) -> None:
        """Note the actions."""
        self._actions = np.clip(actions, -1.0, 1.0).astype(np.float32)

    def step_wait(self) -> Any:
        """Step; infos tell the last observation of what ended, as SB3 needs it to bootstrap."""
        observation, reward, terminated, truncated, info = self.env.step(self._actions)
        self.recent.append(reward)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = terminated | truncated
        for index in np.flatnonzero(done):
            infos[index] = {
                "terminal_observation": info["final_obs"][index],
                "TimeLimit.truncated": bool(truncated[index] and not terminated[index]),
            }
        return observation, reward.astype(np.float32), done, infos

    def close(self) -> None:
        """Close all."""
        self.env.close()

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """SB3 asks whether a Monitor is around; none is."""
        return [False] * self.num_envs

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of every environment."""
        return list(self.env.unwrapped.call(method_name, *args, **kwargs))

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """SB3 asks for `render_mode` only."""
        return [getattr(self.env, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing can be set from outside."""
        raise NotImplementedError(attr_name)


class Curve(BaseCallback):
    """Keeps the mean reward of every rollout and stops when the time is up."""

    def __init__(self, envs: Sb3Envs, minutes: float) -> None:
        """Train in these for so many minutes."""
        super().__init__()
        self._envs = envs
        self._end = time.monotonic() + 60.0 * minutes
        self.steps: list[int] = []
        self.rewards: list[float] = []

    def _on_step(self) -> bool:
        return time.monotonic() < self._end

    def _on_rollout_end(self) -> None:
        self.steps.append(self.num_timesteps)
        self.rewards.append(float(np.mean(self._envs.recent)))
        self._envs.recent.clear()
        print(f"{self.num_timesteps:8d} steps: {self.rewards[-1]:+.3f} reward a step", flush=True)


if __name__ == "__main__":
    print("sb3_envs.py serves train_ppo.py; it does nothing on its own.")
