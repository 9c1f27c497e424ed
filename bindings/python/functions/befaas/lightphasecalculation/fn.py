"""lightphasecalculation - switches the lights by cars, emergencies and the road.

Data    plan: cars; emergency: active, type; condition: 0 to 5; any of them. None: a query
Reply   {}; to a query lights and blink

One call at a time switches, the others only leave what they know; a change takes int(condition / 2 +
2) times LIGHT_SECONDS (1). As in the experiment the lock is looked at and then taken, an emergency
that is not active is one, and none ever ends."""
import os
import time

import befaas

PREFIX = "lightcalculation"
TOO_FAST = 50


class Lights:
    def __init__(self, execution):
        self.execution = execution

    def get(self, key):
        return self.execution.dbget(PREFIX + key)

    def set(self, **values):
        for key, value in values.items():
            self.execution.dbset(PREFIX + key, value)

    def alarm(self):
        """Whether there is an emergency, which is shown then."""
        if self.get("emergency"):
            self.set(lights=["yellow"], blink=True)
            return True
        return False

    def change(self):
        if self.alarm():
            return
        plates, speeds = self.get("plates") or [], self.get("speeds") or []
        stops = not plates or any(speed > TOO_FAST for speed in speeds)
        seconds = int((self.get("condition") or 0) / 2 + 2)
        self.set(lights=["yellow"] if stops else ["yellow", "red"], blink=False)
        time.sleep(seconds * float(os.environ.get("LIGHT_SECONDS", "1")))
        self.set(lights=["red"] if stops else ["green"])
        self.alarm()


def remember(lights, condition, plan, emergency):
    if condition is not None:
        lights.set(condition=condition)
    if plan:
        lights.set(plates=[car["plate"] for car in plan],
                   directions=[car["direction"] for car in plan],
                   speeds=[car["speed"] for car in plan])
    if emergency and emergency.get("active") is not None:
        lights.set(lights=["yellow"], blink=True, emergency=True,
                   emergencytype=emergency.get("type"))


def run(data, execution):
    lights = Lights(execution)
    condition, plan, emergency = data.get("condition"), data.get("plan"), data.get("emergency")
    if isinstance(condition, bool) or not isinstance(condition, (int, float)):
        condition = None
    if condition is None and not plan and not emergency:
        return {"lights": lights.get("lights"), "blink": lights.get("blink")}
    remember(lights, condition, plan, emergency)
    if lights.get("lock"):
        return {}
    lights.set(lock=True)
    try:
        lights.change()
    finally:
        lights.set(lock=False)
    return {}


fn = befaas.function("lightphasecalculation", run)
