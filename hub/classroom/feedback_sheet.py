"""Keeps hidden tests hidden in feedback: pupils may hand in again, so the sheet must not give the answers away.

nbgrader's own feedback shows them, in the test's source and in tracebacks.
"""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, NbGraderPreprocessor


class HideTests(NbGraderPreprocessor):
    """Takes hidden tests out of test cells, and the traceback that would quote them."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """The notebook a pupil may see."""
        clear = ClearHiddenTests(parent=self)
        for cell in nb.cells:
            if clear._remove_hidden_test_region(cell):
                cell.outputs = [_without_traceback(output) for output in cell.get("outputs", [])]
        return nb, resources


def _without_traceback(output: NotebookNode) -> NotebookNode:
    if output.output_type != "error":
        return output
    line = f"{output.ename}: {output.evalue}" if output.evalue else output.ename
    return new_output("error", ename=output.ename, evalue=output.evalue, traceback=[line])
