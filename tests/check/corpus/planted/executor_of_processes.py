"""Prime numbers in other processes."""
from concurrent.futures import ProcessPoolExecutor as Workers

import flet as ft


def is_prime(n):
    return all(n % d for d in range(2, n))


def main(page: ft.Page):
    with Workers(2) as workers:  # expect: FB101
        page.add(ft.Text(str(list(workers.map(is_prime, range(9))))))


if __name__ == "__main__":
    ft.app(target=main)
