"""The message that pattern.c makes and load.c delivers and expects: a header of ours, then exactly SIZE octets.

With dots, every eighth line begins with one. With a number, the header tells which message of its mailbox it is.
"""


def lines(size, dots=False):
    left, n = size, 0
    while left >= 2:
        length = min(left - 2, 62)
        mark = b"." if dots and n % 8 == 7 else b"x"
        yield (mark + b"%010d abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVW" % n).ljust(62, b"-")[:length] + b"\r\n"
        left -= length + 2
        n += 1


def body(size, dots=False):
    return b"".join(lines(size, dots))


def on_the_wire(size, dots=False):
    """Dots doubled, end of data behind."""
    return b"".join(b"." + line if line.startswith(b".") else line for line in lines(size, dots)) + b".\r\n"


def header(size, number=None):
    return b"From: <bench@example.net>\r\nSubject: bench\r\nX-Bench: %d%s\r\n\r\n" % (size, b" %d" % number if number else b"")


def message(size, dots=False, number=None):
    return header(size, number) + body(size, dots)
