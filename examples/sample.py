"""Draws 16 images with a trained model and writes them as one picture. Needs `make demo`.

python examples/sample.py
"""

from PIL import Image

import ddpm

model = ddpm.load("results/demo", "epsilon_L_simple")
images = model.sample(16, seed=0)  # uint8 [16, C, H, W] in 0..255

channels, height, width = model.image_shape
rows = images.reshape(4, 4, channels, height, width).transpose(0, 3, 1, 4, 2)
picture = Image.fromarray(rows.reshape(4 * height, 4 * width, channels).squeeze())
picture.resize((32 * width, 32 * height), Image.Resampling.NEAREST).save("samples.png")
print(f"{model}: wrote samples.png")
