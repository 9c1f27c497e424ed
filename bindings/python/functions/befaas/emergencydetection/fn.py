"""emergencydetection - whether an emergency is to be seen, and tells lightphasecalculation.

Data    objects
Reply   emergency: active, and its type or null; or error"""
import befaas

EMERGENCIES = ["ambulance", "police", "lunatic"]  # the first that is there counts


def run(data, execution):
    if not isinstance(data.get("objects"), list):
        return {"error": "Wrong payload."}
    seen = {one["type"] for one in data["objects"]}
    kind = next((one for one in EMERGENCIES if one in seen), None)
    emergency = {"active": kind is not None, "type": kind}
    execution.call("lightphasecalculation", {"emergency": emergency}, is_async=True)
    return {"emergency": emergency}


fn = befaas.function("emergencydetection", run)
