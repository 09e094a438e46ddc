"""Pictures painted onto surfaces: unwrapping, choosing views, evening out exposures, blending what they show."""
