"""OAuth."""
import flet as ft
from flet.auth.providers import GitHubOAuthProvider


async def main(page: ft.Page):
    provider = GitHubOAuthProvider("id", "secret", "http://localhost/cb")

    async def sign_in(e):
        await e.page.login(provider)  # expect: FB304

    page.add(ft.Button("Sign in", on_click=sign_in))


ft.run(main)
