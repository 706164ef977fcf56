def Process(name):
    return name
