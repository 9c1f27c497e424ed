"""trafficsensorfilter - passes cars with a possible plate, direction and speed on to movementplan.

Data    carDirection: plate, direction, speed
Reply   {}"""
import re

import befaas

PLATE = re.compile(r"[A-Z]{2} [A-Z]{2} \d{1,7}")
SPEED = (-20.0, 38.8889)  # m/s


def is_valid(car):
    plate, direction, speed = car["plate"], car["direction"], car["speed"]
    return (isinstance(direction, (int, float)) and 0 <= direction <= 4
            and isinstance(plate, str) and PLATE.fullmatch(plate) is not None
            and isinstance(speed, (int, float)) and SPEED[0] <= speed <= SPEED[1])


def run(data, execution):
    car = data["carDirection"]
    if is_valid(car):
        execution.call("movementplan", {"carDirection": car})


fn = befaas.function("trafficsensorfilter", run)
