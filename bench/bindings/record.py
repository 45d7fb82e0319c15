"""The same through the Python binding. usage: record.py FOLDER PACKETS TRACKS"""

import pathlib
import sys

import rtpx

folder, packets, count, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), 50_000


def cpu_time():
    """CPU time of this process in ns: of the threads that librtpx has started, and of all others."""
    library = caller = 0
    for task in pathlib.Path("/proc/self/task").iterdir():
        user, system = (task / "stat").read_text().rpartition(") ")[2].split()[11:13]
        ns = (int(user) + int(system)) * 10_000_000
        if (task / "comm").read_text().startswith("rtpx-"):
            library += ns
        else:
            caller += ns
    return library, caller


with rtpx.Recorder(base_dir=folder) as recorder:
    tracks = [recorder.add_track(str(i), "video") for i in range(count)]
    packet = b"\x80\x60" + b"\x5a" * 1098
    library, caller = cpu_time()
    for start in range(0, packets, batch):
        for i in range(start, min(start + batch, packets)):
            tracks[i % count].record(packet)
        recorder.flush()
    library_after, caller_after = cpu_time()
    if recorder.stats["packets"] != packets:
        sys.exit("packets were refused")
    spent = caller_after - caller
    print(f"{(library_after - library + spent) / packets:.1f} {spent / packets:.1f}")
