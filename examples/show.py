"""A program that needs secrets, and shows that it has them.

It prints the values on purpose: run by strongroom, they come out as *** wherever the output goes, but for a terminal,
which is not masked yet. Add `2>&1 | cat` there.
"""

import json
import os
import pathlib
import stat

# As a scheduled job does: it runs in its own folder, and the files appear below it.
os.chdir(pathlib.Path(__file__).parent)


def show_file(path):
    """Reads a delivered file, below the folder the program runs in."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    mode = stat.S_IMODE(os.stat(path).st_mode)
    print(f"{path}: {len(text.encode())} bytes, mode {mode:04o}")
    print(text, end="")
    return text


key = os.environ["API_KEY"]
print(f"API_KEY: {len(key)} characters: {key}")

config = json.loads(show_file("mnt/secrets/config.json"))
print(f"(it is JSON, and has {' and '.join(config)})")

show_file("licenses/acme.lic")
