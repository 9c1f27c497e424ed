"""roadcondition - how bad the road is, from 0 to 5, and tells lightphasecalculation.

Data    temperature, humidity, wind, rain
Reply   {}"""
import befaas


def run(data, execution):
    condition = sum([data["temperature"] < 4, data["humidity"] > 75, data["wind"] > 15,
                     data["wind"] > 25, bool(data["rain"])])
    execution.call("lightphasecalculation", {"condition": condition})


fn = befaas.function("roadcondition", run)
