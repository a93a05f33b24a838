"""Images and clips as arrays of pixels: reading, limits, augmentations. Loads without Keras."""
