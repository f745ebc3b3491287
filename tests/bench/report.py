"""Tables of what was measured, and whether it is within the bounds."""
import datetime
import json
import platform
import statistics

from rows import IDLE_KIB, ROWS


def middle(results, key):
    return statistics.median(r[key] for r in results)


def ratio(results, others, key="server_us"):
    """Round by round, as neighbours in time; then the middle one of all rounds."""
    return statistics.median(a[key] / b[key] if b[key] else float("inf") for a, b in zip(results, others))


class Ratios:
    """Ours against Dovecot and the floor in one row; None where there is no such server."""

    def __init__(self, row, results):
        self.row, self.right = row, all(r["ok"] for got in results.values() for r in got)
        ours, dovecot, floor = (results.get(name) for name in ("winpopd", "dovecot", "floor"))
        self.dovecot = ratio(ours, dovecot) if ours and dovecot else None
        self.floor = ratio(ours, floor) if ours and floor else None
        self.rate = ratio(ours, dovecot, "per_s") if ours and dovecot else None

    def checks(self):
        """(bound, kept) for each bound that could be looked at."""
        if self.row.of_dovecot and self.dovecot:
            yield f"<= 1/{1 / self.row.of_dovecot:.0f} Dovecot", self.dovecot <= self.row.of_dovecot
        if self.row.of_floor and self.floor:
            yield f"<= {self.row.of_floor:g} floor", self.floor <= self.row.of_floor
        if self.row.rate and self.rate:
            yield f">= {self.row.rate:g}x rate", self.rate >= self.row.rate

    def verdict(self):
        checks = list(self.checks())
        if not self.right:
            return "", "VOID"
        if not checks:
            return "", ""
        return ", ".join(bound for bound, _ in checks), "met" if all(kept for _, kept in checks) else "MISSED"


def of_row(results, name):
    return {server: got for (row, server), got in results.items() if row == name}


def number(value, form=".2f"):
    return format(value, form) if value is not None else "-"


def cost(got, key="server_us"):
    return middle(got, key) if got else None


def print_costs(names, results):
    print(f"\n{'CPU us per operation':20} {'dovecot':>9} {'winpopd':>9} {'floor':>9} {'floor-1':>9} {'floor-n':>9} {'/dovecot':>9} {'/floor':>7}   bound")
    for name in names:
        got, r = of_row(results, name), Ratios(ROWS[name], of_row(results, name))
        us = (number(cost(got.get(server)), ".1f") for server in ("dovecot", "winpopd", "floor", "floor-1", "floor-n"))
        print(f"{name:20} " + " ".join(f"{v:>9}" for v in us) + f" {number(r.dovecot, '.3f'):>9} {number(r.floor):>7}   "
              + " ".join(r.verdict()))


def print_rates(names, results):
    print(f"\n{'beside it':20} {'server':9} {'ops/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'session p99':>12} {'client us':>10} {'slapd us':>9} {'errors':>7}")
    for name in names:
        for server, got in of_row(results, name).items():
            print(f"{name:20} {server:9} {middle(got, 'per_s'):9.0f} {middle(got, 'p50'):8.2f} {middle(got, 'p99'):8.2f} "
                  f"{middle(got, 'session_p99'):12.2f} {middle(got, 'client_us'):10.1f} {middle(got, 'behind_us'):9.1f} "
                  f"{sum(r['errors'] for r in got):7}")


def print_table(servers, names, results):
    print_costs(names, results)
    print_rates(names, results)


def print_markdown(names, results):
    print("\n| us per operation | Dovecot | winpopd | floor | floor-n | of Dovecot | of the floor | bound | |\n|---|--:|--:|--:|--:|--:|--:|---|---|")
    for name in names:
        got, r = of_row(results, name), Ratios(ROWS[name], of_row(results, name))
        us = (number(cost(got.get(server)), ".1f") for server in ("dovecot", "winpopd", "floor", "floor-n"))
        print(f"| {name} | " + " | ".join((*us, number(r.dovecot, ".3f"), number(r.floor), *r.verdict())) + " |")


def print_idle(kib, n):
    """kib: how -> server -> KiB, None where not all could sign in."""
    print(f"{'KiB, idle':20} {'dovecot':>9} {'winpopd':>9} {'floor':>9} {'':17}   bound   ({n} signed in)")
    for how, got in kib.items():
        kept = got.get("winpopd") is not None and got["winpopd"] <= IDLE_KIB[how]
        print(f"{how:20} " + " ".join(f"{number(got.get(s), '.1f'):>9}" for s in ("dovecot", "winpopd", "floor"))
              + f" {'':17}   <= {IDLE_KIB[how]} KiB {'met' if kept else 'MISSED'}")


def print_ratios(servers, names, results):
    """Each against the first of them. Many short rounds bear a busy machine better than few long ones."""
    print(f"\n{'load':14} {'server':10} {'messages/s':>11} {'ratio':>7} {'server us/op':>13} {'ratio':>7}   of single rounds")
    for name in names:
        base = results[name, servers[0].name]
        for server in servers:
            got = results[name, server.name]
            single = [a["server_us"] / b["server_us"] for a, b in zip(got, base)]
            print(f"{name:14} {server.name:10} {middle(got, 'per_s'):11.0f} {ratio(got, base, 'per_s'):7.3f} {middle(got, 'server_us'):13.1f} "
                  f"{statistics.median(single):7.3f}   {min(single):.2f} .. {max(single):.2f}")


def machine():
    return f"{platform.machine()}, {len(open('/proc/cpuinfo').read().split('processor')) - 1} processors, Linux {platform.release()}"


def write_json(path, names, results, idle_kib, args):
    """Everything again for a program: medians, single rounds, ratios, verdicts."""
    def of_one(name):
        got, r = of_row(results, name), Ratios(ROWS[name], of_row(results, name))
        bound, verdict = r.verdict()
        return {"servers": {s: {k: middle(v, k) for k in v[0] if k not in ("ok", "errors")} | {"rounds_us": [x["server_us"] for x in v]}
                            for s, v in got.items()},
                "of_dovecot": r.dovecot, "of_floor": r.floor, "rate_of_dovecot": r.rate, "bound": bound, "verdict": verdict}
    found = {"date": datetime.date.today().isoformat(), "machine": machine(), "rounds": args.rounds, "seconds": args.seconds,
             "idle_kib": idle_kib, "rows": {name: of_one(name) for name in names}}
    path.write_text(json.dumps(found, indent=1) + "\n")
