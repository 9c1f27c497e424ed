#!/usr/bin/python3
"""The house rules that a script can check: layers, sizes, nothing left to do. There are no
exceptions. Prints FILE:LINE: what, and exits with 1 if there is anything to print."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILE_LINES, FUNCTION_LINES, COMPLEXITY = 500, 60, 15

# Which folders of libenoki a folder may include from, besides itself.
BELOW = {"base": "", "wire": "base", "tls": "base wire", "config": "base wire",
         "net": "base wire", "rpc": "base wire tls config net",
         "state": "base wire tls config net rpc",
         "plugin": "base wire tls config net rpc state",
         "invoke": "base wire tls config net rpc state plugin", "coap": "base wire invoke",
         "grpc": "base wire tls rpc invoke", "remote": "base wire invoke",
         "external": "base wire net state plugin invoke"}
# One third-party library, one folder.
HOME = {r"event2?[./]": "libenoki/net", r"lmdb\.h": ("libenoki/state/store", "cmd/enoki-run/spool_store.c"),
        r"libconfig\.h": "libenoki/config", r"dlfcn\.h": ("libenoki/plugin", "libenoki/base/module.c",
                           "cmd/enoki-run/fetch.c",
                           "bindings/python/src/interpreter.c"),
        r"coap3/": ("libenoki/coap", "cmd/enoki/call_coap.c"),
        r"openssl/": ("libenoki/tls", "cmd/enoki-run/deploy.c", "cmd/enoki-run/digest.c", "cmd/enoki-run/page.c", "cmd/enoki/upload.c"),
        r"(grpc|protobuf|fred/)": ("libenoki/rpc", "libenoki/grpc"),
        r"(tinyfaas|descriptor)/": ("libenoki/grpc", "cmd/enoki/call_grpc.c"), r"json": "cmd",
        r"curl/": ("libenoki/remote", "cmd/enoki/", "cmd/enoki-run/fetch.c"),
        r"seccomp\.h": "cmd/enoki-confine"}
# Rules for code also hold in the runtimes and commands, which see public headers only.
PUBLIC_ONLY = ("runtimes/", "cmd/enoki/", "bindings/", "testing/functions/")

found = []


def report(file, line, what):
    found.append(f"{file}:{line}: {what}")


def check_include(file, line, text):
    for pattern, home in HOME.items():
        if re.match(rf"#include <{pattern}", text) and not file.startswith(home):
            if not file.startswith("testing/"):
                report(file, line, f"{text.strip()} belongs in {home} only")
    if match := re.match(r'#include "(\w+)/', text):
        folder = match.group(1)
        if file.startswith(PUBLIC_ONLY) and folder in BELOW:
            report(file, line, f"uses internals of {folder}/, not only <enoki/...>")
        if file.startswith("libenoki/"):
            own = file.split("/")[1]
            if own != folder and folder not in BELOW.get(own, "").split():
                report(file, line, f"{own}/ must not know {folder}/")


def check_function(file, start, body):
    code = re.sub(r"/\*.*?\*/|\"(\\.|[^\"\\])*\"|'(\\.|[^'\\])+'", "", "\n".join(body), flags=re.S)
    complexity = 1 + len(re.findall(r"\b(?:if|for|while|case)\b|&&|\|\||\?", code))
    if len(body) > FUNCTION_LINES:
        report(file, start, f"function of {len(body)} lines; the limit is {FUNCTION_LINES}")
    if complexity > COMPLEXITY:
        report(file, start, f"complexity {complexity}; the limit is {COMPLEXITY}")


def check_c(file, lines):
    start = None
    for number, text in enumerate(lines, 1):
        check_include(file, number, text)
        if len(text) > 100:
            report(file, number, f"{len(text)} columns; the limit is 100")
        # clang-format puts the braces of a function, and of nothing else, at the line's start.
        if text == "{":
            start = number
        elif text == "}" and start is not None:
            check_function(file, start, lines[start - 1:number])
            start = None


def check(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    if len(lines) > FILE_LINES:
        report(file, FILE_LINES, f"{len(lines)} lines; the limit is {FILE_LINES}")
    for number, text in enumerate(lines, 1):
        if re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", text):
            report(file, number, "something left to do")
    if file.endswith((".c", ".h", ".cpp", ".hpp")):
        check_c(file, lines)


def main():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard"],
                            capture_output=True, text=True)
    files = listed.stdout.split("\n") if listed.returncode == 0 else [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    files = [f for f in files if f.endswith((".c", ".h", ".cpp", ".hpp", ".py", ".txt", ".md"))
             and not f.startswith("build") and (ROOT / f).is_file()]
    for file in files:
        check(file)
    print("\n".join(found) if found else f"{len(files)} files keep the house rules")
    return bool(found)


sys.exit(main())
