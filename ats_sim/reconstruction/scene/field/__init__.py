"""The neural scene field: signed distance, colour and feature of the home, trained through differentiable rendering."""
