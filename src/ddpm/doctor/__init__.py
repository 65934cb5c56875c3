"""`ddpm doctor`: whether this machine has what the project, or a study, needs; one concern a module."""
