"""The one error of the runner."""

from __future__ import annotations


class RunnerError(Exception):
    """The work can't be done; `kind` says what is at fault: "job", "model", "data" or "runtime"."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message

    def as_json(self) -> dict[str, str]:
        return {"kind": self.kind, "message": self.message}
