"""Columns of rock salt, made by hand."""

import numpy as np

from stackmotif.matching.grains import zone_named

NIO_A = 4.17


def turned(points, angle_deg):
    """Turn (y, x), y down, counter-clockwise as seen."""
    a = np.radians(angle_deg)
    y, x = points.T
    return np.stack([y * np.cos(a) - x * np.sin(a), y * np.sin(a) + x * np.cos(a)], axis=1)


def crystal(zone, angle_deg, *, size_A=50.0, noise_A=0.08, rng=1, edge_A=NIO_A):
    """Columns of NiO with the first axis of a zone at an angle, in a square about the origin."""
    axis = zone_named(zone)
    n = np.arange(-60, 61)
    m, k = (one.ravel() for one in np.meshgrid(n, n))
    w = edge_A * (m * axis.basis[0] + k * axis.basis[1]) * np.exp(1j * np.radians(angle_deg))
    w += edge_A * complex(0.21, 0.13)
    points = np.stack([-w.imag, w.real], axis=1)
    points = points[(np.abs(points) < size_A / 2).all(axis=1)]
    return points + np.random.default_rng(rng).normal(0, noise_A, points.shape)
