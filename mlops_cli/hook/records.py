"""The record format of the spool, and its writer: microseconds a record, nothing lost to `kill -9`, never an error.

Standard library only, Python 3.8 and later, imports nothing of ours: it travels into the child. `spool.reader` reads.

A stream is a folder of segments named by the logical offset of their first byte (16 hex digits, `.seg`). A segment is
a row of 32-byte slots; a record is one or more whole slots, little-endian:

    scalar     head u32 (top bit, series)   step i64   value f64   time i64 (ns)   crc u32
    the rest   head u32 (kind << 28 | n)    n bytes    zeros up to the last 4      crc u32

Kinds: 1 note (a JSON object), 2 series (its number u32, bytes of the metric u32, metric, variant), 3 segment (magic,
start, time; the first record of each). Zero is what was not yet written. Numbers of series hold within a segment, which
defines anew what it uses, so that a segment that was sent can be deleted.

`crc` is the CRC-32 of what stands before it in the record, started at `SEED`. `SEED` is the residue of CRC-32 (the CRC
of anything followed by its own CRC), so any row of whole records has the CRC `SEED` again when started at `SEED`: a
reader checks every record of a block with one call. A record that a kill or a full disk cut short fails its CRC and is
as if never written.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
import zlib
from _thread import get_ident, get_native_id

try:
    from _json import encode_basestring_ascii as _quote
except ImportError:  # another Python than CPython
    from json.encoder import py_encode_basestring_ascii as _quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

    Key = Union[str, Tuple[str, str]]

SLOT = 32
SEED = 0x2144DF1C
SCALAR = 0x80000000
NOTE, SERIES, SEGMENT = 1, 2, 3
LENGTH = 0x0FFFFFFF
MAGIC = b"mlopsp01"
SUFFIX = ".seg"

FIRST_BYTES = 1 << 16
SEGMENT_BYTES = 1 << 22
"""Segments grow from the first size to this one: a run that logs ten points does not take four megabytes."""
NOTE_BYTES = 1 << 26
"""A larger note is left out. One that does not fit a segment gets a segment of its own."""
RETRY_S = 1.0
"""After a failure (a full disk) the file system is asked again this often; what is logged meanwhile is counted."""

_scalar_body = struct.Struct("<Iqdq").pack
_scalar_commit = struct.Struct("<28sI").pack_into
_word = struct.Struct("<I").pack
_series_body = struct.Struct("<II").pack
_segment_body = struct.Struct("<8sqq").pack
_crc = zlib.crc32
_now = time.time_ns


def frame(kind: int, payload: bytes) -> bytes:
    """A whole record of any kind but scalar."""
    size = len(payload)
    body = _word(kind << 28 | size) + payload + bytes(-(size + 8) % SLOT)
    return body + _word(_crc(body, SEED))


def split_name(name: str) -> Tuple[str, str]:
    """`train/loss` is metric `train`, variant `loss`; a name without a slash is both, as in TensorBoard and ClearML."""
    metric, _, variant = name.rpartition("/")
    return (metric or variant, variant)


def encode(value: Any) -> str:
    """JSON as `json.dumps` writes it (NaN and infinities too), without the milliseconds that importing `json` costs.

    What JSON cannot express becomes its number (`.item()`), its path, or its text.
    """
    if isinstance(value, str):
        return _quote(str.__str__(value))
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _encode_float(value)
    if isinstance(value, dict):
        return "{%s}" % ",".join(["%s:%s" % (_quote(str(key)), encode(value[key])) for key in value])
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[%s]" % ",".join([encode(item) for item in value])
    return _encode_other(value)


def _encode_float(value: float) -> str:
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


def _encode_other(value: Any) -> str:
    if hasattr(value, "__fspath__"):
        return _quote(os.fsdecode(value))
    for name in ("tolist", "item"):
        convert = getattr(value, name, None)
        if convert is not None:
            plain = convert()
            if isinstance(plain, (list, str, int, float)):
                return encode(plain)
    return _quote(str(value))


class _Stream:
    """The segments of one thread. Everything may raise OSError; a failed write leaves the stream as it was."""

    __slots__ = ("buffer", "end", "fd", "folder", "heads", "limit", "pos", "size", "start")

    def __init__(self, spool: str, name: str) -> None:
        self.folder = _claim(spool, name)
        self.start = 0  # the logical offset of the current segment
        self.pos = 0  # what is written of it
        self.limit = 0  # how much it may hold
        self.end = 0  # the same for a mapped segment, else 0: the quick path then gives way to `append`
        self.size = FIRST_BYTES
        self.buffer: Any = None
        self.fd = -1
        self.heads: Dict[Key, int] = {}

    def append(self, record: bytes) -> None:
        size = len(record)
        if self.pos + size > self.limit:
            self.rotate(size)
        self._put(record)

    def _put(self, record: bytes) -> None:
        pos = self.pos
        after = pos + len(record)
        if self.buffer is not None:
            self.pos = after
            self.buffer[pos:after] = record
            return
        # At its place: what a full disk cut short is written over by the next.
        if os.pwrite(self.fd, record, pos) != len(record):
            raise OSError(28, "no space left for the run's records")
        self.pos = after

    def head(self, key: Key) -> int:
        """The number of a series in the current segment, with room left for one point of it."""
        head = self.heads.get(key)
        if head is not None and self.pos + SLOT <= self.limit:
            return head
        metric, variant = split_name(key) if isinstance(key, str) else key
        name = metric.encode("utf-8", "surrogatepass")
        rest = variant.encode("utf-8", "surrogatepass")
        if self.pos + SLOT * 3 + len(name) + len(rest) > self.limit:
            self.rotate(SLOT * 3 + len(name) + len(rest))
        head = self.heads.get((metric, variant))
        if head is None:
            number = len(set(self.heads.values()))
            self.append(frame(SERIES, _series_body(number, len(name)) + name + rest))
            head = SCALAR | number
            self.heads[metric, variant] = head
        self.heads[key] = head
        return head

    def rotate(self, need: int) -> None:
        """Begin the next segment, with room for `need` bytes at least."""
        start = self.start + self.pos
        size = max(self.size, -(-(need + SLOT * 2) // mmap.PAGESIZE) * mmap.PAGESIZE)
        path = os.path.join(self.folder, "%016x%s" % (start, SUFFIX))
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        buffer = _map(fd, size)
        header = frame(SEGMENT, _segment_body(MAGIC, start, _now()))
        try:
            if buffer is not None:
                buffer[:SLOT] = header
            elif os.pwrite(fd, header, 0) != SLOT:
                raise OSError(28, "no space left for the run's records")
        except OSError:
            os.close(fd)
            os.unlink(path)
            raise
        self.leave()
        self.start, self.pos, self.limit, self.heads = start, SLOT, size, {}
        self.buffer, self.end = buffer, (size if buffer is not None else 0)
        self.size = min(size * 4, SEGMENT_BYTES)
        if buffer is None:
            self.fd = fd
        else:
            os.close(fd)

    def leave(self) -> None:
        """Let go of the current segment. It is never cut to its length here: a thread or a forked child that still
        had it mapped would be killed by its next write."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        self.buffer = None
        self.limit = self.end = 0

    def sync(self) -> None:
        if self.buffer is not None:
            self.buffer.flush()
        elif self.fd >= 0:
            os.fsync(self.fd)


def _claim(spool: str, name: str) -> str:
    """A folder for a new stream; nobody ever continues the stream of another."""
    count = 1
    while True:
        folder = os.path.join(spool, name if count == 1 else "%s.%d" % (name, count))
        try:
            os.mkdir(folder, 0o700)
        except FileExistsError:
            count += 1
        else:
            return folder


def _map(fd: int, size: int) -> Any:
    """The file as memory, or None where that is not safe.

    Its blocks are allocated first, because writing to a map of a file that cannot grow is a SIGBUS.
    """
    try:
        os.posix_fallocate(fd, 0, size)
        return mmap.mmap(fd, size)
    except (AttributeError, OSError, ValueError):
        try:
            os.ftruncate(fd, 0)
        except OSError:
            pass
        return None


class Writer:
    """Appends the records of this process to the spool of a run: one stream a thread, opened when first used.

    After a fork the child has streams of its own. Nothing raises: what cannot be written is counted in `dropped`,
    with one line on stderr (or one call of `on_trouble`). `stream` names the streams; by default process and thread.
    """

    def __init__(
        self, folder: Any, stream: Optional[str] = None, on_trouble: Optional[Callable[[str], object]] = None
    ) -> None:
        self.folder = os.fspath(folder)
        self.dropped = 0
        self._name = stream
        self._on_trouble = on_trouble
        self._streams: Dict[int, _Stream] = {}
        self._spare: List[_Stream] = []
        self._retry_at = 0.0
        self._told = False
        self._reported = 0
        _writers.append(self)

    def log(self, values: Mapping[str, Any], step: Any, time_ms: Optional[int] = None) -> None:
        """One point for each name (`metric/variant`), at one time."""
        now = _now() if time_ms is None else time_ms * 1000000
        try:
            stream = self._streams[get_ident()]
            items = values.items()
        except Exception:
            self._first(values, step, now)
            return
        for name, value in items:
            heads = stream.heads
            try:
                body = _scalar_body(heads[name], step, value, now)
            except Exception:
                self._slow(name, step, value, now)
                continue
            crc = _crc(body, SEED)
            pos = stream.pos
            if pos < stream.end and stream.heads is heads:
                # No call between the two: a signal handler that logs (and may begin a segment, with other numbers of
                # series), or raises, runs before or after them.
                stream.pos = pos + SLOT
                _scalar_commit(stream.buffer, pos, body, crc)
            else:
                self._slow(name, step, value, now)

    def scalar(self, metric: str, variant: str, step: Any, value: Any, time_ms: Optional[int] = None) -> None:
        """One point."""
        self._slow((metric, variant), step, value, _now() if time_ms is None else time_ms * 1000000)

    def note(self, note: Mapping[str, Any]) -> None:
        """One JSON object; its `k` says what it is."""
        try:
            data = encode(note).encode("ascii")
        except Exception as exc:
            self._drop("a note that cannot be written as JSON (%s)" % exc)
            return
        if len(data) > NOTE_BYTES:
            self._drop("a note of %d MiB" % (len(data) >> 20))
            return
        self._try(lambda stream: stream.append(frame(NOTE, data)))

    def flush(self) -> None:
        """Have the records of this thread survive a power cut. A kill they survive without."""
        stream = self._streams.get(get_ident())
        if stream is not None:
            try:
                stream.sync()
            except (OSError, ValueError) as exc:
                self.complain("the run's records are not on the disk yet: %s" % exc)

    def close(self) -> None:
        """Let go of the files. A later record opens new streams."""
        if self.dropped > self._reported:
            count, self._reported = self.dropped - self._reported, self.dropped
            self.note({"k": "left_out", "what": "%d records" % count, "why": "they could not be written"})
        self._streams, self._spare = {}, []

    def _first(self, values: Mapping[str, Any], step: Any, now: int) -> None:
        try:
            items = list(values.items())
        except Exception as exc:
            self._drop("log takes a dict of names and numbers, not %.80r (%s)" % (values, exc))
            return
        for name, value in items:
            self._slow(name, step, value, now)

    def _slow(self, key: Key, step: Any, value: Any, now: int) -> None:
        """Everything that the quick path is not made for: a first point, a new segment, an odd number, an error."""
        try:
            number = _number(value)
            whole = step if type(step) is int else int(step)
            if not isinstance(key, (str, tuple)):
                raise TypeError("a name is a text")
            _scalar_body(0, whole, number, now)
        except Exception as exc:
            self._drop("%r is no point: value %.80r, step %.80r (%s)" % (key, value, step, exc))
            return

        def put(stream: _Stream) -> None:
            body = _scalar_body(stream.head(key), whole, number, now)
            stream.append(body + _word(_crc(body, SEED)))

        self._try(put)

    def _try(self, put: Callable[[_Stream], None]) -> None:
        if self._retry_at and time.monotonic() < self._retry_at:
            self.dropped += 1
            return
        # Taken out meanwhile: a signal handler or a finalizer that logs in between gets another stream. And after a
        # fork in there the child must not find this one again, hence the names for both collections.
        streams, spare, ident = self._streams, self._spare, get_ident()
        stream = streams.pop(ident, None)
        try:
            if stream is None:
                stream = self._open(spare)
            put(stream)
            self._retry_at = 0.0
        except Exception as exc:
            if isinstance(exc, OSError):
                self._retry_at = time.monotonic() + RETRY_S
            self._drop("the run's records cannot be written: %s" % exc)
        finally:
            if stream is not None:
                other = streams.get(ident)
                streams[ident] = stream
                if other is not None:
                    spare.append(other)

    def _open(self, spare: List[_Stream]) -> _Stream:
        try:
            return spare.pop()
        except IndexError:
            name = self._name or "%d-%d" % (os.getpid(), get_native_id())
            return _Stream(os.path.join(self.folder, "spool"), name)

    def _drop(self, why: str) -> None:
        self.dropped += 1
        self.complain(why)

    def complain(self, text: str) -> None:
        """Tell that something is not recorded; once."""
        if self._told:
            return
        self._told = True
        text = "not recorded: %s; the run goes on, further losses are counted silently" % text
        try:
            if self._on_trouble is not None:
                self._on_trouble(text)
            else:
                sys.stderr.write("mlops: %s\n" % text)
        except Exception:
            pass


def _number(value: Any) -> float:
    """A float of anything that is one number: int, bool, numpy scalar, tensor of one element."""
    if isinstance(value, (str, bytes, bytearray)):
        raise TypeError("a text")
    try:
        return float(value)
    except TypeError:
        return float(value.item())


_writers: List[Writer] = []


def _forget() -> None:
    """In a forked child: the streams are the parent's."""
    for writer in _writers:
        writer._streams, writer._spare = {}, []


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
