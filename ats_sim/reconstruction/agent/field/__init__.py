"""The neural agent field: canonical distance, colour and feature, bent by bones, rendered together with the scene."""
