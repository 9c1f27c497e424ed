'use strict';
/* Runs a package's function for an enoki runtime, which started this and speaks frames on
 * ENOKI_FD. */
const { AsyncLocalStorage } = require('async_hooks');
const fs = require('fs');
const Module = require('module');
const path = require('path');
const { Writable } = require('stream');
const { pathToFileURL } = require('url');
const { TYPES, Fields, Stream } = require('./frames.js');
const { Request, Response, headersOf, returned } = require('./http.js');

const EFUNCTION = -10;
const current = new AsyncLocalStorage(); /* the call that code belongs to */
const calls = new Map();                 /* by number, those that are not answered */
let handler = null;
let name = '';

/* --- output: at once, and without making the pipe non-blocking for all who share it -------------- */

const pause = new Int32Array(new SharedArrayBuffer(4));

function writeAll(fd, chunk) {
    for (let at = 0; at < chunk.length;) {
        try {
            at += fs.writeSync(fd, chunk, at);
        } catch (error) {
            if (error.code !== 'EAGAIN')
                return; /* nobody reads any more */
            Atomics.wait(pause, 0, 0, 1);
        }
    }
}

function replaceOutput(key, fd) {
    const stream = new Writable({
        decodeStrings: true,
        write(chunk, encoding, done) {
            writeAll(fd, chunk);
            done();
        },
    });
    stream.fd = fd;
    stream.isTTY = false;
    Object.defineProperty(process, key, { configurable: true, enumerable: true, get: () => stream });
}

replaceOutput('stdout', 1);
replaceOutput('stderr', 2);

/* --- loading ----------------------------------------------------------------------------------- */

class LoadError extends Error {}

function readPackage(folder) {
    let text;
    try {
        text = fs.readFileSync(path.join(folder, 'package.json'), 'utf8');
    } catch (error) {
        throw new LoadError(`package.json cannot be read: ${error.message}`);
    }
    let made;
    try {
        made = JSON.parse(text);
    } catch (error) {
        throw new LoadError(`package.json is no JSON: ${error.message}`);
    }
    if (made === null || typeof made !== 'object' || made.name !== 'fn')
        throw new LoadError(`package.json: name is '${made?.name}'; it must be 'fn'`);
    return made;
}

/* Modules that are ours are found after the package's own. */
function addModules() {
    const own = path.join(__dirname, 'modules');
    process.env.NODE_PATH = process.env.NODE_PATH ? `${process.env.NODE_PATH}:${own}` : own;
    Module._initPaths();
}

async function importFolder(folder, made) {
    const main = require.resolve(folder);
    try {
        if (made.type !== 'module' && !main.endsWith('.mjs'))
            return require(main);
    } catch (error) {
        if (error.code !== 'ERR_REQUIRE_ESM')
            throw error;
    }
    return import(pathToFileURL(main).href);
}

function explain(error, folder) {
    if (error instanceof LoadError)
        return error.message;
    let text = error instanceof Error ? `${error.name}: ${error.message.split('\n')[0]}` : String(error);
    /* A syntax error's stack begins with where it is. */
    const place = error instanceof SyntaxError && /^(.*):(\d+)\n/.exec(error.stack ?? '');
    if (place)
        text += ` (${place[1]}, line ${place[2]})`;
    const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(error?.message ?? '');
    if (missing && /^[^./]/.test(missing[1]))
        text += `; install it into ${folder}/node_modules (npm install)`;
    return `the package cannot be loaded: ${text}`;
}

async function load(folder) {
    const made = readPackage(folder);
    process.chdir(folder);
    process.argv = [process.execPath, folder];
    addModules();
    let found;
    try {
        found = await importFolder(folder, made);
    } catch (error) {
        console.error(error);
        throw new LoadError(explain(error, folder));
    }
    for (const one of [found, found?.default, found?.fn, found?.default?.fn])
        if (typeof one === 'function')
            return one;
    throw new LoadError('the package exports no function: write module.exports = (req, res) => {...}');
}

/* --- calls ------------------------------------------------------------------------------------- */

/* headers: names and values in turn; body: text or bytes */
function answer(call, status, headers, body) {
    if (!calls.delete(call.number))
        return; /* it was cancelled, or has failed */
    const frame = stream.begin(TYPES.ANSWER, call.number).u16(status).u16(headers.length / 2);
    for (const text of headers)
        frame.latin(text);
    frame.last(body);
    stream.send();
}

function fail(call, error) {
    const known = error instanceof Error;
    const text = known && error.name === 'Error' && error.message ? error.message
        : known ? `${error.name}: ${error.message}` : String(error);
    answer(call, 500, [], text);
}

function finish(call, response, body) {
    const status = response.statusCode;
    if (!Number.isInteger(status) || status < 200 || status > 599)
        fail(call, new RangeError(`status is ${status}; allowed: 200 to 599`));
    else
        answer(call, status, headersOf(response), body);
}

/* What a CALL asks for. Its texts are cut out of one that is decoded at once: a byte is a character,
 * as in node's own http. */
function takeRequest(payload) {
    const lengths = [];
    let at = 9; /* behind the time, and whether somebody waits */
    let count = 3;
    for (let i = 0; i < count; i++) {
        const length = payload.readUInt32LE(at);
        lengths.push(length);
        at += 4 + length;
        if (i === 2) { /* method, path, query; now the headers */
            count += 2 * payload.readUInt16LE(at);
            at += 2;
        }
    }
    const all = payload.latin1Slice(0, at);
    const headers = [];
    let hasLength = false;
    let from = 9;
    const cut = (i) => all.slice(from + 4, (from += 4 + lengths[i]));
    const method = cut(0);
    const subpath = cut(1);
    const query = cut(2);
    from += 2;
    for (let i = 3; i < count; i++) {
        const text = cut(i);
        hasLength ||= i % 2 === 1 && text.length === 14 && text.toLowerCase() === 'content-length';
        headers.push(text);
    }
    const body = payload.subarray(at + 4);
    if (!hasLength)
        headers.push('Content-Length', String(body.length));
    return new Request(name, method, subpath, query, headers, body);
}

function callFunction(request, response) {
    try {
        return handler(request, response);
    } finally {
        returned(response);
    }
}

function handle(call, payload) {
    try {
        const request = takeRequest(payload);
        const response = new Response(request, (made, body) => finish(call, made, body));
        const result = callFunction(request, response);
        if (typeof result?.then === 'function')
            result.then(undefined, (error) => {
                console.error(error);
                fail(call, error);
            });
    } catch (error) {
        console.error(error);
        fail(call, error);
    }
}

function run(number, payload) {
    const call = { number, until: Date.now() + Number(payload.readBigUInt64LE(0)) };
    calls.set(number, call);
    current.run(call, handle, call, payload);
}

/* What nobody has caught belongs to the call whose code it was, or to the only one there is. */
function blame(error) {
    console.error(error);
    const call = current.getStore() ?? (calls.size === 1 ? calls.values().next().value : undefined);
    if (call !== undefined)
        fail(call, error);
}

/* A call of another function, in the name of the one that runs: type and payload of what answers. */
const asked = new Map();
let nextAsked = 1;

/* fill(frame) puts its fields. */
function ask(fill) {
    return new Promise((resolve) => {
        const number = nextAsked++;
        fill(stream.begin(TYPES.INVOKE, number));
        asked.set(number, resolve);
        stream.send();
    });
}

/* --- frames ------------------------------------------------------------------------------------ */

async function begin(payload) {
    const fields = new Fields(payload);
    fields.text(); /* worker */
    name = fields.text();
    const folder = fields.text();
    process.title = `node ${name}`;
    try {
        handler = await load(folder);
    } catch (error) {
        stream.begin(TYPES.FAILED, 0).u32(EFUNCTION >>> 0).bytes(error.message);
        stream.send();
        return;
    }
    process.on('uncaughtException', blame);
    process.on('unhandledRejection', blame);
    stream.begin(TYPES.READY, 0);
    stream.send();
}

function onFrame(type, number, payload) {
    if (type === TYPES.CALL) {
        run(number, payload);
    } else if (type === TYPES.CANCEL) {
        const call = calls.get(number);
        if (call !== undefined)
            answer(call, 504, [], '');
    } else if (type === TYPES.ANSWER || type === TYPES.FAILED) {
        asked.get(number)?.([type, payload]);
        asked.delete(number);
    } else if (type === TYPES.START) {
        begin(payload);
    } else {
        process.exit(1);
    }
}

const stream = new Stream(Number(process.env.ENOKI_FD), onFrame, () => process.exit(0));
/* For kv and enoki. */
globalThis[Symbol.for('enoki')] = { ask, current, stateFd: Number(process.env.ENOKI_STATE_FD) };
delete process.env.ENOKI_FD;
delete process.env.ENOKI_STATE_FD;
stream.greet();
