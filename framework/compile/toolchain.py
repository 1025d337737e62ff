"""Find a C compiler, compile a source once, and keep the object in a cache.

An object is named by a key (source, compiler with version, flags) and by its own digest, and is moved into place
under that name: two processes may compile at once, and a file that was cut short or changed is never loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from framework.errors import CompilerError

FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fPIC", "-shared")
_V3 = frozenset(
    ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]
)  # x86-64-v3 in the words of /proc/cpuinfo
_TIMEOUT = 300.0
_INSTALL = "install gcc or clang, or run: pip install 'exacthat[compiler]'"


@dataclass(frozen=True)
class Compiler:
    """A C compiler: its command, what it says about its version, and the flag of the instruction set."""

    command: tuple[str, ...]
    version: str
    march: str

    @property
    def name(self) -> str:
        """How to call it in a message."""
        return shlex.join(self.command)

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags of a compilation."""
        return (*FLAGS, self.march) if self.march else FLAGS

    def key(self, source: str) -> str:
        """Name of the object that this compiler makes of a source."""
        parts = "\0".join([source, self.name, self.version, platform.machine(), *self.flags])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]

    def compile(self, source: str) -> bytes:
        """Return the shared object that a source gives."""
        try:
            with tempfile.TemporaryDirectory(prefix="exacthat-") as folder:
                file, out = Path(folder, "model.c"), Path(folder, "model.so")
                file.write_text(source)
                _run([*self.command, *self.flags, "-o", str(out), str(file), "-lm"])
                if not out.exists():
                    raise CompilerError(f"C compiler '{self.name}' wrote no object")
                return out.read_bytes()
        except OSError as error:
            raise CompilerError(f"the folder for temporary files cannot be used: {error}") from None


@dataclass(frozen=True)
class Built:
    """A loaded object, the seconds that it took to get, and whether it came from the cache."""

    library: ctypes.CDLL
    compiler: Compiler
    seconds: float
    cached: bool


_loaded: dict[str, Built] = {}


def find_compiler() -> Compiler:
    """Return the compiler of ``CC``, or else gcc, clang, cc, or the one of the extra ``compiler``.

    Raises
    ------
    CompilerError
        If there is none, or ``CC`` names one that does not run.
    """
    return _find(os.environ.get("CC", ""), os.environ.get("PATH", ""))


def build(source: str) -> Built:
    """Compile a source, or take its object from memory or from the cache.

    Raises
    ------
    CompilerError
        If there is no compiler, or if it fails.
    """
    compiler = find_compiler()
    key = compiler.key(source)
    if key not in _loaded:
        begin = time.perf_counter()
        library = _from_cache(key)
        cached = library is not None
        library = library or _into_cache(key, compiler.compile(source))
        _loaded[key] = Built(library, compiler, time.perf_counter() - begin, cached)
    return _loaded[key]


def is_built(source: str) -> bool:
    """True if the object of a source need not be compiled."""
    key = find_compiler().key(source)
    return key in _loaded or any(cache_folder().glob(f"{key}-*.so"))


# ---- compilers -----------------------------------------------------------------------------------


@cache
def _find(chosen: str, path: str) -> Compiler:
    if chosen:
        return _probe(tuple(shlex.split(chosen)))
    said = []
    for command in _candidates(path):
        try:
            return _probe(command)
        except CompilerError as error:
            said.append(str(error))
    raise CompilerError("; ".join([*said, f"no C compiler was found; {_INSTALL}"]))


def _candidates(path: str) -> Iterator[tuple[str, ...]]:
    for name in ("gcc", "clang", "cc"):
        if found := shutil.which(name, path=path):
            yield (found,)
    if find_spec("ziglang"):
        yield sys.executable, "-m", "ziglang", "cc"


def _probe(command: tuple[str, ...]) -> Compiler:
    version = _run([*command, "--version"]).strip().splitlines()[:1]
    return Compiler(command, "".join(version), _march("ziglang" in command))


def _march(is_zig: bool) -> str:
    """Instruction set with 256-bit vectors, where the processor has it."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return ""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return ("-march=x86_64_v3" if is_zig else "-march=x86-64-v3") if flags >= _V3 else ""


def _run(command: list[str]) -> str:
    name = shlex.join(command[:4] if "ziglang" in command else command[:1])
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise CompilerError(f"C compiler '{name}' could not be run: {error}") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = next((line for line in lines if "error" in line), lines[-1] if lines else "it gives no reason")
        raise CompilerError(f"C compiler '{name}' failed with status {done.returncode}: {said}")
    return done.stdout


# ---- cache ---------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Folder of compiled models: ``EXACTHAT_CACHE``, or ``exacthat`` in ``XDG_CACHE_HOME`` or ``~/.cache``.

    A user without a home has a folder that lasts as long as the process.
    """
    if own := os.environ.get("EXACTHAT_CACHE"):
        return Path(own)
    if base := os.environ.get("XDG_CACHE_HOME"):
        return Path(base, "exacthat")
    try:
        return Path.home() / ".cache" / "exacthat"
    except RuntimeError:
        return _temporary()


def _from_cache(key: str) -> ctypes.CDLL | None:
    """Load an object whose content is what its name says; remove any other."""
    for path in sorted(cache_folder().glob(f"{key}-*.so")):
        try:
            if path.stem == f"{key}-{_digest(path.read_bytes())}":
                return ctypes.CDLL(str(path))
        except OSError:
            pass
        with suppress(OSError):  # one that may not be removed is passed over
            path.unlink()
    return None


def _into_cache(key: str, content: bytes) -> ctypes.CDLL:
    name = f"{key}-{_digest(content)}.so"
    folder = cache_folder()
    try:
        path = _write(folder, name, content)
    except OSError as error:
        warnings.warn(
            f"the cache of compiled models cannot be written ({error}); this process compiles into a temporary "
            "folder; set EXACTHAT_CACHE to a folder of yours",
            RuntimeWarning,
            stacklevel=2,
        )
        path = _write_aside(name, content)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise CompilerError(
            f"the compiled model cannot be loaded: {error}; set EXACTHAT_CACHE to a folder from which programs may run"
        ) from None


def _write_aside(name: str, content: bytes) -> Path:
    try:
        return _write(_temporary(), name, content)
    except OSError as error:
        raise CompilerError(f"the folder for temporary files cannot be used: {error}") from None


def _write(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, folder / name)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return folder / name


@cache
def _temporary() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="exacthat-")
    _keep.append(folder)
    return Path(folder.name)


_keep: list[tempfile.TemporaryDirectory] = []  # removed when the process ends


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
