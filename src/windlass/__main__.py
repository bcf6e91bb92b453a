"""`python -m windlass` is `windlass`."""

from windlass.cli.main import main

if __name__ == "__main__":
    main()
