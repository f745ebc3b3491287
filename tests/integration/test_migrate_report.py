"""What migrateToAD tells: reports in three forms, exit codes, a bar on a terminal and lines elsewhere; and who may stop it."""
import csv
import errno
import os
import pty
import resource
import signal
import subprocess

from fixtures.migration import WEAK
from fixtures.siege import Run
from fixtures.waiting import wait_until
from fixtures.winpopd import Result

# ---- reports and exit codes ----

def test_reports_agree(migration, tmp_path):
    people = [migration.hire() for _ in range(3)] + [migration.hire(password=WEAK), migration.hire("comma,no+list".replace(",", "."))]
    found = {}
    for n, kind in enumerate(("csv", "json", "txt")):
        path = tmp_path / f"report.{kind}"
        assert migration.migrate("/all", "/report", path).code == 5
        found[kind] = path
    rows, more = migration.report(found["csv"]), migration.report(found["json"])
    assert list(rows) == sorted(people) == list(more)
    for address in people[:3]:
        assert (rows[address]["result"], more[address]["result"]) == ("create", "done")
    for address in people:
        for key in ("mailbox", "logon", "altered", "new_password", "entry", "class", "why"):
            assert str(rows[address][key]) == str(more[address][key]), (address, key)
    text = found["txt"].read_text()
    for address in people:
        assert address in text
    assert list(csv.reader(found["csv"].open()))[0] == ["mailbox", "result", "logon", "altered", "new_password", "entry", "class", "why"]
    said = migration.said("/all", code=5)
    assert (said["migrated"], said["not_migrated"]) == (3, 2), said


def test_a_report_that_cannot_be_written(migration, tmp_path):
    """Known before anything is touched."""
    kim = migration.hire()
    path = tmp_path / "no/such/place.csv"
    result = migration.migrate(kim, "/report", path)
    assert result.code != 0 and str(path) in result.err, result
    new = migration.migrate(kim, "/newpassword", tmp_path / "no/such/place")
    assert new.code != 0, new
    migration.check(made=[])


def test_exit_codes(migration):
    good, plus = migration.hire(), migration.hire("none+such")
    assert migration.migrate(good, "/dry-run").code == 0
    assert migration.migrate("/all", "/dry-run").code == 1
    assert migration.migrate(plus).code == 1
    assert migration.migrate("/all").code == 5
    assert migration.migrate(good).code == 0


def test_csv_on_standard_output(migration):
    kim = migration.hire()
    result = migration.migrate_ok(kim, "--csv")
    rows = list(csv.DictReader(result.out.splitlines()))
    assert [row["mailbox"] for row in rows] == [kim], result


# ---- while it runs ----

def on_terminal(migration, *words, interrupt=lambda: False):
    """Exit status and all that was displayed. interrupt: Ctrl-C is typed once that is so."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = migration.command(*words)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execvpe(words[0], list(map(str, words)), migration.server.environment())
    shown = ""
    while octets := read(terminal):
        shown += octets
        if interrupt():
            os.write(terminal, b"\x03")
            interrupt = bool
    status = os.waitpid(pid, 0)[1]
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown


def read(terminal):
    try:
        return os.read(terminal, 65536).decode(errors="replace")
    except OSError as e:
        assert e.errno == errno.EIO, e
        return ""


def test_a_bar_on_a_terminal(migration):
    people = migration.hire_many(30)
    status, shown = on_terminal(migration, "/all", "/rate", "20")
    assert status == 0, shown
    assert shown.count("\r") > 3 and "%" in shown, repr(shown)
    migration.check(made=people)


def test_lines_elsewhere(migration):
    """No bar where nobody looks: lines without control characters."""
    people = migration.hire_many(30)
    result = migration.migrate_ok("/all", "/rate", "20")
    said = result.out + result.err
    assert "\r" not in said and "\033" not in said and "30" in said, result
    migration.check(made=people)


def test_ctrl_c_and_again(migration):
    """Typed on a terminal: what is in hand is finished, what is left is told, and the same command goes on."""
    people = migration.hire_many(40)
    status, shown = on_terminal(migration, "/all", "/rate", "10", interrupt=lambda: len(migration.journal().all("made")) > 3)
    done = migration.journal().all("made")
    assert status == 5 and 3 < len(done) < 40, (status, shown)
    assert shown.count("the same command goes on") == 1, shown
    migration.check(made=done)
    migration.migrate_ok("/all")
    migration.check(made=people)


def struck(number):
    """For a child that begins with this signal waiting: it comes before anything else can."""
    def before_exec():
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
        os.kill(os.getpid(), number)
    return before_exec


def test_a_plan_that_was_stopped_says_nothing(migration, tmp_path):
    """Half a plan is none: no numbers that could be taken for the whole, no report, and nothing that could go on."""
    migration.hire_many(400)  # not through before it looks
    report = tmp_path / "plan.csv"
    result = Result(subprocess.run(migration.command("/all", "/dry-run", "/report", report), capture_output=True, text=True,
                                   env=migration.server.environment(), preexec_fn=struck(signal.SIGTERM)))
    assert result.code == 1 and result.out == "" and not report.exists(), result
    assert "nothing was done" in result.err and "goes on" not in result.err, result


def test_no_room_for_the_report(migration, tmp_path):
    """Told once, beside what was found out; nothing is left of the file."""
    kim = migration.hire()

    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    result = Result(subprocess.run(migration.command(kim, "/dry-run", "/report", tmp_path / "plan.csv"), capture_output=True,
                                   text=True, env=migration.server.environment(), restore_signals=False, preexec_fn=no_room))
    assert result.code == 5 and kim in result.out, result
    assert result.err.count("\n") == 1 and "the report was not written: " in result.err, result
    assert list(tmp_path.iterdir()) == []


def test_undo_says_what_was_undone(migration):
    """Not what names it had there; and that there was nothing to undo, if so."""
    kim = migration.hire("kim")
    migration.server.winpop_ok("add", "other." + migration.domain)
    other = migration.hire("kim", domain="other." + migration.domain)
    migration.migrate_ok("/all")
    undone = migration.migrate_ok("/all", "/undo")
    assert other not in undone.out and "another logon name" not in undone.out, undone
    assert "nothing to undo" in migration.migrate_ok(kim, "/undo").out


def test_rate(migration):
    people = migration.hire_many(20)
    start = os.times().elapsed
    migration.migrate_ok("/all", "/rate", "10")
    assert os.times().elapsed - start > 1.5, "faster than was allowed"
    migration.check(made=people)


def test_one_at_a_time(migration):
    """Two administrators with the same idea."""
    migration.hire_many(30)
    first = Run(migration.server, "migrateToAD", "/all", "/rate", 1)  # half a minute, if nobody stops it
    wait_until(lambda: len(migration.journal().state) > 1)
    second = migration.migrate("/all")
    assert second.code == 1 and "another" in second.err, second
    assert first.under_way()
    first.signal(signal.SIGTERM)
    assert first.end().code == 5
    migration.migrate_ok("/all")
    migration.check(made=migration.people)
