"""Looks for what a page tells that depends on the way to it. Room: python/fletbridge/check."""

import ast

from .findings import Finding


def look(app):
    for module in app.modules:
        for node in module.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) \
                    and node.attr == "url" and app.contexts.is_page(node.value):
                yield Finding("FB301", module.source, "page.url is read", node)
