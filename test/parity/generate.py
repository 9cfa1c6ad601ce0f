"""Makes the parity fixtures with real torch.

    python test/parity/generate.py --out .cache/parity [--only FAMILY/NAME,FAMILY,...]

Needs Python 3.9 or newer with torch, numpy and onnx. Nothing is done if the folder already holds the fixtures of this very
generator and torch version. A case that torch refuses is an error.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def main() -> int:
    parser = argparse.ArgumentParser(description="Make the parity fixtures with real torch.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the fixtures")
    parser.add_argument("--only", default="", help="comma-separated families or FAMILY/NAME; they are made anew")
    parser.add_argument("--list", action="store_true", help="print the number of cases of each family and stop")
    options = parser.parse_args()
    only = [item for item in options.only.split(",") if item]

    version = torch_version()
    stamp = f"{source_hash()} torch {version}"
    index_file = options.out / "index.json"
    index = json.loads(index_file.read_text(encoding="utf-8")) if index_file.exists() else {}
    if index.get("stamp") == stamp and not only and not options.list:
        print(f"parity: {len(index['cases'])} cases are up to date (torch {version})")
        return 0

    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", FutureWarning)
    warnings.simplefilter("ignore", UserWarning)
    import torch

    torch.manual_seed(0)
    import corpus  # noqa: F401  (fills the registry)
    from corpus.record import remove
    from corpus.registry import CASES

    if options.list:
        for family, count in sorted(Counter(case.family for case in CASES.values()).items()):
            print(f"{family}: {count}")
        return 0
    chosen = [case for case in CASES.values() if not only or case.family in only or case.path in only]
    unknown = [item for item in only if not any(item in (case.family, case.path) for case in chosen)]
    if unknown:
        print(f"parity: no such case: {', '.join(unknown)}", file=sys.stderr)
        return 2
    if not only:
        # An interrupted run must not look complete, and a case that is gone must not be left.
        for path in index.get("cases", []):
            remove(options.out / path)
        if index_file.exists():
            index_file.unlink()

    started = time.monotonic()
    failed = 0
    for case in chosen:
        try:
            with silenced():
                case.generate(options.out)
        except Exception:
            failed += 1
            remove(options.out / case.path)
            print(f"parity: {case.path} failed\n{traceback.format_exc()}", file=sys.stderr)
    if failed:
        print(f"parity: {failed} of {len(chosen)} cases failed", file=sys.stderr)
        return 1
    if not only:
        from files import write_files

        print(f"parity: {write_files(options.out / 'files')} files of torch.save and safetensors")
        schemas = [str(schema) for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("aten::")]
        (options.out / "schemas.json").write_text(json.dumps(schemas, indent=0), encoding="utf-8")
        document = {"stamp": stamp, "torch": version, "cases": [case.path for case in chosen]}
        index_file.write_text(json.dumps(document, indent=1), encoding="utf-8")
    families = len({case.family for case in chosen})
    print(f"parity: {len(chosen)} cases in {families} families, torch {version}, {time.monotonic() - started:.0f} s")
    return 0


@contextmanager
def silenced() -> Iterator[None]:
    """Keeps what a model prints to itself: TorchScript writes to the file descriptor, past Python."""
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def torch_version() -> str:
    """Without importing torch, which takes seconds."""
    from importlib.metadata import version

    return version("torch")


def source_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(HERE.rglob("*.py")):
        digest.update(file.relative_to(HERE).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main())
