/** What fails; code is its name in enoki/error.h: 'ENOTFOUND', 'ECONFLICT', ... */
export class KvError extends Error {
    readonly code: string;
    readonly status: number;
}

export interface Item {
    readonly id: string;
    readonly value: Buffer;
    /** A vector clock: node -> counter. */
    readonly version: Record<string, number>;
}

export interface WriteOptions {
    /** What items() returned must be all that is there; [] for nothing. */
    expect?: Item[];
}

/** The values of all concurrent versions, at least one. */
export function read(key: string): Promise<string[]>;
export function items(key: string): Promise<Item[]>;
/** At most count items from key on, which must have been written once; FReD needs a key. */
export function scan(key?: string | null, count?: number): Promise<string[]>;
export function scanItems(key?: string | null, count?: number): Promise<Item[]>;
export function keys(key?: string | null, count?: number): Promise<string[]>;
export function update(key: string, value: string | Uint8Array, options?: WriteOptions): Promise<void>;
export function remove(key: string, options?: WriteOptions): Promise<void>;
export { remove as delete };
/** Adds to an append-only keygroup; the new key. */
export function append(value: string | Uint8Array): Promise<string>;
/** Read, merge, write, repeated if somebody was faster: null leaves all, false removes. */
export function modify(
    key: string,
    change: (values: string[]) => string | Uint8Array | null | undefined | false
        | Promise<string | Uint8Array | null | undefined | false>
): Promise<void>;
