"""Objects in a store such as S3, where a path begins with `s3://`: listed, read, and written as a whole.

Who may do what, and where the store is, is said as all programs for S3 have it: AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY, profiles, roles of machines, AWS_ENDPOINT_URL for stores of others. Nothing of it is kept here.

A path may come as `Path("s3://bucket/key")`, which has one slash less; `address_of` puts it back.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from captioner.errors import UserError

_REMOTE = re.compile(r"\As3:/{1,2}(?=[^/])")
_PAGE = 1000  # objects a request, the most that S3 gives


@dataclass(frozen=True)
class RemoteFile(os.PathLike[str]):
    """An object. It goes wherever the path of an image file goes: `captioner.images.files.read_bytes` reads it.

    address: "s3://bucket/key". size: in bytes. version: changes with its content.
    """

    address: str
    size: int
    version: str

    def content(self) -> bytes:
        """
        Raises:
            FileNotFoundError: it is gone. PermissionError: it may not be read.
            UserError: the store does not answer.
        """
        return read_file(self.address)

    def __fspath__(self) -> str:
        return self.address

    def __str__(self) -> str:
        return self.address


def is_remote(path: str | os.PathLike) -> bool:
    """
    >>> is_remote("s3://bucket/photos"), is_remote("s3:/bucket/photos"), is_remote("photos/s3")
    (True, True, False)
    """
    return _REMOTE.match(os.fspath(path)) is not None


def address_of(path: str | os.PathLike) -> str:
    """
    >>> from pathlib import Path
    >>> address_of(Path("s3://bucket/photos"))
    's3://bucket/photos'
    """
    return _REMOTE.sub("s3://", os.fspath(path), count=1)


def list_files(path: str | os.PathLike) -> Iterator[RemoteFile]:
    """All objects below a folder in the order of their keys, or the one of this name; memory does not grow with them.

    Raises:
        UserError: the store cannot be listed.
    """
    address = address_of(path).rstrip("/")
    bucket, _, key = address.removeprefix("s3://").partition("/")
    store = _store()
    beginning = f"{key}/" if key else ""
    token: dict[str, str] = {}
    found = False
    while True:
        with _as_user_error(address, "listed"):
            page = store.call_s3("list_objects_v2", Bucket=bucket, Prefix=beginning, MaxKeys=_PAGE, **token)
        for item in page.get("Contents", ()):
            found = True
            if not item["Key"].endswith("/"):  # else it stands for a folder
                yield RemoteFile(f"s3://{bucket}/{item['Key']}", item["Size"], item["ETag"])
        if not page.get("IsTruncated"):
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    if not found and key and (single := find_file(address)):
        yield single


def find_file(path: str | os.PathLike) -> RemoteFile | None:
    """An object, or None where there is none.

    Raises:
        UserError: the store does not answer, or does not allow it.
    """
    address = address_of(path)
    bucket, _, key = address.removeprefix("s3://").partition("/")
    try:
        with _as_user_error(address, "read"):
            head = _store().call_s3("head_object", Bucket=bucket, Key=key)
    except _Absent:
        return None
    return RemoteFile(address, head["ContentLength"], head["ETag"])


def read_file(path: str | os.PathLike, first: int | None = None) -> bytes:
    """The content of an object, or its first bytes.

    Raises:
        FileNotFoundError: there is none. PermissionError: it may not be read.
        UserError: the store does not answer.
    """
    address = address_of(path)
    try:
        with _as_user_error(address, "read"):
            return _store().cat_file(address, end=first) if first else _store().cat_file(address)
    except UserError as error:
        if isinstance(error.__cause__, FileNotFoundError | PermissionError):
            raise error.__cause__ from None
        raise


def write_file(path: str | os.PathLike, data: bytes, *, replace: bool = True) -> None:
    """Writes an object: it is there whole, or as it was.

    Raises:
        FileExistsError: there is one, and `replace` is false.
        UserError: it cannot be written.
    """
    address = address_of(path)
    try:
        with _as_user_error(address, "written"):
            _store().pipe_file(address, data, mode="overwrite" if replace else "create")
    except UserError as error:
        if not replace and isinstance(error.__cause__, FileExistsError):
            raise error.__cause__ from None
        raise


def remove_file(path: str | os.PathLike) -> None:
    """Removes an object, if it is there."""
    address = address_of(path)
    with contextlib.suppress(_Absent), _as_user_error(address, "removed"):
        _store().rm_file(address)


class _Absent(UserError):
    """There is no such object, or no such bucket."""


@contextlib.contextmanager
def _as_user_error(address: str, action: str) -> Iterator[None]:
    """Turns what a store may refuse, which its library raises as errors of many kinds, into a sentence."""
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError as error:
        raise _Absent(f"{address} cannot be {action}: there is no such bucket or object.") from error
    except PermissionError as error:
        raise UserError(
            f"{address} cannot be {action}: the store does not allow it (permission denied). Give other credentials "
            "(AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), or ask for the permission."
        ) from error
    except Exception as error:
        kind = type(error).__name__
        if "Credential" in kind:
            raise UserError(
                f"{address} cannot be {action}: there are no credentials. Set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY."
            ) from error
        reason = " ".join(str(error).split()).rstrip(".") or kind
        raise UserError(f"{address} cannot be {action}: {reason}. What was written until now is kept.") from error


def _store():
    """The store, as `s3fs` knows it; it keeps one for a process.

    Raises:
        UserError: the package is not installed.
    """
    try:
        import s3fs
    except ImportError:
        raise UserError(
            "Addresses that begin with s3:// need a package more: pip install 'captioner[cloud]'."
        ) from None
    # One request a file: with more connections for a file, each would be asked for its size first.
    return s3fs.S3FileSystem(use_listings_cache=False, max_concurrency=1)
