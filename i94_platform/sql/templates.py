"""Reading `.sql` files with placeholders (`${columns}`) from the package that holds them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template


@cache
def load_template(package: str, name: str) -> Template:
    """Read `<name>.sql` of a package, such as `load_template("i94_platform.marts", "origin_climate")`.

    Raises:
        FileNotFoundError: the package has no such file.
    """
    return Template(files(package).joinpath(f"{name}.sql").read_text("utf-8"))
