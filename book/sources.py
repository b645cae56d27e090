"""Makes a page of each file of the repository that the book links to, for mdBook.

A link such as ../src/bin/echo.rs is right where the book is read as Markdown. In the built book
there is nothing above its own folder. So each file becomes a page with its text, in a part of its
own at the end of the contents, and the links lead there. A folder becomes a list of its files.

And where the playground is built, PLAYGROUND names its page, which `make book` puts beside the
chapters: a chapter that says what `make playground` shows has it right there, stopped and ready.

mdBook starts this program twice: with `supports html`, and then with the book on stdin.
"""

import json
import os
import re
import sys

LINK = re.compile(r"\]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")
SCENES = re.compile(r"^`make playground` shows this in a browser: .*?(?=\n\n)",
                    re.DOTALL | re.MULTILINE)
LANGUAGES = {".rs": "rust", ".py": "python", ".toml": "toml", ".js": "javascript", ".go": "go"}


def text_of(path):
    """The page of a file, or of a folder."""
    if os.path.isdir(path):
        return "".join(f"- `{name}`\n" for name in sorted(os.listdir(path)))
    with open(path, encoding="utf-8") as file:
        text = file.read()
    language = LANGUAGES.get(os.path.splitext(path)[1], "text")
    return f"`````{language}\n{text}\n`````\n"


def link_to(path):
    """The name of its page."""
    return "source/" + path.rstrip("/") + ".md"


def shown(page):
    """What stands in the place of a paragraph about scenes: the first one, and links to all."""
    def frame(match):
        first, *others = re.findall(r"#([a-z0-9-]+)`", match.group(0))
        links = ", ".join(f"[{name}]({page}#{name})" for name in [first, *others])
        return (f'<iframe class="playground" src="{page}#{first}" loading="lazy" '
                f'title="The playground: {first}"></iframe>\n\n'
                f"In a window of its own: {links}.")
    return frame


def main():
    if sys.argv[1:2] == ["supports"]:
        sys.exit(sys.argv[2] != "html")
    context, book = json.load(sys.stdin)
    root = os.path.join(context["root"], "..")
    found = set()
    playground = os.environ.get("PLAYGROUND")

    def linked(match):
        path = match.group(1)
        if not os.path.exists(os.path.join(root, path)):
            return match.group(0)
        found.add(path.rstrip("/"))
        return f"]({link_to(path)})"

    def rewrite(item):
        chapter = item.get("Chapter") if isinstance(item, dict) else None
        if chapter:
            chapter["content"] = LINK.sub(linked, chapter["content"])
            if playground:
                chapter["content"] = SCENES.sub(shown(playground), chapter["content"])
            for inner in chapter["sub_items"]:
                rewrite(inner)

    items = book.get("items", book.get("sections"))
    for item in items:
        rewrite(item)

    # A page is within another one, and folded away with it, by its number, which is not shown.
    def page(name, content, path, number, inner=(), above=()):
        return {"Chapter": {"name": name, "content": content, "number": number, "path": path,
                            "source_path": None, "sub_items": list(inner),
                            "parent_names": list(above)}}

    title = "Files that the book links to"
    last = len(items) + 1
    files = [page(path, f"# {path}\n\n{text_of(os.path.join(root, path))}", link_to(path),
                  [last, number], (), [title])
             for number, path in enumerate(sorted(found), 1)]
    listed = "".join(f"- [{path}]({path}.md)\n" for path in sorted(found))
    items.append("Separator")
    items.append(page(title, f"# {title}\n\n{listed}", "source/index.md", [last], files))
    json.dump(book, sys.stdout)


main()
