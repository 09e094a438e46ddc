"""The home: floor plan, furniture, materials, daylight, and where an animal likes to be."""
