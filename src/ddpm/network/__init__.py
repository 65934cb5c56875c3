"""The U-Net of the paper's appendix B, its initialisation, and weights from files."""
