"""What the numbers in Frame.labels mean; 0 is the sky, where nothing was drawn."""

SCENE_LABEL = 1
AGENT_LABEL = 2
"""Label of the first agent; the next has 3, and so on."""
OBSERVER_LABEL = 254
"""The observer's figure."""
OVERLAY_LABEL = 255
"""Everything that is only drawn to be understood: goals, paths, tracks, ghosts, the map of visits."""
