#!/usr/bin/env python3
"""Puts calls of a simulated cluster on hold and resumes them, evenly paced: single CTI changes, one after the other.

    pace.py CONTROL setup N         an outside call to each of N phones, answered
    pace.py CONTROL run N RATE S    RATE commands a second for S seconds, over all phones in turn

CONTROL is the address that `callcast simulate --control` prints. Each command makes two CTI messages: the leg's state and the device's.
"""
import socket
import sys
import threading
import time


def main() -> None:
    host, port = sys.argv[1].rsplit(":", 1)
    phones = int(sys.argv[3])
    control = socket.create_connection((host, int(port)))
    control.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.argv[2] == "setup":
        answers = control.makefile("r")
        for phone in range(1, phones + 1):
            for command in (f'external {phone} +3312340{phone:04d} "Caller {phone}"', f"answer {phone}"):
                control.sendall(command.encode() + b"\n")
                answers.readline()
        return

    def drain() -> None:
        while control.recv(65536):
            pass

    threading.Thread(target=drain, daemon=True).start()
    rate, seconds = float(sys.argv[4]), float(sys.argv[5])
    due = time.perf_counter()
    for count in range(int(rate * seconds)):
        due += 1 / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        command = "hold" if count // phones % 2 == 0 else "resume"
        control.sendall(f"{command} {count % phones + 1}\n".encode())


main()
