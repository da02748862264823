"""Drives an interactive bash through a terminal: jobs.py inside|outside COMMAND...

inside: COMMAND is what starts bash. outside: bash runs COMMAND as a job. What the terminal showed is printed,
but for what tells one run from another.
"""
import os
import pty
import select
import shlex
import signal
import sys
import termios
import time

LIMIT_S = 20
HERE = os.path.dirname(os.path.abspath(__file__))


class Terminal:
    def __init__(self, command, job):
        self.job = job
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                signal.signal(number, signal.SIG_DFL)  # bash leaves what it found ignored
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.execvpe(command[0], command, {**os.environ, "PS1": "P>", "PS2": "", "INPUTRC": "/dev/null"})
        attributes = termios.tcgetattr(self.fd)
        attributes[3] &= ~termios.ECHO
        termios.tcsetattr(self.fd, termios.TCSANOW, attributes)
        self.unread = ""

    def say(self, text):
        os.write(self.fd, text.encode())

    def expect(self, text):
        end = time.monotonic() + LIMIT_S
        while text not in self.unread:
            left = end - time.monotonic()
            if left < 0:
                print(f"waited for {text!r}, there is {self.unread!r}", flush=True)
                sys.exit(1)
            if select.select([self.fd], [], [], left)[0]:
                try:
                    self.unread += os.read(self.fd, 4096).decode("utf-8", "replace")
                except OSError:
                    self.unread += "\n<closed>\n"
        seen, self.unread = self.unread.split(text, 1)
        return seen + text

    def line(self, text, wanted):
        """Says a line, waits for what it wants and the prompt, and shows that it came."""
        self.say(text + "\n")
        self.expect(wanted)
        self.expect("P>")
        print(text.replace(self.job, "JOB"), "->", wanted, flush=True)




def stop(terminal):
    """^Z, until the shell has said so."""
    terminal.say("\x1a")
    seen = terminal.expect("Stopped") + terminal.expect("P>")
    print("^Z ->", "Stopped" in seen, flush=True)


def drive(terminal):
    job = terminal.job
    terminal.expect("P>")
    terminal.line("echo $0 $-", "bash himBHs")
    terminal.line("set -o notify; tty >/dev/null && echo terminal", "terminal")
    terminal.say(job + "\n")
    terminal.expect("begin\r\n")
    terminal.say("one\n")
    terminal.expect("got one\r\n")
    for _ in range(5):
        stop(terminal)
        terminal.line("jobs | sed 's/ .*Stopped/ Stopped/' | cut -c1-12", "Stopped")
        terminal.say("fg\n")
        time.sleep(0.05)
        terminal.say("more\n")
        terminal.expect("got more\r\n")
    stop(terminal)
    terminal.line("bg >/dev/null; sleep 0.3; jobs %1 | grep -o Stopped", "Stopped")
    terminal.say("fg\n")
    terminal.say("again\n")
    terminal.expect("got again\r\n")
    terminal.say("\x04")
    terminal.expect("end\r\n")
    terminal.line("echo st$?", "st5")
    terminal.say(job + "\n")
    terminal.expect("begin\r\n")
    terminal.say("\x03")
    terminal.expect("interrupted\r\n")
    terminal.line("echo st$?", "st6")
    terminal.line(f"{job} </dev/null & wait $!; echo st$?", "st5")
    for key, status in (("\x03", "st130"), ("\x1c", "st131")):
        terminal.say(f"{job} sleep\n")
        terminal.expect("begin\r\n")
        terminal.say(key)
        terminal.expect("P>")  # the key throws away what was typed after it, too
        terminal.line("echo st$?", status)
    terminal.say("sleep 30 | cat\n")
    time.sleep(0.2)
    stop(terminal)
    terminal.line("kill -9 %1; sleep 0.1; jobs; jobs; echo st$?", "st0")
    terminal.line("sleep 30 & kill -STOP $!; sleep 0.1; kill -CONT $!; sleep 0.1; kill $!; wait $!; echo st$?", "st143")
    terminal.say("exit 17\n")
    _, status = os.waitpid(terminal.pid, 0)
    print("status", os.waitstatus_to_exitcode(status))


def main():
    where, *command = sys.argv[1:]
    shell = ["bash", "--norc", "--noediting", "-i"]
    job = os.path.join(HERE, "job.sh")
    if where == "inside":
        drive(Terminal(command + shell, job))
    else:
        drive(Terminal(shell, shlex.join(command + [job])))


main()
