"""The command line's `app`: the page, served from this machine."""

import os
import signal
import tempfile
import threading
from typing import Annotated

import typer


def app(
    host: Annotated[str, typer.Option(help="Address to serve on; 0.0.0.0 for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve on.")] = 7860,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
) -> None:
    """Serve a page to play with: photograph, system, channel, and an SNR to slide."""
    with tempfile.TemporaryDirectory(prefix="semcomm-app-") as folder:
        # read when Gradio is imported: uploads stay in this folder, and nothing is reported to anybody
        os.environ |= {"GRADIO_TEMP_DIR": folder, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
        from semcomm.app.serve import serve

        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        try:
            with serve(host, port, browser=browser) as address:
                typer.echo(f"the page is at {address} (Ctrl-C ends it)")
                ended.wait()
        except ModuleNotFoundError as error:
            raise ImportError(f"the page needs {error.name}: pip install 'semcomm[app]'") from error
