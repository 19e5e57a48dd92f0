"""Every setting is documented, and what does not fit is told in one line."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from console.main import main
from robolev.settings import TABLE, Settings

README = Path(__file__).parents[2] / "robolev" / "web" / "README.md"
PLAIN = {row.name.replace("-", "_"): row.default for row in TABLE}


def test_the_readme_has_every_setting_and_no_other():
    written = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `--")]
    assert len(written) == len(TABLE)
    for row, line in zip(TABLE, written, strict=True):
        assert line.startswith(f"| `--{row.name}` | `{row.variable}` |") and line.endswith(f"| {row.help} |")


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({}, ""),
        ({"hub": "http://127.0.0.1:8081/hub/api"}, "/services/robolev"),
        ({"hub": "http://127.0.0.1:8081/hub/api", "prefix": "/"}, ""),
        ({"prefix": "match/kaga/"}, "/match/kaga"),
    ],
)
def test_one_prefix_for_every_address(given, base):
    assert Settings(**{**PLAIN, **given}).base == base


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--hub", "http://127.0.0.1:1/hub/api"], "--hub-token-file: expected a file"),
        (["--hub", "http://127.0.0.1:1/hub/api", "--hub-token-file", "none"], "--hub-token-file: expected a token"),
        (["--sensor", "x=3"], "--sensor: expected NUMBER=FIELD"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_line_and_leaves_nothing(tmp_path, options, says):
    result = CliRunner().invoke(main, ["robolev", "serve", "--data", str(tmp_path / "d"), *options])
    assert result.exit_code == 2 and says in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "d").exists()


def test_the_environment_gives_settings_too(tmp_path):
    environment = {"KAGA_ROBOLEV_SENSOR": "1", "KAGA_ROBOLEV_DATA": str(tmp_path / "d")}
    result = CliRunner().invoke(main, ["robolev", "serve"], env=environment)
    assert result.exit_code == 2 and "got '1'" in result.stderr
