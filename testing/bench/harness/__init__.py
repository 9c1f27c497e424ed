"""The parts of testing/bench/run: servers, loads, figures, and one module per subject."""
