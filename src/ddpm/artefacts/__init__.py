"""Tables and figures: views over measurements, samples and chains, beside the paper's own numbers."""
