"""Rates of single routes of the WebSocket API."""

from aws_cdk import aws_apigatewayv2 as apigatewayv2

from .setting_checks import SettingError
from .settings import Settings


def throttle_routes(stage: apigatewayv2.WebSocketStage, settings: Settings) -> None:
    """Give the routes that the setting `routeThrottles` names their own rates.

    Args:
        stage: the stage; all routes of its API have to exist.
        settings: the deployment's settings.

    Raises:
        SettingError: a route of that name does not exist.
    """
    routes = {
        child.route_key: child
        for child in stage.api.node.find_all()
        if isinstance(child, apigatewayv2.CfnRoute)
    }
    resource = stage.node.default_child
    assert isinstance(resource, apigatewayv2.CfnStage)
    rates = dict(settings.route_throttles)
    for route in rates:
        if route not in routes:
            raise SettingError(
                f"The setting routeThrottles names {route!r}; the routes are {', '.join(sorted(routes))}."
            )
        # A stage can't be made with settings of a route that is not there yet.
        resource.add_resource_dependency(routes[route])
    resource.route_settings = {
        route: {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": rate} for route, rate in rates.items()
    }
