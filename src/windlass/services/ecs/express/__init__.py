"""ECS Express Mode: a web application from an image and two roles, with all that it needs around it.

The resources are ordinary ones, made through the API of whoever has them; only the row that says which belong
together is Express Mode's own. Source: ECS API reference, CreateExpressGatewayService; ECS Developer Guide,
express-service-work.
"""
