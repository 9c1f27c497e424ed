'use strict';
/* What a function is called with. They are node's own classes, so that what is made for node's http
 * server (express and its like) finds what it looks for; what it writes is collected. */
const http = require('http');
const net = require('net');

/* A body that is decoded at once. */
const SMALL = 4096;
/* The runtime sends these itself. */
const OURS = new Set(['content-length', 'transfer-encoding', 'connection', 'date', 'keep-alive',
                     'proxy-connection', 'te', 'trailer', 'upgrade']);
/* Of a response. */
const CHUNKS = Symbol('chunks');
const FINISH = Symbol('finish');
const IS_CALLING = Symbol('is calling');
/* Nobody is connected: there to be asked. */
const socket = new net.Socket();
Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' });

/* Express puts prototypes of its own under a request and a response. What they cannot do without is
 * therefore the objects' own, below as well. */

/* For who reads the body as a stream. */
function read() {
    this._consumed = true;
    if (this.rawBody.length > 0)
        this.push(this.rawBody);
    this.push(null);
}

/* Decoded when it is asked for. */
const LARGE_BODY = {
    configurable: true,
    enumerable: true,
    get() {
        return (this.body = this.rawBody.utf8Slice());
    },
    set(value) {
        Object.defineProperty(this, 'body', { configurable: true, enumerable: true, writable: true, value });
    },
};

class Request extends http.IncomingMessage {
    /* function, method, subpath, query, headers (names and values in turn, as sent), body (bytes) */
    constructor(name, method, subpath, query, headers, body) {
        super(socket);
        const rest = query === '' ? '' : '?' + query;
        this.method = method;
        this.url = (subpath || '/') + rest;
        this.originalUrl = '/' + name + subpath + rest;
        this.httpVersion = '1.1';
        this.httpVersionMajor = this.httpVersionMinor = 1;
        this._addHeaderLines(headers, headers.length); /* node's own way: `headers` when asked for */
        this.complete = true;
        this._read = read;
        this.rawBody = body;
        if (body.length <= SMALL)
            this.body = body.utf8Slice();
        else
            Object.defineProperty(this, 'body', LARGE_BODY);
    }
    get(name) {
        return this.headers[String(name).toLowerCase()];
    }
    header(name) {
        return this.get(name);
    }
    get path() {
        return this.url.split('?', 1)[0];
    }
    get query() {
        const found = {};
        const at = this.url.indexOf('?');
        if (at >= 0)
            for (const [name, value] of new URLSearchParams(this.url.slice(at + 1)))
                found[name] = name in found ? [].concat(found[name], value) : value;
        return found;
    }
}

function asBytes(chunk, encoding) {
    if (typeof chunk === 'string')
        return Buffer.from(chunk, typeof encoding === 'string' ? encoding : 'utf8');
    if (Buffer.isBuffer(chunk))
        return chunk;
    if (chunk instanceof Uint8Array)
        return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    throw new TypeError(`a chunk is a string, Buffer or Uint8Array, not ${typeof chunk}`);
}

/* --- what a response has as its own ------------------------------------------------------------ */

function begin() {
    if (!this._header)
        this._header = 'sent';
}

function writeHead(status, ...more) {
    const headers = more.find((one) => one !== null && typeof one === 'object');
    this.statusCode = status;
    if (Array.isArray(headers))
        for (let i = 0; i + 1 < headers.length; i += 2)
            this.appendHeader(headers[i], headers[i + 1]);
    else
        for (const [name, value] of Object.entries(headers ?? {}))
            this.setHeader(name, value);
    this.flushHeaders();
    return this;
}

function write(chunk, encoding, done) {
    if (this.finished)
        throw new Error('write after end');
    this.flushHeaders();
    (this[CHUNKS] ??= []).push(asBytes(chunk, encoding));
    const then = typeof encoding === 'function' ? encoding : done;
    if (then)
        process.nextTick(then);
    return true;
}

/* Text that is all of the body stays as it is. */
function bodyOf(response, chunk, encoding) {
    const before = response[CHUNKS];
    if (chunk === undefined || chunk === null || typeof chunk === 'function')
        return before === undefined ? '' : Buffer.concat(before);
    if (before !== undefined)
        return Buffer.concat([...before, asBytes(chunk, encoding)]);
    return typeof chunk === 'string' && typeof encoding !== 'string' ? chunk : asBytes(chunk, encoding);
}

function tellEnd(response) {
    response.emit('finish');
    response.emit('close');
}

function end(chunk, encoding, done) {
    if (this.finished)
        return this;
    const body = bodyOf(this, chunk, encoding);
    this.flushHeaders();
    this.finished = true;
    this[FINISH](this, body);
    if (typeof chunk === 'function' || typeof encoding === 'function' || typeof done === 'function')
        this.once('finish', [chunk, encoding, done].find((one) => typeof one === 'function'));
    /* Who calls the function tells it when that has returned. */
    if (!this[IS_CALLING])
        process.nextTick(tellEnd, this);
    return this;
}

function nothing() {}

class Response extends http.ServerResponse {
    /* finish(response, body): text or bytes */
    constructor(request, finish) {
        super(request);
        this.sendDate = false;
        this[CHUNKS] = undefined;
        this[FINISH] = finish;
        this[IS_CALLING] = true;
        this.writeHead = writeHead;
        this.write = write;
        this.end = end;
        this.flushHeaders = begin;
        this.writeContinue = this.writeProcessing = this.writeEarlyHints = nothing;
    }
    status(code) {
        this.statusCode = code;
        return this;
    }
    sendStatus(code) {
        return this.status(code).type('txt').send(http.STATUS_CODES[code] ?? String(code));
    }
    set(name, value) {
        if (typeof name === 'object') {
            for (const [key, one] of Object.entries(name))
                this.setHeader(key, Array.isArray(one) ? one : String(one));
            return this;
        }
        this.setHeader(name, Array.isArray(value) ? value.map(String) : String(value));
        return this;
    }
    header(name, value) {
        return this.set(name, value);
    }
    get(name) {
        return this.getHeader(name);
    }
    append(name, value) {
        const before = this.getHeader(name);
        return this.set(name, before === undefined ? value : [].concat(before, value));
    }
    type(type) {
        const known = {
            txt: 'text/plain; charset=utf-8', text: 'text/plain; charset=utf-8',
            html: 'text/html; charset=utf-8', json: 'application/json; charset=utf-8',
            bin: 'application/octet-stream', xml: 'application/xml', js: 'text/javascript',
            css: 'text/css; charset=utf-8', png: 'image/png', jpg: 'image/jpeg', svg: 'image/svg+xml',
        };
        return this.set('Content-Type', known[type] ?? type);
    }
    contentType(type) {
        return this.type(type);
    }
    json(value) {
        if (!this.hasHeader('Content-Type'))
            this.type('json');
        return this.end(JSON.stringify(value) ?? '');
    }
    /* Of a string or bytes the runtime finds the type; everything else is JSON. */
    send(body) {
        if (body === undefined || body === null)
            return this.end();
        if (typeof body === 'string' || body instanceof Uint8Array)
            return this.end(body);
        return this.json(body);
    }
    redirect(status, url) {
        return typeof status === 'number' ? this.status(status).set('Location', url).end()
            : this.status(302).set('Location', status).end();
    }
}

/* The function, which was called with it, has returned. */
function returned(response) {
    response[IS_CALLING] = false;
    if (response.finished)
        tellEnd(response);
}

/* The headers as names and values in turn, without those that are the runtime's. */
function headersOf(response) {
    const found = [];
    if (response.getHeaderNames().length === 0)
        return found;
    for (const [name, value] of Object.entries(response.getHeaders()))
        if (!OURS.has(name))
            for (const one of Array.isArray(value) ? value : [value])
                found.push(name, String(one));
    return found;
}

module.exports = { Request, Response, headersOf, returned };
