"""Draws 16 images with published weights and writes each as a PNG file.

    python examples/published_weights.py google/ddpm-cifar10-32

It takes a Hugging Face repository, a folder that diffusers wrote (or `ddpm export`), or a checkpoint file.
"""

import sys

from PIL import Image

import ddpm

model = ddpm.load(sys.argv[1])
# Without `steps`, all T of them: better images, and for T = 1000 twenty times as long.
images = model.sample(16, seed=0, steps=min(50, model.timesteps))
for number, image in enumerate(images):
    Image.fromarray(image.transpose(1, 2, 0).squeeze()).save(f"sample{number:02}.png")
print(f"{model}: wrote sample00.png to sample15.png")
