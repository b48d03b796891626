"""What can be the id of a row. Which rows there are, the tables' own modules know."""


def is_id(value: object) -> bool:
    """Whether both engines can look for it: a positive whole number below 2**63, and no bool."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
