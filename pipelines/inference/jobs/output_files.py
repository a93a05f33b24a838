"""The files that a job writes: its journal, and a table that is made of it in the end."""

from collections.abc import Sequence
from pathlib import Path

from captioner.errors import UserError
from pipelines.inference.jobs.journal import not_begun_here, read_journal
from pipelines.utils.tables import need_parquet, write_csv, write_parquet


def journal_path(output: Path) -> Path:
    """Where the journal of an output file is: the file itself if it is `.jsonl`, else beside it."""
    return output if output.suffix.lower() == ".jsonl" else output.with_name(output.name + ".jsonl")


def checked_output(output: Path, formats: Sequence[str]) -> Path:
    """The output file, if it can be one.

    Args:
        formats: endings that are allowed.

    Raises:
        UserError: its name says no format, or it belongs to somebody else.
    """
    if output.suffix.lower() not in formats:
        raise UserError(
            f"{output} should end in {', '.join(formats[:-1])} or {formats[-1]}: that says how it is written."
        )
    if output.is_dir():
        raise UserError(f"{output} is a folder. Give the name of a file to write to.")
    if output.suffix.lower() == ".parquet":
        need_parquet()  # checked now, not after a night's work
    if output.exists() and not journal_path(output).exists():
        raise not_begun_here(output, journal_path(output))
    return output


def write_table(output: Path, columns: Sequence[str]) -> None:
    """Writes the csv or parquet file of a finished journal; a `.jsonl` is the journal itself."""
    writers = {".csv": write_csv, ".parquet": write_parquet}
    if (write := writers.get(output.suffix.lower())) is not None:
        write(read_journal(journal_path(output)), output, list(columns))
