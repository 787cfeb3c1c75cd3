"""Answers and proofs: their verdicts, their text, their JSON."""

import json

import pytest

from gru_sym.prove.result import Counterexample, Proof, ProofError, Proved, Refuted, Unproved

EXAMPLE = Counterexample({"H": 2}, {"a": ["1", "-1/2"]}, (1,), "1/4", "-1/2")
PROVED = Proved("a = a", ("equal normal forms",), ("a is real",))
REFUTED = Refuted("a**2 = a", EXAMPLE)
UNPROVED = Unproved("b = c", "it grows too large")


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ((PROVED,), "proved"),
        ((PROVED, PROVED), "proved"),
        ((PROVED, UNPROVED), "unproved"),
        ((UNPROVED, REFUTED), "refuted"),
        ((PROVED, REFUTED), "refuted"),
        ((), "unproved"),
    ],
)
def test_a_proof_is_proved_if_all_of_it_is(answers: tuple, verdict: str) -> None:
    assert Proof("all", (("here:", answers),)).verdict == verdict
    assert Proof("all", tuple((f"{k}:", (a,)) for k, a in enumerate(answers))).verdict == verdict


def test_require_gives_the_evidence() -> None:
    assert PROVED.require() is PROVED
    whole = Proof("all", (("here:", (PROVED,)),))
    assert whole.require() is whole
    for bad in (REFUTED, UNPROVED, Proof("all", ()), Proof("all", (("here:", (REFUTED,)),))):
        with pytest.raises(ProofError) as caught:
            bad.require()
        assert str(bad) in str(caught.value)
        assert caught.value.mend


def test_texts() -> None:
    assert str(PROVED) == "proved: a = a\n  assumed: a is real\n  shown: equal normal forms"
    assert str(REFUTED) == (
        "refuted: a**2 = a\nat H = 2:\n  a = [1, -1/2]\n  entry [1]: left 1/4, right -1/2"
    )
    assert str(UNPROVED) == "unproved: b = c\n  it grows too large"
    shown = str(Proof("all", (("here:", (PROVED, UNPROVED)),), ("b is real",)))
    assert shown.splitlines() == [
        "unproved: all",
        "  assumed: b is real",
        "  here:",
        "    ✓ a = a",
        "    unproved: b = c",
        "      it grows too large",
    ]


def test_counterexample_of_scalars() -> None:
    example = Counterexample({}, {"s": "2"}, (), "4", "2")
    assert str(example) == "at\n  s = 2\n  left 4, right 2"
    assert example.difference("written", "right") == "written 4, right 2"


def test_json_is_plain() -> None:
    for answer in (PROVED, REFUTED, UNPROVED):
        data = answer.to_json()
        assert json.loads(json.dumps(data)) == data
        assert (data["verdict"], data["claim"]) == (answer.verdict, answer.claim)
    assert REFUTED.to_json()["counterexample"] == {
        "sizes": {"H": 2},
        "values": {"a": ["1", "-1/2"]},
        "entry": [1],
        "left": "1/4",
        "right": "-1/2",
    }
    proof = Proof("all", (("here:", (PROVED, REFUTED)),), ("x",)).to_json()
    assert [claim["verdict"] for claim in proof["parts"][0]["claims"]] == ["proved", "refuted"]
    assert (proof["verdict"], proof["assumed"]) == ("refuted", ["x"])
