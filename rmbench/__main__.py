"""``python -m rmbench``."""

from rmbench.cli.main import main

if __name__ == "__main__":
    main()
