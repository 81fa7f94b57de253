"""Uploads in `multipart/form-data`, parsed as they stream in; each part goes to disk, none to memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from ...errors import InvalidInput
from ..files.incoming import Incoming
from ..files.local import StoredFile

_EXTENDED = re.compile(rb"; ?name\*=utf-8''([^;\s]+)", re.IGNORECASE)
"""How older senders write a name that is not ASCII."""

HEADER_BYTES = 16 * 1024
PARTS = 1000


class Parts:
    """Feed it the body. A part's file appears when the part ends, all bytes of it, or never."""

    def __init__(self, content_type: str, open_file: Callable[[], Incoming]) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary or len(boundary) > 200:
            raise InvalidInput("an upload must be multipart/form-data with a boundary", subcode=0)
        self._open = open_file
        self._parser = MultipartParser(boundary, {
            "on_part_begin": self._begin,
            "on_header_field": self._field,
            "on_header_value": self._value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._start,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._all,
        })  # fmt: skip
        self._incoming: Incoming | None = None
        self._stored: list[StoredFile] = []
        self._count = 0
        self._is_complete = False
        self._begin()

    def feed(self, block: bytes) -> None:
        try:
            self._parser.write(block)
        except MultipartParseError as exc:
            raise InvalidInput("the upload is not valid multipart/form-data", subcode=0) from exc

    @property
    def is_open(self) -> bool:
        """Whether a part has begun to come that did not end: `discard` has something to remove."""
        return self._incoming is not None

    def finish(self) -> list[StoredFile]:
        if not self._is_complete:
            raise InvalidInput("the upload was cut off", subcode=0)
        return self._stored

    def discard(self) -> None:
        if self._incoming is not None:
            self._incoming.discard()
            self._incoming = None

    def _begin(self) -> None:
        self._name = self._path = b""
        self._headers: dict[bytes, bytes] = {}
        self._held = b""

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._check(self._name)

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._held += data[start:end]
        self._check(self._held)

    def _header_end(self) -> None:
        self._headers[self._name.lower()] = self._held
        self._name = self._held = b""

    def _start(self) -> None:
        self._count += 1
        if self._count > PARTS:
            raise InvalidInput(f"too many files in one upload: at most {PARTS}", subcode=0)
        disposition = self._headers.get(b"content-disposition", b"")
        extended = _EXTENDED.search(disposition)
        if extended is not None:
            name = unquote_to_bytes(extended[1])
        else:
            # As it is: the SDK has quoted its names already, and asks for a file by the very name that it sent.
            name = parse_options_header(disposition)[1].get(b"name", b"")
        self._path = name.lstrip(b"/")
        if self._path:
            self._incoming = self._open()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._incoming is not None:
            self._incoming.write(memoryview(data)[start:end])

    def _end(self) -> None:
        if self._incoming is None:
            return
        try:
            path = self._path.decode()
        except UnicodeDecodeError as exc:
            raise InvalidInput("the path of a file is not UTF-8", subcode=0) from exc
        self._stored.append(self._incoming.publish(path))
        self.discard()

    def _all(self) -> None:
        self._is_complete = True

    def _check(self, text: bytes) -> None:
        if len(text) > HEADER_BYTES or len(self._headers) > 20:
            raise InvalidInput("the headers of a part are too large", subcode=0)
