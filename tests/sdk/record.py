"""Records what the google-genai SDK sends for the same calls on each backend.

Usage: python tests/sdk/record.py [FOLDER]       (needs google-genai, no network, no key)

A server on loopback answers every request with a small canned body and keeps the request. One file per
backend and call goes to tests/data/sdk_requests (or FOLDER): method, path, query, headers, body. Headers that
name the SDK's version or belong to the connection are left away; the credentials are made up.
"""

import json
import pathlib
import struct
import sys
import threading
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google.genai
import google.oauth2.credentials
from google import genai
from google.genai import types

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "gemini-3-pro-image"
PROMPT = "Add a red circle to this image."
LEFT_AWAY = {"user-agent", "x-goog-api-client", "host", "accept", "accept-encoding", "connection", "content-length"}
USAGE = {"promptTokenCount": 7, "candidatesTokenCount": 1, "totalTokenCount": 8, "totalTokens": 7}


def grey_png(width: int, height: int) -> bytes:
    """An 8-bit grey picture, the smallest file that decodes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + b"\x80" * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


class Recorder(BaseHTTPRequestHandler):
    """Answers anything and keeps the last request."""

    seen: list = []

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length)
        parts = urllib.parse.urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        Recorder.seen.append(
            {
                "method": "POST",
                "path": parts.path,
                "query": parts.query,
                "headers": {name: headers[name] for name in sorted(headers) if name not in LEFT_AWAY},
                "body": json.loads(body),
            }
        )
        answer = {
            "candidates": [{"content": {"role": "model", "parts": [{"text": "ok"}]}, "finishReason": "STOP"}],
            "usageMetadata": USAGE,
            "totalTokens": 7,
        }
        text = json.dumps(answer)
        streamed = parts.path.endswith(":streamGenerateContent")
        data = (f"data: {text}\r\n\r\n" if streamed else text).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def calls() -> dict:
    """The logical calls: name, and what to do with a client."""
    picture = grey_png(64, 48)
    inline = types.Part.from_bytes(data=picture, mime_type="image/png")

    def generate(contents, **config):
        settings = types.GenerateContentConfig(**config) if config else None
        return lambda client: client.models.generate_content(model=MODEL, contents=contents, config=settings)

    def stream(client):
        return list(client.models.generate_content_stream(model=MODEL, contents="Paint an axolotl."))

    image = ["TEXT", "IMAGE"]
    level = types.PartMediaResolution(level=types.PartMediaResolutionLevel.MEDIA_RESOLUTION_HIGH)
    with_level = types.Part(
        inline_data=types.Blob(data=picture, mime_type="image/png"), media_resolution=level
    )
    bare_level = types.Part(
        inline_data=types.Blob(data=picture, mime_type="image/png"),
        media_resolution=types.MediaResolution.MEDIA_RESOLUTION_HIGH,
    )
    vertex_flex = {
        "X-Vertex-AI-LLM-Request-Type": "shared",
        "X-Vertex-AI-LLM-Shared-Request-Type": "flex",
    }
    return {
        "text_to_image": generate("Paint an axolotl.", response_modalities=image),
        "edit": generate([PROMPT, inline], response_modalities=image),
        "image_config": generate(
            "Paint an axolotl.",
            response_modalities=["IMAGE"],
            image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K"),
        ),
        "thinking_level": generate(
            "Paint an axolotl.",
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel.HIGH, include_thoughts=True),
        ),
        "thinking_hidden": generate(
            "Paint an axolotl.", thinking_config=types.ThinkingConfig(include_thoughts=False)
        ),
        "media_resolution_config": generate(
            [PROMPT, inline], media_resolution=types.MediaResolution.MEDIA_RESOLUTION_HIGH
        ),
        "media_resolution_part": generate([PROMPT, with_level]),
        "media_resolution_part_bare": generate([PROMPT, bare_level]),
        "service_tier": generate("Paint an axolotl.", service_tier="flex"),
        "vertex_headers": generate("Paint an axolotl.", http_options=types.HttpOptions(headers=vertex_flex)),
        "timeout": generate("Paint an axolotl.", http_options=types.HttpOptions(timeout=90_000)),
        "labels": generate("Paint an axolotl.", labels={"route": "product-photos"}),
        "count_tokens": lambda client: client.models.count_tokens(model=MODEL, contents=[PROMPT, inline]),
        "stream": stream,
    }


def clients(base: str) -> dict:
    """A client per backend, all of them pointed at loopback."""
    options = types.HttpOptions(base_url=base)
    token = google.oauth2.credentials.Credentials(token="made-up-token")
    return {
        "developer": genai.Client(api_key="made-up-key", http_options=options),
        "vertex": genai.Client(
            vertexai=True, project="p1", location="global", credentials=token, http_options=options
        ),
        "express": genai.Client(vertexai=True, api_key="made-up-key", http_options=options),
    }


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "data" / "sdk_requests"
    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for backend, client in clients(f"http://127.0.0.1:{server.server_port}").items():
        for name, call in calls().items():
            if backend == "express" and name != "text_to_image":
                continue
            if backend == "developer" and name == "vertex_headers":
                continue
            Recorder.seen.clear()
            refused = None
            try:
                call(client)
            except Exception as error:  # the SDK refuses some calls by itself: that is a finding, too
                refused = f"{type(error).__name__}: {error}"
            row = {"backend": backend, "call": name, "sdk": f"google-genai {google.genai.__version__}"}
            row |= Recorder.seen[0] if Recorder.seen else {"refused_by_the_sdk": refused}
            (folder / f"{backend}-{name}.json").write_text(json.dumps(row, indent=2) + "\n")
    server.shutdown()


if __name__ == "__main__":
    main()
