"""`python -m edgedigits.cli`: the command line where no script is installed."""

from edgedigits.cli.main import main

if __name__ == "__main__":
    main()
