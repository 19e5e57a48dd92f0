"""The project's command line; `./kaga` hands over to it."""

import importlib
import subprocess
import sys
from pathlib import Path

import click

from console.doctor import doctor


class Groups(click.Group):
    """Commands plus groups that are imported only when asked for."""

    WHERE = {
        "classroom": ("hub.commands", "classroom", "Grading, rosters and sources of the classroom."),
        "curriculum": ("curriculum.commands", "curriculum", "Lessons: build and check."),
        "robolev": ("robolev.cli", "robolev", "Rules, scores and the server of the tournament."),
        "robot": ("robolev.cli", "robot", "Robot programs: simulator and virtual robot."),
        "up": ("console.up", "up", "Start everything on this machine, until Ctrl-C."),
    }

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*super().list_commands(context), *self.WHERE])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.WHERE:
            return super().get_command(context, name)
        module, attribute, _ = self.WHERE[name]
        found: click.Command = getattr(importlib.import_module(module), attribute)
        return found

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        told = {name: command.get_short_help_str() for name, command in self.commands.items()}
        told |= {name: text for name, (_, _, text) in self.WHERE.items()}
        with formatter.section("Commands"):
            formatter.write_dl(sorted(told.items()))


@click.command(cls=Groups)
def main() -> None:
    """Kaga's education and robot-competition platform."""


main.add_command(doctor)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="one JSON object a line")
def bench(as_json: bool) -> None:
    """Measure this machine: figures and ratios, nothing asserted."""
    folder = Path(__file__).resolve().parents[1] / "tests" / "bench"
    for file in sorted(folder.glob("bench_*.py")):
        subprocess.run([sys.executable, str(file), *(["--json"] if as_json else [])], check=True)


if __name__ == "__main__":
    main()
