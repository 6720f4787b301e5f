"""Files that were made to crash, to stall or to swell the checker. Each found something once, or stands at a limit."""

from collections.abc import Callable
from typing import NamedTuple

LIMIT = 1 << 20  # characters of a file

HEADER = "input: {channels: 3, height: 8, width: 8}\nclasses: 10\n"
END = "- {type: global_avg_pool}\n- {type: flatten}\n- {type: linear, out: 10}\n"


class Monster(NamedTuple):
    """A file, and what becomes of it.

    Attributes:
        name: What it is.
        text: Gives the file.
        says: Part of what the checker prints.
        status: The exit status.
    """

    name: str
    text: Callable[[], str | bytes]
    says: str
    status: int = 1


def spec(*layers: str, before: str = "", after: str = "") -> str:
    """Give a spec that would be good but for what is put into it: layers, each by its keys."""
    return f"{HEADER}{before}layers:\n{''.join(f'- {{{layer}}}' + chr(10) for layer in layers)}{END}{after}"


def each(template: str, count: int) -> str:
    """Repeat a text; `#` in it is the number of the repetition."""
    return "".join(template.replace("#", str(number)) for number in range(count))


def nested(before: str, inner: str, after: str, times: int) -> str:
    """Put a text into brackets many times over."""
    return before * times + inner + after * times


def block(body: str, parameters: str = "") -> str:
    """Define a block `b`."""
    return f"blocks: {{b: {{parameters: {{{parameters}}}, body: [{body}]}}}}\n"


def chain(body: str, count: int) -> str:
    """Define blocks b0, b1, ... each of which has the next one in it: `@` in the body."""
    blocks = "".join(f"  b{number}: {{body: [{body.replace('@', f'b{number + 1}')}]}}\n" for number in range(count))
    return f"blocks:\n{blocks}  b{count}: {{body: [{{type: identity}}]}}\n"


def laughs(levels: int) -> str:
    """Give the billion laughs."""
    lines = ["a0: &a0 [lol, lol, lol]\n"]
    lines += [f"a{level + 1}: &a{level + 1} [{', '.join([f'*a{level}'] * 9)}]\n" for level in range(levels)]
    return "".join(lines)


IDENTITY = "{type: identity}, "
NOTHING = "{sequence: []}, "
NEAR = "a" * 55  # a word that is near to many others, and nearly as long as one that is compared may be

TEXTS = [
    Monster("brackets", lambda: "[" * LIMIT, "nested more than 64 levels deep"),
    Monster("braces", lambda: "{a: " * (LIMIT // 4), "nested more than 64 levels deep"),
    Monster("one key", lambda: "? " + "k" * (LIMIT - 10) + "\n: 1\n", "a key of more than 200 characters"),
    Monster("one value", lambda: "s" * LIMIT, "expected a mapping"),
    Monster("escapes", lambda: '"' + r"\n" * (LIMIT // 2 - 1) + '"', "expected a mapping"),
    Monster("escapes in a key", lambda: '{"' + r"\x07" * (LIMIT // 4 - 4) + '": 1}', "a key of more than 200"),
    Monster("line breaks", lambda: "\n" * LIMIT, "the file is empty"),
    Monster("line breaks of YAML 1.1", lambda: "\x85\u2028\u2029" * (LIMIT // 3), "the file is empty"),
    Monster("byte order marks", lambda: "\ufeff" * LIMIT, "the file is empty"),
    Monster("nulls", lambda: "\0" * LIMIT, "U+0000"),
    Monster("bytes that are no text", lambda: b"\xff" * LIMIT, "is not UTF-8 text"),
    Monster("one character too many", lambda: "#" * (LIMIT + 1), "is larger than 1,048,576 characters"),
    Monster("exactly the limit", lambda: spec().ljust(LIMIT, "#"), "valid: 3 layers", 0),
    Monster("tag directives", lambda: each("%TAG !#! x:\n", 60_000) + "---\na: 1\n", "a %TAG directive is not allowed"),
    Monster("exclamation marks", lambda: "!" * LIMIT, "is not allowed: a spec is plain data"),
    Monster("duplicates", lambda: "{" + "a: ," * 49_000 + "}", "the key 'a' is already given"),
    Monster("more duplicates", lambda: "{" + "a: ," * 260_000 + "}", "too many errors: "),
    Monster("the billion laughs", lambda: laughs(20), "more than 100,000 values"),
    Monster("an endless alias", lambda: "a: &a [*a]", "refers to the value that it is part of"),
    Monster("merge keys", lambda: "a: &a {x: 1}\nb: {" + "<<: *a, " * 20_000 + "}", "unknown key 'a' for a spec"),
]

WORDS = [
    Monster("unknown keys", lambda: HEADER + each("layer#: 1\n", 49_000), "too many errors: "),
    Monster("unknown layers", lambda: spec(*["type: inceptoin"] * 30_000), "did you mean inception?"),
    Monster("a long word", lambda: spec("type: " + "inception_" * 100_000), "unknown layer type"),
    Monster("unknown keys of a layer", lambda: spec("type: conv, " + each("kernel#: 1, ", 49_000)), "kernel0"),
    Monster(
        "near misses",
        lambda: spec(
            *[f"name: {NEAR}{number}, type: identity" for number in range(3000)],
            after="aux:\n" + each(f"- {{name: h#, after: {NEAR}x#}}\n", 100),
        ),
        "did you mean aaa",
    ),
    Monster("one name", lambda: spec(*["name: n, type: identity"] * 19_000), "the name 'n' is already used"),
    Monster("words for numbers", lambda: spec("type: rescale, scale: [" + "a," * 90_000 + "]"), "expected a number"),
    Monster("odd positions", lambda: spec("type: identity, repeat: 2, overrides: {²: {}, --1: {}}"), "not ²"),
    Monster("a long path", lambda: "extends: " + "googlenet" * 100_000, "is not a path"),
    Monster("many includes", lambda: "include: [" + "googlenet, " * 40_000 + "]\n", "for an included file"),
]

NETWORKS = [
    Monster(
        "many layers", lambda: spec(*["type: conv, out: 8, kernel: 1"] * 14_000), "no machine has that much memory"
    ),
    Monster("many forks", lambda: spec(*["concat: [[]]"] * 19_000), "more than 10,000 operations"),
    Monster("many branches", lambda: spec("concat: [" + f"[{IDENTITY}]," * 5000 + "]"), "valid: 4 layers", 0),
    Monster(
        "many sources",
        lambda: spec("name: a, type: identity", "type: identity, from: [" + "a," * 90_000 + "]"),
        "valid: 5 layers",
        0,
    ),
    Monster(
        "many unknown sources",
        lambda: spec("repeat: 10000, sequence: [{type: identity, from: [" + "c," * 90_000 + "]}]"),
        "no earlier member",
    ),
    Monster(
        "repeats of repeats",
        lambda: spec("sequence: [" + nested("{repeat: 10000, sequence: [", IDENTITY, "]}", 20) + "]"),
        "more than 10,000 operations",
    ),
    Monster(
        "repeats of nothing",
        lambda: spec("sequence: [" + nested("{repeat: 10000, sequence: [", NOTHING, "]}", 20) + "]"),
        "expands to more than 1,500,000 values",
    ),
    Monster(
        "repeats of what is not there",
        lambda: spec("repeat: 10000, sequence: [" + "{type: identity, when: $classes > 100}," * 10_000 + "]"),
        "expands to more than 1,500,000 values",
    ),
    Monster(
        "repeats of a branch without width",
        lambda: spec("repeat: 10000, concat: [[], [" + IDENTITY * 15_000 + "{type: conv, out: 0, kernel: 1}]]"),
        "expands to more than 1,500,000 values",
    ),
    Monster(
        "repeats of a long list",
        lambda: spec("repeat: 10000, type: rescale, scale: [" + "$in, " * 90_000 + "]"),
        "expands to more than 1,500,000 values",
    ),
    Monster(
        "repeats of one mistake",
        lambda: spec("repeat: 10000, type: conv, out: 8, kernel: 1, " + each("key#: 1, ", 80)),
        "unknown key 'key0'",
    ),
    Monster(
        "one layer overridden",
        lambda: spec(f"type: identity, repeat: 10000, {each('k#: 1,', 9000)} overrides: {{{each('#: {},', 20_000)}}}"),
        "too many errors: ",
    ),
    Monster(
        "many overrides",
        lambda: spec(f"type: conv, out: 8, kernel: 1, repeat: 4000, overrides: {{{each('#: {out: 9}, ', 4000)}}}"),
        "more than 200 overrides of a layer with 5 keys",
    ),
    Monster(
        "many layers overridden",
        lambda: spec(*[f"type: identity, repeat: 50, {each('k#: 1,', 20)} overrides: {{{each('#: {},', 40)}}}"] * 250),
        "unknown key 'k0'",
    ),
    Monster(
        "channels that double",
        lambda: spec("type: conv, out: 8, kernel: 99", *["concat: [[], []]"] * 9000),
        "one image would have",
    ),
    Monster(
        "many heads",
        lambda: spec("name: a, type: identity", after="aux:\n" + each("- {name: h#, after: a}\n", 19_000)),
        "more than 100 heads",
    ),
    Monster(
        "long names",
        lambda: spec(nested(f"name: {'n' * 99}, sequence: [{{", f"sequence: [{IDENTITY * 15_000}]", "}]", 28)),
        "a full name has more than 500 characters",
    ),
]

BLOCKS = [
    Monster("blocks in blocks", lambda: spec("type: b0", before=chain("{type: @}", 200)), "more than 64 levels deep"),
    Monster(
        "blocks in forks in blocks",
        lambda: spec("type: b0", before=chain(nested("{concat: [[", "{type: @}", "]]}", 18), 30)),
        "more than 64 levels deep",
    ),
    Monster(
        "blocks that double",
        lambda: spec("type: b0", before=chain("{type: @}, {type: @}", 30)),
        "more than 10,000 operations",
    ),
    Monster(
        "blocks that stand in each other",
        lambda: spec(*["type: b0"] * 99, before=chain("{type: @}, {type: @}, {type: b0}", 12)),
        "a block cannot contain itself",
    ),
    Monster(
        "many blocks",
        lambda: spec(before="blocks:\n" + each(f"  b#: {{body: [{IDENTITY}]}}\n", 8000)),
        "more than 1,000 blocks and parameters",
    ),
    Monster(
        "many parameters",
        lambda: spec("type: b", before=block(IDENTITY, each("p#: width, ", 45_000))),
        "more than 100 parameters",
    ),
    Monster(
        "a hundred parameters",
        lambda: spec(*["type: b"] * 19_000, before=block(NOTHING, each("p#: {type: width, default: 1}, ", 100))),
        "expands to more than 1,500,000 values",
    ),
    Monster(
        "many choices",
        lambda: spec(
            "type: b, p: x", before=block(IDENTITY, f"p: {{type: string, choices: [{each('a#, ', 90_000)}]}}")
        ),
        "at most 100 items",
    ),
    Monster(
        "the bounds of a size",
        lambda: spec("type: b, p: 5", before=block(IDENTITY, "p: {type: size, minimum: 1}")),
        "a size has no minimum",
    ),
    Monster(
        "unknown $ names",
        lambda: spec(before=block(each("{type: identity, p: $aaab#}, ", 12_000), each("aaaa#: width, ", 99))),
        "did you mean aaaa",
    ),
    Monster(
        "many variables",
        lambda: spec("type: identity, repeat: 10000", before="variables: {" + each("v#: 1, ", 40_000) + "}\n"),
        "more than 100 variables",
    ),
    Monster(
        "a large variable",
        lambda: spec(*["type: conv, out: $a + 1, kernel: 1"] * 8000, before=f"variables: {{a: {'x' * 500_000}}}\n"),
        "no more than 1,000 characters",
    ),
    Monster(
        "variables that grow",
        lambda: spec(before="variables:\n  a0: 10\n" + "".join(f"  a{n + 1}: $a{n} * $a{n}\n" for n in range(99))),
        "the result is too large",
    ),
    Monster(
        "a long expression", lambda: spec("type: identity, when: $in" + "+1" * 400_000), "more than 200 characters"
    ),
    Monster(
        "much to compare",
        lambda: spec(
            "type: b, repeat: 10000",
            before=f"variables: {{a: [{'1, ' * 320}], c: [{'1, ' * 320}]}}\n"
            + block(("{type: identity, when: $a != $c" + " or $a!=$c" * 18 + "}, ") * 100 + NOTHING),
        ),
        "expands to more than 1,500,000 values",
    ),
]

MONSTERS = [*TEXTS, *WORDS, *NETWORKS, *BLOCKS]
