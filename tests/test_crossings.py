"""The order within columns: few crossings, what is low stays low."""

from gru_sym.latex.crossings import Box, Columns, Item, Piece, crossings, order, places


def columns_of(counts: list[int], links: list[tuple[int, int, int, int]]) -> Columns:
    """Columns of boxes; links are (column, place, place in the next column, lanes)."""
    columns = [
        [Item(k, Box(f"{k}.{n}", 1, 1)) for n in range(count)] for k, count in enumerate(counts)
    ]
    for k, start, end, lanes in links:
        piece = Piece(columns[k][start], columns[k + 1][end], lanes)
        piece.source.right.append(piece)
        piece.target.left.append(piece)
    return columns


def names(columns: Columns) -> list[list[str]]:
    return [[item.box.name for item in column if item.box] for column in columns]


def test_lanes_that_cross_are_counted() -> None:
    assert crossings(columns_of([2, 2], [(0, 0, 1, 2), (0, 1, 0, 3)])) == 6
    assert crossings(columns_of([2, 2], [(0, 0, 0, 2), (0, 1, 1, 3)])) == 0
    assert crossings(columns_of([1, 2], [(0, 0, 0, 1), (0, 0, 1, 1)])) == 0


def test_what_can_be_untangled_is() -> None:
    links = [(0, 0, 2, 1), (0, 1, 0, 1), (0, 2, 1, 1), (1, 0, 1, 1), (1, 1, 2, 1), (1, 2, 0, 1)]
    columns = columns_of([3, 3, 3], links)
    assert crossings(columns) > 0
    order(columns)
    assert crossings(columns) == 0
    assert [sorted(column) for column in names(columns)] == [
        [f"{k}.{n}" for n in range(3)] for k in range(3)
    ]


def test_a_low_box_stays_below_even_where_that_costs_a_crossing() -> None:
    columns = columns_of([2, 2], [(0, 0, 0, 1), (0, 1, 1, 1)])
    columns[0][0].box = Box("x", 1, 1, "low")
    columns[1][1].box = Box("y", 1, 1, "low")
    order(columns)
    assert columns[0][-1].is_low
    assert columns[1][-1].is_low
    assert crossings(columns) == 1


def test_thin_links_cross_rather_than_thick_ones() -> None:
    # K(2, 2) cannot be drawn without a crossing in columns.
    links = [(0, 0, 0, 1), (0, 0, 1, 5), (0, 1, 0, 5), (0, 1, 1, 1)]
    columns = columns_of([2, 2], links)
    assert crossings(columns) == 25
    order(columns)
    assert crossings(columns) == 1


def test_no_column_and_empty_columns() -> None:
    nothing: Columns = []
    order(nothing)
    assert nothing == []
    empty: Columns = [[], []]
    order(empty)
    assert empty == [[], []]


def test_places_count_from_the_top() -> None:
    columns = columns_of([2], [])
    place = places(columns)
    assert [place[id(item)] for item in columns[0]] == [0, 1]
