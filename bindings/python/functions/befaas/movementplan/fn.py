"""movementplan - the cars before the lights, the newest first, and tells lightphasecalculation.

Data    carDirection: a car that came; or objects: as many cars are left
Reply   {}

As in the experiment, calls at the same time may lose each other's cars: read, then write."""
import befaas

CARS = "movementplancars"
CARS_MAX = 12


def run(data, execution):
    cars = (execution.dbget(CARS) or {"cars": []})["cars"]
    if "objects" in data:
        cars = cars[:len(data["objects"])]
    elif "carDirection" in data:
        new = data["carDirection"]
        cars = [new, *(car for car in cars if car != new)][:CARS_MAX]
    execution.dbset(CARS, {"cars": cars})
    execution.call("lightphasecalculation", {"plan": cars}, is_async=True)


fn = befaas.function("movementplan", run)
