"""What cfn-lint and cdk-nag find in a stack."""

import json
import subprocess
import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import assertions
from cdk_nag import AwsSolutionsChecks


def findings_of_cfn_lint(stack: cdk.Stack, folder: Path) -> str:
    """Return what cfn-lint says of a stack's template, which is written into a folder."""
    path = folder / "template.json"
    path.write_text(json.dumps(assertions.Template.from_stack(stack).to_json()))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("cfn-lint"),  # not whichever comes first in PATH
            *("--ignore-checks", "W3005"),  # the CDK states dependencies that CloudFormation could derive
            *("--regions", "us-east-1", "eu-central-1", "--", str(path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def raise_findings_of_cdk_nag(stack: cdk.Stack) -> None:
    """Synthesize a stack's app; raise what is not acknowledged."""
    app = stack.node.root
    assert isinstance(app, cdk.App)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
