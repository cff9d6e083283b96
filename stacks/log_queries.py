"""Questions to the logs, saved in CloudWatch Logs Insights."""

from collections.abc import Mapping

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from .saved_queries import ACCESS, EVERYWHERE, SAVED_QUERIES


class LogQueries(Construct):
    """The queries of stacks/saved_queries.py, in a folder with the deployment's name.

    Saved queries cost nothing; each run costs what it reads.

    Args:
        scope: the parent construct.
        construct_id: the construct's id.
        name: the deployment's name.
        functions: all functions, by their modules.
        access_logs: the API's access log; None if there is none.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        functions: Mapping[str, lambda_.Function],
        access_logs: logs.ILogGroup | None,
    ):
        super().__init__(scope, construct_id)
        groups: dict[str, logs.ILogGroup] = {module: each.log_group for module, each in functions.items()}
        if access_logs:
            groups[ACCESS] = access_logs
        for question, query in SAVED_QUERIES.items():
            wanted = groups if query.logs is EVERYWHERE else query.logs
            found = [groups[log].log_group_name for log in wanted if log in groups]
            if not found:  # without authorization there is no authorizer to ask
                continue
            logs.CfnQueryDefinition(
                self,
                "".join(word.capitalize() for word in question.split()),
                name=f"{name}/{question}",
                query_string=query.text,
                log_group_names=found,
            )
