"""Run as a program inside a stand-in for a pod: starts the command, says what its health page answers, ends it.

pod_start.py PORT PATH COMMAND...
"""

import subprocess
import sys
import time
import urllib.request

port, path, command = sys.argv[1], sys.argv[2], sys.argv[3:]
process = subprocess.Popen(command)
try:
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                print("answered", answer.status)
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.1)
    process.terminate()
    print("ended", process.wait(30))
finally:
    process.kill()
