"""The animal: body, coat, gait, postures and a mind of its own."""
