"""Runs tables as people have them: CSV, Parquet and JSON lines with something wrong, or only unusual, about them.

A case is what writes the file into a folder and returns its path, what must come, and the arguments of ``load_runs``.
"""

import datetime as dt
import gzip
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from shared.bad_inputs import Read, Refused, Warned, read, refused, warned

HEADER = "task,method,model_size,finetune_size,loss"
TWO = [2.1, 1.9]


class FileCase(NamedTuple):
    """A file, what must come of it, and what ``load_runs`` is told besides its path."""

    write: Callable[[Path], Any]
    must: Refused | Warned | Read
    columns: Any = None


def rows(**cells: Any) -> pd.DataFrame:
    """Two good runs as text, and the first with other cells."""
    good = {"task": "sum", "method": "lora", "model_size": "1B", "finetune_size": "10k", "loss": "2.1"}
    names = list(dict.fromkeys([*good, *cells]))
    second = good | {"finetune_size": "20k", "loss": "1.9"}
    return pd.DataFrame([good | cells, second], columns=names)


def table(**columns: Any) -> pd.DataFrame:
    """Two good runs as numbers, with other columns."""
    good = {"task": "sum", "method": "lora", "model_size": 1e9, "finetune_size": [1e4, 2e4], "loss": TWO}
    return pd.DataFrame(good).assign(**columns)


def raw(content: bytes | str, name: str = "runs.csv") -> Callable[[Path], Path]:
    """Write these bytes."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return folder / name

    return write


def csv(separator: str = ",", encoding: str = "utf-8", **cells: Any) -> Callable[[Path], Path]:
    """Write two runs, the first with other cells."""
    return raw(rows(**cells).to_csv(index=False, sep=separator).encode(encoding))


def parquet(**columns: Any) -> Callable[[Path], Path]:
    """Write two runs with other columns."""

    def write(folder: Path) -> Path:
        table(**columns).to_parquet(folder / "runs.parquet")
        return folder / "runs.parquet"

    return write


def spoilt(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """Write a Parquet file and change its bytes."""

    def write(folder: Path) -> Path:
        path = parquet()(folder)
        path.write_bytes(change(path.read_bytes()))
        return path

    return write


def binary_text(folder: Path) -> Path:
    """Write a Parquet file whose tasks are no text, though it says so. Bug: found by the fuzzer, as pyarrow's error."""
    found = pa.Table.from_pandas(table(), preserve_index=False)
    task = found["task"].combine_chunks().cast(pa.string())
    bytes_of = pa.py_buffer(task.buffers()[2].to_pybytes().replace(b"s", b"\xff"))
    spoilt = pa.StringArray.from_buffers(len(task), task.buffers()[1], bytes_of)
    pq.write_table(found.set_column(found.column_names.index("task"), "task", spoilt), folder / "runs.parquet")
    return folder / "runs.parquet"


def noted(notes: bytes) -> Callable[[Path], Path]:
    """Write a Parquet file with these notes of how pandas had its columns."""

    def write(folder: Path) -> Path:
        found = pa.Table.from_pandas(table()).replace_schema_metadata({b"pandas": notes})
        pq.write_table(found, folder / "runs.parquet")
        return folder / "runs.parquet"

    return write


def jsonl(first: str) -> Callable[[Path], Path]:
    """Write a line as it is, then a good run."""
    return raw(f"{first}\n{json.dumps(table().iloc[1].to_dict())}\n", "runs.jsonl")


def run(**cells: Any) -> str:
    """A good run as a line of JSON, with other cells."""
    return json.dumps(table().iloc[0].to_dict() | cells)


def million(folder: Path) -> Path:
    """Write as many runs, each at a D_f of its own."""
    many = 10**6
    pd.DataFrame(
        {"task": "sum", "method": "lora", "model_size": 1e9, "finetune_size": np.arange(1, many + 1), "loss": 2.5}
    ).to_parquet(folder / "runs.parquet")
    return folder / "runs.parquet"


def one_name_twice(folder: Path) -> Path:
    """Write a Parquet file of two columns of one name."""
    pq.write_table(pa.table([pa.array([1.0])] * 2, names=["loss", "loss"]), folder / "runs.parquet")
    return folder / "runs.parquet"


def elsewhere(path: Any) -> Callable[[Path], Any]:
    """Write nothing, name this."""
    return lambda folder: path


NUMBER = "is not readable as a number"
TEXTS: dict[str, FileCase] = {
    "empty file": FileCase(raw(b""), refused("is empty: it needs a header")),
    "header without rows": FileCase(raw(HEADER + "\n"), refused("it has columns but no rows", "what to do")),
    "one row": FileCase(raw(f"{HEADER}\nsum,lora,1B,10k,2.1\n"), refused("the runs table has one row", "add runs")),
    "rows without a header": FileCase(
        raw("sum,lora,1B,10k,2.1\nsum,lora,1B,20k,1.9\n"), refused("column 'task' is missing", "columns found: sum")
    ),
    "byte order mark": FileCase(csv(encoding="utf-8-sig"), read(task=["sum"] * 2, loss=TWO)),
    "UTF-16": FileCase(csv(encoding="utf-16"), refused("is not UTF-8 text", "save it as UTF-8")),
    "UTF-16 without a mark": FileCase(csv(encoding="utf-16-le"), refused("zero bytes", "save it as UTF-8")),
    "Latin-1": FileCase(csv(task="résumé", encoding="latin-1"), refused("is not UTF-8 text", "0xe9")),
    "compressed": FileCase(raw(gzip.compress(b"task")), refused("is not UTF-8 text")),
    "semicolons": FileCase(csv(";"), refused("is separated by ';', not by ','", "sep=';'")),
    "tabs": FileCase(csv("\t"), refused("is separated by '\\t', not by ','")),
    "bars": FileCase(csv("|"), refused("is separated by '|', not by ','")),
    "commas in a TSV": FileCase(
        lambda folder: csv()(folder).rename(folder / "runs.tsv"), refused("is separated by ',', not by '\\t'")
    ),
    "semicolons below commas": FileCase(
        raw(f"{HEADER}\nsum;lora;1B;10k;2,1\n"), refused("column 'finetune_size': 1 row is empty")
    ),
    "a point for the comma of decimals": FileCase(csv(loss="2,1"), refused(f"1 row {NUMBER}", "'2,1'", "with a point")),
    "thousands in quotes": FileCase(csv(finetune_size="10,000"), refused(NUMBER, "10,000", "leave the comma out")),
    "thousands without quotes": FileCase(
        raw(f"{HEADER}\nsum,lora,1B,10,000,2.1\n"), refused("rows have more cells than its header has names")
    ),
    "thousands by a space": FileCase(csv(finetune_size="10 000"), refused(NUMBER, "10 000", "100000, 1e5, 100k")),
    "thousands by a hard space": FileCase(csv(finetune_size="10\u00a0000"), refused(NUMBER, "100000, 1e5, 100k")),
    "thousands by an underline in a size": FileCase(csv(finetune_size="10_000"), read(finetune_size=[1e4, 2e4])),
    "an underline in a loss": FileCase(csv(loss="1_0"), refused(NUMBER, "'1_0'", "without marks between digits")),
    "an underline in a seed": FileCase(csv(seed="1_0"), refused("column 'seed'", NUMBER, "'1_0'")),
    "a date for a size": FileCase(csv(finetune_size="2024-01-01"), refused("column 'finetune_size'", NUMBER)),
    "a date with slashes": FileCase(csv(finetune_size="01/02/2024"), refused("column 'finetune_size'", NUMBER)),
    "a time for a loss": FileCase(csv(loss="12:30"), refused("column 'loss'", NUMBER, "12:30")),
    "per cent": FileCase(csv(loss="85%"), refused(NUMBER, "'85%'", "write it in digits with a point")),
    "money": FileCase(csv(loss="$2.1"), refused(NUMBER, "'$2.1'")),
    "hexadecimal": FileCase(csv(loss="0x10"), refused(NUMBER, "'0x10'")),
    "true for a loss": FileCase(csv(loss="True"), refused(NUMBER, "'True'")),
    "a word for a loss": FileCase(csv(loss="diverged"), refused(NUMBER, "'diverged'")),
    "inf": FileCase(csv(loss="inf"), refused("column 'loss': 1 row is not finite", "drop the runs that diverged")),
    "-inf": FileCase(csv(loss="-inf"), refused("column 'loss': 1 row is not finite")),
    "NaN": FileCase(csv(loss="NaN"), refused("column 'loss': 1 row is empty", "fill the cells in or drop the rows")),
    "NaN for a D_f": FileCase(csv(finetune_size="nan"), refused("column 'finetune_size': 1 row is empty")),
    "a loss beyond floats": FileCase(csv(loss="1e400"), refused("column 'loss': 1 row is not finite")),
    "a loss below floats": FileCase(csv(loss="1e-400"), refused("column 'loss': 1 row is zero or negative")),
    "a loss of zero": FileCase(csv(loss="0"), refused("column 'loss': 1 row is zero or negative", "not its logarithm")),
    "a log likelihood": FileCase(csv(loss="-2.1"), refused("column 'loss': 1 row is zero or negative", "-2.1")),
    "a negative standard error": FileCase(csv(loss_se="-0.1"), refused("column 'loss_se': 1 row is negative")),
    "zero-shot": FileCase(csv(finetune_size="0"), read(finetune_size=[0, 2e4])),
    "a negative D_f": FileCase(csv(finetune_size="-5"), refused("column 'finetune_size': 1 row is negative", "-5")),
    "a share for a D_f": FileCase(csv(finetune_size="0.5"), refused("less than one example", "0.5", "100k examples")),
    "a D_f beyond all": FileCase(csv(finetune_size="1e308"), refused("above 1e+18", "1e+308", "not bytes or FLOPs")),
    "FLOPs for a model": FileCase(csv(model_size="3e23"), refused("column 'model_size': 1 row is above 1e+18")),
    "a model of nothing": FileCase(csv(model_size="0"), refused("column 'model_size': 1 row is zero or negative")),
    "a negative PET size": FileCase(csv(pet_size="-8"), refused("column 'pet_size': 1 row is zero or negative")),
    "m for a million": FileCase(csv(model_size="125m"), refused(NUMBER, "write 125M for a million")),
    "bytes": FileCase(csv(model_size="2GB"), refused(NUMBER, "2GB", "20M, 1.5B or 2T")),
    "a unit in words": FileCase(csv(pretrain_size="300B tokens"), refused(NUMBER, "300B tokens")),
    "b for a billion": FileCase(csv(model_size="7b"), read(model_size=[7e9, 1e9], base=["7B", "1B"])),
    "a fraction for a seed": FileCase(csv(seed="0.5"), refused("column 'seed': 1 row is not a whole number")),
    "one column twice": FileCase(
        raw(f"{HEADER},loss\nsum,lora,1B,10k,2.1,2.1\n"), refused("has two columns called 'loss'")
    ),
    "a row too long": FileCase(
        raw(f"{HEADER}\nsum,lora,1B,10k,2.1\nsum,lora,1B,20k,1.9,x\n"), refused("Expected 5 fields in line 3, saw 6")
    ),
    "a quote that never ends": FileCase(raw(f'{HEADER}\n"sum,lora,1B,10k,2.1\n'), refused("EOF inside string")),
    "names of all scripts": FileCase(
        csv(task="要約 🎉", method="löra"), read(task=["要約 🎉", "sum"], method=["löra", "lora"])
    ),
    "a name of two lines": FileCase(csv(task="sum\nmary"), read(task=["sum\nmary", "sum"])),
    "digits of another script": FileCase(csv(loss="٢.٥"), read(loss=[2.5, 1.9])),
    "lines of an old Mac": FileCase(
        raw(f"{HEADER}\rsum,lora,1B,10k,2.1\rsum,lora,1B,20k,1.9\r"), read(loss=TWO, finetune_size=[1e4, 2e4])
    ),
    "two metrics": FileCase(
        raw(f"{HEADER},metric\nsum,lora,1B,1k,2.1,nll\nsum,lora,1B,2k,1.9,bits\n"),
        refused("column 'metric': it has 2 values", "keep one"),
    ),
    "a metric in one row": FileCase(csv(metric="nll"), refused("column 'metric': 1 row is empty")),
    "one setting, two losses": FileCase(
        csv(finetune_size="20k"), refused("column 'loss': 2 rows are at odds with a run of the same setting", "'seed'")
    ),
    "one run twice": FileCase(
        raw(f"{HEADER}\n" + "sum,lora,1B,10k,2.1\n" * 2 + "sum,lora,1B,20k,1.9\n"),
        warned("1 of 3 runs repeat another", "'seed' column"),
    ),
    "one LLM of two sizes": FileCase(
        raw(f"{HEADER},base\nsum,lora,1B,10k,2.1,gpt\nsum,lora,2B,20k,1.9,gpt\n"),
        refused("column 'base': 2 rows are called 'gpt' with different values of 'model_size'"),
    ),
    "a column under another name": FileCase(
        raw("task,method,finetune_size,eval_loss\nsum,lora,10k,2.1\n"),
        refused("column 'loss' is missing", "the closest name is 'eval_loss'", "columns={'loss': 'eval_loss'}"),
    ),
}

LOSSES: dict[str, FileCase] = {
    "accuracy": FileCase(parquet(metric="accuracy", loss=[0.8, 0.85]), warned("'accuracy' is better when higher")),
    "accuracy in per cent": FileCase(parquet(loss=[80.0, 85.0]), warned("the median is 82.5", "1 - score / 100")),
    "BLEU": FileCase(parquet(metric="sacreBLEU/BLEU", loss=[30.0, 31.0]), warned("is better when higher", "1 - score")),
    "ROUGE": FileCase(parquet(metric="eval_rouge1"), warned("'eval_rouge1' is better when higher", "1 - score")),
    "perplexity": FileCase(parquet(metric="word_perplexity"), warned("is a perplexity", "natural logarithm")),
    "perplexity given as loss": FileCase(parquet(loss=[26.0, 24.0]), warned("the median is 25", "logarithm")),
    "perplexity called nats": FileCase(parquet(metric="nats per token", loss=[26.0, 24.0]), warned("the median is 25")),
    "an error of accuracy": FileCase(parquet(metric="1 - accuracy", loss=[0.2, 0.15]), read(loss=[0.2, 0.15])),
    "log perplexity": FileCase(parquet(metric="log word_perplexity"), read(loss=TWO)),
    "another error": FileCase(parquet(metric="mean squared error", loss=[82.0, 85.0]), read(loss=[82.0, 85.0])),
}

PARQUETS: dict[str, FileCase] = {
    "empty file": FileCase(raw(b"", "runs.parquet"), refused("runs.parquet' cannot be read")),
    "cut short": FileCase(spoilt(lambda b: b[: len(b) // 2]), refused("cannot be read", "write the file again")),
    "without its end": FileCase(spoilt(lambda b: b[:-4]), refused("cannot be read")),
    "text that is no UTF-8": FileCase(binary_text, refused("cannot be read", "write the file again")),
    "pages of noise": FileCase(spoilt(lambda b: b[:4] + b"\xff" * 60 + b[64:]), refused("cannot be read")),
    "notes of pandas that are no JSON": FileCase(noted(b"{index_columns"), refused("cannot be read: Expecting")),
    "notes of pandas without a type": FileCase(
        noted(json.dumps({"index_columns": [], "columns": [{"name": "loss"}]}).encode()), refused("cannot be read")
    ),
    "a CSV under its name": FileCase(raw(HEADER, "runs.parquet"), refused("cannot be read")),
    "dates": FileCase(
        parquet(finetune_size=pd.Timestamp("2024-01-01")),
        refused("2 rows are not readable", "is a Timestamp: give a number"),
    ),
    "spans of time": FileCase(parquet(loss=pd.Timedelta(1, "s")), refused("2 rows are not readable as a number")),
    "truth values": FileCase(parquet(loss=[True, False]), refused("True is a bool: give a number")),
    "lists": FileCase(parquet(loss=[[2.1], [1.9]]), refused("2 rows are not readable as a number")),
    "decimals": FileCase(parquet(loss=[Decimal("2.1"), Decimal("1.9")]), read(loss=TWO)),
    "categories": FileCase(parquet(task=pd.Categorical(["a", "b"])), read(task=["a", "b"])),
    "a day": FileCase(parquet(seed=[dt.date(2024, 1, 1)] * 2), refused("column 'seed': 2 rows are not readable")),
    "NaN": FileCase(parquet(loss=[np.nan, 1.9]), refused("column 'loss': 1 row is empty")),
    "inf": FileCase(parquet(model_size=[np.inf, 1e9]), refused("column 'model_size': 1 row is not finite")),
    "one column twice": FileCase(one_name_twice, refused("cannot be read: Multiple matches")),
    "a million runs": FileCase(million, read(finetune_size=list(range(1, 10**6 + 1)))),
}


JSON_LINES: dict[str, FileCase] = {
    "empty file": FileCase(raw(b"", "runs.jsonl"), refused("is empty")),
    "byte order mark": FileCase(raw(f"\ufeff{run()}\n{run(finetune_size=5)}", "runs.jsonl"), read(loss=[2.1, 2.1])),
    "cut short": FileCase(jsonl('{"task": "sum", "meth'), refused("line 1 is not JSON", "write the file again")),
    "an array": FileCase(jsonl('[{"task": "sum"}]'), refused("line 1 is not a JSON object")),
    "a key twice": FileCase(jsonl(run()[:-1] + ', "loss": 3}'), refused("line 1", "'loss' occurs twice")),
    "NaN": FileCase(jsonl(run(loss=float("nan"))), refused("column 'loss': 1 row is empty")),
    "Infinity": FileCase(jsonl(run(loss=float("inf"))), refused("column 'loss': 1 row is not finite")),
    "null": FileCase(jsonl(run(loss=None)), refused("column 'loss': 1 row is empty")),
    "an object for a loss": FileCase(jsonl(run(loss={"eval": 2.1})), refused("1 row is not readable", "is a dict")),
    "true for a loss": FileCase(jsonl(run(loss=True)), refused("1 row is not readable", "True is a bool")),
    "400 digits": FileCase(jsonl(run(finetune_size=10**400)), refused("1 row is not readable", "too large")),
    "5000 digits": FileCase(jsonl('{"loss": ' + "9" * 5000 + "}"), refused("line 1 is not JSON")),
    "a hundred thousand brackets": FileCase(jsonl("[" * 100_000), refused("line 1 is not JSON")),
    "half a letter": FileCase(jsonl(run(task="\ud800")), refused("text that no encoding can hold")),
    "numbers as text": FileCase(jsonl(run(loss="2.5", finetune_size="1e4")), read(loss=[2.5, 1.9])),
    "a run without a loss": FileCase(jsonl('{"task": "sum", "method": "lora"}'), refused("1 row is empty")),
}

PLACES: dict[str, FileCase] = {
    "no such file": FileCase(lambda folder: folder / "gone.csv", refused("gone.csv' does not exist", "check the path")),
    "a folder": FileCase(lambda folder: folder, refused("is not a file", "name one file")),
    "a device": FileCase(elsewhere("/dev/null"), refused("is not a file")),
    "a spreadsheet": FileCase(raw(b"PK", "runs.xlsx"), refused("ends in '.xlsx', which is not read", ".parquet")),
    "a name too long": FileCase(elsewhere("a" * 5000 + ".csv"), refused("cannot be looked for", "check the path")),
    "a zero byte in the name": FileCase(elsewhere("a\0b.csv"), refused("does not exist")),
    "no name": FileCase(elsewhere(""), refused("is not a file")),
    "bytes for a name": FileCase(elsewhere(b"runs.csv"), refused("source is a bytes")),
    "nothing": FileCase(elsewhere(None), refused("source is a NoneType", "give the path of a file")),
    "a Series": FileCase(elsewhere(pd.Series([1.0])), refused("source is a Series")),
    "columns of columns": FileCase(elsewhere(pd.concat({"a": table()}, axis=1)), refused("column 'task' is missing")),
    "columns= a name": FileCase(csv(), refused("columns='loss': it is no mapping", "'eval_loss'"), "loss"),
    "columns= a list": FileCase(csv(), refused("columns=['loss']: it is no mapping"), ["loss"]),
    "columns= a number": FileCase(csv(), refused("columns=3: it is no mapping"), 3),
    "columns= to a list": FileCase(csv(), refused("it is no mapping of names to names"), {"loss": ["a"]}),
    "columns= to what is not there": FileCase(csv(), refused("is called 'nll', which is not in"), {"loss": "nll"}),
    "columns= of what is none": FileCase(csv(), refused("columns= names 'los'", "write 'loss'"), {"los": "loss"}),
}

FILES = {
    f"{kind}: {name}": case
    for kind, cases in (
        ("CSV", TEXTS),
        ("loss", LOSSES),
        ("Parquet", PARQUETS),
        ("JSONL", JSON_LINES),
        ("source", PLACES),
    )
    for name, case in cases.items()
}
