"""``python -m bot`` is ``kws``."""

from bot.cli.main import main

if __name__ == "__main__":
    main()
