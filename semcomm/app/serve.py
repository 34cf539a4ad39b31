"""Serving the page: from this machine, to this machine unless told otherwise, with nothing from elsewhere."""

from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, final

from semcomm.app.page import STYLE, answers_of, build_page
from semcomm.app.sending import Sender

BROWSER_RULES = "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:"
"""By these rules (Content Security Policy) a browser that shows the page loads nothing from elsewhere."""
LARGEST_FILE = "100mb"
Message = MutableMapping[str, Any]


@final
class OnlyFromHere:
    """An ASGI application that adds `BROWSER_RULES` to every answer of another."""

    def __init__(self, app: Callable[..., Awaitable[None]]):
        self.app = app

    async def __call__(self, scope: Message, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Pass a request on."""

        async def send_with_rules(message: Message) -> None:
            if message["type"] == "http.response.start":
                rules = (b"content-security-policy", BROWSER_RULES.encode())
                message = {**message, "headers": [*message.get("headers", []), rules]}
            await send(message)

        await self.app(scope, receive, send_with_rules)


@contextmanager
def serve(host: str, port: int, *, browser: bool = False) -> Iterator[str]:
    """Serve the page as long as the context lasts; yields its address.

    Args:
        host: the address to serve on.
        port: the port to serve on.
        browser: whether to open the page in a browser.

    Raises:
        OSError: if the page cannot be served there.
    """
    sender = Sender()
    answers = answers_of(sender)
    try:
        page = build_page(sender, answers)
        address = _launch(page, host, port, browser)
        try:
            yield address
        finally:
            page.close(verbose=False)
    finally:
        answers.close()


def _launch(page: Any, host: str, port: int, browser: bool) -> str:
    import gradio as gr  # pyright: ignore[reportMissingImports]
    from starlette.middleware import Middleware  # pyright: ignore[reportMissingImports]

    plain = gr.themes.Default(
        primary_hue="cyan", font=("system-ui", "sans-serif"), font_mono=("ui-monospace", "monospace")
    )
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            inbrowser=browser,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            footer_links=[],
            max_file_size=LARGEST_FILE,
            theme=plain,
            css_paths=STYLE,
            app_kwargs={"middleware": [Middleware(OnlyFromHere)]},
        )
    except OSError as error:
        raise OSError(f"the page cannot be served on --host {host} --port {port}: {error}") from error
    return address
