"""Feature-metric bundle adjustment: cameras move until what they see looks like what the map remembers of it."""
