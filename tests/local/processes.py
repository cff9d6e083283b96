"""The running processes, as `ps` lists them on Linux and macOS alike."""

import subprocess
import time


def group_of(port: int) -> int | None:
    """Return the process group of the emulator on a port, or None if no emulator runs there."""
    for group, command in _processes():
        if "local.emulator" in command and f"--port {port} " in command:
            return group
    return None


def members(group: int) -> list[str]:
    """Return the commands of a group's processes."""
    return [command for of, command in _processes() if of == group]


def gone(group: int, *, within: float) -> bool:
    """Wait for a group's last process to end; tell whether it ended within the seconds."""
    give_up = time.monotonic() + within
    while members(group):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def _processes() -> list[tuple[int, str]]:
    listed = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    # Z: the process has ended, and waits for its parent to notice.
    return [(int(row[0]), row[2]) for row in rows if len(row) == 3 and "Z" not in row[1]]
