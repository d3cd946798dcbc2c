"""The tools to take to work: `python -m webhook_tutorial --help`."""

from .cli import main

main()
