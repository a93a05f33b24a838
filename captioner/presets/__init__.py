"""One folder = one model: settings, words, weights and where they come from."""
