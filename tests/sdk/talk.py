"""Talks to the emulator with the real google-genai SDK, on both backends, with every kind of credential.

Usage: python tests/sdk/talk.py BASE_URL FOLDER      (FOLDER takes the credential files)

Prints one JSON object per call that was billed, in the order of the calls: what the SDK read of the usage.
Anything that is not as it should be ends the script with an assertion.
"""

import json
import pathlib
import struct
import sys
import zlib

import google.auth
import google.oauth2.credentials
from google import genai
from google.genai import errors, types

BASE, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])
PRO, TEXT = "gemini-3-pro-image", "gemini-3-flash-preview"
OPTIONS = types.HttpOptions(base_url=BASE)
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


def service_account_file() -> str:
    """A service account with a key of its own, whose token endpoint is the emulator's."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": "emulated-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "rehearsal@emulated-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{BASE}/token",
    }
    return written("service-account.json", account)


def user_credentials():
    """A gcloud user; the library reads no token endpoint from such a file, so they are made by hand."""
    return google.oauth2.credentials.Credentials(
        token=None, refresh_token="r", token_uri=f"{BASE}/token", client_id="c", client_secret="s"
    )


def written(name: str, content: dict) -> str:
    path = FOLDER / name
    path.write_text(json.dumps(content))
    return str(path)


def credentials(path: str):
    return google.auth.load_credentials_from_file(path, scopes=SCOPES)[0]


def clients() -> dict:
    def vertex(given):
        return genai.Client(
            vertexai=True, project="emulated-project", location="global", credentials=given, http_options=OPTIONS
        )

    from google.auth import compute_engine

    return {
        "developer": genai.Client(api_key="a-key", http_options=OPTIONS),
        "vertex token": vertex(google.oauth2.credentials.Credentials(token="a-token")),
        "vertex service account": vertex(credentials(service_account_file())),
        "vertex user": vertex(user_credentials()),
        "vertex metadata server": vertex(compute_engine.Credentials()),
        "vertex express": genai.Client(vertexai=True, api_key="a-key", http_options=OPTIONS),
    }


def told(client: str, call: str, usage):
    """One line for the other side to compare with what was billed."""
    details = usage.candidates_tokens_details or []
    row = {
        "client": client,
        "call": call,
        "prompt": usage.prompt_token_count,
        "candidates": usage.candidates_token_count or 0,
        "image": sum(item.token_count for item in details if item.modality.value == "IMAGE"),
        "thoughts": usage.thoughts_token_count or 0,
        "total": usage.total_token_count,
        "traffic_type": usage.traffic_type.value if usage.traffic_type else None,
    }
    print(json.dumps(row), flush=True)


def pixels(blob: types.Blob) -> tuple:
    """Width and height of a picture; a PNG is unpacked and its checksums are compared."""
    data = blob.data
    if blob.mime_type == "image/png":
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        at, packed, size = 8, b"", None
        while at < len(data):
            (length,) = struct.unpack(">I", data[at : at + 4])
            kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
            (checksum,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
            assert zlib.crc32(kind + body) == checksum, kind
            size = struct.unpack(">II", body[:8]) if kind == b"IHDR" else size
            packed += body if kind == b"IDAT" else b""
            at += 12 + length
        assert len(zlib.decompress(packed)) == size[1] * (1 + (size[0] + 7) // 8)
        return size
    assert blob.mime_type == "image/jpeg" and data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
    at = 2
    while data[at + 1] != 0xC0:
        at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    height, width = struct.unpack(">HH", data[at + 5 : at + 9])
    return width, height


def pictures(response) -> list:
    parts = response.candidates[0].content.parts
    return [part.inline_data for part in parts if part.inline_data and not part.thought]


def refused(code: int, words: str, call):
    """A call must fail with this status and message."""
    try:
        call()
    except errors.APIError as error:
        assert error.code == code and words in error.message, error
        return
    raise AssertionError(f"expected {code} {words}")


def image_calls(name: str, client):
    """What every client can do."""
    plain = client.models.generate_content(model=PRO, contents="Paint an axolotl.")
    assert pixels(pictures(plain)[0]) == (1024, 1024)
    told(name, "text to image", plain.usage_metadata)
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="4K")
    )
    wide = client.models.generate_content(model=PRO, contents="Paint an axolotl.", config=config)
    assert pixels(pictures(wide)[0]) == (5504, 3072)
    told(name, "4K", wide.usage_metadata)


def all_calls(name: str, client, vertex: bool):
    """What the two main clients do besides."""
    picture = pictures(client.models.generate_content(model=PRO, contents="A cup."))[0]
    # Billed, and not to be told twice: the first answer was for its picture.
    print(json.dumps({"client": name, "call": "picture", "total": None}), flush=True)
    edit = [types.Part.from_bytes(data=picture.data, mime_type=picture.mime_type), "Add a red circle."]
    edited = client.models.generate_content(model=PRO, contents=edit)
    told(name, "edit", edited.usage_metadata)
    counted = client.models.count_tokens(model=PRO, contents=edit)
    assert counted.total_tokens == edited.usage_metadata.prompt_token_count
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_level=types.ThinkingLevel.HIGH)
    config = types.GenerateContentConfig(thinking_config=thinking)
    thought = client.models.generate_content(model=PRO, contents="Paint an axolotl.", config=config)
    assert any(part.thought for part in thought.candidates[0].content.parts)
    assert thought.usage_metadata.thoughts_token_count > 0
    told(name, "thinking", thought.usage_metadata)
    chunks = list(client.models.generate_content_stream(model=TEXT, contents="Tell me of axolotls.", config=config))
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert all(chunk.usage_metadata.candidates_token_count is None for chunk in chunks[:-1])
    told(name, "stream", chunks[-1].usage_metadata)
    images = list(client.models.generate_content_stream(model=PRO, contents="Paint an axolotl."))
    assert sum(len(pictures(chunk)) for chunk in images) >= 1
    told(name, "image stream", images[-1].usage_metadata)
    flex = {"X-Vertex-AI-LLM-Request-Type": "shared", "X-Vertex-AI-LLM-Shared-Request-Type": "flex"}
    config = (
        types.GenerateContentConfig(http_options=types.HttpOptions(headers=flex))
        if vertex
        else types.GenerateContentConfig(service_tier="flex")
    )
    cheap = client.models.generate_content(model=PRO, contents="Paint an axolotl.", config=config)
    if not vertex:
        assert cheap.sdk_http_response.headers["x-gemini-service-tier"] == "flex"
    told(name, "flex", cheap.usage_metadata)
    refused(404, "found", lambda: client.models.generate_content(model="gemini-9", contents="A cup."))
    resolution = types.GenerateContentConfig(media_resolution=types.MediaResolution.MEDIA_RESOLUTION_HIGH)
    high = lambda: client.models.generate_content(model=PRO, contents=edit, config=resolution)  # noqa: E731
    if vertex:
        told(name, "media resolution", high().usage_metadata)
    else:
        refused(400, "Media resolution is not enabled for this model", high)


def main():
    everyone = clients()
    for name, client in everyone.items():
        image_calls(name, client)
    all_calls("developer", everyone["developer"], vertex=False)
    all_calls("vertex token", everyone["vertex token"], vertex=True)
    keyless = genai.Client(api_key="no-billing-key", http_options=OPTIONS)
    refused(429, "limit: 0", lambda: keyless.models.generate_content(model=PRO, contents="A cup."))
    invalid = genai.Client(api_key="invalid-key", http_options=OPTIONS)
    refused(400, "API key not valid", lambda: invalid.models.generate_content(model=PRO, contents="A cup."))


if __name__ == "__main__":
    main()
