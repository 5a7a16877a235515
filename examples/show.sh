#!/bin/sh
# What show.py does, for a machine without Python: it prints the values on purpose, and strongroom masks
# them, but not yet on a terminal: add `2>&1 | cat` there.
set -eu

# As a scheduled job does: it runs in its own folder, and the files appear below it.
cd "$(dirname "$0")"

show_file() {
    echo "$1: $(wc -c <"$1") bytes, mode 0$(stat -L -c %a "$1")"
    cat "$1"
}

echo "API_KEY: ${#API_KEY} characters: $API_KEY"
show_file mnt/secrets/config.json
show_file licenses/acme.lic
