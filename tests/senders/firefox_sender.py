"""Firefox publishes a clock: firefox_sender.py WHIP_URL SECONDS LAYERS"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

SERVER = pathlib.Path(__file__).resolve().parents[1] / "server"
sys.path.insert(0, str(SERVER))
from firefox import Firefox  # noqa: E402

url, seconds = sys.argv[1], float(sys.argv[2])
expression = subprocess.run(["node", SERVER / "browser" / "clock_sender.mjs", *sys.argv[1:4], "--expression"], check=True,
                            capture_output=True, text=True).stdout.strip()
folder = pathlib.Path(tempfile.mkdtemp(prefix="rtpx-firefox-"))
firefox = Firefox(folder)
try:
    firefox.command("WebDriver:Navigate", {"url": urllib.parse.urljoin(url, "/")})
    result = firefox.run_async(expression, seconds + 60)
    if "error" in result:
        sys.exit(result["error"])
    print(json.dumps(result))
finally:
    firefox.close()
    shutil.rmtree(folder, ignore_errors=True)
