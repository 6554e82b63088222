"""Flights joined with weather, on a handful of rows in the files' own format."""

import json
from pathlib import Path

import pytest

from slipway.config.loader import load
from slipway.demo import flights
from slipway.demo.errors import DemoError
from slipway.demo.records import sample

ROOT = Path(__file__).resolve().parents[2]
WEATHER = """origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
EWR,2013,1,1,5,39.02,28.04,64.43,260,12.65858,NA,0,1011.9,10,2013-01-01T10:00:00Z
EWR,2013,11,3,1,51.98,39.02,61.15,310,6.90468,NA,0,1009.8,10,2013-11-03T05:00:00Z
EWR,2013,11,3,1,50,39.02,65.8,NA,5.7539,NA,0.02,NA,10,2013-11-03T06:00:00Z
""".splitlines()
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)


def flight(month: int, day: int, *, arr: str, at: str, dep: str = "2", origin: str = "EWR") -> str:
    return (
        f"2013,{month},{day},517,515,{dep},830,819,{arr},UA,1545,N14228,{origin},IAH,227,1400,5,15,"
        f"2013-{month:02}-{day:02}T{at}:00:00Z"
    )


def rows(*lines: str) -> dict[int, list[str]]:
    return flights.months([HEADER, *lines], flights.weather_by_hour(WEATHER))[0]


def test_joins_by_origin_and_utc_hour() -> None:
    assert rows(flight(1, 1, arr="11", at="10")) == {
        1: ["0,2,315,2,1400,UA,EWR,IAH,39.02,28.04,64.43,260,12.65858,0,1011.9,10"]
    }


def test_the_hour_that_stands_twice_is_told_apart() -> None:
    first, second = (rows(flight(11, 3, arr="0", at=at))[11][0] for at in ("05", "06"))
    assert first.split(",")[8] == "51.98"
    assert second.split(",")[8] == "50"
    assert second.split(",")[11] == second.split(",")[14] == "", "NA becomes an empty field"


@pytest.mark.parametrize(("minutes", "late"), [("15", "0"), ("16", "1"), ("-30", "0")])
def test_late_is_more_than_fifteen_minutes(minutes: str, late: str) -> None:
    assert rows(flight(1, 1, arr=minutes, at="10"))[1][0].startswith(f"{late},")


def test_a_flight_that_never_arrived_is_read_and_dropped() -> None:
    kept, read = flights.months([HEADER, flight(1, 1, arr="NA", at="10")], {})
    assert (kept, read) == ({}, 1)


def test_without_weather_the_fields_are_empty_and_the_width_stays() -> None:
    line = rows(flight(1, 1, arr="11", at="10", origin="JFK"))[1][0]
    assert line.endswith(",IAH,,,,,,,,")
    assert line.count(",") == flights.HEADER.count(",")


def test_the_columns_are_those_the_model_declares() -> None:
    model = next(m for m in load(ROOT).models if m.name == "flight-delays")
    assert [c.name for c in model.data.columns] == list(flights.COLUMNS)
    assert model.problem.target == flights.TARGET


def _cached(folder: Path) -> None:
    folder.mkdir()
    names = {flights.file_name(m): 2 for m in range(1, 13)}
    for name in names:
        (folder / name).write_text(flights.HEADER + "\n1,2\n")
    (folder / "months.json").write_text(json.dumps({"format": flights.FORMAT, "rows": names}))


def test_a_whole_cache_is_used_and_a_broken_one_is_not(tmp_path: Path) -> None:
    folder, absent = tmp_path / "monthly", tmp_path / "no-archive"
    _cached(folder)
    assert len(flights.prepare(absent, folder)) == 12
    (folder / flights.file_name(4)).write_text("")
    with pytest.raises(FileNotFoundError):  # it goes back to the archive
        flights.prepare(absent, folder)


def test_sampled_records_follow_the_declared_order(tmp_path: Path) -> None:
    file = tmp_path / "month.csv"
    file.write_text("arr_late,a,b\n" + "".join(f"0,{n},x{n}\n" for n in range(50)))
    chosen = sample([file], ["b", "a"], 10)
    assert len(chosen) == 10 == len(set(chosen))
    assert all(row.split(",")[0] == f"x{row.split(',')[1]}" for row in chosen)
    assert chosen == sample([file], ["b", "a"], 10), "the same seed draws the same rows"


def test_sampling_takes_from_every_file(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text("y,v\n" + f"0,{name}\n" * 100)
    chosen = sample([tmp_path / "a.csv", tmp_path / "b.csv"], ["v"], 100)
    assert 30 < chosen.count("a") < 70


def test_a_declared_column_that_the_data_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("arr_late,a\n0,1\n")
    with pytest.raises(DemoError, match="no column snow"):
        sample([tmp_path / "m.csv"], ["a", "snow"], 1)
