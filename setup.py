"""Adds the built front end to a wheel, as server/ui; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithPages(build_py):
    def run(self) -> None:
        super().run()
        pages = Path("frontend/dist")
        if pages.is_dir() and not self.editable_mode:
            shutil.copytree(pages, Path(self.build_lib) / "server" / "ui", dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithPages})
