"""Looks at the queues each minute: the metrics of SQS come late for a queue that has been idle."""

from aws_cdk import Duration
from constructs import Construct
from entity_push.runtime.environment import WatchEnvironment

from .function import AppFunction
from .push_pipeline import PushPipeline
from .schedule import run_every_minute
from .settings import Settings


class Watch(Construct):
    """A function that runs every minute.

    Attributes:
        function: the function.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, name: str, pipeline: PushPipeline
    ):
        super().__init__(scope, construct_id)
        queues = (pipeline.queue, pipeline.dead_letters, pipeline.target_dead_letters)
        queue, dead_letters, target_dead_letters = (each.queue_url for each in queues)
        self.function = AppFunction(
            self,
            "Watch",
            settings=settings,
            module="watch",
            environment=WatchEnvironment(
                deployment_name=name,
                queue_url=queue,
                dead_letter_queue_url=dead_letters,
                target_dead_letter_queue_url=target_dead_letters,
            ),
            timeout=Duration.seconds(45),  # the three attempts of each of three calls that fail
        )
        self.function.allow(("sqs:GetQueueAttributes",), *(each.queue_arn for each in queues))
        run_every_minute(self, self.function, "looks at the queues")
