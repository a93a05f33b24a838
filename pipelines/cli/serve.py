"""`captioner serve`: models behind HTTP."""

import ipaddress
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Engine, Models
from pipelines.utils.console import log


def serve(  # noqa: PLR0913 - one parameter an option
    model: Models = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than this machine need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="CAPTIONER_TOKEN", help="What clients send as Authorization: Bearer TOKEN.")
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Serve other machines without a token.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Images of all clients at once.")] = 8,
    queue: Annotated[int, typer.Option(min=1, help="Images that may wait; more are answered with 503.")] = 256,
    engine: Engine = "keras",
    encoder_weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=FILE",
            help="File with the weights of a model's frozen network, instead of a download; may be repeated.",
        ),
    ] = None,
):
    """Serve models over HTTP: a page for people, and captions and answers for programs, in three forms."""
    from captioner.errors import UserError

    weights = _weights_by_model(encoder_weights or ())
    if not _is_loopback(host) and not token and not no_token:
        raise UserError(
            f"{host} can be reached from other machines. Give a token that clients have to send, with --token or in "
            "the variable CAPTIONER_TOKEN, or say --no-token."
        )
    try:
        import uvicorn

        from pipelines.serving.app import create_app
    except ImportError as error:
        raise UserError(
            f"{error.name} is needed by this command. Install it with: pip install 'captioner[serve]'"
        ) from None
    from pipelines.serving.open import open_service

    service = open_service(model, weights, engine, batch_size, queue, log)
    page = _page(service)
    log(f"Serving {', '.join(service.models)} at http://{host}:{port} (documentation: /docs)")
    logging.getLogger("captioner.serving").setLevel(logging.INFO)
    try:
        uvicorn.run(
            create_app(service, token, page), host=host, port=port, log_level="warning", access_log=False,
            timeout_graceful_shutdown=30,
        )  # fmt: skip
    finally:
        service.close()
        if page is not None:
            page.close()


def _page(service):
    """The page, or None where it cannot be served: programs need none."""
    from pipelines.serving.page.blocks import Page

    try:
        return Page(service)
    except ImportError as error:
        log(f"There is no page at /: it needs {error.name}. Install it with: pip install 'captioner[serve]'")
        return None


def _weights_by_model(given: Sequence[str]) -> dict[str, Path]:
    """`["flickr8k=vgg16.h5"]` -> `{"flickr8k": Path("vgg16.h5")}`: models may have different frozen networks."""
    files = {}
    for text in given:
        name, _, file = text.partition("=")
        if not (name and file) or name in files:
            raise typer.BadParameter(
                f"one NAME=FILE a model was expected, with the name of the model's folder; received {text!r}.",
                param_hint="--encoder-weights",
            )
        if not Path(file).is_file():
            raise typer.BadParameter(f"there is no file {file!r}.", param_hint="--encoder-weights")
        files[name] = Path(file)
    return files


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
