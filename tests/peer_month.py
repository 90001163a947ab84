"""A month by the published client of the Energy API and its data frames: seconds of the processor, as JSON.

`make bench` runs it in the peers' own environment, with the answer that it has kept in a file.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from fluvius_energy_api.client import GetEnergyResponseApiDataResponse as Answer
from polars_fluvius.converters.energy_converter import convert_energy_response
from polars_fluvius.schemas import ENERGY_SCHEMA


def main() -> None:
    text, times = Path(sys.argv[1]).read_text("utf-8"), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        took = [parsed_and_kept(text, Path(folder) / f"{i}.parquet") for i in range(times)]
    json.dump(took, sys.stdout)


def parsed_and_kept(text: str, file: Path) -> tuple[float, float]:
    """Until the client's own objects are there; and until they are in a Parquet file."""
    begin = time.process_time()
    answer = Answer.model_validate(json.loads(text))
    parsed = time.process_time()
    pl.DataFrame(list(convert_energy_response(answer)), schema=ENERGY_SCHEMA, orient="row").write_parquet(
        file
    )
    return parsed - begin, time.process_time() - begin


if __name__ == "__main__":
    main()
