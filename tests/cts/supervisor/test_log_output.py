"""Log lines of many processes in one stream."""

import io
import os
import threading

from cts.supervisor import LogOutput


def test_each_line_has_its_process_in_front_aligned():
    stream = io.StringIO()
    output = LogOutput(stream, ["up", "engines"], colour=False)
    output.line("up", "starting")
    output.line("engines", "ready")
    output.close()
    assert stream.getvalue() == "up      | starting\nengines | ready\n"


def test_colour_is_there_only_when_asked_for():
    stream = io.StringIO()
    output = LogOutput(stream, ["up"], colour=True)
    output.line("up", "starting")
    output.close()
    assert stream.getvalue() == "\x1b[36mup | \x1b[0mstarting\n"


def test_a_pipe_is_followed_to_its_end_with_bytes_that_are_no_text():
    stream = io.StringIO()
    output = LogOutput(stream, ["web"], colour=False)
    reading, writing = os.pipe()
    output.follow("web", os.fdopen(reading, "rb"))
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(b"one\n\n\xff two\nlast without an end")
    output.close()
    assert stream.getvalue() == "web | one\nweb | \ufffd two\nweb | last without an end\n"


class _Stalled(io.StringIO):
    """A terminal that somebody paused."""

    def __init__(self):
        super().__init__()
        self.may_go_on = threading.Event()

    def write(self, text):
        self.may_go_on.wait(10)
        return super().write(text)


def test_a_paused_terminal_drops_lines_and_says_how_many():
    stream = _Stalled()
    output = LogOutput(stream, ["web"], colour=False, queued_lines=10)
    for number in range(100):
        output.line("web", f"line {number}")
    stream.may_go_on.set()
    output.close()
    lines = stream.getvalue().splitlines()
    notices = [line for line in lines if "lines were dropped" in line]
    kept = [line for line in lines if line.startswith("web | line")]
    assert len(notices) == 1
    assert len(kept) in (10, 11)  # the writer may hold one in its hand
    assert f"({100 - len(kept)} lines were dropped" in notices[0]


class _Gone(io.StringIO):
    def write(self, text):
        raise BrokenPipeError


def test_a_reader_that_went_away_stops_nothing():
    output = LogOutput(_Gone(), ["web"], colour=False, queued_lines=5)
    for number in range(1000):
        output.line("web", f"line {number}")
    output.close()
    assert not output._writer.is_alive()
