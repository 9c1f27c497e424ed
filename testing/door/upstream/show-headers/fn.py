import json


def fn(input, headers):
    return json.dumps(headers)
