"""nbgrader's configuration in students' and teachers' servers: the exchange goes to the classroom service.

Lay this file (or a line ``load_subconfig("…/hub/exchange/nbgrader_config.py")``) into a Jupyter config folder.
Environment: KAGA_CLASSROOM_URL, JUPYTERHUB_API_TOKEN; for a teacher also KAGA_COURSE and KAGA_COURSE_ROOT.
"""

import os

from hub.classroom.feedback_sheet import FILTERS
from hub.classroom.stubs import stubs
from hub.exchange.autograde import replace_engine

replace_engine()
c = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
c.merge(stubs())
c.ExchangeFactory.list = "hub.exchange.assignments.List"
c.ExchangeFactory.release_assignment = "hub.exchange.assignments.ReleaseAssignment"
c.ExchangeFactory.fetch_assignment = "hub.exchange.assignments.FetchAssignment"
c.ExchangeFactory.submit = "hub.exchange.submissions.Submit"
c.ExchangeFactory.collect = "hub.exchange.submissions.Collect"
c.ExchangeFactory.release_feedback = "hub.exchange.feedback.ReleaseFeedback"
c.ExchangeFactory.fetch_feedback = "hub.exchange.feedback.FetchFeedback"
c.Exchange.path_includes_course = True
c.Autograde.sanitize_preprocessors = ["hub.exchange.autograde.NeverExecute"]
c.Autograde.autograde_preprocessors = ["hub.exchange.autograde.NeverExecute"]
c.GenerateFeedback.preprocessors = [
    "hub.classroom.feedback_sheet.HideTests",
    "nbgrader.preprocessors.GetGrades",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]
# The form grader shows students' Markdown as part of the teacher's own page: no scripts from there.
c.HTMLExporter.preprocessors = ["hub.classroom.feedback_sheet.CleanOutputs"]
c.HTMLExporter.sanitize_html = True
c.HTMLExporter.filters = FILTERS
c.SanitizeHTML.enabled = True
c.SanitizeHTML.styles = []
if os.environ.get("KAGA_COURSE"):
    c.CourseDirectory.course_id = os.environ["KAGA_COURSE"]
if os.environ.get("KAGA_COURSE_ROOT"):
    c.CourseDirectory.root = os.environ["KAGA_COURSE_ROOT"]
