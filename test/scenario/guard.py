"""Takes with it what a test leaves behind when it is killed: tools/guard.sh from Python."""
import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "guard.sh"


class Guard:
    def __init__(self, folder):
        # Nobody inherits our end of the pipe: it closes when this process ends.
        self.process = subprocess.Popen([str(SCRIPT), str(folder)], stdin=subprocess.PIPE, cwd="/",
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)

    def tell(self, line):
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def watch(self, process):
        try:
            stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text()
        except OSError:
            return  # it has ended already
        self.tell(f"{process.pid} {stat.rpartition(')')[2].split()[19]}")

    def end(self, keep=False):
        if keep:
            self.tell("keep")
        self.process.stdin.close()
        self.process.wait()
