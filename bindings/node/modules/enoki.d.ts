export class Answer {
    readonly status: number;
    /** By their names in lower case. */
    readonly headers: Record<string, string>;
    readonly body: Buffer;
    text(): string;
    json(): unknown;
}

/** What was not made, or was given up; code is its name in enoki/error.h. */
export { KvError as Error } from './kv';

export interface InvokeOptions {
    /** 'POST' if not given. */
    method?: string;
    /** What follows /NAME, percent-encoded. */
    path?: string;
    query?: string;
    headers?: Record<string, string> | [string, string][];
    /** Milliseconds; what is left of the call if not given. */
    timeout?: number;
    /** Answered 202 once it is accepted. */
    async?: boolean;
}

/** Calls a function of this node, or of another that the configuration names, while a call runs. */
export function invoke(
    name: string, body?: string | Uint8Array, options?: InvokeOptions
): Promise<Answer>;
