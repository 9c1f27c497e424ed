'use strict';
/* Frames of proto/frame.md over a connected socket. */
const fs = require('fs');
const net = require('net');

const HEAD = 16;
const READ = 65536;
const KEPT = 65536; /* of the memory that frames are made in */
const MAGIC = 0x6b6f6e65; /* "enok" */
const VERSION = 1;
const TYPES = {
    HELLO: 1, WELCOME: 2, FAILED: 3,
    READ: 16, SCAN: 17, KEYS: 18, UPDATE: 19, REMOVE: 20, APPEND: 21,
    DONE: 32, ITEMS: 33, APPENDED: 34,
    START: 64, READY: 65, CALL: 66, ANSWER: 67, CANCEL: 68, INVOKE: 70,
};

/* Numbers are doubles as long as those are exact, as they always are here. */
function readNumber(bytes, at) {
    const high = bytes.readUInt32LE(at + 4);
    return high < 2 ** 21 ? high * 2 ** 32 + bytes.readUInt32LE(at) : bytes.readBigUInt64LE(at);
}

/* Takes the fields of a payload in turn. */
class Fields {
    constructor(payload) {
        this.payload = payload;
        this.at = 0;
    }
    u8() {
        return this.payload.readUInt8((this.at += 1) - 1);
    }
    u16() {
        return this.payload.readUInt16LE((this.at += 2) - 2);
    }
    u32() {
        return this.payload.readUInt32LE((this.at += 4) - 4);
    }
    i32() {
        return this.payload.readInt32LE((this.at += 4) - 4);
    }
    u64() {
        return Number(readNumber(this.payload, (this.at += 8) - 8));
    }
    bytes() {
        const length = this.u32();
        return this.payload.subarray(this.at, (this.at += length));
    }
    text() {
        return this.bytes().toString();
    }
    /* Text of a header: its bytes are its characters, as in node's own http. */
    latin() {
        return this.bytes().latin1Slice();
    }
}

/* A frame that is being made, in memory that the next one uses again. */
class Frame {
    constructor() {
        this.buffer = Buffer.allocUnsafeSlow(KEPT);
        this.at = 0;
        this.tail = null;
    }
    begin(type, call) {
        if (this.buffer.length > KEPT)
            this.buffer = Buffer.allocUnsafeSlow(KEPT);
        this.at = 4;
        this.tail = null;
        this.u32(type); /* flags and what is reserved are 0 */
        return this.u64(call);
    }
    need(length) {
        if (this.at + length <= this.buffer.length)
            return;
        const bigger = Buffer.allocUnsafeSlow((this.at + length) * 2);
        this.buffer.copy(bigger, 0, 0, this.at);
        this.buffer = bigger;
    }
    u8(value) {
        this.need(1);
        this.buffer[this.at++] = value;
        return this;
    }
    u16(value) {
        this.need(2);
        this.at = this.buffer.writeUInt16LE(value, this.at);
        return this;
    }
    u32(value) {
        this.need(4);
        this.at = this.buffer.writeUInt32LE(value, this.at);
        return this;
    }
    u64(value) {
        this.need(8);
        if (typeof value === 'number' && value < 2 ** 32) {
            this.at = this.buffer.writeUInt32LE(value, this.at);
            this.at = this.buffer.writeUInt32LE(0, this.at);
        } else {
            this.at = this.buffer.writeBigUInt64LE(BigInt(value), this.at);
        }
        return this;
    }
    /* Length and bytes, of a string or of bytes. */
    bytes(value) {
        if (typeof value !== 'string') {
            this.u32(value.length).need(value.length);
            this.buffer.set(value, this.at);
            this.at += value.length;
        } else {
            this.need(4 + value.length * 3); /* of UTF-8 at most */
            this.put(this.buffer.utf8Write(value, this.at + 4));
        }
        return this;
    }
    latin(text) {
        this.need(4 + text.length);
        this.put(this.buffer.latin1Write(text, this.at + 4));
        return this;
    }
    put(length) {
        this.buffer.writeUInt32LE(length, this.at);
        this.at += 4 + length;
    }
    /* The same as bytes() for the last field; a long one is not copied. */
    last(value) {
        const made = typeof value === 'string' && value.length > KEPT ? Buffer.from(value) : value;
        if (typeof made === 'string' || made.length <= KEPT)
            return this.bytes(made);
        this.tail = made;
        return this.u32(made.length);
    }
}

class Stream {
    /* frame(type, call, payload): a payload is the taker's to keep; end(error or undefined) */
    constructor(fd, frame, end) {
        const buffer = Buffer.allocUnsafeSlow(READ);
        this.fd = fd;
        this.frame = frame;
        this.made = new Frame();
        this.begun = null; /* a frame, or its head, of which not all has come */
        this.got = 0;
        this.socket = new net.Socket({
            fd, readable: true, writable: true,
            onread: {
                buffer,
                callback: (length) => {
                    this.take(buffer, length);
                    return true;
                },
            },
        });
        this.socket.on('error', end);
        this.socket.on('end', () => end());
    }
    take(chunk, length) {
        let at = 0;
        while (at < length) {
            const total = HEAD + (length - at < HEAD ? 0 : chunk.readUInt32LE(at));
            if (this.begun === null && total <= length - at) {
                const payload = Buffer.allocUnsafe(total - HEAD);
                chunk.copy(payload, 0, at + HEAD, at + total);
                this.frame(chunk[at + 4], readNumber(chunk, at + 8), payload);
                at += total;
            } else {
                at = this.add(chunk, at, length);
            }
        }
    }
    /* To what has begun: first the head, then all of it. */
    add(chunk, at, length) {
        this.begun ??= Buffer.allocUnsafeSlow(HEAD);
        const taken = chunk.copy(this.begun, this.got, at, Math.min(length, at + this.begun.length));
        this.got += taken;
        if (this.got === this.begun.length) {
            const head = this.begun;
            const total = HEAD + head.readUInt32LE(0);
            if (head.length < total) {
                this.begun = Buffer.allocUnsafeSlow(total);
                head.copy(this.begun, 0, 0, HEAD);
            } else {
                this.begun = null;
                this.got = 0;
                this.frame(head[4], readNumber(head, 8), head.subarray(HEAD));
            }
        }
        return at + taken;
    }
    /* A frame to be filled in, and then sent, before the next one begins. */
    begin(type, call) {
        return this.made.begin(type, call);
    }
    send() {
        const { buffer, at, tail } = this.made;
        buffer.writeUInt32LE(at - HEAD + (tail === null ? 0 : tail.length), 0);
        this.write(buffer, at, true);
        if (tail !== null)
            this.write(tail, tail.length, false);
    }
    /* At once if the socket takes it: one system call, and none of a stream's bookkeeping. */
    write(bytes, length, isReused) {
        let at = 0;
        if (this.socket.writableLength === 0) {
            try {
                while (at < length)
                    at += fs.writeSync(this.fd, bytes, at, length - at);
            } catch (error) {
                if (error.code !== 'EAGAIN')
                    return; /* nobody reads any more, as the end of the input will tell */
            }
        }
        if (at < length) {
            const rest = bytes.subarray(at, length);
            this.socket.write(isReused ? Buffer.from(rest) : rest);
        }
    }
    greet() {
        this.made.begin(TYPES.HELLO, 0).u32(MAGIC).u16(VERSION).u16(VERSION);
        this.send();
    }
}

module.exports = { TYPES, Fields, Stream };
