"""Whether damaged inputs crash, hang or bloat a reader.

Valid files of every format are damaged at random (bytes, numbers, cuts, copies, splices of two
files) and read in worker processes, as `ingest`, `index` and `cache` would read them. A reader may
reject rows, or refuse the file by an error made for the user; anything else is a failure: another
exception, a process that dies, more than 2 s of processor time for one input, or more memory than
`MOST_MEMORY` above what the worker started with. Printed, a line a format: inputs, how many were
read and how many refused, the slowest in seconds, the greatest memory, failures.

    python -m tests.benchmarks.fuzz_inputs --inputs 100000
"""

import argparse
import gzip
import io
import multiprocessing
import os
import random
import resource
import signal
import struct
import sys
import tarfile
import tempfile
import time
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

MOST_SECONDS = 2.0
MOST_MEMORY = 1_500_000_000
A_TURN = 50

ROWS = [
    ("E1", "P1", "2013-08-01", "final", "Heart size is normal.\nNo pleural effusion."),
    ("E2", "P1", "2013-08-02 10:15", "amended", 'Large "right" pleural effusion, stable.'),
    ("E3", "", "", "", "Grüße: possible pneumonia."),
]
NAMES = ("exam_id", "patient_id", "exam_time", "status", "text")
CLASSES = ("Effusion", "Mass")


@dataclass
class Tally:
    """What became of the inputs of one format."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    slowest: float = 0.0
    memory: int = 0
    failures: list[str] = field(default_factory=list)


def seeds() -> dict[str, list[bytes]]:
    """Return valid files by format, the format's name being the ending it is written with."""
    table = "\n".join(",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' for c in r) for r in ROWS)
    csv = f"{','.join(NAMES)}\n{table}\n".encode()
    tsv = b"exam_id\ttext\nE1\tClear lungs.\nE2\tEffusion.\n"
    jsonl = b'{"exam_id": "E1", "text": "Clear \\u00fc."}\n{"exam_id": 2, "text": null, "a": [1]}\n'
    xml = (
        b'<?xml version="1.0"?><e><uId id="CXR1"/><MeSH><major>normal</major></MeSH>'
        b'<AbstractText Label="FINDINGS">Clear lungs.</AbstractText></e>'
    )
    nih = b"Image Index,Finding Labels,Patient ID,View Position\n1_0.png,Mass|Effusion,1,PA\n"
    found = {
        "csv": [csv],
        "tsv": [tsv],
        "csv.gz": [gzip.compress(csv)],
        "jsonl": [jsonl],
        "jsonl.gz": [gzip.compress(jsonl)],
        "parquet": [_parquet("snappy"), _parquet("zstd"), _parquet("none")],
        "xml": [xml],
        "tar": [_tar(xml, tarfile.PAX_FORMAT), _tar(xml, tarfile.GNU_FORMAT)],
        "tgz": [gzip.compress(_tar(xml, tarfile.GNU_FORMAT))],
        "nih labels": [nih],
        "chexpert labels": [b"Path,Effusion,Mass\ntrain/patient1/study1/a.jpg,1.0,-1.0\n"],
        "mimic labels": [b"subject_id,study_id,Effusion,Mass\n1,2,1.0,\n"],
        "plain labels": [b"exam_id,Effusion,Mass\nE1,1,0\n"],
        "image list": [b"path,exam_id,patient_id,view\na.png,E1,P1,PA\n"],
        "dicom": list(_dicoms()),
        "png": list(_pictures("PNG")),
        "jpg": list(_pictures("JPEG")),
    }
    return found | _messages()


def _messages() -> dict[str, list[bytes]]:
    """Return messages and resources."""
    hl7 = (
        b"MSH|^~\\&|RIS|H|R|H|20200101||ORU^R01^ORU_R01|1|P|2.5\r"
        b"PID|1||P1^^^H||DOE^J\rOBR|1||A1|CXR^Chest||20200101|20200101||||||||||||||||||F\r"
        b"OBX|1|TX|GDT^Findings||Clear lungs.||||||F\r"
    )
    fhir = (
        b'{"resourceType": "DiagnosticReport", "id": "1", "status": "final",'
        b' "code": {"text": "CXR"}, "subject": {"reference": "Patient/1"},'
        b' "effectiveDateTime": "2020-01-01", "conclusion": "Clear lungs.",'
        b' "identifier": [{"value": "A1"}]}'
    )
    letter = b'{"contentType": "text/plain", "data": "Q2xlYXIgbHVuZ3Mu"}'
    form = fhir.replace(b'"conclusion": "Clear lungs."', b'"presentedForm": [' + letter + b"]")
    bundle = b'{"resourceType": "Bundle", "type": "collection", "entry": [{"resource": %s}]}' % fhir
    return {
        "hl7": [hl7, b"FHS|^~\\&|\r" + hl7 * 2],
        "fhir": [fhir, form, bundle, fhir + b"\n" + form],
    }


def _parquet(compression: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    columns = dict(zip(NAMES, map(list, zip(*ROWS, strict=True)), strict=True))
    pq.write_table(pa.table(columns), out, compression=compression)
    return out.getvalue()


def _tar(content: bytes, format: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name in ("a.xml", f"{'long' * 40}.xml"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def _pictures(format: str) -> Iterator[bytes]:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (32, 24))
    for mode, pixels in (("L", noise.astype(np.uint8)), ("I;16", (noise * 200).astype(np.uint16))):
        if format == "JPEG" and mode != "L":
            continue
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, format)
        yield out.getvalue()
    out = io.BytesIO()
    Image.fromarray(np.dstack([noise] * 3).astype(np.uint8)).save(out, format)
    yield out.getvalue()


def _dicoms() -> Iterator[bytes]:
    import pydicom
    from PIL import Image
    from pydicom.encaps import encapsulate
    from pydicom.sequence import Sequence
    from pydicom.uid import (
        JPEG2000,
        DeflatedExplicitVRLittleEndian,
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        JPEGBaseline8Bit,
        RLELossless,
    )

    noise = np.random.default_rng(0).integers(0, 256, (32, 24)).astype(np.uint8)

    def encoded(format: str) -> bytes:
        out = io.BytesIO()
        Image.fromarray(noise).save(out, format, **({"no_jp2": True} if "2000" in format else {}))
        return encapsulate([out.getvalue()])

    runs = b"".join(b"\x1f" + noise.tobytes()[at : at + 32] for at in range(0, noise.size, 32))
    run_lengths = encapsulate([struct.pack("<16I", 1, 64, *[0] * 14) + runs])
    for syntax, pixels in (
        (ExplicitVRLittleEndian, noise.tobytes()),
        (ImplicitVRLittleEndian, noise.tobytes()),
        (DeflatedExplicitVRLittleEndian, noise.tobytes()),
        (JPEGBaseline8Bit, encoded("JPEG")),
        (JPEG2000, encoded("JPEG2000")),
        (RLELossless, run_lengths),
    ):
        data = pydicom.Dataset()
        data.file_meta = pydicom.dataset.FileMetaDataset()
        data.file_meta.TransferSyntaxUID = syntax
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
        data.AccessionNumber, data.PatientID = "A1", "P1"
        data.Modality, data.BodyPartExamined, data.ViewPosition = "CR", "CHEST", "PA"
        code = pydicom.Dataset()
        code.CodeMeaning = "postero-anterior"
        data.ViewCodeSequence = Sequence([code])
        data.Rows, data.Columns, data.SamplesPerPixel = 32, 24, 1
        data.PhotometricInterpretation = "MONOCHROME1"
        data.BitsAllocated = data.BitsStored = 8
        data.HighBit, data.PixelRepresentation = 7, 0
        data.WindowCenter, data.WindowWidth = 128, 200
        data.RescaleSlope, data.RescaleIntercept = 1, 0
        data.PatientOrientation = ["L", "F"]
        data.PixelData = pixels
        data["PixelData"].VR = "OB"
        data["PixelData"].is_undefined_length = syntax.is_encapsulated
        out = io.BytesIO()
        pydicom.dcmwrite(out, data, enforce_file_format=True)
        yield out.getvalue()


def damaged(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Return a file with one to six damages.

    Half of those that are packed are damaged inside, and packed again with the right sums: a wrong
    sum would be refused before the rest is looked at.
    """
    inside = rng.random() < 0.5
    if inside and content.startswith(b"\x1f\x8b"):
        return gzip.compress(_damaged(rng, gzip.decompress(content), others))
    at = content.find(b"1.2.840.10008.1.2.1.99")
    if inside and at >= 0:
        begin = 144 + struct.unpack_from("<I", content, 140)[0]
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        inner = _damaged(rng, zlib.decompress(content[begin:], -zlib.MAX_WBITS), others)
        return content[:begin] + deflater.compress(inner) + deflater.flush()
    data = _damaged(rng, content, others)
    return _with_sums(data) if inside and data.startswith(b"\x89PNG") else data


def _damaged(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        _damage(rng, data, others)
    return bytes(data)


def _with_sums(data: bytes) -> bytes:
    """Return a PNG whose chunks have the check sums of what they hold now."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return bytes(mended)


_BYTES = (0, 1, 9, 10, 13, 34, 44, 92, 123, 127, 128, 255)
_TEXTS = (
    b'"',
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"=1+2",
    b"<!DOCTYPE a>",
    b"{" * 2000,
    b"[" * 2000,
    b"<a>" * 500,
)


def _damage(rng: random.Random, data: bytearray, others: list[bytes]) -> None:
    size = max(len(data), 1)
    at, length = rng.randrange(size), rng.randrange(1, 1 + min(size, rng.choice((4, 64, 1024))))
    kind = rng.randrange(9)
    if kind == 0:
        data[at : at + 1] = bytes([data[at] ^ (1 << rng.randrange(8)) if data else 0])
    elif kind == 1:
        data[at : at + 1] = bytes([rng.choice(_BYTES)])
    elif kind == 2:
        # A number of 2, 4 or 8 bytes, at one of the ends of its range.
        form = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
        top = 256 ** struct.calcsize(form) - 1
        number = struct.pack(form, rng.choice((0, 1, top, top // 2, top // 2 + 1, 0xFFFF & top)))
        data[at : at + len(number)] = number
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length] * rng.choice((1, 2, 100))
    elif kind == 5:
        data[at:at] = rng.choice(_TEXTS)
    elif kind == 6:
        del data[at:]
    elif kind == 7:
        other = rng.choice(others)
        data[at:] = other[rng.randrange(len(other)) :]
    else:
        data[at : at + length] = rng.randbytes(length)


def reader(kind: str) -> Callable[[Path], bool]:
    """Return what reads a file of a format; it returns whether the file was read, not refused."""
    from pipeline.images import ImageRules, UnusableImage, describe_image
    from pipeline.images.decoding import read_pixels
    from pipeline.readers import read_label_file, read_reports
    from pipeline.readers.column_mapping import ColumnMapping
    from pipeline.readers.image_list import read_image_list
    from pipeline.user_error import UserError

    def image(path: Path) -> bool:
        describe_image(path, ImageRules())
        try:
            read_pixels(path)
        except (UnusableImage, OSError):
            return False
        return True

    def rows(batches: Callable[[Path], Iterator[Any]]) -> Callable[[Path], bool]:
        def read(path: Path) -> bool:
            try:
                for _ in batches(path):
                    pass
            except UserError:
                return False
            return True

        return read

    if kind in ("dicom", "png", "jpg"):
        return image
    if kind == "image list":
        return rows(lambda path: read_image_list(path, "plain"))
    if kind.endswith(" labels"):
        layout = kind.split()[0]
        return rows(lambda path: read_label_file(path, layout, scheme="s", classes=CLASSES))
    format = kind if kind in ("hl7", "fhir") else "auto"
    return rows(lambda path: read_reports(path, ColumnMapping(), format))


def work(connection: Connection, folder: str, current: Any) -> None:
    """Read inputs by their numbers, a turn at a time, until there are no more turns."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    files, readers = seeds(), {}
    everything = [content for contents in files.values() for content in contents]
    # The first use of a reader imports and compiles; that is not what is measured.
    for kind in files:
        readers[kind] = reader(kind)
        for n, content in enumerate(files[kind]):
            path = Path(folder) / f"seed.{kind.replace(' ', '.')}"
            path.write_bytes(content)
            if not readers[kind](path):
                raise AssertionError(f"seed {n} of {kind} is not read")
    start = _memory()
    # A hang ends the process, whatever it is stuck in.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    connection.send(None)
    while (turn := connection.recv()) is not None:
        kind, numbers = turn
        results = []
        for number in numbers:
            current.value = number
            rng = random.Random(number)
            path = Path(folder) / f"input.{kind.replace(' ', '.')}"
            path.write_bytes(damaged(rng, rng.choice(files[kind]), everything))
            signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
            begun = time.process_time()
            failure, was_read = "", False
            try:
                was_read = readers[kind](path)
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                failure = f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
            signal.setitimer(signal.ITIMER_PROF, 0)
            seconds = time.process_time() - begun
            results.append((number, was_read, seconds, max(_memory() - start, 0), failure))
        connection.send((kind, results))


def _memory() -> int:
    """Return the greatest memory of this process so far, bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def fuzz(
    inputs: int,
    workers: int,
    seed: int = 0,
    only: Sequence[str] | None = None,
) -> dict[str, Tally]:
    """Read `inputs` damaged files, spread over all formats or those of `only`."""
    kinds = [kind for kind in seeds() if not only or kind in only]
    turns = iter(
        (kinds[n % len(kinds)], range(seed + n * A_TURN, seed + (n + 1) * A_TURN))
        for n in range(-(-inputs // A_TURN))
    )
    tallies = {kind: Tally() for kind in kinds}
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="radsim-fuzz-") as folder:
        crew: dict[Connection, tuple[Any, Any, list[Any]]] = {}

        def hire() -> None:
            ours, theirs = context.Pipe()
            current = context.Value("q", -1)
            own = tempfile.mkdtemp(dir=folder)
            process = context.Process(target=work, args=(theirs, own, current), daemon=True)
            process.start()
            theirs.close()
            crew[ours] = (process, current, [])

        for _ in range(workers):
            hire()
        while crew:
            for connection in wait(list(crew)):
                assert isinstance(connection, Connection)
                process, current, turn = crew[connection]
                try:
                    answer = connection.recv()
                except EOFError:
                    process.join()
                    del crew[connection]
                    if not turn:
                        raise RuntimeError("a worker died before its first input") from None
                    kind = turn[0]
                    dead = (
                        "hang"
                        if process.exitcode == -signal.SIGPROF
                        else f"exit {process.exitcode}"
                    )
                    tallies[kind].inputs += 1
                    tallies[kind].failures.append(f"input {current.value}: {dead}")
                    hire()
                    continue
                if answer is not None:
                    _count(tallies, *answer)
                turn[:] = next(turns, ())
                connection.send(tuple(turn) if turn else None)
                if not turn:
                    process.join()
                    del crew[connection]
    return tallies


def _count(
    tallies: dict[str, Tally], kind: str, results: list[tuple[int, bool, float, int, str]]
) -> None:
    tally = tallies[kind]
    for number, was_read, seconds, memory, failure in results:
        tally.inputs += 1
        tally.read += was_read
        tally.refused += not was_read and not failure
        tally.slowest = max(tally.slowest, seconds)
        tally.memory = max(tally.memory, memory)
        if failure:
            tally.failures.append(f"input {number}: {failure}")
    if tally.memory > MOST_MEMORY:
        tally.failures.append(f"memory {tally.memory / 1e6:.0f} MB")


def main() -> None:
    """Fuzz, print what came of it, and end with 1 if a reader failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="formats; all by default")
    asked = parser.parse_args()
    begun = time.monotonic()
    tallies = fuzz(asked.inputs, asked.workers, seed=asked.seed, only=asked.only)
    heads = ("inputs", "read", "refused", "slowest s", "peak MB", "failed")
    print(f"{'format':<16}" + "".join(f"{head:>11}" for head in heads))
    for kind, t in tallies.items():
        row = (t.inputs, t.read, t.refused, round(t.slowest, 3), t.memory // 10**6, len(t.failures))
        print(f"{kind:<16}" + "".join(f"{number:>11,}" for number in row))
    failures = [f"{kind}: {failure}" for kind, t in tallies.items() for failure in t.failures]
    total = sum(t.inputs for t in tallies.values())
    print(f"{total:,} inputs in {time.monotonic() - begun:.0f} s, {len(failures)} failures")
    print(*failures[:40], sep="\n")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
