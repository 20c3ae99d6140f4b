"""What is known of the simulated store, and one that refuses everybody."""

from http.server import BaseHTTPRequestHandler

SECRET = "whisper-it-to-nobody"


def options(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


def assert_one_line_without_secret(error: BaseException, words: str) -> None:
    told = str(error)
    assert words in told
    assert "\n" not in told
    assert SECRET not in told
    assert error.__suppress_context__


class Refusing(BaseHTTPRequestHandler):
    """A store that lets nobody in, and repeats the key it was given."""

    def do_GET(self) -> None:
        body = f"<Error><Code>InvalidAccessKeyId</Code><Key>{SECRET}</Key></Error>".encode()
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass
