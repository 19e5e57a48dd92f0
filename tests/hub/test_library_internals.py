"""What we use of other projects beyond what they promise. A failure here names the library whose upgrade broke
something, and what of ours stands on it."""

from __future__ import annotations

import inspect

import nbformat
from jupyterhub.handlers.base import BaseHandler
from nbgrader.preprocessors import ClearHiddenTests
from nbgrader.server_extensions.formgrader import apihandlers, handlers
from nbgrader.server_extensions.formgrader.formgrader import FormgradeExtension
from tornado.web import RequestHandler

from hub.classroom.feedback_sheet import HideTests
from hub.pages import Page


def test_nbgraders_own_entry_is_the_first_of_its_addresses() -> None:
    """nbgrader; hub/jupyter/form_graders.py leaves the first one out, for its ``?path=`` leads out of the course."""
    first, *others = handlers.default_handlers
    assert first == (r"/formgrader/?", handlers.FormgraderHandler)
    assert [address for address, *_ in others if "path=" in address or address.startswith(r"/formgrader/?")] == []
    assert handlers.FormgraderHandler not in {handler for _, handler, *_ in [*others, *apihandlers.default_handlers]}


def test_the_form_grader_is_made_from_these_parts() -> None:
    """nbgrader; hub/jupyter/form_graders.py makes one for each course."""
    for name in ("load_config_file", "initialize", "build_extra_config", "init_tornado_settings"):
        assert callable(getattr(FormgradeExtension, name)), name
    assert isinstance(inspect.getattr_static(FormgradeExtension, "url_prefix"), property)
    assert handlers.static_path and issubclass(handlers.Template404, RequestHandler)


def test_nbgrader_takes_hidden_tests_out_and_says_whether() -> None:
    """nbgrader; hub/classroom/feedback_sheet.py hides tests and their tracebacks from pupils with it."""
    hidden = "assert f(1)\n### BEGIN HIDDEN TESTS\nassert f(2) == 'secret'\n### END HIDDEN TESTS"
    cells = [nbformat.v4.new_code_cell(source) for source in (hidden, "assert f(1)")]
    assert [ClearHiddenTests()._remove_hidden_test_region(cell) for cell in cells] == [True, False]
    assert [cell.source for cell in cells] == ["assert f(1)", "assert f(1)"]
    cell = nbformat.v4.new_code_cell(hidden)
    cell.outputs = [nbformat.v4.new_output("error", ename="AssertionError", evalue="", traceback=["f(2) == 'secret'"])]
    shown, _ = HideTests().preprocess(nbformat.v4.new_notebook(cells=[cell]), {})
    assert "secret" not in nbformat.writes(shown)


def test_templates_find_their_request() -> None:
    """JupyterHub; hub/templates/frame.html asks ``static_url`` for the handler that it is a method of."""
    source = inspect.getsource(inspect.getattr_static(BaseHandler, "template_namespace").fget)
    assert "static_url=self.static_url" in source
    assert inspect.isfunction(RequestHandler.static_url)  # a method: bound, it has a __self__
    assert list(inspect.signature(Page).parameters) == ["handler"]


def test_signing_in_makes_the_person_current() -> None:
    """JupyterHub; hub/sign_in.py goes on as the person whose own password was just set."""
    assert "self._jupyterhub_user = user" in inspect.getsource(BaseHandler.set_login_cookie)
    assert "self.set_login_cookie(user)" in inspect.getsource(BaseHandler.login_user)
