"""objectrecognition - what is to be seen on a picture: as in the experiment, chance decides, and a
byte of the picture says whether there is an ambulance.

Data    image: a file, base64
Reply   objects: type, place and size of each; or error"""
import base64
import random

import befaas

RED = 54  # byte of the file


def thing(kind, x, y, width, height):
    return {"type": kind, "positionx": x, "positiony": y, "boundx": width, "boundy": height}


AMBULANCE = thing("ambulance", 55, 135, 114, 175)
SEEN = [thing("car", 12, 140, 90, 60), thing("car", 120, 150, 95, 62), thing("car", 230, 143, 88, 58),
        thing("car", 340, 155, 97, 66), thing("person", 20, 60, 18, 52),
        thing("person", 180, 64, 20, 55), thing("person", 300, 58, 17, 50),
        thing("plate", 48, 182, 22, 8), thing("plate", 158, 193, 23, 8), thing("dog", 205, 98, 24, 16),
        thing("ball", 260, 110, 9, 9)]


def run(data, execution):
    if not isinstance(data.get("image"), str):
        return {"error": "Wrong payload."}
    red = base64.b64decode(data["image"])[RED]
    objects = random.sample(SEEN, random.randint(0, len(SEEN)))
    if red > 0:
        objects.append(AMBULANCE)
    execution.call("trafficstatistics", {"objects": objects}, is_async=True)
    execution.call("emergencydetection", {"objects": objects})
    execution.call("movementplan", {"objects": objects})
    return {"objects": objects}


fn = befaas.function("objectrecognition", run)
