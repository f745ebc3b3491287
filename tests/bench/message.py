"""The message that load.c delivers and expects: a header of ours, then exactly SIZE octets, some lines beginning with dots."""


def lines(size):
    left, n = size, 0
    while left >= 2:
        length = min(left - 2, 62)
        mark = b"." if n % 8 == 7 else b"x"
        yield (mark + b"%010d abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVW" % n).ljust(62, b"-")[:length] + b"\r\n"
        left -= length + 2
        n += 1


def body(size):
    return b"".join(lines(size))


def on_the_wire(size):
    """Dots doubled, end of data behind."""
    return b"".join(b"." + line if line.startswith(b".") else line for line in lines(size)) + b".\r\n"


def message(size):
    return b"From: <bench@example.net>\r\nSubject: bench\r\nX-Bench: %d\r\n\r\n" % size + body(size)
