def signal(number, function):
    return f"{number}"
