"""Flights joined with the weather at departure, as one CSV a month.

The target `arr_late` is 1 when a flight arrived more than 15 minutes late. The inputs are what is known when it leaves
the gate.
Flights without an arrival delay (cancelled or diverted) are dropped. A missing value is an empty field.
"""

import csv
import io
import json
import sys
import zipfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from slipway.demo import package
from slipway.demo.errors import DATA_CHANGED, DemoError

TARGET = "arr_late"
LATE_MINUTES = 15
FLIGHT_COLUMNS = ("dep_delay", "sched_dep_minute", "day_of_week", "distance", "carrier", "origin", "dest")
WEATHER_COLUMNS = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
COLUMNS = FLIGHT_COLUMNS + WEATHER_COLUMNS
HEADER = ",".join((TARGET, *COLUMNS))
FLIGHTS = 336_776
"""Flights that left New York in 2013, as the data's own documentation counts them."""
FORMAT = 1
"""Raise it when the monthly files change, so that a cache of older ones is not used."""


def weather_by_hour(lines: Iterable[str]) -> dict[tuple[str, str], str]:
    """(origin, UTC hour) → the weather columns as CSV text.

    The UTC hour is the key since the local one stands twice in the night that ends summer time.
    """
    rows = csv.reader(lines)
    place = {name: i for i, name in enumerate(next(rows))}
    origin, hour = place["origin"], place["time_hour"]
    wanted = [place[name] for name in WEATHER_COLUMNS]
    return {(row[origin], row[hour]): ",".join("" if row[i] == "NA" else row[i] for i in wanted) for row in rows}


def months(flight_lines: Iterable[str], weather: dict[tuple[str, str], str]) -> tuple[dict[int, list[str]], int]:
    """Month → CSV lines in HEADER's order, and how many flights were read, those without an arrival delay included."""
    rows = csv.reader(flight_lines)
    place = {name: i for i, name in enumerate(next(rows))}
    month, day, hour, minute = place["month"], place["day"], place["hour"], place["minute"]
    delay, arrival, year = place["dep_delay"], place["arr_delay"], place["year"]
    carrier, origin, dest = place["carrier"], place["origin"], place["dest"]
    distance, time_hour = place["distance"], place["time_hour"]
    unknown = "," * (len(WEATHER_COLUMNS) - 1)
    weekdays: dict[tuple[str, str], int] = {}
    out: dict[int, list[str]] = {}
    read = 0
    for row in rows:
        read += 1
        if row[arrival] == "NA":
            continue
        on = (row[month], row[day])
        if on not in weekdays:
            weekdays[on] = date(int(row[year]), int(row[month]), int(row[day])).isoweekday()
        late = 1 if float(row[arrival]) > LATE_MINUTES else 0
        left = "" if row[delay] == "NA" else row[delay]
        at = int(row[hour]) * 60 + int(row[minute])
        sky = weather.get((row[origin], row[time_hour]), unknown)
        out.setdefault(int(row[month]), []).append(
            f"{late},{left},{at},{weekdays[on]},{row[distance]},{row[carrier]},{row[origin]},{row[dest]},{sky}"
        )
    return out, read


def prepare(archive: Path, folder: Path) -> dict[str, int]:
    """Write `month=2013-MM.csv` for each month into `folder`, or find them there; month file name → rows.

    The list of files is written last, so an interrupted run is done again.
    """
    listing = folder / "months.json"
    cached = _cached(listing, folder)
    if cached is not None:
        return cached
    folder.mkdir(parents=True, exist_ok=True)
    listing.unlink(missing_ok=True)
    weather = weather_by_hour(io.StringIO(package.read(archive, "weather.csv").decode()))
    with zipfile.ZipFile(io.BytesIO(package.read(archive, "flights.csv.zip"))) as zipped:
        lines = io.StringIO(zipped.read("flights.csv").decode())
    by_month, read = months(lines, weather)
    if read != FLIGHTS or sorted(by_month) != list(range(1, 13)):
        raise DemoError(
            DATA_CHANGED,
            f"{archive} holds {read} flights in the months {sorted(by_month)}, not {FLIGHTS} in twelve.",
            f"Delete {archive} and run again.",
        )
    rows = {}
    for number, content in sorted(by_month.items()):
        name = file_name(number)
        (folder / name).write_text("\n".join((HEADER, *content, "")), encoding="ascii")
        rows[name] = len(content)
    listing.write_text(json.dumps({"format": FORMAT, "rows": rows}), encoding="ascii")
    return rows


def file_name(month: int) -> str:
    """The file of a month of 2013."""
    return f"month=2013-{month:02}.csv"


def _cached(listing: Path, folder: Path) -> dict[str, int] | None:
    try:
        known = json.loads(listing.read_text(encoding="ascii"))
        rows: dict[str, int] = known["rows"]
        whole = all((folder / name).stat().st_size > len(HEADER) for name in rows)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows if known.get("format") == FORMAT and len(rows) == 12 and whole else None


def main() -> int:
    """`python -m slipway.demo.flights FOLDER`: fetch and prepare, in a process whose memory ends with it."""
    folder = Path(sys.argv[1])
    try:
        rows = prepare(package.fetch(folder), folder / "monthly")
    except DemoError as error:
        print(json.dumps({"code": error.code, "what": error.what, "fix": error.fix}))  # noqa: T201
        return 1
    print(json.dumps({"rows": rows}))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
