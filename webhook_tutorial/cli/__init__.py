"""The command line: each command reads what was typed, calls one function of the package, and prints what came out."""

import os
import sys

import click

from . import doctor, lessons, listen, new, options, scorecard, send


@click.group(cls=options.Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="webhook-tutorial", message="%(version)s")
@click.pass_context
def tools(context):
    """Receive, send and examine webhooks on your own computer.

    \b
    See what a sender sends, in one terminal, and send a sample in another:
        python -m webhook_tutorial listen 8000
        python -m webhook_tutorial send http://127.0.0.1:8000/webhook

    \b
    The same with Stripe's signature, verified. In both terminals, the secret is in
    a variable of the environment, and never on the command line:
        export STRIPE_SECRET=whsec_a_secret_to_test_with
        python -m webhook_tutorial listen 8000 \\
            --dialect stripe --secret-env STRIPE_SECRET
        python -m webhook_tutorial send http://127.0.0.1:8000/webhook \\
            --dialect stripe --secret-env STRIPE_SECRET --event payment_intent.succeeded

    \b
    Grade a receiver of yours, in any language:
        python -m webhook_tutorial scorecard http://127.0.0.1:8000/webhook \\
            --dialect stripe --secret-env STRIPE_SECRET

    \b
    Keep what comes, and ask why the last delivery did not verify:
        python -m webhook_tutorial listen 8000 --file deliveries.jsonl
        python -m webhook_tutorial doctor --delivery deliveries.jsonl \\
            --dialect stripe --secret-env STRIPE_SECRET

    Every command ends with 0 if all is well, with 1 if something did not hold (a delivery that does not verify, an
    answer that is not 2xx), and with 2 if it was used wrongly. With --json it prints one object a line.
    """
    if os.environ.get("NO_COLOR"):
        context.color = False


for command in (listen.listen, send.send, doctor.doctor, scorecard.scorecard, new.new, lessons.lessons):
    tools.add_command(command)


def main():
    """Run the tools with what was typed. A terminal that cannot show a character gets its code instead."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    tools(prog_name="python -m webhook_tutorial")
