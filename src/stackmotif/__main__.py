"""``python -m stackmotif`` is the command line."""

from stackmotif.cli import main

if __name__ == "__main__":
    main()
