"""compare.py - the rules of the transcripts' README: when is an answer the recorded one."""
import json
import re

import wire


def expand(value, names):
    """Recorded JSON with its shorthands written out: {"repeat", "times"} and ${name}."""
    if isinstance(value, dict):
        if set(value) == {"repeat", "times"}:
            return value["repeat"] * value["times"]
        return {key: expand(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [expand(one, names) for one in value]
    if isinstance(value, str):
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(names.get(found[1], found[0])), value)
    return value


def text(value):
    """For people: JSON, long things cut."""
    full = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return full if len(full) <= 240 else f"{full[:200]}... ({len(full)} characters)"


def _key(value):
    return json.dumps(value, sort_keys=True)


def _in_one_order(step, answer):
    """Both sides are put in one order where order says nothing."""
    answer = dict(answer)
    for name in step.get("unordered", []):
        if isinstance(answer.get(name), list):
            answer[name] = sorted(answer[name], key=_key)
    for name, by in step.get("grouped", {}).items():
        groups = []
        for one in answer.get(name, []):
            if groups and groups[-1][0][by] == one[by]:
                groups[-1].append(one)
            else:
                groups.append([one])
        answer[name] = [one for group in groups for one in sorted(group, key=_key)]
    return answer


def _answers(step, want, got):
    found = []
    want, got = _in_one_order(step, want), _in_one_order(step, got)
    for name, pattern in step.get("match", {}).items():
        want.pop(name, None)
        if not re.search(pattern, str(got.pop(name, ""))):
            found.append(f"{name} does not match {pattern}")
    for name in sorted(set(want) | set(got)):
        # json.dumps tells 1 from true, which == does not.
        if name not in want or name not in got or _key(want[name]) != _key(got[name]):
            found.append(f"{name}: expected {text(want.get(name, 'nothing'))}, "
                         f"got {text(got.get(name, 'nothing'))}")
    return found


def _one(step, want, got):
    if "error" in want and "error" in got:
        expected, given = want["error"], got["error"]
        if expected["code"] != given["code"]:
            return [f"expected code {expected['code']}, got {given['code']}: "
                    f"{text(given['message'])}"]
        if "message" in expected and expected["message"] != given["message"]:
            return [f"expected the message {text(expected['message'])!r}, "
                    f"got {text(given['message'])!r}"]
        return []
    if "error" in want:
        return [f"expected an error, {text(want['error'])}, got {text(got['response'])}"]
    if "error" in got:
        return [f"expected {text(want['response'])}, got an error, {text(got['error'])}"]
    return _answers(step, want["response"], got["response"])


def outcomes(step, names):
    """What is right after this step: the recorded outcome, and others that are as good."""
    recorded = {name: step[name] for name in ("response", "error") if name in step}
    return [expand(one, names) for one in [recorded, *step.get("alternatives", [])]]


def differences(step, got, names):
    """Empty if got is right."""
    found = [_one(step, want, got) for want in outcomes(step, names)]
    return [] if [] in found else found[0]


def match_parallel(steps, results, names):
    """Steps at the same time: the outcomes per node and call, in any order."""
    found = []
    kinds = {(step["node"], step["call"]) for step in steps}
    for kind in sorted(kinds):
        left = [got for step, got in zip(steps, results) if (step["node"], step["call"]) == kind]
        for step in steps:
            if (step["node"], step["call"]) != kind:
                continue
            fit = next((got for got in left if not differences(step, got, names)), None)
            if fit is None:
                found.append(f"step {step['step']}: nobody at {kind[0]} got "
                             f"{text(outcomes(step, names)[0])}; left: {text(left)}")
            else:
                left.remove(fit)
    return found


def raw_differences(step, got, recorded_hosts, names):
    """The answer's bytes against the recorded ones."""
    if "raw_response" not in step or "alternatives" in step or got is None:
        return []
    fields = wire.CLIENT[step["call"]][1]
    swap = {host.encode(): names[name].encode() for name, host in recorded_hosts.items()
            if name in names}
    rules = {"loose": [*step.get("unordered", []), *step.get("grouped", {})],
             "skip": list(step.get("match", {}))}
    want = wire.shape(fields, bytes.fromhex(step["raw_response"]), swap=swap, **rules)
    given = wire.shape(fields, got, **rules)
    return [] if want == given else [f"bytes: expected {text(step['raw_response'])}, "
                                     f"got {text(got.hex())}"]
