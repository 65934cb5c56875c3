"""The paper's figures and two of training; `drawing` draws any of them. Needs no torch."""
