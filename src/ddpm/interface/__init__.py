"""The Python interface: what `ddpm.__all__` lists."""
