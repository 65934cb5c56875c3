"""The paper's figures: one module each; `build.draw_figure` draws any of them. Needs no torch."""
