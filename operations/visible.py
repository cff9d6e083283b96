"""Texts of others, for a terminal: what can't be seen is written as an escape."""


def visible(text: str) -> str:
    """Return a text with an escape for every character that a terminal would obey or hide.

    Such are line breaks, control characters, marks of direction, and spaces other than the usual one. So a
    text stays on its line, and reads in the order in which it is stored.

    Args:
        text: any text.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )
