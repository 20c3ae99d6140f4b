"""Valid files of every format that RadSim reads, small, for the fuzz benchmark to damage."""

import gzip
import io
import struct
import tarfile
from collections.abc import Iterator

import numpy as np

ROWS = [
    ("E1", "P1", "2013-08-01", "final", "Heart size is normal.\nNo pleural effusion."),
    ("E2", "P1", "2013-08-02 10:15", "amended", 'Large "right" pleural effusion, stable.'),
    ("E3", "", "", "", "Grüße: possible pneumonia."),
]
NAMES = ("exam_id", "patient_id", "exam_time", "status", "text")
CLASSES = ("Effusion", "Mass")


def seeds() -> dict[str, list[bytes]]:
    """Return valid files by format, the format's name being the ending it is written with.

    One of `mimic` is a file in a tree, see `fuzz_inputs.written`.
    """
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
    order = (
        b'{"resourceType": "ServiceRequest", "id": "o", "identifier": [{"value": "A1",'
        b' "type": {"coding": [{"code": "ACSN"}]}}]}'
    )
    ordered = fhir.replace(b'"id": "1"', b'"id": "1", "basedOn": [{"reference": "urn:o"}]')
    placed = b'{"fullUrl": "urn:o", "resource": %s}' % order
    orders = bundle.replace(fhir, ordered).replace(b"}]}", b"}, " + placed + b"]}")
    return {
        "hl7": [hl7, b"FHS|^~\\&|\r" + hl7 * 2, (b"\x0b" + hl7 + b"\x1c") * 2],
        "fhir": [fhir, form, bundle, orders, fhir + b"\n" + form],
        "mimic": ["FINAL REPORT\n FINDINGS: Grüße, no effusion.\n IMPRESSION:  Clear.\n".encode()],
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
