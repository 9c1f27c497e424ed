'use strict';
/* Frames of proto/frame.md over a connected socket. */
const net = require('net');

const HEAD = 16;
const TYPES = {
    HELLO: 1, WELCOME: 2, FAILED: 3,
    READ: 16, SCAN: 17, KEYS: 18, UPDATE: 19, REMOVE: 20, APPEND: 21,
    DONE: 32, ITEMS: 33, APPENDED: 34,
    START: 64, READY: 65, CALL: 66, ANSWER: 67, CANCEL: 68, INVOKE: 70,
};
/* "enok", versions 1 to 1 */
const GREETING = Buffer.from([0x65, 0x6e, 0x6f, 0x6b, 1, 0, 1, 0]);

const u8 = (value) => Buffer.from([value]);
function u16(value) {
    const made = Buffer.allocUnsafe(2);
    made.writeUInt16LE(value);
    return made;
}
function u32(value) {
    const made = Buffer.allocUnsafe(4);
    made.writeUInt32LE(value);
    return made;
}
function u64(value) {
    const made = Buffer.allocUnsafe(8);
    made.writeBigUInt64LE(BigInt(value));
    return made;
}
/* Length and bytes, as two parts. */
function bytes(value) {
    const made = Buffer.isBuffer(value) ? value : Buffer.from(value);
    return [u32(made.length), made];
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
        return Number(this.payload.readBigUInt64LE((this.at += 8) - 8));
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

class Stream {
    /* frame(type, call, payload); end(error or undefined) */
    constructor(fd, frame, end) {
        this.parts = [];
        this.length = 0;
        this.wanted = HEAD;
        this.frame = frame;
        this.socket = new net.Socket({ fd, readable: true, writable: true });
        this.socket.on('data', (chunk) => this.take(chunk));
        this.socket.on('error', end);
        this.socket.on('end', () => end());
    }
    take(chunk) {
        this.parts.push(chunk);
        this.length += chunk.length;
        if (this.length < this.wanted)
            return;
        let all = this.parts.length === 1 ? chunk : Buffer.concat(this.parts, this.length);
        this.wanted = HEAD;
        while (all.length >= HEAD) {
            const total = HEAD + all.readUInt32LE(0);
            if (all.length < total) {
                this.wanted = total;
                break;
            }
            const call = all.readBigUInt64LE(8);
            const type = all[4];
            const payload = all.subarray(HEAD, total);
            all = all.subarray(total);
            this.frame(type, call, payload);
        }
        this.parts = all.length > 0 ? [all] : [];
        this.length = all.length;
    }
    send(type, call, parts) {
        let length = 0;
        for (const part of parts)
            length += part.length;
        const head = Buffer.alloc(HEAD);
        head.writeUInt32LE(length, 0);
        head[4] = type;
        head.writeBigUInt64LE(BigInt(call), 8);
        this.socket.write(length < 65536 ? Buffer.concat([head, ...parts], HEAD + length)
            : this.cork(head, parts));
    }
    /* Large ones are not copied. */
    cork(head, parts) {
        this.socket.cork();
        this.socket.write(head);
        const last = parts.pop();
        for (const part of parts)
            this.socket.write(part);
        process.nextTick(() => this.socket.uncork());
        return last;
    }
    greet() {
        this.send(TYPES.HELLO, 0, [GREETING]);
    }
}

module.exports = { TYPES, Fields, Stream, bytes, u8, u16, u32, u64 };
