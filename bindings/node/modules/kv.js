'use strict';
/* kv - the function's state, for functions in Node.js that Enoki runs.
 *
 *   const kv = require('kv');
 *   await kv.update('greeting', 'hello');
 *   const [text] = await kv.read('greeting');
 *
 * Every call returns a promise. What fails rejects with a KvError, whose code says what it is
 * ('ENOTFOUND', 'ECONFLICT', ...: enoki/error.h). Values are strings, or Buffers and other bytes;
 * read, scan and modify hand out strings, items() bytes and versions. */
const { TYPES, Fields, Stream, bytes, u8, u32, u64 } = require('../frames.js');

/* By their numbers, from 1. */
const NAMES = ['EINVAL', 'ENOMEM', 'ENOTFOUND', 'EIO', 'ETIMEOUT', 'EPROTO', 'ETLS', 'ECONFIG',
    'EPLUGIN', 'EFUNCTION', 'ELIMIT', 'ECLOSED', 'EKIND', 'ECONFLICT', 'EUNCERTAIN', 'ESTALE',
    'ENOSPACE', 'EFORMAT', 'EDENIED', 'EUNAVAILABLE'];
const SCAN_MAX = 1000000;
/* Of a state call that belongs to no call of the function. */
const TIME_MS = 10000;
/* The other side tells best what went wrong in time: it is given a moment to. */
const GRACE_MS = 1000;
/* What modify waits at most for those who are faster. */
const MODIFY_MS = 10000;

class KvError extends Error {
    constructor(status, message) {
        super(message);
        this.name = 'KvError';
        this.status = status;
        this.code = NAMES[-status - 1] ?? 'EUNKNOWN';
    }
}

const { current, stateFd } = globalThis[Symbol.for('enoki')] ?? {};
const waiting = new Map(); /* by number */
let stream = null;
let greeting = null; /* a promise */
let greeted = null;  /* its ends */
let next = 1n;

function refuse(error) {
    for (const call of waiting.values())
        call.reject(error);
    waiting.clear();
    greeted?.reject(error);
    greeted = greeting = null;
}

function failure(payload) {
    const fields = new Fields(payload);
    return new KvError(fields.i32(), fields.text());
}

function onFrame(type, number, payload) {
    if (type === TYPES.WELCOME) {
        greeted.resolve();
        greeted = null;
    } else if (type === TYPES.FAILED && number === 0n) {
        refuse(failure(payload));
    } else {
        const call = waiting.get(number);
        waiting.delete(number);
        if (waiting.size === 0)
            stream.socket.unref();
        if (call !== undefined)
            (type === TYPES.FAILED ? call.reject(failure(payload)) : call.resolve(new Fields(payload)));
    }
}

function greet() {
    if (greeting === null) {
        stream ??= new Stream(stateFd, onFrame, () => refuse(new KvError(-12, 'the state is gone')));
        greeting = new Promise((resolve, reject) => {
            greeted = { resolve, reject };
        });
        greeting.catch(() => {});
        stream.greet();
    }
    return greeting;
}

async function ask(type, ...parts) {
    if (current === undefined)
        throw new KvError(-1, 'kv is for functions that enoki runs');
    const call = current.getStore();
    const time = call === undefined ? TIME_MS : Math.max(call.until - Date.now(), 1);
    await greet();
    return new Promise((resolve, reject) => {
        const number = next++;
        const timer = setTimeout(() => {
            waiting.delete(number);
            reject(new KvError(-5, 'the state did not answer in time'));
        }, Math.min(time + GRACE_MS, 2 ** 31 - 1));
        timer.unref();
        const settle = (then) => (result) => {
            clearTimeout(timer);
            then(result);
        };
        waiting.set(number, { resolve: settle(resolve), reject: settle(reject) });
        stream.socket.ref();
        stream.send(type, number, [u64(time), ...parts]);
    });
}

/* --- what is sent ------------------------------------------------------------------------------ */

function checkKey(key) {
    if (typeof key !== 'string')
        throw new TypeError(`a key is a string, not ${key === null ? 'null' : typeof key}`);
    return bytes(key);
}

function checkValue(value) {
    if (typeof value === 'string')
        return bytes(value);
    if (value instanceof Uint8Array)
        return bytes(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
    throw new TypeError(`a value is a string or bytes, not ${value === null ? 'null' : typeof value}`);
}

/* What must be there: items as items() gave them, [] for nothing; undefined: whatever is. */
function expectation(items) {
    if (items === undefined)
        return [u8(0)];
    return [u8(1), u32(items.length), ...items.flatMap((item) => bytes(item.rawVersion))];
}

function range(start, count) {
    if (count !== undefined && (!Number.isInteger(count) || count < 0))
        throw new RangeError(`count is ${count}; allowed: whole numbers`);
    const key = start === undefined || start === null ? bytes('') : checkKey(start);
    return [u8(start === undefined || start === null ? 0 : 1), ...key, u64(count ?? SCAN_MAX)];
}

/* --- what comes -------------------------------------------------------------------------------- */

class Item {
    constructor(id, rawVersion, value) {
        this.id = id;
        this.value = value;
        this.rawVersion = rawVersion;
    }
    /* A vector clock: node -> counter. */
    get version() {
        const fields = new Fields(this.rawVersion);
        const clock = {};
        for (let count = fields.u16(); count > 0; count--) {
            const length = fields.u8();
            const node = this.rawVersion.toString('utf8', fields.at, fields.at + length);
            fields.at += length + 1;
            clock[node] = fields.u64();
        }
        return clock;
    }
}

function takeItems(fields) {
    const items = [];
    fields.u8(); /* stale */
    for (let count = fields.u32(); count > 0; count--)
        items.push(new Item(fields.text(), fields.bytes(), fields.bytes()));
    return items;
}

const texts = (items) => items.map((item) => item.value.toString());

/* --- the calls --------------------------------------------------------------------------------- */

/* All concurrent versions of one item, with their versions. */
async function items(key) {
    return takeItems(await ask(TYPES.READ, ...checkKey(key)));
}

/* The values of all concurrent versions, at least one. */
async function read(key) {
    return texts(await items(key));
}

async function scanItems(start, count) {
    return takeItems(await ask(TYPES.SCAN, ...range(start, count)));
}

/* The values of at most count items from key on. */
async function scan(start, count) {
    return texts(await scanItems(start, count));
}

async function keys(start, count) {
    const found = takeItems(await ask(TYPES.KEYS, ...range(start, count)));
    return [...new Set(found.map((item) => item.id))];
}

async function update(key, value, options) {
    await ask(TYPES.UPDATE, ...checkKey(key), ...expectation(options?.expect), ...checkValue(value));
}

async function remove(key, options) {
    await ask(TYPES.REMOVE, ...checkKey(key), ...expectation(options?.expect));
}

/* Adds to an append-only keygroup; the new key. */
async function append(value) {
    return (await ask(TYPES.APPEND, ...checkValue(value))).text();
}

/* Read, merge, write without losing anybody's write: change(values) is given the values of all
 * versions ([] if there is none) and returns the new value, null to leave everything, or false to
 * remove the item. It may run several times. */
async function modify(key, change) {
    const until = Date.now() + MODIFY_MS;
    for (;;) {
        const seen = await items(key).catch((error) => {
            if (error.code !== 'ENOTFOUND')
                throw error;
            return [];
        });
        const value = await change(texts(seen));
        if (value === null || value === undefined || (value === false && seen.length === 0))
            return;
        try {
            if (value === false)
                await remove(key, { expect: seen });
            else
                await update(key, value, { expect: seen });
            return;
        } catch (error) {
            if (error.code !== 'ECONFLICT')
                throw error;
            if (Date.now() > until)
                throw new KvError(-5, `others changed '${key}' faster for ${MODIFY_MS / 1000} s`);
        }
    }
}

module.exports = {
    KvError, append, delete: remove, items, keys, modify, read, remove, scan, scanItems, update,
};
