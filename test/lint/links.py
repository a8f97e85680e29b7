"""links.py - links of our documents that lead nowhere, and files that they name and that are not there.

    python3 test/lint/links.py FILE.md...      run at the top of the tree, by docs.sh

A link is relative to its document and may end in the anchor of a heading, as GitHub makes it. A name in
backquotes that ends like one of our files has to be the end of a path of the tree.
"""
import os
import re
import subprocess
import sys

TREE = subprocess.run(["git", "ls-files"], check=True, capture_output=True, text=True).stdout.split()
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAME = re.compile(r"`([\w./-]+\.(?:c|h|sql|sh|t|pl|pm|py|txt|md|def))`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(document):
    with open(document, encoding="utf-8") as file:
        headings = HEADING.findall(file.read())
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def wrong_link(document, target):
    path, _, anchor = target.partition("#")
    path = os.path.normpath(os.path.join(os.path.dirname(document), path)) if path else document
    if not os.path.exists(path):
        return "link to a file that is not there"
    if anchor and anchor not in anchors(path):
        return "link to a heading that is not there"
    return None


def is_in_tree(name):
    return any(("/" + path).endswith("/" + os.path.normpath(name).lstrip("./")) for path in TREE)


for document in sys.argv[1:]:
    with open(document, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            for target in LINK.findall(line):
                why = None if "://" in target else wrong_link(document, target)
                if why:
                    print(f"{document}:{number}: {why}: {target}")
            for name in NAME.findall(line):
                if not is_in_tree(name):
                    print(f"{document}:{number}: names a file that is not there: {name}")
