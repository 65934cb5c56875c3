"""Models for other programs: the folder that diffusers' `DDPMPipeline.from_pretrained` loads."""
