#!/usr/bin/python3
"""Functions in Node.js: what their authors and callers get."""
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.append(str(HERE.parent.parent.parent / "testing" / "support"))
import running  # noqa: E402

RUNTIMES = ["thread", "prefork", "process"]


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="enoki-node-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def package(self, text, **described):
        folder = self.folder / "demo"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "package.json").write_text(json.dumps({"name": "fn", **described}))
        (folder / described.get("main", "index.js")).write_text(textwrap.dedent(text))
        return folder

    def start(self, text, *options, runtime="prefork", **described):
        command = [BUILD / "cmd" / "enoki-run", "-r", runtime, "-w", "2", "-s",
                   f"embedded:{self.folder}/state?durability=process", *options,
                   self.package(text, **described)]
        server = running.Server([str(word) for word in command])
        self.addCleanup(server.close)
        server.wait_ready()
        return server

    def serve(self, text, *options, runtime="prefork", **described):
        return self.start(text, *options, runtime=runtime, **described).url

    def refused(self, text, runtime="prefork", **described):
        with self.assertRaises(running.Failed) as failed:
            self.serve(text, runtime=runtime, **described)
        return str(failed.exception)


def ask(url, body=None, method=None, **headers):
    """Status, headers and body."""
    request = urllib.request.Request(url, body, {k.replace("_", "-"): v for k, v in headers.items()},
                                     method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


class Calls(Case):
    def test_a_request_shows_everything(self):
        url = self.serve("""
            module.exports = (req, res) => res.json([req.method, req.url, req.path, req.query,
                req.headers['x-some'], req.get('X-Some'), req.body, req.rawBody.length]);
            """)
        status, headers, body = ask(url + "/sub/x?a=1&b=2&a=3", "grüß".encode(), "PUT", X_SOME="there")
        self.assertEqual((status, headers["Content-Type"]), (200, "application/json; charset=utf-8"))
        self.assertEqual(json.loads(body),
                         ["PUT", "/sub/x?a=1&b=2&a=3", "/sub/x", {"a": ["1", "3"], "b": "2"},
                          "there", "there", "grüß", 6])
        self.assertEqual(json.loads(ask(url)[2]), ["GET", "/", "/", {}, None, None, "", 0])

    def test_every_way_to_answer(self):
        url = self.serve("""
            const ways = {
                send: (res) => res.status(201).set('X-A', 'b').set({'X-C': 1}).send('text'),
                bytes: (res) => res.send(Buffer.from([255, 0])),
                object: (res) => res.send({a: 1}), json: (res) => res.status(400).json(null),
                sendStatus: (res) => res.sendStatus(404), end: (res) => res.end(),
                write: (res) => { res.writeHead(202, {'X-A': 'b'}); res.write('a'); res.end('b'); },
                type: (res) => res.type('html').send('<p>'), cookies: (res) => {
                    res.append('Set-Cookie', 'a=1').append('Set-Cookie', 'b=2').send('') },
                redirect: (res) => res.status(303).set('Location', '/x').end(),
                wrong: (res) => res.status(100).send('x'), header: (res) => res.set('a b', 'c').send(),
                again: (res) => { res.send('first'); res.send('second'); },
                set: (res) => { res.send('x'); res.set('A', 'b'); },
            };
            module.exports = (req, res) => { ways[req.body](res); };
            """)
        self.assertEqual(ask(url, b"send")[::2], (201, b"text"))
        self.assertEqual([ask(url, b"send")[1][name] for name in ("X-A", "X-C")], ["b", "1"])
        for way, status, answer in [
                ("bytes", 200, b"\xff\0"), ("object", 200, b'{"a":1}'), ("json", 400, b"null"),
                ("sendStatus", 404, b"Not Found"), ("end", 200, b""), ("write", 202, b"ab"),
                ("type", 200, b"<p>"), ("again", 200, b"first"), ("set", 200, b"x"),
                ("wrong", 500, b"RangeError: status is 100; allowed: 200 to 599")]:
            self.assertEqual(ask(url, way.encode())[::2], (status, answer), way)
        self.assertEqual(ask(url, b"cookies")[1].get_all("Set-Cookie"), ["a=1", "b=2"])
        self.assertEqual(ask(url, b"type")[1]["Content-Type"], "text/html; charset=utf-8")
        status, _, text = ask(url, b"header")
        self.assertEqual(status, 500)
        self.assertIn(b"a b", text)

    def test_what_is_thrown_or_rejected_is_500_wherever_it_was(self):
        for runtime in RUNTIMES:
            server = self.start("""
                module.exports = async (req, res) => {
                    if (req.body === 'async') { await null; throw new Error('bad luck'); }
                    if (req.body === 'timer') return void setTimeout(() => { null.x }, 5);
                    if (req.body === 'rejection') return void Promise.reject(new RangeError('far'));
                    if (req.body === 'text') throw 'plain words';
                    res.send('well');
                };
                """, runtime=runtime)
            for body, text in [("async", "bad luck"), ("timer", "TypeError: "),
                               ("rejection", "RangeError: far"), ("text", "plain words")]:
                with self.subTest(runtime=runtime, body=body):
                    status, answer = running.call(server.url, body.encode())
                    self.assertEqual(status, 500)
                    self.assertIn(text, answer.decode())
            self.assertEqual(running.call(server.url, b"x"), (200, b"well"))
            server.stop()
            self.assertIn("index.js:", server.text)  # the stack

    def test_what_nobody_catches_costs_the_call_that_it_belongs_to(self):
        url = self.serve("""
            module.exports = (req, res) => {
                if (req.body === 'well') setTimeout(() => res.send('well'), 300);
                if (req.body === 'throw') setTimeout(() => { throw new Error(req.body) }, 20);
                if (req.body === 'reject') setTimeout(() => Promise.reject(new Error(req.body)), 20);
            };
            """, "-w", "8", runtime="thread")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            bodies = [b"well", b"throw", b"well", b"reject", b"well", b"throw"]
            answers = list(pool.map(lambda body: running.call(url, body), bodies))
        self.assertEqual(answers, [(200 if body == b"well" else 500, body) for body in bodies])

    def test_what_is_logged_is_there_before_the_answer(self):
        with tempfile.TemporaryFile() as log:
            command = [BUILD / "cmd" / "enoki-run", self.package(
                "module.exports = (q, res) => { process.stdout.write(q.body); res.send(''); };")]
            server = running.Server([str(word) for word in command], stdout=log)
            self.addCleanup(server.close)
            self.assertEqual(running.call(server.wait_ready(), b"half a line"), (200, b""))
            log.seek(0)
            self.assertEqual(log.read(), b"half a line")

    def test_calls_of_the_thread_runtime_share_one_program_and_wait_at_the_same_time(self):
        url = self.serve("""
            let waiting = [];
            module.exports = (req, res) => {
                waiting.push(res);
                if (waiting.length === 4) waiting.forEach((one) => one.send(String(process.pid)));
            };
            """, "-w", "4", runtime="thread")
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = set(pool.map(lambda _: running.call(url, b"x"), range(4)))
        self.assertEqual(len(answers), 1)
        self.assertEqual(answers.pop()[0], 200)

    def test_a_call_that_takes_too_long_costs_no_other_call_in_the_thread_runtime(self):
        url = self.serve("""
            module.exports = (req, res) => {
                if (req.body === 'slow') setTimeout(() => res.send('slow'), 20000);
                if (req.body === 'quick') setTimeout(() => res.send(String(process.pid)), 400);
            };
            """, "-w", "4", "--timeout", "3s", runtime="thread")
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            slow = pool.submit(running.call, url, b"slow")
            answers = [running.call(url, b"quick")]
            while not slow.done():
                answers.append(running.call(url, b"quick"))
            self.assertEqual(slow.result()[0], 504)
            self.assertEqual({status for status, _ in answers}, {200})
            self.assertEqual(len({pid for _, pid in answers}), 1)

    def test_variables_and_the_folder(self):
        url = self.serve("""
            const fs = require('fs');
            module.exports = (req, res) => res.send(
                [process.env.WORD, fs.readFileSync('beside', 'utf8'), __dirname === process.cwd(),
                 Object.keys(process.env).filter((name) => name.startsWith('ENOKI_'))]);
            """, "-e", "WORD=given words")
        (self.folder / "demo" / "beside").write_text("a file")
        self.assertEqual(json.loads(running.call(url, b"")[1]), ["given words", "a file", True, []])

    def test_modules_of_both_kinds_main_and_node_modules(self):
        url = self.serve("import path from 'path';\n"
                         "export default (req, res) => res.send(path.basename(req.body));\n",
                         type="module")
        self.assertEqual(running.call(url, b"a/b"), (200, b"b"))
        package = self.package("module.exports = (req, res) => res.send(require('wanted'));",
                               main="lib.js")
        (package / "node_modules" / "wanted").mkdir(parents=True)
        (package / "node_modules" / "wanted" / "index.js").write_text("module.exports = 'found';")
        url = self.enterContext(running.server([BUILD / "cmd" / "enoki-run", package]))
        self.assertEqual(running.call(url, b""), (200, b"found"))

    def test_a_configuration_file_names_its_language(self):
        self.package("module.exports = (req, res) => res.send(req.body);")
        self.folder.chmod(0o755)  # behind a front door of root the function is another user
        config = self.folder / "node.conf"
        config.write_text('functions = ( { name = "demo"; language = "nodejs"; } );\n')
        url = self.enterContext(running.server([BUILD / "cmd" / "enoki-run", "-c", config]))
        self.assertEqual(running.call(url, b"x"), (200, b"x"))


class WrongPackages(Case):
    def test_each_is_refused_with_what_to_do(self):
        well = "module.exports = () => {};"
        for text, described, words in [
                (well, {"name": "demo"}, "name is 'demo'; it must be 'fn'"),
                (well, {"name": 5}, "name is '5'"),
                ("module.exports = 7;", {}, "exports no function"),
                ("module.exports = (req, res => {};", {}, "SyntaxError: "),
                ("throw new Error('over');", {}, "Error: over"),
                ("require('nosuch');", {}, "Cannot find module 'nosuch'; install it into"),
                ("process.exit(3);", {}, "ended before it was ready (exit status 3)")]:
            with self.subTest(words=words):
                self.assertIn(words, self.refused(text, **described))
        for runtime in RUNTIMES:
            with self.subTest(runtime=runtime):
                self.assertIn("Error: over", self.refused("throw new Error('over');", runtime))

    def test_a_syntax_error_has_its_line(self):
        self.assertRegex(self.refused("\n\nlet 7;\n"), r"index\.js, line 3\)")


class Kv(Case):
    def test_every_call_in_every_runtime(self):
        for runtime in RUNTIMES:
            url = self.serve("""
                const kv = require('kv');
                const top = kv.update('top', 'level');
                module.exports = async (req, res) => {
                    await top;
                    try {
                        res.json(await eval(`(async () => ${req.body})()`) ?? null);
                    } catch (error) {
                        res.send(`${error.code ?? error.name}`);
                    }
                };
                """, "--keygroup", "kv" + runtime, runtime=runtime)
            for code, answer in [
                    ("kv.read('top')", '["level"]'),
                    ("kv.update('a', '1')", "null"), ("kv.read('a')", '["1"]'),
                    ("kv.update('b', Buffer.from([255, 0]))", "null"),
                    ("(await kv.items('b'))[0].value", '{"type":"Buffer","data":[255,0]}'),
                    ("(await kv.items('a'))[0].version", '{"local":1}'),
                    ("kv.scan('a', 1)", '["1"]'), ("kv.keys()", '["a","b","top"]'),
                    ("kv.update('a', 'x', {expect: []})", "ECONFLICT"),
                    ("kv.update('a', '2', {expect: await kv.items('a')})", "null"),
                    ("kv.modify('a', ([value]) => value + '!')", "null"), ("kv.read('a')", '["2!"]'),
                    ("kv.modify('a', () => false)", "null"), ("kv.read('a')", "ENOTFOUND"),
                    ("kv.delete('never')", "ENOTFOUND"), ("kv.update('a b', '1')", "EINVAL"),
                    ("kv.update('a', '')", "EINVAL"), ("kv.update('a', 7)", "TypeError"),
                    ("kv.update('a', 'x'.repeat(5000000))", "ELIMIT"), ("kv.read(null)", "TypeError"),
                    ("kv.scan('a', -1)", "RangeError"), ("kv.append('x')", "EKIND"),
                    ("Promise.all([...'bcdef'].map((key) => kv.update(key, key)))",
                     "[null,null,null,null,null]")]:
                with self.subTest(runtime=runtime, code=code):
                    self.assertEqual(running.call(url, code.encode()), (200, answer.encode()))

    def test_no_increment_of_many_workers_is_lost(self):
        url = self.serve("""
            const kv = require('kv');
            module.exports = async (req, res) => {
                await kv.modify('sum', ([sum]) => String(Number(sum ?? 0) + 1));
                res.send(await kv.read('sum').then(([sum]) => sum));
            };
            """, "-w", "3")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            done = list(pool.map(lambda _: running.call(url, b"add")[0], range(100)))
        self.assertEqual(done, [200] * 100)
        self.assertEqual(running.call(url, b""), (200, b"101"))

    def test_work_that_goes_on_behind_the_answer_may_use_the_state(self):
        url = self.serve("""
            const kv = require('kv');
            let late;
            module.exports = async (req, res) => {
                if (req.body === 'start') {
                    res.send('started');
                    late = new Promise((done) => setTimeout(done, 20)).then(() => kv.update('x', 'y'));
                } else {
                    await late;
                    res.send((await kv.read('x'))[0]);
                }
            };
            """, "-w", "1")
        self.assertEqual(running.call(url, b"start"), (200, b"started"))
        self.assertEqual(running.call(url, b"end"), (200, b"y"))

    def test_a_state_that_cannot_be_had_is_an_error_of_the_call(self):
        url = self.serve("""
            const kv = require('kv');
            module.exports = (req, res) => kv.read('x').catch((error) => res.send(error.code));
            """)
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        (self.folder / "state").write_text("no folder")
        for _ in range(2):
            self.assertEqual(running.call(url, b""), (200, b"EIO"))


class Invoke(Case):
    """Behind a front door, with a function in Node.js that calls itself by another name."""

    def test_functions_call_others_in_every_runtime(self):
        self.package("""
            const enoki = require('enoki');
            const waiting = [];
            module.exports = async (req, res) => {
                const [command, ...rest] = req.body.split(' ');
                try {
                    if (command === 'echo')
                        return res.status(203).set('X-A', 'b').send([req.method, req.path,
                            req.headers['x-enoki-depth'], req.headers['x-b'], rest.join(' ')].join());
                    if (command === 'both') {
                        const answers = await Promise.all(
                            rest.map((word) => enoki.invoke('thread', `echo ${word}`)));
                        return res.send(answers.map((one) => one.text()).join('|'));
                    }
                    if (command === 'meet') {
                        await Promise.all([...'abcd'].map(() => enoki.invoke('thread', 'wait')));
                        return res.send('all met');
                    }
                    if (command === 'wait') {
                        waiting.push(res);
                        return waiting.length < 4 ? 0 : waiting.splice(0).forEach((one) => one.send(''));
                    }
                    if (command === 'late') {
                        res.send('');
                        await new Promise((done) => setTimeout(done, 20));
                        return enoki.invoke('thread', 'echo').catch((e) => console.log(e.code));
                    }
                    const answer = await enoki.invoke(rest[0], 'echo ' + rest[1], {
                        method: 'PUT', path: '/sub', headers: {'X-B': 'c'}, async: command === 'async'});
                    res.send(`${answer.status} ${answer.headers['x-a']} ${answer.text()}`);
                } catch (error) {
                    res.send(error.code);
                }
            };
            """)
        config = self.folder / "node.conf"
        config.write_text("functions = (" + ", ".join(
            f'{{ name = "{runtime}"; code = "demo"; language = "nodejs"; runtime = "{runtime}"; '
            'workers = 8; }' for runtime in RUNTIMES) + ");\nisolation = { users = \"shared\"; };")
        server = running.Server([str(BUILD / "cmd" / "enoki-run"), "-c", str(config)])
        self.addCleanup(server.close)
        base = server.wait_ready().rsplit("/", 1)[0]
        for _ in range(200):
            if server.text.count("ready: http") == 3:
                break
            time.sleep(0.1)
        for runtime in RUNTIMES:
            for body, answer in [("call thread hello", "203 b PUT,/sub,1,c,hello"),
                                 ("call prefork hello", "203 b PUT,/sub,1,c,hello"),
                                 ("call nobody hello", "ENOTFOUND"), ("call a.b x", "EINVAL"),
                                 ("async process x", "202 undefined "),
                                 ("both x y", "POST,/,1,,x|POST,/,1,,y"),
                                 ("meet", "all met")]:
                with self.subTest(runtime=runtime, body=body):
                    self.assertEqual(running.call(f"{base}/{runtime}", body.encode()),
                                     (200, answer.encode()))
        self.assertEqual(running.call(f"{base}/prefork", b"late"), (200, b""))
        self.assertEqual(running.call(f"{base}/prefork", b"both x"), (200, b"POST,/,1,,x"))


EXPRESS = subprocess.run(["node", "-e", "require('express')"], capture_output=True,
                         env={"PATH": "/usr/bin:/bin", "NODE_PATH": "/usr/share/nodejs"}).returncode == 0


@unittest.skipUnless(EXPRESS, "express is not installed")
class Express(Case):
    def test_an_application_is_a_function(self):
        url = self.serve("""
            const express = require('express');
            const app = express();
            app.use(express.json());
            app.post('/add', (req, res) => res.json({ sum: req.body.a + req.body.b }));
            app.get('/', (req, res) => res.set('X-A', 'b').send('<p>root'));
            module.exports = app;
            """, "-e", "NODE_PATH=/usr/share/nodejs")
        status, _, body = ask(url + "/add", b'{"a": 1, "b": 2}', Content_Type="application/json")
        self.assertEqual((status, json.loads(body)), (200, {"sum": 3}))
        status, headers, body = ask(url)
        self.assertEqual((status, headers["X-A"], body), (200, "b", b"<p>root"))
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(ask(url + "/nothing")[0], 404)


if __name__ == "__main__":
    unittest.main()
