"""The commands that load months: `run`, `backfill`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from i94_platform.audit import find_user
from i94_platform.cli.platform import load_platform
from i94_platform.cli.run_output import RunOutput, build_output
from i94_platform.errors import PermanentError
from i94_platform.lake.acceptance import Acceptance
from i94_platform.partitions import Month

if TYPE_CHECKING:
    import dagster as dg

    from i94_platform.operations.backfill import BackfillProgress
    from i94_platform.operations.platform import Platform
    from i94_platform.operations.runner import Runner
    from i94_platform.staleness.plan import RunPlan

Months = Annotated[list[str] | None, typer.Option("--month", "-m", help="A month, such as 2016-04; repeatable.")]
From = Annotated[str | None, typer.Option("--from", help="First month of a range.")]
To = Annotated[str | None, typer.Option("--to", help="Last month of a range.")]
Select = Annotated[
    list[str] | None, typer.Option("--select", help="A layer or asset, such as staged or warehouse/state; repeatable.")
]
Accept = Annotated[
    str,
    typer.Option(
        "--accept",
        metavar="REASON",
        help="Load what the gate blocks: the named months, or without a month the reference files. The reason is kept.",
    ),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Print also the time of each step, and the log lines of the runs.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON object a line for each event; docs/reference/json-output.md has its fields."
    ),
]


def run(
    month: Months = None,
    from_: From = None,
    to: To = None,
    select: Select = None,
    accept: Accept = "",
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Load months: first the reference files if stale, then each month with its marts, then the correlations.

    Without a month, loads every delivery that is not loaded yet, and renews every stale mart.

    Examples:
      [bold]i94 run[/bold]
      [bold]i94 run -m 2016-04[/bold]
      [bold]i94 run --from 2016-01 --to 2016-12[/bold]
      [bold]i94 run -m 2016-04 --select mart[/bold]
      [bold]i94 run -m 2016-04 --accept "half of the airports were closed"[/bold]
      [bold]i94 run --json | jq -r 'select(.event == "run_end") | .run'[/bold]
    """
    output = build_output(verbose=verbose, quiet=quiet, as_json=as_json)
    platform = load_platform()
    from i94_platform.operations.dagster_instance import persistent_instance

    months = _parse_months(month or [], from_, to)
    with output.show_progress(), persistent_instance(platform.settings.dagster_home) as instance:
        plan = _plan_runs(platform, instance, months)
        output.print_plan(plan)
        gate_config = _build_gate_config(accept)
        runner = _build_runner(platform, instance, output, select=select or (), gate_config=gate_config)
        results = list(runner.run(plan))
    if not results and not plan.problem:
        output.print_result("Nothing to do: every delivered month is loaded in its newest content.")
    output.print_summary(results, [plan.problem] if plan.problem else [])
    if plan.problem or not all(result.succeeded for result in results):
        raise typer.Exit(1)


def backfill(
    from_: Annotated[str, typer.Option("--from", help="First month of the range.")],
    to: Annotated[str, typer.Option("--to", help="Last month of the range.")],
    force: Annotated[bool, typer.Option("--force", help="Run every month of the range, loaded or not.")] = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Load the months of a range that are missing, stale or failed, one after the other.

    Can be stopped and called again: months that are loaded in their newest content are left out. A failed month does
    not stop the others; the end lists it with the reason and what to do.

    Examples:
      [bold]i94 backfill --from 2016-01 --to 2016-12[/bold]
      [bold]i94 backfill --from 2016-01 --to 2016-12 --force[/bold]
    """
    output = build_output(verbose=verbose, quiet=quiet, as_json=as_json)
    platform = load_platform()
    from i94_platform.operations.backfill import BackfillProgress
    from i94_platform.operations.dagster_instance import persistent_instance

    months = _parse_months([], from_, to)
    with output.show_progress(), persistent_instance(platform.settings.dagster_home) as instance:
        plan = _plan_runs(platform, instance, months, only_stale=not force)
        output.print_plan(plan)
        progress = BackfillProgress(months, plan)
        output.print_result(progress.plan_message())
        output.label = progress.label
        runner = _build_runner(platform, instance, output, tags=progress.tags)
        is_stopped = _run_months(runner, plan, progress, output)
    stopped = f"Stopped. What is loaded stays; go on with: i94 backfill --from {from_} --to {to}"
    output.print_summary(
        progress.results, [stopped] if is_stopped else [f"not run {reason}" for reason in progress.skipped_months()]
    )
    if is_stopped:
        raise typer.Exit(130)
    if not progress.has_succeeded:
        raise typer.Exit(1)


def _run_months(runner: Runner, plan: RunPlan, progress: BackfillProgress, output: RunOutput) -> bool:
    """Run the planned months and print what became of each; return whether Ctrl-C stopped them."""
    try:
        for result in runner.run(plan):
            output.print_message(progress.add(result))
    except KeyboardInterrupt:
        return True
    return False


def _plan_runs(
    platform: Platform, instance: dg.DagsterInstance, months: Sequence[Month], *, only_stale: bool = False
) -> RunPlan:
    """Plan the runs of months, or without any of every stale delivery.

    Raises:
        PermanentError: the raw folder can't be read, or a month is out of range.
    """
    from i94_platform.defs.partitions import monthly_partitions
    from i94_platform.operations.platform import find_raw_problem
    from i94_platform.staleness.plan import plan_runs

    if problem := find_raw_problem(platform.settings):
        raise PermanentError(f"I94_RAW: {problem}.")
    return plan_runs(
        platform.raw,
        platform.lake,
        platform.warehouse,
        instance,
        requested=months,
        only_stale=only_stale,
        first_month=Month.parse(platform.settings.first_month),
        last_month=Month.parse(str(monthly_partitions.get_last_partition_key())),
    )


def _build_runner(platform: Platform, instance: dg.DagsterInstance, output: RunOutput, **options: Any) -> Runner:
    from i94_platform.operations.runner import Runner

    return Runner(
        platform.definitions,
        instance,
        platform.raw,
        platform.lake,
        platform.warehouse,
        on_event=output.handle_event,
        **options,
    )


def _build_gate_config(reason: str) -> dict[str, str]:
    """Return the fields of the gate by which the user accepts a delivery; empty without a reason."""
    if not reason:
        return {}
    acceptance = Acceptance(reason, by=find_user())
    return {"accept": acceptance.reason, "accepted_by": acceptance.by}


def _parse_months(months: Sequence[str], first: str | None, last: str | None) -> list[Month]:
    """Parse single months and a range of months.

    Raises:
        PermanentError: one is not a month, or the range lacks an end or runs backwards.
    """
    try:
        parsed = [Month.parse(month) for month in months]
        if bool(first) != bool(last):
            raise ValueError("--from and --to go together")
        if first and last:
            months_between = Month.parse(first).through(Month.parse(last))
            if not months_between:
                raise ValueError(f"--from {first} is later than --to {last}")
            parsed += months_between
    except ValueError as error:
        raise PermanentError(str(error)) from None
    return parsed
