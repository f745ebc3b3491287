"""Completion in the real shells: what Tab offers. Each shell is asked in its own way for what it would show."""
import os
import shutil
import subprocess

import pytest

from fixtures.waiting import PATIENCE

SHELLS = ["bash", "zsh", "fish"]
BASH = """
source {script}
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:@'
COMP_LINE={line!r} COMP_POINT={point}
COMP_WORDS=({tool}) COMP_CWORD=0
compopt() {{ :; }}
_winpop
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# zsh completes on a terminal only: it gets a pseudo terminal, and whatever would be offered is written down.
ZSH = """
zmodload zsh/zpty
zpty z zsh -f
zpty -w z 'PROMPT=; fpath=({dir} $fpath); autoload -Uz compinit; compinit -D -u'
zpty -w z 'compadd() {{ [[ -n ${{@[(r)-[AOD]*]}} ]] || {{ builtin compadd -O shown "$@"; print -rl -- $shown >>{out}; }}; builtin compadd "$@" }}'
zpty -w z 'probe() {{ BUFFER=$LINE; CURSOR=$#BUFFER; zle list-choices; print >>{out}.done }}; zle -N probe; bindkey "^X" probe; print RE''ADY'
while zpty -r z line; do [[ $line = *READY* ]] && break; done
zpty -w -n z $'\\C-x'
for i in {{1..{patience}}}; do [[ -e {out}.done ]] && break; sleep 0.1; done
zpty -d z
"""


class Shell:
    def __init__(self, name, build, server):
        self.name, self.scripts, self.server = name, build / "admin/completion", server
        self.bin = server.home / "bin"
        self.bin.mkdir(exist_ok=True)
        tool = self.bin / "winpop"
        tool.write_text(f'#!/bin/sh\nexec {server.tool} "$@"\n')
        tool.chmod(0o755)
        self.give_time()

    def give_time(self):
        """What is slow is left alone after a second: on a busy machine anything is."""
        timeout = self.bin / "timeout"
        timeout.write_text(f'#!/bin/sh\nshift\nexec {shutil.which("timeout")} {PATIENCE} "$@"\n')
        timeout.chmod(0o755)

    def ask(self, line):
        """What is offered behind `line`."""
        env = {**self.server.environment(), "PATH": f"{self.bin}:{os.environ['PATH']}", "WINPOP_CONFIG": str(self.server.conf),
               "HOME": str(self.server.home), "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        return getattr(self, self.name)(line, env)

    def bash(self, line, env):
        text = BASH.format(script=self.scripts / "winpop", line=line, point=len(line), tool=self.bin / "winpop")
        return self.run(["bash", "--norc", "-c", text], env)

    def zsh(self, line, env):
        out = self.server.home / "shown"
        out.write_text("")
        (self.server.home / "shown.done").unlink(missing_ok=True)
        self.run(["zsh", "-f", "-c", ZSH.format(dir=self.scripts, out=out, patience=10 * PATIENCE)], {**env, "LINE": line})
        return out.read_text().split()

    def fish(self, line, env):
        text = f"source {self.scripts}/winpop.fish; complete -C {line!r}"
        return [entry.split("\t")[0] for entry in self.run(["fish", "--no-config", "-c", text], env)]

    def run(self, argv, env):
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done
        assert not done.stderr, done.stderr
        return [line for line in done.stdout.splitlines() if line]


@pytest.fixture(params=SHELLS)
def shell(request, build, server):
    return Shell(request.param, build, server)


def whole(shell, typed, offered):
    """bash is given what comes behind the last '@', the others whole words."""
    return [typed.rpartition("@")[0] + "@" + o if shell.name == "bash" and "@" in typed else o for o in offered]


def test_commands_and_switches(shell):
    assert {"unlock", "setup", "support"} <= set(shell.ask("winpop ")) and set(shell.ask("winpop unl")) == {"unlock"}
    assert set(shell.ask("winpop add --cr")) == {"--createuser"}
    assert {"--answers", "--dry-run", "--remove"} <= set(shell.ask("winpop setup --"))
    assert set(shell.ask("winpop mta pos")) == {"postfix"}


def test_settings_and_their_values(shell):
    assert set(shell.ask("winpop get socketm")) == {"socketmax", "socketmin"}
    assert set(shell.ask("winpop set authent")) == {"authentication"}
    assert set(shell.ask("winpop set authentication ")) == {"ad", "local", "file"}
    assert set(shell.ask("winpop set sparequired ")) == {"yes", "no"}
    assert set(shell.ask("winpop set port 110 authent")) == {"authentication"}


def test_names(shell):
    shell.server.winpop_ok("add", "other.example")
    shell.server.mailbox("lee")
    assert {"example.com", "other.example"} <= set(shell.ask("winpop lock "))
    assert set(shell.ask("winpop stat oth")) == {"other.example"}
    assert {"kim@example.com", "lee@example.com"} <= set(whole(shell, "kim@example.com", shell.ask("winpop lock kim@example.com")) +
                                                       whole(shell, "lee@", shell.ask("winpop lock lee@example.co")))


def test_a_server_that_is_slow_holds_nobody_up(shell):
    (shell.bin / "winpop").write_text("#!/bin/sh\nexec sleep 600\n")
    (shell.bin / "timeout").unlink()
    assert not set(shell.ask("winpop lock exam"))
