"""Finds uses of a page whose result depends on the transport. Room: python/fletbridge/check."""

import ast

from .findings import Finding


def look(app):
    for module in app.modules:
        window_is_used = False
        for node in module.of(ast.Attribute):
            if not isinstance(node.ctx, ast.Load):
                continue
            if node.attr == "url" and app.contexts.is_page(node.value):
                yield Finding("FB301", module.source, "page.url is read", node)
            elif node.attr in ("client_ip", "client_user_agent") and app.contexts.is_page(node.value):
                yield Finding("FB302", module.source, f"page.{node.attr} is read", node,
                              stages=app.web_stages("differs"), why=app.web_reason("the client's address"))
            elif node.attr == "get_upload_url" and app.contexts.is_page(node.value):
                yield Finding("FB303", module.source, "page.get_upload_url() is for browsers alone", node,
                              stages=app.web_stages("breaks"), why=app.web_reason("uploads"))
            elif node.attr == "upload" and is_picker(app, node.value):
                yield Finding("FB303", module.source, "FilePicker.upload() needs an address to upload to", node,
                              stages=app.web_stages("breaks"), why=app.web_reason("uploads"))
            elif node.attr == "login" and app.contexts.is_page(node.value):
                yield Finding("FB304", module.source, "page.login() is for browsers alone", node,
                              stages=app.web_stages("breaks"), why=app.web_reason("the OAuth callback"))
            elif node.attr == "window" and not window_is_used and app.contexts.is_page(node.value):
                window_is_used = True  # one that sets its size sets a dozen things: the first says it for the file
                yield Finding("FB305", module.source, "page.window is for windows alone", node)


def is_picker(app, node):
    return app.names.is_a(app.names.value(node), "flet.FilePicker")
