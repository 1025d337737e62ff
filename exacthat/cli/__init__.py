"""The command ``exacthat``. Heavy imports are inside the commands, so that help is quick."""

from exacthat.cli import patents
from exacthat.cli.analysis import diff_command, elasticities_command
from exacthat.cli.audit import audit_command
from exacthat.cli.bench import bench_command
from exacthat.cli.commands import app
from exacthat.cli.did import did_command
from exacthat.cli.measure import measure_command
from exacthat.cli.new import new_command
from exacthat.cli.replicate import replicate_command

app.command("diff")(diff_command)
app.command("elasticities")(elasticities_command)
app.command("bench")(bench_command)
app.command("audit")(audit_command)
app.command("did")(did_command)
app.command("measure")(measure_command)
app.command("new")(new_command)
app.command("replicate")(replicate_command)
app.add_typer(patents.app, name="patents")

__all__ = ["app"]
