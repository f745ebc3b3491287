#!/usr/bin/python3
"""Write the files of the page as a C table (assets.h): mkassets.py FILE... > assets.c

index.html is "/"; every other file is "/assets/NAME". One flat folder, so that no path needs to be looked into.
"""
import hashlib
import pathlib
import sys

TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".webmanifest": "application/manifest+json", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}


def rows(data, width=24):
    return ",\n".join(",".join(map(str, data[i:i + width])) for i in range(0, len(data), width))


def main(names):
    table = []
    print('/* Made by mkassets.py; not to be edited. */\n#include "admin/console/assets.h"\n')
    for number, path in enumerate(sorted(map(pathlib.Path, names), key=lambda p: p.name)):
        data = path.read_bytes()
        where = "/" if path.name == "index.html" else f"/assets/{path.name}"
        etag = hashlib.sha256(data).hexdigest()[:16]
        # A zero at the end keeps an empty file from being an empty array, which C has not.
        print(f"static const unsigned char file_{number}[] = {{\n{rows(data + bytes(1))}\n}};")
        table.append(f'\t{{ "{where}", "{TYPES[path.suffix]}", "\\"{etag}\\"", file_{number}, {len(data)} }},')
    print("\nconst struct asset assets[] = {", *table, "};", sep="\n")
    print("const size_t n_assets = sizeof(assets) / sizeof(assets[0]);")


main(sys.argv[1:])
