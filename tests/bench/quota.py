"""Our server with limits that are never reached: what does it cost to count?"""
from servers import Ours

LIMIT = "900G", "/messages:100000000"


class Unlimited(Ours):
    name = "no limit"


class Owners(Ours):
    """Each mailbox is its own account, with a limit of its own."""

    name = "own"

    def prepare(self, users):
        super().prepare(users)
        for n in users:
            self.server.winpop_ok("setquota", f"box{n}@example.com", *LIMIT)


class Sharers(Ours):
    """All count against the first one's account: its quota file, copied into the others, as an administrator would."""

    name = "shared"

    def prepare(self, users):
        super().prepare(users)
        addresses = [f"box{n}@example.com" for n in users]
        self.server.winpop_ok("setquota", addresses[0], *LIMIT)
        self.server.winpop_ok("createquotafile", addresses[0])
        first, *others = map(self.server.box_dir, addresses)
        for other in others:
            (other / "quota").write_bytes((first / "quota").read_bytes())
