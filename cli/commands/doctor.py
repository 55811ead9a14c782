"""`bioseq doctor`: what is here, what is missing, and the line that mends it."""

from __future__ import annotations

import dataclasses
from itertools import groupby
from typing import TYPE_CHECKING

import click

from biosequence.errors import MissingExtraError

from ..console import Session, steady_output
from ..help import Command
from ..options import output_switches

if TYPE_CHECKING:
    from ..checkup import Finding


@click.command("doctor", cls=Command, epilog="Exit code 5 when a required part is missing.")
@output_switches
@click.pass_context
def command(context: click.Context) -> None:
    """Check this installation and say how to mend it.

    Shows versions, devices, back ends, optional parts and bundled data. Send the page along
    when you report a problem.
    """
    session = context.ensure_object(Session)
    with steady_output(session):
        from ..checkup import examine

        findings = examine()
    broken = [finding for finding in findings if finding.required and not finding.ok]
    for line in page(findings):
        session.say(line)
    session.result(
        {"ok": not broken, "findings": [dataclasses.asdict(finding) for finding in findings]}
    )
    if broken:
        context.exit(MissingExtraError.exit_code)


def page(findings: list[Finding]) -> list[str]:
    """The findings as lines of text: a mark, a name, what was found, and the mend below."""
    lines = []
    for section, group in groupby(findings, key=lambda finding: finding.section):
        lines += ["", section] if lines else [section]
        for finding in group:
            mark = "ok" if finding.ok else "MISSING" if finding.required else "-"
            lines.append(f"  {mark:<8}{finding.name:<28}  {finding.found}")
            if not finding.ok:
                lines.append(f"  {'':<8}{'':<28}  {finding.fix}")
    broken = sum(finding.required and not finding.ok for finding in findings)
    verdict = f"{broken} required part(s) need mending." if broken else "Ready."
    return [*lines, "", verdict]
