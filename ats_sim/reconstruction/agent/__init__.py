"""The agent's half of a reconstruction: what it looks like, where it went and how it held its joints."""
