"""weathersensorfilter - passes possible measurements on to roadcondition when it rains.

Data    temperature (degrees Celsius), humidity (%), wind (km/h), rain
Reply   {}, or error. As in the experiment, 0 is no measurement."""
import befaas

RANGES = {"temperature": (-273.15, 100), "humidity": (0, 100), "wind": (0, 150)}


def run(data, execution):
    for name, (low, high) in RANGES.items():
        value = data.get(name)
        if not value or not isinstance(value, (int, float)) or not low <= value <= high:
            return {"error": f"Invalid {name}."}
    if not isinstance(data.get("rain"), bool):
        return {"error": "Invalid rain."}
    if data["rain"]:
        execution.call("roadcondition", {name: data[name] for name in [*RANGES, "rain"]},
                       is_async=True)
    return {}


fn = befaas.function("weathersensorfilter", run)
