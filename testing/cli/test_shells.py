"""Completion as bash and zsh ask for it, --help everywhere, and the manual pages made of it."""
import re
import shutil
import subprocess

import pytest

from conftest import BUILD, ENOKI, LIMIT_S, enoki, environment

ECHO = '{ name = "echo"; code = "$LIB/echo.so"; }, { name = "empty"; code = "$LIB/echo.so"; }'
MANUAL = BUILD / "cmd" / "manual" / "man1"
COMMANDS = [line.split("\t")[0] for line in
            subprocess.run([ENOKI, "completion", "words", "--", ""], capture_output=True, text=True,
                           check=True).stdout.splitlines()]


def complete_in_bash(node, line):
    """What bash offers behind the line, by the function that the script registers."""
    script = ('eval "$("$1" completion bash)"\n'
              'read -ra COMP_WORDS <<<"${2//=/ = }"\n'
              '[[ $2 == *" " || $2 == *= ]] && COMP_WORDS+=("")\n'
              'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2}\n'
              '_enoki "$1"\n'
              'printf "%s\\n" "${COMPREPLY[@]}"\n')
    done = subprocess.run(["bash", "-c", script, "bash", ENOKI, line], capture_output=True, text=True,
                          env=environment(node), timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_values_and_functions(start):
    node = start(ECHO).wait_ready("echo", "empty")
    for line, words in (("enoki de", ["deploy", "describe", "delete", "dev"]),
                        ("enoki invoke ", ["echo", "empty"]), ("enoki invoke ec", ["echo"]),
                        ("enoki invoke echo ", []), ("enoki logs -n 5 em", ["empty"]),
                        ("enoki invoke --pro", ["--protocol"]), ("enoki top --o", ["--once"]),
                        ("enoki invoke -p ", ["http", "grpc", "coap"]),
                        ("enoki deploy --runtime=p", ["prefork", "process"]),
                        ("enoki deploy --runtime=", ["thread", "prefork", "process"]),
                        ("enoki state sc", ["scan"]), ("enoki completion ", ["bash", "zsh"]),
                        ("enoki nonsense ", COMMANDS), ("enoki deploy ", [])):
        expected = [w for w in words if w in COMMANDS or w != "dev"]
        assert complete_in_bash(node, line) == expected, line
    url = "http : //%s : %d" % node.management
    assert complete_in_bash(None, f"enoki -m {url} describe ech") == ["echo"]
    assert complete_in_bash(None, "enoki -m http : //127.0.0.1 : 1 describe ") == []


def test_completion_says_what_it_does_not_know():
    assert enoki(None, "completion").status == 2
    assert enoki(None, "completion", "fish").status == 2
    assert enoki(None, "completion", "bash", "more").status == 2
    assert enoki(None, "completion", "words").status == 0


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh here")
def test_zsh_completes(start, terminal, tmp_path):
    node = start(ECHO).wait_ready("echo", "empty")
    at = terminal(node, "-f", "-i", program=shutil.which("zsh"), cwd=tmp_path,
                  PATH=f"{ENOKI.parent}:/usr/bin:/bin", NO_COLOR="1")
    at.type(f"PS1='> '; autoload -Uz compinit; compinit -u -d {tmp_path}/dump\n"
            "source <(enoki completion zsh); echo is''ready\n")
    at.wait_for("isready")
    # It draws what it adds alone: what then runs tells what was completed.
    for typed, seen in (("describe ech\t\n", "name       echo"),
                        ("roll\t--he\t\n", "Usage: enoki rollback"),
                        ("invoke echo -p gr\t\n", "does not listen for grpc")):
        at.type(f"enoki {typed}")
        at.wait_for(seen)


def test_help_is_a_command_too():
    assert enoki(None, "help").out == enoki(None, "--help").out
    assert enoki(None, "help", "deploy").out == enoki(None, "deploy", "--help").out
    assert enoki(None, "help", "nonsense").status == 2


def test_enoki_confine_is_as_the_others():
    for words, status, text in ((("--version",), 0, "enoki-confine (enoki) 0."), ((), 2, "which"),
                                (("--nonsense",), 2, "nonsense")):
        done = subprocess.run([ENOKI.parent / "enoki-confine", *words], capture_output=True,
                              text=True, timeout=LIMIT_S)
        assert done.returncode == status and text in done.stdout + done.stderr, done


def test_every_command_has_help_version_and_a_usage():
    for command in COMMANDS:
        done = enoki(None, command, "--help")
        assert done.status == 0 and done.out.startswith(f"Usage: enoki {command}"), done
        assert "Exit status: 0" in done.out and not done.err
        assert max(map(len, done.out.splitlines())) < 80
        assert enoki(None, command, "--version").out.startswith("enoki 0.")
        assert enoki(None, command, "--nonsense").status == 2
    assert set(COMMANDS) <= {line.split()[0] for line in enoki(None, "--help").out.splitlines()
                             if line.startswith("  ")}


@pytest.mark.skipif(not MANUAL.is_dir(), reason="this build has no manual pages")
def test_manual_pages_are_formatted_without_a_warning():
    pages = {path.name for path in MANUAL.iterdir()}
    assert pages == {f"enoki-{name}.1" for name in
                     COMMANDS + ["run", "thread", "prefork", "process"]} | {"enoki.1"}
    for page in sorted(MANUAL.iterdir()):
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-P-cbou", page],
                              capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0 and done.stderr == "", (page, done.stderr)
        text = re.sub(r"\s+", " ", done.stdout)
        assert re.search(rf"{page.stem.upper()}\(1\).* NAME {page.stem} - \w.* SYNOPSIS ", text), text
