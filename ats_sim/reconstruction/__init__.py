"""From casual RGB-D videos to a home: capture, registration, scene, agent, export."""
