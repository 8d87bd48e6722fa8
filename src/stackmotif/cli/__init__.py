"""The command line: argument handling and nothing else."""

from stackmotif.cli.group import main

__all__ = ["main"]
