'use strict';
/* enoki - for functions in Node.js that Enoki runs: calls of other functions.
 *
 *   const enoki = require('enoki');
 *   const answer = await enoki.invoke('echo', 'hello');
 *   if (answer.status === 200) console.log(answer.text());
 *
 * What is not made, or given up, rejects with an Error whose code says why ('ENOTFOUND',
 * 'ETIMEOUT', ...: enoki/error.h). Several that are open run at the same time. */
const { TYPES, Fields } = require('../frames.js');
const kv = require('./kv.js');

const host = globalThis[Symbol.for('enoki')];

class Answer {
    constructor(fields) {
        this.status = fields.u16();
        this.headers = {};
        for (let count = fields.u16(); count > 0; count--) {
            const name = fields.latin().toLowerCase();
            this.headers[name] ??= fields.latin();
        }
        this.body = fields.bytes();
    }
    text() {
        return this.body.toString();
    }
    json() {
        return JSON.parse(this.text());
    }
}

function asPairs(headers) {
    return Array.isArray(headers) ? headers : Object.entries(headers ?? {});
}

/* options: method ('POST'), path, query, headers, timeout (milliseconds; what is left of the call),
 * async (answered 202 once it is accepted). */
async function invoke(name, body = '', options = {}) {
    const call = host?.current.getStore();
    if (call === undefined)
        throw new kv.KvError(-1, 'enoki.invoke is for calls of a function that enoki runs');
    const headers = asPairs(options.headers).flat().map(String);
    const texts = [name, options.method ?? 'POST', options.path ?? '', options.query ?? ''].map(String);
    const given = body instanceof Uint8Array ? body : String(body);
    const [type, answered] = await host.ask((frame) => {
        frame.u64(call.number).u64(options.timeout ?? 0).u8(options.async ? 1 : 0);
        for (const text of texts)
            frame.bytes(text);
        frame.u16(headers.length / 2);
        for (const text of headers)
            frame.bytes(text);
        frame.last(given);
    });
    const fields = new Fields(answered);
    if (type === TYPES.FAILED)
        throw new kv.KvError(fields.i32(), fields.text());
    return new Answer(fields);
}

module.exports = { Answer, Error: kv.KvError, invoke };
