"""Asked twice of one object, a function works once; of another, or of an equal one, anew."""

from bayes_scaling.models.latest import of_latest


def test_works_once_for_each_object_in_turn() -> None:
    worked = []

    @of_latest
    def count(of: list[int], more: int = 0) -> int:
        worked.append(of)
        return sum(of) + more

    first, equal = [1, 2], [1, 2]
    assert count(first) == count(first) == 3 and len(worked) == 1
    assert count(equal, more=1) == 4 and len(worked) == 2
    assert count(first) == 3 and len(worked) == 3
