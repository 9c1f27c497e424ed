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
const { TYPES, Fields, Stream } = require('../frames.js');

/* By their numbers, from 1. */
const NAMES = ['EINVAL', 'ENOMEM', 'ENOTFOUND', 'EIO', 'ETIMEOUT', 'EPROTO', 'ETLS', 'ECONFIG',
    'EPLUGIN', 'EFUNCTION', 'ELIMIT', 'ECLOSED', 'EKIND', 'ECONFLICT', 'EUNCERTAIN', 'ESTALE',
    'ENOSPACE', 'EFORMAT', 'EDENIED', 'EUNAVAILABLE'];
const SCAN_MAX = 1000000;
/* Of a state call that belongs to no call of the function. */
const TIME_MS = 10000;
/* A timer's most. */
const TIME_MAX_MS = 2 ** 30;
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
let next = 1;
let timer = null; /* of the first of those that wait whose time ends */
let timerAt = Infinity;

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
    } else if (type === TYPES.FAILED && number === 0) {
        refuse(failure(payload));
    } else {
        const call = waiting.get(number);
        waiting.delete(number);
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

/* --- time: one timer for all, which is left alone when a call is answered ----------------------- */

function expire() {
    const now = Date.now();
    timerAt = Infinity;
    for (const [number, call] of waiting) {
        if (call.until <= now) {
            waiting.delete(number);
            call.reject(new KvError(-5, 'the state did not answer in time'));
        } else {
            timerAt = Math.min(timerAt, call.until);
        }
    }
    timer = timerAt === Infinity ? null : setTimeout(expire, timerAt - now).unref();
}

function watch(until) {
    if (until >= timerAt)
        return;
    clearTimeout(timer);
    timerAt = until;
    timer = setTimeout(expire, until - Date.now()).unref();
}

/* fill(frame) puts the fields behind the time. */
async function ask(type, fill) {
    if (current === undefined)
        throw new KvError(-1, 'kv is for functions that enoki runs');
    const now = Date.now();
    const call = current.getStore();
    const time = call === undefined ? TIME_MS : Math.min(Math.max(call.until - now, 1), TIME_MAX_MS);
    if (greeting === null || greeted !== null)
        await greet();
    return new Promise((resolve, reject) => {
        const number = next++;
        const until = now + time + GRACE_MS;
        fill(stream.begin(type, number).u64(time));
        waiting.set(number, { resolve, reject, until });
        watch(until);
        stream.send();
    });
}

/* --- what is sent ------------------------------------------------------------------------------ */

function checkKey(key) {
    if (typeof key !== 'string')
        throw new TypeError(`a key is a string, not ${key === null ? 'null' : typeof key}`);
}

function checkValue(value) {
    if (typeof value !== 'string' && !(value instanceof Uint8Array))
        throw new TypeError(`a value is a string or bytes, not ${value === null ? 'null' : typeof value}`);
}

/* What must be there: items as items() gave them, [] for nothing; undefined: whatever is. */
function putExpectation(frame, items) {
    frame.u8(items === undefined ? 0 : 1);
    if (items === undefined)
        return frame;
    frame.u32(items.length);
    for (const item of items)
        frame.bytes(item.rawVersion);
    return frame;
}

function askRange(type, start, count) {
    const key = start ?? null;
    if (count !== undefined && (!Number.isInteger(count) || count < 0))
        throw new RangeError(`count is ${count}; allowed: whole numbers`);
    if (key !== null)
        checkKey(key);
    return ask(type, (frame) => frame.u8(key === null ? 0 : 1).bytes(key ?? '').u64(count ?? SCAN_MAX));
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
    checkKey(key);
    return takeItems(await ask(TYPES.READ, (frame) => frame.bytes(key)));
}

/* The values of all concurrent versions, at least one. */
async function read(key) {
    return texts(await items(key));
}

async function scanItems(start, count) {
    return takeItems(await askRange(TYPES.SCAN, start, count));
}

/* The values of at most count items from key on. */
async function scan(start, count) {
    return texts(await scanItems(start, count));
}

async function keys(start, count) {
    const found = takeItems(await askRange(TYPES.KEYS, start, count));
    return [...new Set(found.map((item) => item.id))];
}

async function update(key, value, options) {
    const expected = options?.expect;
    checkKey(key);
    checkValue(value);
    await ask(TYPES.UPDATE, (frame) => putExpectation(frame.bytes(key), expected).last(value));
}

async function remove(key, options) {
    const expected = options?.expect;
    checkKey(key);
    await ask(TYPES.REMOVE, (frame) => putExpectation(frame.bytes(key), expected));
}

/* Adds to an append-only keygroup; the new key. */
async function append(value) {
    checkValue(value);
    return (await ask(TYPES.APPEND, (frame) => frame.last(value))).text();
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
