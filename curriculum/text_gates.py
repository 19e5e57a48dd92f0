"""Gates that read a lesson without running it. Each yields reasons; none is good."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator

import nbformat
from nbconvert.filters.markdown import markdown2html
from nbformat import NotebookNode

from curriculum.build import FURIGANA, author_cells, built_text
from curriculum.kanji import unknown
from curriculum.lessons import DATA, HOME, LEVELS, Lesson, catalogue, lessons
from robokit.hint import messages

MAX_JA, MAX_EN = 60, 90
MAX_COLUMNS = 60
# Texts that are shown with a picture or a chart; they are no hints and may be longer.
CAPTIONS = ("ride_", "telemetry_")
ENGLISH = re.compile(r"<details lang=\"en\"><summary>English</summary>\n\n(.+)\n</details>\s*$", re.DOTALL)
NETWORK = frozenset({"aiohttp", "ftplib", "http", "httpx", "requests", "smtplib", "socket", "urllib", "websockets"})
PLAIN_ENDING = re.compile(r"(?:だ|である|だった|だろう)。")


def both_languages(lesson: Lesson) -> Iterator[str]:
    """Gate 11: every text has Japanese and English, and the numbers in both agree."""
    for cell in author_cells(lesson):
        if cell.metadata["kind"] != "text":
            continue
        english = ENGLISH.search(cell.source)
        if english is None or not english[1].strip():
            yield f"{cell.metadata['id']}: no English in <details lang=\"en\"> at the end"
            continue
        numbers = [_numbers(part) for part in (cell.source[: english.start()], english[1])]
        if numbers[0] != numbers[1]:
            yield f"{cell.metadata['id']}: numbers differ: ja {sorted(numbers[0])}, en {sorted(numbers[1])}"


def readings(lesson: Lesson) -> Iterator[str]:
    """Gate 12: level es has no kanji above grade 4 without a reading; readings are reviewed; ruby has brackets."""
    known = reviewed()
    for cell in author_cells(lesson):
        if cell.metadata["kind"] == "explain":
            continue  # the learner never sees the sample answer
        for word, reading in FURIGANA.findall(cell.source):
            if known.get(word) != reading:
                yield f"{cell.metadata['id']}: {word} is read {known.get(word)} in readings.tsv, here {reading}"
        if lesson.level == "es" and (left := unknown(FURIGANA.sub("", _japanese(cell)))):
            yield f"{cell.metadata['id']}: kanji above grade 4 without a reading: {left}"
    for cell in notebook(lesson).cells:
        if cell.source.count("<ruby>") != cell.source.count("<rp>（</rp>"):
            yield f"{cell.id}: a <ruby> without <rp>"


def style(lesson: Lesson) -> Iterator[str]:
    """Gate 13: です・ます in every Japanese text, and bold words that really become bold."""
    for cell in author_cells(lesson):
        if cell.cell_type == "markdown":
            shown = re.sub(r"<code>.*?</code>", "", markdown2html(cell.source), flags=re.DOTALL)
            if "**" in shown:
                yield f"{cell.metadata['id']}: ** beside a bracket is not bold: {shown[shown.index('**') :][:40]}"
        if found := PLAIN_ENDING.search(_japanese(cell)):
            yield f"{cell.metadata['id']}: {found[0]} is not です・ます"


def code(lesson: Lesson) -> Iterator[str]:
    """Gate 14: no input(), no network, no line of code longer than a small screen shows."""
    for cell in notebook(lesson).cells:
        if cell.cell_type != "code":
            continue
        for line in cell.source.split("\n"):
            if len(line) > MAX_COLUMNS:
                yield f"{cell.id}: {len(line)} columns: {line}"
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "input":
                yield f"{cell.id}: input()"
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if used := NETWORK & {name.split(".")[0] for name in names}:
                yield f"{cell.id}: network: {', '.join(used)}"


def stripped(lesson: Lesson) -> Iterator[str]:
    """Gate 15: no outputs, and the kernel is named."""
    made = notebook(lesson)
    if made.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "kernelspec is not python3"
    for cell in made.cells:
        if cell.get("outputs") or cell.get("execution_count"):
            yield f"{cell.id}: outputs are stored"


def in_step(lesson: Lesson) -> Iterator[str]:
    """Gate 16: the notebook and the files beside it are what the author files give."""
    if not lesson.notebook.is_file() or lesson.notebook.read_text(encoding="utf-8") != built_text(lesson):
        yield "the notebook is not what lesson.py gives. Do: ./kaga curriculum build"
    beside = {path.name: path for path in lesson.source.glob("*") if path != lesson.notebook}
    if set(beside) != set(lesson.files):
        yield f"files beside the notebook: expected {sorted(lesson.files)}, got {sorted(beside)}"
    for name in set(beside) & set(lesson.files):
        if beside[name].read_bytes() != lesson.origin(name).read_bytes():
            yield f"{name} differs from its origin. Do: ./kaga curriculum build"


def labelled(lesson: Lesson) -> Iterator[str]:
    """Gate 18: a made-up data set says so in its name, in every row, in the notebook and in SOURCES.md; a real one has
    an address, a date, a licence and who checked it, and while nobody has, the notebook says so."""
    sources = {row[0].strip("` "): row for row in _table((DATA / "SOURCES.md").read_text(encoding="utf-8"))}
    text = "\n".join(cell.source for cell in notebook(lesson).cells)
    for name in lesson.files:
        if not name.endswith(".csv"):
            continue
        if name not in sources:
            yield f"{name}: not in data/SOURCES.md"
            continue
        label, _, address, date, licence, checked = sources[name][1:7]
        with (lesson.source / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        made_up = name.endswith("_synthetic.csv")
        if made_up != (label == "synthetic"):
            yield f"{name}: its name and its label {label!r} in SOURCES.md differ"
        if made_up and not all("synthetic" in row.get("source", "") for row in rows):
            yield f"{name}: a row does not say that it is synthetic"
        if made_up and "synthetic" not in text:
            yield f"{name}: the notebook does not say that the data are synthetic"
        if not made_up and not (address.startswith("https://") and date and licence and checked):
            yield f"{name}: address, date, licence and who checked it are needed in SOURCES.md"
        if not made_up and "to be verified" in checked and ("to be verified" not in text or "照合" not in text):
            yield f"{name}: not verified yet, and the notebook does not say so in both languages"


def catalogued(lesson: Lesson) -> Iterator[str]:
    """Gate 19: level, minutes and points are what the notebook has; prerequisites exist and have no circle."""
    everything = {other.id: other for other in lessons()}
    if lesson.level not in LEVELS or lesson.course not in catalogue()["courses"]:
        yield f"level {lesson.level} or course {lesson.course} is not known"
    given = {"test": 0, "explain": 0}
    for cell in author_cells(lesson):
        if cell.metadata["kind"] in given:
            given[cell.metadata["kind"]] += cell.metadata["points"]
    if (given["test"], given["explain"]) != (lesson.auto_points, lesson.manual_points) or sum(given.values()) != 10:
        yield f"points: {given} in the notebook; 10 in all, {lesson.auto_points} and {lesson.manual_points} promised"
    intro = author_cells(lesson)[0].source
    if f"{lesson.minutes} 分" not in intro or lesson.ja not in intro:
        yield "the first cell does not have the minutes and the Japanese title of the catalogue"
    before, waiting = set(), list(lesson.prerequisites)
    while waiting:
        name = waiting.pop()
        if name not in everything or name == lesson.id:
            yield f"prerequisite {name} is {'a circle' if name == lesson.id else 'no lesson'}"
            return
        if name not in before:
            before.add(name)
            waiting += everything[name].prerequisites
    if not (lesson.folder / "RUBRIC.md").is_file():
        yield "RUBRIC.md is missing"


def nothing_unlisted() -> Iterator[str]:
    """Gate 19, the reverse: every built notebook is in the catalogue."""
    listed = {lesson.notebook for lesson in lessons()}
    for path in sorted(HOME.glob("*/source/*/*.ipynb")):
        if path not in listed:
            yield f"{path.relative_to(HOME)} is not in catalogue.yml"


def sentences() -> Iterator[str]:
    """Gate 11 for messages: Japanese and English, short, the same values, and no kanji a fifth-grader cannot read."""
    for name, texts in messages().items():
        if set(texts) != {"ja", "en"}:
            yield f"{name}: expected ja and en, got {sorted(texts)}"
            continue
        values = [set(re.findall(r"\{(\w+)\}", texts[language])) for language in ("ja", "en")]
        if values[0] != values[1]:
            yield f"{name}: ja and en show other values"
        if not name.startswith(CAPTIONS) and (len(texts["ja"]) > MAX_JA or len(texts["en"]) > MAX_EN):
            yield f"{name}: too long: ja {len(texts['ja'])} of {MAX_JA}, en {len(texts['en'])} of {MAX_EN}"
        if not name.startswith("d01_") and (left := unknown(texts["ja"])):
            yield f"{name}: kanji above grade 4: {left}"
        if PLAIN_ENDING.search(texts["ja"]):
            yield f"{name}: not です・ます"


def reviewed() -> dict[str, str]:
    """Word to reading, from readings.tsv."""
    with (HOME / "readings.tsv").open(encoding="utf-8", newline="") as file:
        return {row["word"]: row["reading"] for row in csv.DictReader(file, delimiter="\t")}


def notebook(lesson: Lesson) -> NotebookNode:
    """The built notebook."""
    return nbformat.read(lesson.notebook, as_version=4)


def _japanese(cell: NotebookNode) -> str:
    return ENGLISH.sub("", cell.source) if cell.cell_type == "markdown" else cell.source


def _numbers(text: str) -> set[str]:
    prose = re.sub(r"^#+ [^\n]*$|```.*?```|`[^`]*`|!?\[[^\]]*\]\([^)]*\)", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(re.findall(r"\d+(?:[.,]\d+)*", prose))


def _table(text: str) -> list[list[str]]:
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [row for row in rows[2:] if len(row) >= 7]
