"""The switch of scripts/virtual-hosts.sh when its links have a delay or a rate.

Usage: virtual_switch.py HOSTS DELAY_US RATE_MBIT READY_FILE

Forwards Ethernet frames between the interfaces p0 to pHOSTS of its network namespace; the station
at pN has the MAC address 02:00:00:00:00:N. p0 is where mpirun starts. READY_FILE is written when
frames are forwarded. Runs until it is ended.

A frame takes its bytes * 8 / RATE on the sender's line, then on the receiver's (a line carries one
frame at a time, each direction by itself; a frame passes from one to the other as it comes in), and
arrives DELAY later. RATE 0: no limit. The same as tc-netem with delay and rate, for kernels that
have no netem.
"""

import heapq
import os
import select
import socket
import sys
import time

SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23  # linux/if_packet.h
ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
VNET_HEADER = 10  # struct virtio_net_hdr: lets frames of up to 64 KB pass uncut
LARGEST_FRAME = VNET_HEADER + 14 + 65536
PREAMBLE_AND_GAP = 24  # bytes of the line that a frame takes besides its own
SEGMENT = 1448  # bytes of TCP data in a frame of the line
SEGMENT_HEADERS = 66


def open_port(number):
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    port.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    try:
        port.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
    except PermissionError:  # in a user namespace: what every user may have
        port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    port.bind((f"p{number}", 0))
    port.setblocking(False)
    return port


def line_bytes(frame):
    """Bytes on the line; a large frame stands for many."""
    size = len(frame) - VNET_HEADER
    further = max(0, size - 1) // (SEGMENT + SEGMENT_HEADERS)
    return size + PREAMBLE_AND_GAP + further * (SEGMENT_HEADERS + PREAMBLE_AND_GAP)


class Switch:
    def __init__(self, hosts, delay_us, rate_mbit):
        self.ports = [open_port(number) for number in range(hosts + 1)]
        self.delay = delay_us * 1e-6
        self.byte_time = 8e-6 / rate_mbit if rate_mbit else 0.0
        self.sending_until = [0.0] * len(self.ports)
        self.receiving_until = [0.0] * len(self.ports)
        self.waiting = []  # heap of (due, sequence, port, frame)
        self.sequence = 0

    def take(self, source, frame, now):
        station = frame[VNET_HEADER + 5]
        if frame[VNET_HEADER] & 1:
            targets = [port for port in range(len(self.ports)) if port != source]
        elif station < len(self.ports):
            targets = [station]
        else:
            return
        busy = line_bytes(frame) * self.byte_time
        sent = self.sending_until[source] = max(now, self.sending_until[source]) + busy
        for target in targets:
            came = max(sent, self.receiving_until[target] + busy)
            self.receiving_until[target] = came
            self.sequence += 1
            heapq.heappush(self.waiting, (came + self.delay, self.sequence, target, frame))

    def take_all(self, source):
        try:
            while True:
                frame = self.ports[source].recv(LARGEST_FRAME)
                self.take(source, frame, time.monotonic())
        except BlockingIOError:
            return

    def deliver(self):
        """Sends what is due; returns the seconds until the next frame is, None if there is none."""
        while self.waiting:
            left = self.waiting[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, target, frame = heapq.heappop(self.waiting)
            try:
                self.ports[target].send(frame)
            except BlockingIOError:
                pass  # a full queue: frames are lost, as in any switch
        return None

    def run(self):
        numbers = {port: number for number, port in enumerate(self.ports)}
        while True:
            readable, _, _ = select.select(self.ports, [], [], self.deliver())
            for port in readable:
                self.take_all(numbers[port])


def main():
    hosts, delay_us, rate_mbit = map(int, sys.argv[1:4])
    with open("/proc/self/timerslack_ns", "w", encoding="ascii") as slack:
        slack.write("1000")  # wake up in time: the kernel may be 50 us late else
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))  # before all that compute
    except PermissionError:
        pass  # not root: a busy machine makes the network slower than asked for
    switch = Switch(hosts, delay_us, rate_mbit)
    with open(sys.argv[4], "w", encoding="ascii") as ready:
        ready.write("ready\n")
    switch.run()


if __name__ == "__main__":
    main()
