from requests import get as fetch


def load():
    return fetch("http://prices.invalid/").text  # expect: FB202
