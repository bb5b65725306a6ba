"""Every error that the sandbox raises on purpose.

SandboxError
├── BuildError              the author's source cannot become a program
│   ├── CompileError        not valid WebAssembly, not valid JavaScript …; ``line`` when known
│   ├── ForbiddenImportError  it imports what the sandbox does not offer
│   ├── MissingExportError  it lacks an export that its kind needs
│   └── BuildLimitError     building it took more CPU, memory or room than allowed
├── ArtifactError           a stored artefact is missing, damaged or from another machine: build again
└── SettingsError           the engine cannot be made with these settings: the operator

What a guest does at run time is never an exception: it is an ``Outcome``.
"""


class SandboxError(Exception):
    """Root of the tree. ``remedy`` is one imperative sentence for the reader."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class BuildError(SandboxError):
    """The source cannot become a program."""


class CompileError(BuildError):
    """The source is not valid; ``line`` counts from 1, None when unknown."""

    def __init__(self, message: str, *, remedy: str, line: int | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.line = line


class ForbiddenImportError(BuildError):
    """The module imports what the sandbox does not offer."""


class MissingExportError(BuildError):
    """The module lacks an export that its kind needs."""


class BuildLimitError(BuildError):
    """The build went over its CPU, memory, size or wall limit."""


class ArtifactError(SandboxError):
    """A stored artefact cannot be loaded on this machine."""


class SettingsError(SandboxError):
    """The engine refuses these settings."""
