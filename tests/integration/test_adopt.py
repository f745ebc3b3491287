"""The mail of an original server: taken over whole, in order, once - whatever interrupts it, and whatever else lies there."""
import contextlib
import glob
import hashlib
import json
import os
import pathlib
import pty
import pwd
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from fixtures.waiting import PATIENCE, wait_until
from fixtures.winpopd import SANITIZER

EPOCH = 1_100_000_000  # in the days of the original
NOBODY = pwd.getpwnam("nobody")


def canonical(octets):
    """As RETR sends it: every line ends in CRLF, a bare CR is an octet like any other."""
    octets = re.sub(rb"(?<!\r)\n", b"\r\n", octets)
    return octets if octets.endswith(b"\r\n") or not octets else octets + b"\r\n"


def uidl(name):
    """The name of the file says it alone."""
    plain = re.fullmatch(rb"([\x21-\x7e]{1,70})\.eml", name)
    return plain[1].decode() if plain else "h" + hashlib.sha256(name).hexdigest()


def body(chance, number):
    """No two alike; some as other programs write them."""
    lines = [f"Subject: number {number}", "From: sender@example.net", "", ".a dot", f"text {chance.random()}"]
    end = chance.choice(["\r\n"] * 6 + ["\n"])
    text = end.join(lines + ["x" * chance.randrange(900)] * chance.randrange(6))
    return (text + chance.choice([end, end, end, ""])).encode() + chance.choice([b""] * 9 + [b"\xe4\r", b"\0\n"])


class Original:
    """A mail root as the original laid it out; what was put into it is known."""

    def __init__(self, path, chance):
        self.path, self.chance = path, chance
        self.messages = {}  # address -> {file name: (octets, microseconds)}
        self.dirs = {}
        path.mkdir()

    def mailbox(self, domain, entry, address):
        self.dirs[address] = self.path / domain / entry
        self.dirs[address].mkdir(parents=True)
        self.messages[address] = {}

    def put(self, address, name=None, octets=None, us=None):
        chance = self.chance
        name = name or f"P3{chance.randrange(1 << 40):x}{chance.choice(['.eml', '.eml', '.EML'])}".encode()
        octets = octets or body(chance, len(self.messages[address]))
        # Some arrive within the same moment: then their names decide.
        us = us or (EPOCH + chance.randrange(40)) * 1_000_000 + chance.choice([0, 0, 7])
        path = os.path.join(os.fsencode(self.dirs[address]), name)
        with open(path, "wb") as file:
            file.write(octets)
        os.utime(path, ns=(us * 1000, us * 1000))
        self.messages[address][name] = octets, us
        return name

    def in_order(self, address):
        found = self.messages[address]
        return sorted(found, key=lambda name: (found[name][1], name))

    def octets(self):
        return sum(len(o) for box in self.messages.values() for o, _ in box.values())

    def count(self):
        return sum(map(len, self.messages.values()))


@pytest.fixture
def chance(request):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    return random.Random(seed)


@pytest.fixture
def original(tmp_path, chance):
    return Original(tmp_path / "Mailbox", chance)


def fill(original, domains, boxes, messages):
    """In upper case here and lower case there, as it came over."""
    for n in range(boxes):
        domain = f"d{n % domains}.Example.COM" if n % domains else "EXAMPLE.ORG"
        entry = [f"P3_User{n}.mbx", f"P3_USER{n}.MBX", f"p3_user{n}.mbx"][n % 3]
        original.mailbox(domain, entry, f"user{n}@{domain.lower()}")
    for n, address in zip(range(messages), list(original.dirs) * messages):
        original.put(address)
    return original


def adopt(server, original, *more, code=0):
    """The answer as JSON."""
    done = server.winpop("adopt", original.path, "--json", *more)
    assert done.code == code, done
    assert not SANITIZER.search(done.err), done
    return json.loads(done.out)


def passwords(path):
    return dict(line.split("\t") for line in path.read_text().splitlines())


def results(said, key="mailboxes"):
    return {row["mailbox"]: row["result"] for row in said[key]}


def check_mailbox(server, original, address, password):
    """LIST, UIDL and RETR are the tree's, in its order."""
    names = original.in_order(address)
    wanted = [canonical(original.messages[address][name][0]) for name in names]
    with server.session(address, password) as pop:
        assert pop.list() == [(n, len(octets)) for n, octets in enumerate(wanted, 1)]
        assert pop.uidl() == {n: uidl(name) for n, name in enumerate(names, 1)}
        for n, octets in enumerate(wanted, 1):
            assert pop.retr(n) == octets, names[n - 1]
        pop.quit()


def check_all(server, original, known):
    for address in original.messages:
        check_mailbox(server, original, address, known[address])


def listing(root):
    """Every file below, with what is in it."""
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_three_domains_two_hundred_mailboxes_five_thousand_messages(make_server, original, tmp_path):
    server = make_server(domain=None)
    fill(original, 3, 200, 5000)
    tree, list_file = listing(original.path), tmp_path / "new"

    said = adopt(server, original, "/dry-run")
    assert sum(d["messages"] for d in said["domains"]) == 5000 and len(said["domains"]) == 3
    assert sum(d["mailboxes"] for d in said["domains"]) == 200 == list(results(said, "plan").values()).count("new")
    assert sum(d["octets"] for d in said["domains"]) == original.octets()
    assert not said["odd"] and server.winpop_ok("list") == "", "a dry run does nothing"

    said = adopt(server, original, "/newpassword", list_file)
    assert said["messages_found"] == said["messages_adopted"] == 5000 and said["messages_left"] == 0
    assert said["octets_found"] == said["octets_adopted"] == original.octets()
    assert said["mailboxes_added"] == 200 and said["domains_added"] == 3
    assert list_file.stat().st_mode & 0o777 == 0o600
    known = passwords(list_file)
    assert sorted(known) == sorted(original.messages)
    check_all(server, original, known)

    # Again, after a restart, without the indexes: the same, and nothing twice.
    server.stop()
    for index in server.mailroot.rglob("index"):
        index.unlink()
    said = adopt(server, original, "/newpassword", list_file)
    assert said["messages_adopted"] == 0 and said["messages_there"] == 5000
    assert set(results(said).values()) == {"done"} and passwords(list_file) == known
    server.start()
    check_all(server, original, known)
    assert listing(original.path) == tree, "the tree is only read"


class Killer:
    """Kills a command while it is at work. How long it may run follows how long it took so far, on any machine."""

    def __init__(self, server, chance, longest):
        self.server, self.chance, self.longest = server, chance, longest
        self.runs = self.killed = 0

    def goes_on(self):
        """Fifteen times, and until some were hit, however busy the machine is."""
        assert self.runs < 300, "none was hit"
        return self.runs < 15 or self.killed < 4

    def run(self, *args):
        self.runs += 1
        run = subprocess.Popen([self.server.tool, "--config", self.server.conf, *map(str, args)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=self.server.environment())
        try:
            run.wait(self.chance.uniform(0, self.longest))
            self.longest *= 0.7
        except subprocess.TimeoutExpired:
            run.kill()
            self.killed += run.wait() < 0
            self.longest *= 1.3


def test_killed_at_random_points(make_server, original, tmp_path, chance):
    server = make_server(domain=None)
    fill(original, 3, 24, 720)
    command = ["adopt", original.path, "/newpassword", tmp_path / "new"]
    scratch = make_server(domain=None, start=False)
    began = time.monotonic()
    scratch.winpop_ok("adopt", original.path, "/newpassword", tmp_path / "scratch")
    whole = time.monotonic() - began
    killer = Killer(server, chance, whole / 3)
    while killer.goes_on():
        killer.run(*command)
    for address, box in original.messages.items():  # who is there is there whole
        if server.box_dir(address).exists():
            names = {path.name for path in server.box_dir(address).iterdir() if path.suffix.lower() == ".eml"}
            assert names == {name.decode() for name in box}

    said = adopt(server, original, "/newpassword", tmp_path / "new")
    assert said["messages_found"] == said["messages_adopted"] + said["messages_there"] == 720
    known = passwords(tmp_path / "new")
    assert sorted(known) == sorted(original.messages)
    check_all(server, original, known)
    assert not [path for path in server.mailroot.rglob("*~*")], "nothing is left of what was killed"


def test_killed_while_more_comes_and_people_fetch_and_delete(make_server, original, tmp_path, chance):
    """Every message is seen exactly once, though the tree is copied again and again and adopting is killed again and again."""
    server = make_server(domain=None)
    fill(original, 1, 4, 40)
    list_file, seen = tmp_path / "new", []

    def fetch_and_delete():
        for address, password in passwords(list_file).items():
            with server.session(address, password) as pop:
                uids = pop.uidl()
                for n in uids:
                    seen.append((address, uids[n], pop.retr(n)))
                    pop.ok(f"DELE {n}")
                pop.quit()

    adopt(server, original, "/newpassword", list_file)
    fetch_and_delete()
    began = time.monotonic()
    adopt(server, original)
    killer = Killer(server, chance, time.monotonic() - began)
    while killer.goes_on():
        for address in original.messages:
            for _ in range(10):
                original.put(address)
        killer.run("adopt", original.path)
        fetch_and_delete()
    adopt(server, original)
    fetch_and_delete()
    wanted = [(address, uidl(name), canonical(octets))
              for address, box in original.messages.items() for name, (octets, _) in box.items()]
    assert sorted(seen) == sorted(wanted)
    assert not [path for path in server.mailroot.rglob("*~*")]


def test_a_tree_that_is_in_place_gets_passwords_only(make_server, original, tmp_path):
    server = make_server(domain=None)
    shutil.rmtree(server.mailroot)
    original.path = server.mailroot
    original.path.mkdir()
    fill(original, 2, 6, 60)
    (server.mailroot / "EXAMPLE.ORG" / "P3_User0.mbx" / "Thumbs.db").write_bytes(b"x")
    before = {p: o for p, o in listing(server.mailroot).items() if p.suffix.lower() == ".eml"}
    server.stop()
    server.start()

    said = adopt(server, original, "/dry-run")
    assert set(results(said, "plan").values()) == {"password"} and said["octets_needed"] == 0
    assert [odd["why"] for odd in said["odd"]] == ["not a message (*.eml)"]
    said = adopt(server, original, "/newpassword", tmp_path / "new")
    assert said["messages_there"] == said["messages_found"] == 60 and said["messages_adopted"] == 0
    check_all(server, original, passwords(tmp_path / "new"))
    after = {p: o for p, o in listing(server.mailroot).items() if p.suffix.lower() == ".eml"}
    assert after == before

    # Given once, they stay; the files of ours that are there now are nothing odd.
    said = adopt(server, original, "/newpassword", tmp_path / "other")
    assert set(results(said).values()) == {"done"} and len(said["odd"]) == 1
    assert not (tmp_path / "other").exists(), "no password, no file"
    check_all(server, original, passwords(tmp_path / "new"))


def test_odd_things_are_told_and_left(make_server, original, tmp_path):
    server = make_server(domain=None)
    kim, root = "kim@example.com", original.path
    original.mailbox("Example.com", "P3_Kim.MBX", kim)
    latin, long = "M\xfcll \x01.eml".encode("latin-1"), b"y" * 251 + b".eml"
    for name in (b"P31.eml", b"p31.eml", b"P31.EML", b"P32.eMl", latin, long, "\u00fc.eml".encode(), b"a b.eml"):
        original.put(kim, name)
    box = original.dirs[kim]
    (box / "empty.eml").touch()
    (root / os.fsdecode(b"caf\xe9\n.txt")).touch()
    for name in (".tmp-1", "Thumbs.db", "quota.txt", "lock", "password", "adopted", "index", "P3.eml.bak"):
        (box / name).write_bytes(b"\0odd\xff")
    (box / "dir.eml").mkdir()
    (box / "link.eml").symlink_to("/etc/passwd")
    os.mkfifo(box / "fifo.eml")
    (root / "Example.com" / "P3_kim.mbx").mkdir()  # as the mail root spells it: this one would count
    (root / "Example.com" / "P3_a b.mbx").mkdir()
    (root / "Example.com" / "P3_lee.mbx").symlink_to(box)
    (root / "Example.com" / "P3_ann.mbx").write_bytes(b"")
    (root / "EXAMPLE.COM").mkdir()
    (root / "EXAMPLE.COM" / "P3_kim.mbx").mkdir()
    (root / "example.org").symlink_to(root / "Example.com")
    (root / "System Volume Information").mkdir()
    (root / "folder").mkdir()
    (root / "empty.example.net").mkdir()
    (root / "desktop.ini").touch()

    said = adopt(server, original, "/dry-run")
    odd = {row["left"]: row["why"] for row in said["odd"]}
    assert results(said, "plan") == {kim: "new"} and said["plan"][0]["found"] == 0, "the spelling of the mail root counts"
    assert odd["Example.com"] == "the same name in another spelling is there too"
    shutil.rmtree(root / "EXAMPLE.COM")
    (root / "Example.com" / "P3_kim.mbx").rmdir()

    said = adopt(server, original, "/newpassword", tmp_path / "new", code=5)
    assert "1 of the odd things may hold mail" in said["error"]["text"], said
    odd = {row["left"].removeprefix("Example.com/"): row["why"] for row in said["odd"]}
    inside = {"empty.eml": "empty", "dir.eml": "not a plain file", "fifo.eml": "not a plain file",
              "link.eml": "a symbolic link, which is not followed"}
    inside |= dict.fromkeys([".tmp-1", "Thumbs.db", "quota.txt", "lock", "password", "adopted", "index", "P3.eml.bak"],
                            "not a message (*.eml)")
    wanted = {f"P3_Kim.MBX/{name}": why for name, why in inside.items()}
    wanted |= {"P3_a b.mbx": "a mailbox cannot have this name", "P3_lee.mbx": "a symbolic link, which is not followed",
               "P3_ann.mbx": "not a mailbox (P3_name.mbx)", "example.org": "a symbolic link, which is not followed",
               "System Volume Information": "not a domain", "folder": "not a domain", "desktop.ini": "not a domain", "caf\\xE9\n.txt": "not a domain"}
    assert odd == wanted
    assert said["messages_adopted"] == 8 and said["domains_added"] == 2
    assert server.winpop_ok("list") == "empty.example.net\tunlocked\t0\topen\tdefault\nexample.com\tunlocked\t1\topen\tdefault\n"
    check_mailbox(server, original, kim, passwords(tmp_path / "new")[kim])


def test_a_mailbox_that_is_there_is_left_unless_told(server, original, chance):
    kim = "kim@example.com"
    original.mailbox("example.com", "P3_kim.mbx", kim)
    original.put(kim, b"P31.eml")
    server.deliver(kim, b"Subject: ours\r\n\r\nhere before\r\n")
    server.put(kim, "P31.eml", b"Subject: another of that name\r\n\r\n")
    ours = server.messages(kim)
    said = adopt(server, original, code=1)
    assert results(said) == {kim: "left"} and "/merge" in said["mailboxes"][0]["why"], said
    assert said["messages_left"] == said["messages_found"] == 1 and server.messages(kim) == ours

    with server.session(kim) as pop:
        said = adopt(server, original, "/merge", code=1)
        assert results(said) == {kim: "left"}, "somebody is reading"
        pop.quit()
    said = adopt(server, original, "/merge")
    assert results(said) == {kim: "more"} and said["messages_adopted"] == 1
    theirs = canonical(original.messages[kim][b"P31.eml"][0])
    assert sorted(server.messages(kim)) == sorted([theirs, *ours])
    with server.session(kim) as pop:
        uids = pop.uidl()
        assert "P31" in uids.values() and any(re.fullmatch("P31-[0-9a-f]{12}", u) for u in uids.values()), uids

    # From now on it is known: more of it comes without being told, and what was deleted stays so.
    with server.session(kim) as pop:
        for n in pop.uidl():
            pop.ok(f"DELE {n}")
        pop.quit()
    original.put(kim, b"P32.eml")
    original.put(kim, b"P31.eml", b"Subject: and a third\n\n")
    said = adopt(server, original)
    assert results(said) == {kim: "more"} and said["messages_adopted"] == 2 and said["messages_there"] == 0
    assert sorted(server.messages(kim)) == sorted(canonical(o) for o, _ in original.messages[kim].values())
    with server.session(kim) as pop:
        assert results(adopt(server, original)) == {kim: "done"}, "what is only looked at is not taken from anybody"
        pop.quit()
    # Another server's mailbox of that name is not it.
    other = Original(original.path.parent / "other", chance)
    other.mailbox("example.com", "P3_kim.mbx", kim)
    other.put(kim)
    assert results(adopt(server, other, code=1)) == {kim: "left"}


def test_passwords(make_server, original, tmp_path):
    server = make_server(domain=None)
    fill(original, 1, 3, 6)
    a, b, c = original.messages
    given = tmp_path / "given"

    done = server.winpop("adopt", original.path)
    assert done.code == 1 and "/newpassword" in done.err and server.winpop_ok("list") == "", done
    for mode, text, why in ((0o644, f"{a}\tpw a\n", "chmod 600"), (0o600, f"{a}\tpw\n\nno line of ours\n", "line 3"),
                            (0o600, f"{a}\t\n", "line 1"), (0o600, "@x\tsecret word\n", "line 1")):
        given.write_text(text)
        given.chmod(mode)
        done = server.winpop("adopt", original.path, "/passwords", given)
        assert done.code in (2, 3) and why in done.err and "secret" not in done.err, done
        assert server.winpop_ok("list") == ""
    given.write_text(f"{a}\tpw:of a\r\n{b.upper()}:pw of b\nsomebody@else.example:x\n")
    assert server.winpop("adopt", original.path, "/passwords", given).code == 1, "one has none"

    made = tmp_path / "made"
    made.write_text(f"{c}\tpw of c")  # cut short, or typed so: nobody but the administrator knows
    made.chmod(0o600)
    done = server.winpop("adopt", original.path, "/passwords", given, "/newpassword", made)
    assert done.code == 1 and "middle of a line" in done.err and made.read_text() == f"{c}\tpw of c", done
    made.write_text(f"{c}\tpw of c\n")
    adopt(server, original, "/passwords", given, "/newpassword", made)
    assert made.read_text() == f"{c}\tpw of c\n"
    check_all(server, original, {a: "pw:of a", b: "pw of b", c: "pw of c"})
    link = tmp_path / "link"
    link.symlink_to(made)
    fresh = make_server(domain=None, start=False)
    assert fresh.winpop("adopt", original.path, "/newpassword", link).code == 1, "no link is written through"


def test_read_as_root_written_as_the_owner(make_server, original, tmp_path):
    home = pathlib.Path(tempfile.mkdtemp(prefix="winpop-owner-"))
    try:
        mail = home / "mail"
        mail.mkdir()
        home.chmod(0o755)
        server = make_server(domain=None, start=False, user="nobody", mailroot=mail)
        server.home.chmod(0o711)
        for path in (mail, *mail.rglob("*")):
            os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        fill(original, 2, 4, 20)
        for path in (original.path, *original.path.rglob("*")):
            path.chmod(0o700 if path.is_dir() else 0o600)
        (tmp_path / "given").write_text("".join(f"{a}\tpw of {a}\n" for a in original.messages))
        (tmp_path / "given").chmod(0o600)
        said = adopt(server, original, "/passwords", tmp_path / "given")
        assert said["messages_adopted"] == 20
        for path in mail.rglob("*"):
            assert path.stat().st_uid == NOBODY.pw_uid, path
            assert not path.stat().st_mode & 0o027, path
    finally:
        shutil.rmtree(home)


def test_in_place_what_the_service_cannot_read_is_told(make_server, original, tmp_path):
    home = pathlib.Path(tempfile.mkdtemp(prefix="winpop-owner-"))
    try:
        home.chmod(0o711)
        original.path = home / "mail"
        server = make_server(domain=None, start=False, user="nobody", mailroot=original.path)
        server.home.chmod(0o711)
        fill(original, 1, 2, 4)
        a, b = original.dirs
        for path in (original.path, *original.path.rglob("*")):
            os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        os.chown(original.dirs[b], 0, 0)
        original.dirs[b].chmod(0o700)
        (message := next(original.dirs[a].iterdir())).chmod(0)
        said = adopt(server, original, "/newpassword", tmp_path / "new", code=5)
        odd = {row["left"]: row["why"] for row in said["odd"]}
        assert odd == {str(path.relative_to(original.path)): "cannot be read: Permission denied"
                       for path in (message, original.dirs[b])}
        assert results(said) == {a: "password"} and list(passwords(tmp_path / "new")) == [a]
    finally:
        shutil.rmtree(home)


def test_stopped_by_hand(make_server, original, tmp_path):
    """Ctrl-C is an orderly end: counted, told, and gone on from."""
    server = make_server(domain=None)
    fill(original, 2, 60, 1200)
    command = [server.tool, "--config", server.conf, "adopt", original.path, "--json", "/newpassword", tmp_path / "new"]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                           env=server.environment(), text=True)
    wait_until(lambda: len(glob.glob(f"{server.mailroot}/*/P3_*/adopted")) > 3, why="nothing was adopted")
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)
    said = json.loads(out)
    assert run.returncode == 5 and "goes on" in err and said["messages_adopted"] < 1200, (out, err)
    assert list(results(said).values()).count("new") == said["mailboxes_added"] > 3
    again = adopt(server, original, "/newpassword", tmp_path / "new")
    assert again["messages_adopted"] + said["messages_adopted"] == 1200 == again["messages_found"]
    check_all(server, original, passwords(tmp_path / "new"))


def at_terminal(server, answers, *args):
    """The words of a person at a terminal, each when it is asked for; what was shown, and the exit code."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(server.tool, [str(a) for a in (server.tool, "--config", server.conf, *args)], server.environment())
    shown = b""
    for question, answer in answers:
        while question.encode() not in shown.rpartition(b"\0")[2]:
            shown += os.read(fd, 4096)
        os.write(fd, answer.encode() + b"\n")
        shown += b"\0"
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(fd, 4096):
            shown += piece
    os.close(fd)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_asked_at_a_terminal(make_server, original):
    server = make_server(domain=None)
    fill(original, 1, 2, 3)
    a, b = original.messages
    shown, code = at_terminal(server, [("[y/N]", "n")], "adopt", original.path)
    assert code == 1 and "nothing was changed" in shown and server.winpop_ok("list") == "", shown
    answers = [("[y/N]", "y")]
    for address in (a, b):
        answers += [(f"Password for {address}:", f"pw of {address}"), ("Once more:", f"pw of {address}")]
    shown, code = at_terminal(server, answers, "adopt", original.path)
    assert code == 0 and "2 mailboxes need a password" in shown and "pw of" not in shown, shown
    check_all(server, original, {a: f"pw of {a}", b: f"pw of {b}"})


def test_paths_that_are_no_tree(make_server, original, tmp_path):
    server = make_server(domain=None, start=False)
    original.mailbox("example.com", "P3_kim.mbx", "kim@example.com")
    for path, why in ((tmp_path, "mailroot\\Mailbox"), (original.path / "example.com", "the directory above"),
                      (tmp_path / "none", "No such file"), (server.conf, "Not a directory")):
        done = server.winpop("adopt", path, "/newpassword", tmp_path / "new")
        assert done.code in (1, 4) and why in done.err, done
    assert server.winpop("adopt", "/dry-run").code == 2 and server.winpop("adopt", "/drrun", original.path).code == 2
    assert server.winpop("adopt", original.path, "/drrun").code == 2
    assert not (tmp_path / "new").exists() and server.winpop_ok("list") == ""


def test_a_disk_that_is_too_small(make_server, space, original, tmp_path):
    """Known before anything is done."""
    mail = tmp_path / "mail"
    mail.mkdir()
    space.mount_tmpfs(mail, "24m")
    server = make_server(space=space, domain=None, start=False, mailroot=mail)
    original.mailbox("example.com", "P3_kim.mbx", "kim@example.com")
    original.put("kim@example.com", octets=b"x" * (30 << 20))
    done = server.winpop("adopt", original.path, "/newpassword", tmp_path / "new")
    assert done.code == 1 and "MiB left" in done.err, done
    assert server.winpop_ok("list") == "" and not (tmp_path / "new").exists()


@pytest.mark.parametrize("catalog", ["local", "directory"])
def test_with_a_directory_only_those_who_have_an_account(make_server, slapd, original, catalog):
    server = make_server(domain=None, **slapd.settings(catalog=catalog))
    for local in "kim", "lee":
        original.mailbox("Example.COM", f"P3_{local}.mbx", f"{local}@example.com")
        original.put(f"{local}@example.com")
    original.mailbox("other.example", "P3_ann.mbx", "ann@other.example")
    slapd.add_person("kim", "directory pw of kim", mail="kim@example.com")
    said = adopt(server, original, code=5)
    assert results(said) == {"kim@example.com": "new", "lee@example.com": "no account", "ann@other.example": "no account"}
    assert not server.box_dir("lee@example.com").exists() and "other.example" not in server.winpop_ok("list")
    check_mailbox(server, original, "kim@example.com", "directory pw of kim")

    slapd.add_person("lee", "directory pw of lee", mail="lee@example.com")
    said = adopt(server, original, code=5)
    assert results(said)["lee@example.com"] == "new" and results(said)["kim@example.com"] == "done"
    check_mailbox(server, original, "lee@example.com", "directory pw of lee")
    slapd.kill()
    assert server.winpop("adopt", original.path).code == 4, "away is not without an account"
