"""Models of several crystals: nanocrystal shells, particles, embedded domains."""
