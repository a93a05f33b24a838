"""Features of frozen backbones, computed once and cached on disk."""
