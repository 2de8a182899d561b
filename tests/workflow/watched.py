"""Run a command in its own network, where every packet leads nowhere and is recorded.

    unshare --net python watched.py LOG COMMAND...

All addresses are routed to the loopback device, so libraries in any language try what they would try with a network.
LOG gets a line for each name that is looked up, and for each address outside this machine that is contacted.
"""

import array
import ctypes
import fcntl
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

SIOCADDRT, SIOCSIFFLAGS = 0x890B, 0x8914
UP, ROUTE_UP, ALL_PROTOCOLS, IPV4 = 0x1, 0x1, 0x0003, 0x0800


def main() -> int:
    log, command = Path(sys.argv[1]), sys.argv[2:]
    everything_to_loopback()
    seen: dict[str, None] = {}
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS)) as wire:
        wire.settimeout(0.2)
        ended = threading.Event()
        watcher = threading.Thread(target=watch, args=(wire, seen, ended))
        watcher.start()
        code = subprocess.run(command).returncode
        time.sleep(0.5)  # the last packets of a dying process are still on their way
        ended.set()
        watcher.join()
    log.write_text("".join(f"{line}\n" for line in seen))
    return code


def everything_to_loopback() -> None:
    """Bring up the loopback device and route all addresses to it, as `ip route add default dev lo` does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        fcntl.ioctl(asked, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP))
        device = ctypes.create_string_buffer(b"lo")
        nowhere = struct.pack("=H14x", socket.AF_INET)
        route = struct.pack(
            "L16s16s16sHhLPhPLLH",
            *(0, nowhere, nowhere, nowhere, ROUTE_UP, 0, 0, 0, 0, ctypes.addressof(device), 0, 0, 0),
        )
        fcntl.ioctl(asked, SIOCADDRT, array.array("B", route))


def watch(wire: socket.socket, seen: dict[str, None], ended: threading.Event) -> None:
    while not ended.is_set():
        try:
            frame = wire.recv(65535)
        except TimeoutError:
            continue
        seen.update(dict.fromkeys(attempts(frame)))


def attempts(frame: bytes) -> Iterator[str]:
    """Yield the network attempt in an IPv4 frame, if there is one: a name look-up or contact with another machine."""
    if len(frame) < 34 or int.from_bytes(frame[12:14]) != IPV4:
        return
    packet = frame[14:]
    header, protocol, to = 4 * (packet[0] & 15), packet[9], socket.inet_ntoa(packet[16:20])
    port = int.from_bytes(packet[header + 2 : header + 4])
    if port == 53:
        yield f"name {name_asked_for(packet[header + 8 :])}"
    elif not to.startswith("127."):
        yield f"{'TCP' if protocol == 6 else 'UDP'} {to}:{port}"


def name_asked_for(question: bytes) -> str:
    labels, at = [], 12
    while at < len(question) and question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("ascii", "replace"))
        at += 1 + question[at]
    return ".".join(labels)


if __name__ == "__main__":
    sys.exit(main())
