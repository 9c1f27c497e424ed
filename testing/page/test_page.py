"""The status page, seen by Chromium: what an operator sees, live, and that it needs nobody else."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "door"))
from conftest import Node, package, tmp_path  # noqa: E402,F401

webdriver = pytest.importorskip("selenium.webdriver", reason="python3-selenium is not installed")
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
if not (CHROMIUM and DRIVER):
    pytest.skip("chromium and chromium-driver are not installed", allow_module_level=True)
LIMIT_S = 30
TOKEN = "0123456789abcdef0123"
FUNCTIONS = ('{ name = "echo"; code = "$LIB/echo.so"; runtime = "thread"; },\n'
             '{ name = "broken"; code = "$LIB/failopen.so"; }')
SAY = "def fn(i):\n    print('said', i)\n    return '<b>'\n"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking",
                     "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                     "--window-size=1280,900", f"--user-data-dir={tmp_path_factory.mktemp('me')}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    from selenium.webdriver.chrome.service import Service
    driver = webdriver.Chrome(service=Service(DRIVER), options=options)
    yield driver
    driver.quit()


@pytest.fixture
def node(tmp_path):
    made = []

    def start(more=""):
        made.append(Node(tmp_path, FUNCTIONS, 'node = "edge7"; listen = { http = "127.0.0.1:0"; '
                         'management = "127.0.0.1:0"; };' + more))
        made[-1].wait_ready("echo").wait_for("ready: management")
        return made[-1]

    yield start
    for one in made:
        one.close()


class Page:
    def __init__(self, browser, node):
        self.browser = browser
        self.url = f"http://127.0.0.1:{node.management[1]}/"
        browser.get("about:blank")  # the page before goes on asking until it is left
        browser.get_log("browser")
        browser.get(self.url)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return " ".join(element.text for element in self.all(selector))

    def wait(self, condition):
        return WebDriverWait(self.browser, LIMIT_S, 0.05).until(lambda _: condition())

    def wait_text(self, selector, text):
        self.wait(lambda: text in self.text(selector))

    def run(self, script):
        return self.browser.execute_script("return " + script)

    def complaints(self):
        """What the browser says of the page: broken scripts, what the policy forbids."""
        return [entry["message"] for entry in self.browser.get_log("browser")]


def test_it_shows_the_functions_and_what_they_do(browser, node):
    running = node()
    page = Page(browser, running)
    page.wait_text("#functions", "echo")
    page.wait_text("tr[data-function=broken] .pill", "failed")
    assert page.text("tr[data-function=echo] .pill") == "ready"
    assert "edge7" in page.text("h1") and page.text("#state") == "1 failed"
    page.all("tr[data-function=broken] button")[0].click()
    page.wait_text("tr.more", "Why")  # and why it failed
    for i in range(50):
        assert running.call("echo", b"x")[0] == 200
    page.wait(lambda: any(part in page.text("#tile-calls") for part in "123456789"))
    page.wait(lambda: "s" in page.text("tr[data-function=echo] [data-label=p99]"))
    assert running.upload("say", "python3", package(fn__py=SAY))[0] == 200
    page.wait_text("tr[data-function=say] .kind", "python3 · prefork")
    page.wait_text("tr[data-function=say] [data-label=Memory]", "MiB")
    assert running.manage("POST", "/delete", {"name": "say"})[0] == 200
    page.wait(lambda: not page.all("tr[data-function=say]"))
    assert page.complaints() == []
    # Nothing came from elsewhere.
    assert page.run("performance.getEntriesByType('resource').every("
                    "entry => new URL(entry.name).origin === location.origin)")


def test_the_log_is_live_and_can_be_searched(browser, node):
    running = node()
    for name in ("one", "two"):
        assert running.upload(name, "python3", package(fn__py=SAY))[0] == 200
    running.call("one", b"before")
    page = Page(browser, running)
    page.wait_text("#log", "said before")
    running.call("two", b"<i>now</i>")  # text stays text
    page.wait_text("#log", "said <i>now</i>")
    find = page.all("#find")[0]
    find.send_keys("BEFORE")
    page.wait(lambda: "now" not in page.text("#log") and "before" in page.text("#log"))
    find.clear()
    find.send_keys(" ")
    page.run("(document.getElementById('of').value = 'two', "
             "document.getElementById('of').dispatchEvent(new Event('change')))")
    page.wait(lambda: "before" not in page.text("#log") and "now" in page.text("#log"))
    page.all("#pause")[0].click()
    running.call("two", b"later")
    page.wait(lambda: page.run("waiting.length") == 1)
    assert "later" not in page.text("#log")
    page.all("#pause")[0].click()
    page.wait_text("#log", "said later")
    assert page.complaints() == []


def test_it_asks_for_the_token(browser, node, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    page = Page(browser, node('deploy = { token = "token"; };'))
    for text, follows in (("wrong", "That is not the token"), (TOKEN, None)):
        page.wait(lambda: page.all("dialog[open]"))
        page.all("#token")[0].send_keys(text)
        page.all("dialog button")[0].click()
        if follows:
            page.wait_text("#wrong", follows)
    page.wait_text("#functions", "echo")
    assert not page.all("dialog[open]")


def test_it_says_when_the_node_is_gone(browser, node):
    running = node()
    page = Page(browser, running)
    page.wait_text("#functions", "echo")
    running.stop()
    page.wait_text("#banner", "does not answer")


def test_it_fits_and_can_be_used_without_a_mouse(browser, node):
    page = Page(browser, node())
    page.wait_text("#functions", "echo")
    assert page.text("#tile-p99") == "–"  # nobody has called
    for width in (320, 360, 800, 1600):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500})
        assert page.run("document.documentElement.scrollWidth") <= width, width
        assert page.run("[...document.querySelectorAll('#functions td, #functions th')].every("
                        "cell => cell.getBoundingClientRect().right <= "
                        "document.querySelector('.panel').getBoundingClientRect().right)"), width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    for role in ("button", "combobox", "searchbox", "table", "log"):
        named = [one for one in tree if one.get("role", {}).get("value") == role]
        assert named and all(one.get("name", {}).get("value") for one in named), role


def test_its_policy_lets_nothing_else_run(node):
    import http.client
    running = node()
    connection = http.client.HTTPConnection(*running.management)
    connection.request("GET", "/")
    answer = connection.getresponse()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and answer.read()
