"""Commands about the ledger as a whole: where it is, how a PostgreSQL one is made, how one moves to another place."""

from __future__ import annotations

import click

from desk.speaking import say, say_json, tell
from desk.typed import as_json


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def ledger(ctx: click.Context, as_json: bool) -> None:
    """Show where the ledger is, how large, and its head; make one in PostgreSQL; move it.

    Example:  holdfast ledger
              holdfast ledger init --admin postgresql://postgres@db.example.com/postgres

    Exit status:  0 shown
                  3 there is no ledger, or it cannot be read now
    """
    if ctx.invoked_subcommand:
        return
    from dataclasses import asdict

    from flows.ledgers import describe
    from flows.settings import load
    from flows.words import number

    found = describe(load())
    if as_json:
        say_json(asdict(found))
        return
    kind = {"sqlite": "SQLite, a file on this machine", "postgresql": "PostgreSQL"}[found.kind]
    say(f"{found.where}")
    say(f"{kind}, {found.size / 1_000_000:.1f} MB; {'a sandbox' if found.sandbox else 'operational'}")
    say(f"ledger {found.ledger}" + (f", made {found.created_at}" if found.created_at else ""))
    say(f"{number(found.events, 'event')}, head {found.root}")


@ledger.command()
@click.option("--admin", metavar="ADDRESS", default="", help="Connect as somebody who may make roles and databases.")
@click.option(
    "--app-password-env", metavar="VARIABLE", default="", help="Take holdfast_app's new password from this variable."
)
@click.option("--sandbox", is_flag=True, help="Make a sandbox ledger: simulated clock and loopback allowed.")
@click.option("--for-copy", is_flag=True, help="Leave it without identity, for `holdfast ledger copy`.")
def init(admin: str, app_password_env: str, sandbox: bool, for_copy: bool) -> None:
    """Make a ledger in PostgreSQL, or bring it up to date after an upgrade of Holdfast.

    HOLDFAST_LEDGER says where. Makes what is missing: the role holdfast_owner, which owns the tables and nobody logs
    in as; the role holdfast_app, which may add to the record and never change it; the database, its tables, guards
    and rights. What is there stays. Passwords are best left to PGPASSWORD or a password file.

    Example:  holdfast ledger init --admin postgresql://postgres@db.example.com/postgres
              holdfast ledger init --admin ADDRESS --app-password-env APP_PASSWORD

    Exit status:  0 done; says what HOLDFAST_LEDGER should say
                  2 HOLDFAST_LEDGER is not a PostgreSQL address, or the variable with the password is not set
                  3 could not be done: the server cannot be reached, or the right is missing
    """
    from flows.ledgers import initialise
    from flows.settings import load

    made = initialise(load(), admin=admin, password_variable=app_password_env, sandbox=sandbox, for_copy=for_copy)
    for step in made.steps:
        tell(step)
    say(f"HOLDFAST_LEDGER={made.address}")


@ledger.command()
@click.argument("one", metavar="FROM")
@click.argument("other", metavar="TO")
@as_json
def copy(one: str, other: str, as_json: bool) -> None:
    """Copy a whole ledger to another place, and prove that both are the same.

    FROM and TO are addresses as in HOLDFAST_LEDGER, or a path. TO is a file that is not there yet, or a database made
    with `holdfast ledger init --for-copy`. Stop every sweep and watch before, and let them work on TO afterwards:
    FROM is not changed, and must not be used any more. If anything does not fit, nothing stays in TO.

    Example:  holdfast ledger copy ~/ledger.sqlite postgresql://holdfast_app@db.example.com/holdfast

    Exit status:  0 copied; both fit and have the same head
                  2 an address cannot be used
                  3 nothing was copied: FROM is being worked on or does not fit, TO is not empty or not reachable
    """
    from flows.ledgers import copy as copy_all
    from flows.settings import load
    from flows.words import number

    last = ""

    def told(table: str, done: int, many: int) -> None:
        nonlocal last
        if table != last or done == many or done % 100_000 == 0:
            tell(f"{table}: {done} of {many}")
        last = table

    moved = copy_all(load(), one, other, told)
    if as_json:
        heads = [{"ledger": moved.one, "head": moved.heads[0]}, {"ledger": moved.other, "head": moved.heads[1]}]
        say_json({"events": moved.events, "rows": moved.rows, "heads": heads})
        return
    for where, head in zip((moved.one, moved.other), moved.heads, strict=True):
        say(f"{head}  {where}")
    say(f"Both have {number(moved.events, 'event')} and the same head, and everything fits.")
    say("Set HOLDFAST_LEDGER to the second one wherever Holdfast runs; keep the first one, unused.")
