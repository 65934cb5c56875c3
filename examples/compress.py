"""Codes test images into a file by Algorithm 3, and reads it back, whole and in part. Needs `make demo`.

python examples/compress.py
"""

import numpy as np

import ddpm

model = ddpm.load("config/demo.yaml", "epsilon_L_simple")
images = ddpm.open_study("config/demo.yaml").images("digits", "test")[:20]
bits = ddpm.compress(images, "digits.ddpm", model)
for part, value in bits.items():
    print(f"{part:<14}{value / images.size:6.3f} bits/dim")
assert (ddpm.decompress("digits.ddpm", model) == images).all()
for steps in (1, 2, 3):
    received = ddpm.decompress("digits.ddpm", model, steps=steps)
    error = np.abs(received.astype(float) - images).mean()
    print(f"after {steps} latents a pixel is off by {error:.0f} of 255 on average")
