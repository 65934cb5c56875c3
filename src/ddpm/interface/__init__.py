"""The Python interface: `ddpm.load` and the model that it returns."""
