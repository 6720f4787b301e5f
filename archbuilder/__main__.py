"""`python -m archbuilder` is `archbuilder`."""

from archbuilder.cli import main

if __name__ == "__main__":
    main()
