Tk = "a name"
