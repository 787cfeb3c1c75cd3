"""Places and tracks: nothing overlaps, nothing runs through a box, the same every time."""

import random
from itertools import pairwise

import pytest

from gru_sym.latex.layout import LANE, Box, Link, Plan, arrange


def drawn(plan: Plan) -> list[tuple[float, float]]:
    """Many points of all tracks."""
    points = []
    for lanes in plan.tracks:
        for track in lanes:
            for k in range(0, len(track) - 1, 3):
                a, b, c, d = track[k : k + 4]
                for step in range(25):
                    t = step / 24
                    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                    points.append(
                        tuple(
                            sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True))
                            for axis in (0, 1)
                        )
                    )
    return points  # type: ignore[return-value]


def is_sound(plan: Plan) -> None:
    boxes = [(plan.centres[name], plan.sizes[name]) for name in plan.centres]
    for k, ((x, y), (w, h)) in enumerate(boxes):
        assert x - w / 2 >= -1e-9
        assert x + w / 2 <= plan.size[0] + 1e-9
        assert y - h / 2 >= -1e-9
        assert y + h / 2 <= plan.size[1] + 1e-9
        for (u, v), (a, b) in boxes[:k]:
            assert abs(x - u) >= (w + a) / 2 - 1e-9 or abs(y - v) >= (h + b) / 2 + 0.1
        for px, py in drawn(plan):
            assert not (abs(px - x) < w / 2 - 1e-6 and abs(py - y) < h / 2 - 1e-6)
    for px, py in drawn(plan):
        assert -1e-9 <= px <= plan.size[0] + 1e-9
        assert -1e-9 <= py <= plan.size[1] + 1e-9


def random_graph(seed: int) -> tuple[list[Box], list[Link]]:
    rng = random.Random(seed)
    count = rng.randint(1, 14)
    roles = ["first", "low", ""]
    boxes = [
        Box(f"v{k}", rng.uniform(0.5, 2), rng.uniform(0.4, 0.9), roles[min(k, rng.randint(0, 2))])
        for k in range(count)
    ]
    links = [
        Link(boxes[a].name, boxes[b].name, rng.randint(1, 5))
        for b in range(count)
        for a in range(b)
        if boxes[b].role == "" and rng.random() < 0.35
    ]
    return boxes, links


@pytest.mark.parametrize("seed", range(60))
def test_any_graph(seed: int) -> None:
    boxes, links = random_graph(seed)
    plan = arrange(boxes, links, 15)
    is_sound(plan)
    assert plan == arrange(boxes, links, 15)
    for link, tracks in zip(links, plan.tracks, strict=True):
        assert len(tracks) == link.lanes
        for track in tracks:
            right = plan.centres[link.source][0] + plan.sizes[link.source][0] / 2
            left = plan.centres[link.target][0] - plan.sizes[link.target][0] / 2
            assert track[0][0] == pytest.approx(right)
            assert track[-1][0] == pytest.approx(left)
            assert [p[0] for p in track] == sorted(p[0] for p in track)


def test_roles() -> None:
    boxes = [Box("h", 1, 0.5, "first"), Box("x", 1, 0.5, "low"), Box("z", 1, 0.5), Box("n", 1, 0.5)]
    links = [Link("h", "z"), Link("x", "z"), Link("z", "n"), Link("h", "n")]
    plan = arrange(boxes, links)
    assert plan.centres["h"][0] == plan.centres["x"][0]
    assert plan.centres["x"][1] < plan.centres["h"][1]
    assert plan.centres["h"][0] < plan.centres["z"][0] < plan.centres["n"][0]


def test_lanes_of_a_bundle_lie_side_by_side() -> None:
    plan = arrange([Box("a", 1, 0.5), Box("b", 1, 0.5)], [Link("a", "b", 4)])
    ((first, second, third, fourth),) = plan.tracks
    heights = [track[0][1] for track in (first, second, third, fourth)]
    steps = [a - b for a, b in pairwise(heights)]
    assert steps == pytest.approx([LANE] * 3)


def test_an_alone_box_and_nothing_at_all() -> None:
    assert arrange([], []).size == (0, 0)
    assert arrange([Box("a", 1, 0.5)], []).size == (1, 0.5)


def test_columns_come_closer_where_room_is_scarce() -> None:
    boxes = [Box(f"v{k}", 1, 0.5) for k in range(5)]
    links = [Link(a.name, b.name) for a, b in pairwise(boxes)]
    assert arrange(boxes, links, 10).size[0] <= 10 < arrange(boxes, links).size[0]
