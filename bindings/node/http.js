'use strict';
/* What a function is called with. They are node's own classes, so that what is made for node's http
 * server (express and its like) finds what it looks for; what it writes is collected. */
const http = require('http');
const net = require('net');

const EMPTY = Buffer.alloc(0);
/* The runtime sends these itself. */
const OURS = new Set(['content-length', 'transfer-encoding', 'connection', 'date', 'keep-alive',
                     'proxy-connection', 'te', 'trailer', 'upgrade']);
/* Nobody is connected: there to be asked. */
const socket = new net.Socket();
Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' });

class Request extends http.IncomingMessage {
    /* call: method, subpath, query, headers ([name, value], as sent), body, name */
    constructor(call) {
        super(socket);
        this.method = call.method;
        this.url = (call.subpath || '/') + (call.query ? '?' + call.query : '');
        this.originalUrl = '/' + call.name + call.subpath + (call.query ? '?' + call.query : '');
        this.httpVersion = '1.1';
        this.httpVersionMajor = this.httpVersionMinor = 1;
        const headers = {};
        for (const [name, value] of call.headers) {
            const key = name.toLowerCase();
            this.rawHeaders.push(name, value);
            if (key === 'set-cookie')
                (headers[key] ??= []).push(value);
            else if (headers[key] === undefined)
                headers[key] = value;
            else
                headers[key] += (key === 'cookie' ? '; ' : ', ') + value;
        }
        headers['content-length'] ??= String(call.body.length);
        this.headers = headers;
        this.rawBody = call.body;
        this.body = call.body.toString();
        this.complete = true;
        if (call.body.length > 0)
            this.push(call.body);
        this.push(null);
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

/* Own properties of the object: express puts its own prototype under it. */
function collect(response, finish) {
    const chunks = [];
    const begin = () => {
        if (!response._header)
            response._header = 'sent';
    };
    response.writeHead = (status, ...more) => {
        const headers = more.find((one) => one !== null && typeof one === 'object');
        response.statusCode = status;
        if (Array.isArray(headers))
            for (let i = 0; i + 1 < headers.length; i += 2)
                response.appendHeader(headers[i], headers[i + 1]);
        else
            for (const [name, value] of Object.entries(headers ?? {}))
                response.setHeader(name, value);
        begin();
        return response;
    };
    response.write = (chunk, encoding, done) => {
        if (response.finished)
            throw new Error('write after end');
        begin();
        chunks.push(asBytes(chunk, encoding));
        const then = typeof encoding === 'function' ? encoding : done;
        if (then)
            process.nextTick(then);
        return true;
    };
    response.end = (chunk, encoding, done) => {
        const then = [chunk, encoding, done].find((one) => typeof one === 'function');
        if (response.finished)
            return response;
        if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
            chunks.push(asBytes(chunk, encoding));
        begin();
        response.finished = true;
        finish(response, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
        process.nextTick(() => {
            response.emit('finish');
            response.emit('close');
            if (then)
                then();
        });
        return response;
    };
    response.flushHeaders = begin;
    response.writeContinue = response.writeProcessing = response.writeEarlyHints = () => {};
}

class Response extends http.ServerResponse {
    constructor(request, finish) {
        super(request);
        this.sendDate = false;
        collect(this, finish);
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

/* The headers as pairs, without those that are the runtime's. */
function headersOf(response) {
    const pairs = [];
    for (const [name, value] of Object.entries(response.getHeaders()))
        if (!OURS.has(name))
            for (const one of Array.isArray(value) ? value : [value])
                pairs.push([name, String(one)]);
    return pairs;
}

module.exports = { EMPTY, Request, Response, headersOf };
