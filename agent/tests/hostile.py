# Copyright: (c) 2026, Sparkflows MLOps collection contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients and servers that keep to no rule."""

import socket
import struct
import threading


def say(port, data, timeout=10):
    """Send bytes to a server of this host, and return all that it says until it hangs up.

    Raises socket.timeout when it does not hang up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(data)
        answer = b""
        while True:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                return answer
            if not more:
                return answer
            answer += more


class RawServer:
    """Answers every request with the same bytes, and hangs up unless it is told to stay, or resets the connection when it is told to."""

    def __init__(self, answer, port=0, stays=False, resets=False):
        self.answer = answer
        self.stays = stays
        self.resets = resets
        self._kept = []
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(16)
        self.port = self._socket.getsockname()[1]
        self.uri = "http://127.0.0.1:{}".format(self.port)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            try:
                connection.recv(65536)
                connection.sendall(self.answer)
                if not self.resets and not self.stays:
                    # What is closed before all was read is reset, and the answer may be lost by it.
                    connection.shutdown(socket.SHUT_WR)
                    connection.settimeout(2)
                    while connection.recv(65536):
                        pass
            except OSError:
                pass
            if self.resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if self.stays:
                self._kept.append(connection)
            else:
                connection.close()

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._kept:
            connection.close()
