"""The dashboard and the alerts, asked of a real Prometheus that scrapes a service at work: each panel has something to show, each rule
can be worked out, and each alert comes when it should, and not before."""
import contextlib
import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from fixtures.slapd import Slapd
from fixtures.waiting import PATIENCE, wait_until
from test_metrics import DASHBOARD, load, metered  # noqa: F401 (a fixture)

RULES = DASHBOARD / "winpop.rules.yml"
VARIABLES = {"$__rate_interval": "30s", "$job": ".*", "$instance": ".*"}
CONFIG = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: winpop
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
"""


class Prometheus:
    def __init__(self, home, port, target):
        self.port = port
        (home / "prometheus.yml").write_text(CONFIG.format(rules=RULES, target=target))
        self.log = open(home / "prometheus.log", "wb")
        self.process = subprocess.Popen(["prometheus", f"--config.file={home}/prometheus.yml", f"--storage.tsdb.path={home}/data",
                                         f"--web.listen-address=127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

        def ready():
            assert self.process.poll() is None
            with contextlib.suppress(OSError, AssertionError):  # 503 until it is
                return self.get("/-/ready")
        wait_until(ready, why="Prometheus does not come up")

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                return answer.read()
        except urllib.error.HTTPError as e:
            raise AssertionError((path, e.read())) from e

    def query(self, expression):
        said = json.loads(self.get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        assert said["status"] == "success" and not said.get("warnings"), said
        return said["data"]["result"]

    def total(self, expression):
        return sum(float(row["value"][1]) for row in self.query(expression))

    def rules(self):
        """name -> the rule, once each was worked out."""
        def worked_out():
            rules = json.loads(self.get("/api/v1/rules"))["data"]["groups"][0]["rules"]
            return rules if all(rule["health"] != "unknown" for rule in rules) else None
        return {rule["name"]: rule for rule in wait_until(worked_out)}

    def close(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.log.close()


@pytest.fixture
def slapd():
    made = Slapd(people=2).start()
    yield made
    made.close()


@pytest.fixture
def scraped(metered, tls, tmp_path):  # noqa: F811
    """scraped(**settings) -> (a service, the Prometheus that looks at it)"""
    with contextlib.ExitStack() as stack:
        def make(**settings):
            server = metered(**settings)
            made = stack.enter_context(contextlib.closing(Prometheus(tmp_path, server.ports.take(), server.metrics_port)))
            wait_until(lambda: made.query("winpop_build_info"))
            return server, made
        yield make


def expressions():
    """(panel, expression) with the dashboard's variables replaced as Grafana does."""
    for panel in json.loads((DASHBOARD / "winpop.json").read_text())["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            assert "$" not in text
            yield panel["title"], text


def test_each_panel_shows_something(scraped, tls):
    server, prometheus = scraped(tls=True)
    load(server, tls)
    wait_until(lambda: prometheus.total("sum(rate(winpop_signins_total[30s]))") > 0)
    empty = [(panel, text) for panel, text in expressions() if not prometheus.query(text)]
    assert not empty
    # And the numbers are numbers where something has happened, once that is scraped.
    for name in "signin", "delivery", "retrieval":
        wait_until(lambda: 0 < prometheus.total(f"histogram_quantile(0.5, sum by (le) (rate(winpop_{name}_seconds_bucket[1m])))") < 60)
    assert prometheus.total("min(winpop_healthy)") == 1
    for variable in json.loads((DASHBOARD / "winpop.json").read_text())["templating"]["list"][1:]:
        assert prometheus.query(re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"]).group(1).replace("$job", ".*"))


def test_alerts_are_silent_until_there_is_a_reason(scraped, tls):
    server, prometheus = scraped(tls=True)
    load(server, tls)
    rules = prometheus.rules()
    assert len(rules) >= 10 and {rule["health"] for rule in rules.values()} == {"ok"}, rules
    pending = {name for name, rule in rules.items() if rule["alerts"]}
    assert not pending, pending
    server.mailroot.rename(server.home / "away")
    wait_until(lambda: prometheus.rules()["WinpopNotHealthy"]["alerts"])
    (server.home / "away").rename(server.mailroot)
    wait_until(lambda: not prometheus.rules()["WinpopNotHealthy"]["alerts"])
    server.kill()
    wait_until(lambda: prometheus.rules()["WinpopAway"]["alerts"])


def test_a_directory_that_is_away_alerts(scraped, slapd):
    server, prometheus = scraped(**slapd.settings())
    assert not prometheus.rules()["WinpopDirectoryServerDown"]["alerts"]
    slapd.kill()
    with server.pop() as pop:
        pop.ok("USER person0@example.com")
        pop.err("PASS pw-person0", "SYS")
    wait_until(lambda: prometheus.rules()["WinpopDirectoryServerDown"]["alerts"])


# What makes each of them come: series, by promtool's notation; what {{ $value }} is then; labels beside those of the rule.
AT = 'instance="mail:9110",job="winpop"'
REASONS = {
    "WinpopAway": ({f"up{{{AT}}}": "0x60"}, "0", {"job": "winpop"}),
    "WinpopNotHealthy": ({f"winpop_healthy{{{AT}}}": "0x60"}, "0", {"job": "winpop"}),
    "WinpopDirectoryServerDown": ({f'winpop_directory_servers{{{AT},state="down"}}': "1x60"}, "1", {"job": "winpop", "state": "down"}),
    "WinpopGuessing": ({f'winpop_signins_total{{{AT},result="wrong",mechanism="PLAIN"}}': "0+180x60"}, "3", {}),
    "WinpopSignInTrouble": ({f'winpop_signins_total{{{AT},result="trouble",mechanism="PLAIN"}}': "0+60x60"}, "1", {}),
    "WinpopSlowSignIn": ({f'winpop_signin_seconds_bucket{{{AT},le="2.5"}}': "0x60", f'winpop_signin_seconds_bucket{{{AT},le="5"}}': "0+60x60",
                          f'winpop_signin_seconds_bucket{{{AT},le="+Inf"}}': "0+60x60"}, "4.975", {}),
    "WinpopDeliveryTrouble": ({f'winpop_deliveries_total{{{AT},result="temp"}}': "0+60x60"}, "1", {}),
    "WinpopQueueStands": ({f'winpop_queue_oldest_seconds{{{AT},queue="mail"}}': "20x60"}, "20", {"job": "winpop", "queue": "mail"}),
    "WinpopConnectionsDenied": ({f'winpop_connections_denied_total{{{AT},why="slots"}}': "0+60x60"}, "1", {"job": "winpop", "why": "slots"}),
    "WinpopDescriptors": ({f"process_open_fds{{{AT}}}": "95x60", f"process_max_fds{{{AT}}}": "100x60"}, "0.95", {"job": "winpop"}),
}


def rule_of(name):
    text = re.search(rf"- alert: {name}\n((?:        .*\n)+)", RULES.read_text()).group(1)
    said = dict(re.findall(r"^ +(\w+): (.*)$", text, re.M))
    return {"for": said["for"], "severity": re.search(r"severity: (\w+)", said["labels"]).group(1),
            "annotations": {key: json.loads(said[key]) for key in ("summary", "description")}}


def alert_tests():
    for name, (series, value, labels) in REASONS.items():
        rule = rule_of(name)
        expanded = {key: text.replace("{{ $value }}", value).replace("{{ $labels.instance }}", "mail:9110")
                    .replace("{{ $labels.queue }}", labels.get("queue", "")) for key, text in rule["annotations"].items()}
        alert = {"exp_labels": {"instance": "mail:9110", "severity": rule["severity"], **labels}, "exp_annotations": expanded}
        yield {"interval": "1m", "input_series": [{"series": key, "values": text} for key, text in series.items()],
               "alert_rule_test": [{"eval_time": "1m", "alertname": name, "exp_alerts": []},  # not at once
                                   {"eval_time": "50m", "alertname": name, "exp_alerts": [alert]}]}


def test_each_alert_comes_when_it_should(tmp_path):
    assert set(REASONS) == set(re.findall(r"- alert: (\w+)", RULES.read_text()))
    tests = tmp_path / "tests.yml"  # of which JSON is a part
    tests.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": list(alert_tests())}))
    done = subprocess.run(["promtool", "test", "rules", tests], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
