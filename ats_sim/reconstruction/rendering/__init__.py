"""Pictures of the reconstructed scene with the posed agent in it, from any camera."""
