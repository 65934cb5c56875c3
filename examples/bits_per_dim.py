"""Computes the bound on the negative log-likelihood of test images (Eq. 5). Needs `make demo`.

python examples/bits_per_dim.py
"""

import ddpm

model = ddpm.load("config/demo.yaml", "epsilon_L_simple")
images = ddpm.open_study("config/demo.yaml").images("digits", "test")[:100]
bits = model.bits_per_dim(images)  # float64 [100]
error = bits.std() / len(bits) ** 0.5
print(f"{bits.mean():.3f} bits/dim, with a standard error of {error:.3f} over {len(bits)} images")
print(f"the likeliest is image {bits.argmin()} ({bits.min():.2f}), the least likely {bits.argmax()}")
