def fn(i):
    return i
