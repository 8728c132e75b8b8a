"""An episode comes to the process that has opened it before, and processes stay equally busy."""

from lightemma.closed_loop import known_places
from lightemma.closed_loop.known_places import KnownPlaces


def test_a_second_driver_comes_where_the_first_was():
    places, loads = KnownPlaces(), [0, 0, 0]
    names = [f"episode-{number}" for number in range(12)]
    chosen = []
    for _ in range(2):
        chosen.append([])
        for name in names:
            place = places.choose(name, loads)
            loads[place] += 1
            chosen[-1].append(place)
    assert chosen[0] == [0, 1, 2] * 4 == chosen[1]
    assert loads == [8, 8, 8]


def test_a_busy_process_gets_no_more():
    places = KnownPlaces()
    assert places.choose("open", [0, 2]) == 0
    assert places.choose("open", [3, 2]) == 0
    assert places.choose("open", [4, 2]) == 1
    # From now on it is known there.
    assert places.choose("open", [1, 2]) == 1


def test_names_are_forgotten_in_the_end(monkeypatch):
    monkeypatch.setattr(known_places, "MOST", 2)
    places = KnownPlaces()
    for name in ("a", "b", "a", "c"):
        places.choose(name, [1, 0])
    assert places.choose("a", [0, 0]) == 1
    assert places.choose("b", [0, 0]) == 0
