"""Presets in a store such as S3: downloaded once, into the user's cache."""

import hashlib
import json
import os
from pathlib import Path

from captioner.errors import UserError
from captioner.files import atomic_write, cache_folder, locked_folder
from captioner.remote import address_of, list_files, read_file

METADATA, READY = "metadata.json", ".downloaded"


def downloaded_preset(path: str | os.PathLike) -> Path:
    """The folder of a preset that was downloaded, now or earlier; what it holds is checked when it is opened.

    Args:
        path: of a preset, or of the run of a training, at s3://.

    Raises:
        UserError: there is none, or it cannot be read or kept.
    """
    address = address_of(path).rstrip("/")
    try:
        metadata = read_file(f"{address}/{METADATA}")
        names = [*json.loads(metadata)["checksums"]]
        if not all(isinstance(name, str) and name == os.path.basename(name) != "" for name in names):
            raise ValueError("a file is named that is in another folder")
    except FileNotFoundError:
        some = next(iter(list_files(address)), None)
        there = f"there is no {METADATA} in it" if some else "there is no such folder"
        raise UserError(f"{address} is not a model: {there}. Give the folder that `captioner train` wrote.") from None
    except PermissionError:
        raise UserError(f"{address} cannot be read: the store does not allow it (permission denied).") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{address}/{METADATA} is damaged: {error}. Upload the preset again.") from None
    digest = hashlib.sha256(address.encode() + b"\0" + metadata).hexdigest()[:16]
    folder = cache_folder() / "presets" / f"{address.rpartition('/')[2]}-{digest}"
    with locked_folder(folder, wait=600.0):  # workers of one machine download it once
        if not (folder / READY).exists():
            for name in {*names, METADATA}:
                try:
                    atomic_write(folder / name, read_file(f"{address}/{name}"))
                except FileNotFoundError:
                    raise UserError(f"{address} is not whole: there is no {name}. Upload the preset again.") from None
            atomic_write(folder / READY, "")
    return folder
