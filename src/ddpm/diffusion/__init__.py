"""The diffusion process: schedule, q and p, objectives, variational bound, sampler. Knows no files."""
