'use strict';
/* serve.js PORT FOLDER PROCESSES - the peer of functions in Node.js: FOLDER's function behind node's own
 * http server, in one process or as many as node's cluster is told to have. */
const cluster = require('cluster');
const http = require('http');

const [port, folder, processes] = process.argv.slice(2);

function serve() {
    const fn = require(folder);
    http.createServer((req, res) => {
        const chunks = [];
        req.on('data', (chunk) => chunks.push(chunk));
        req.on('end', () => {
            req.body = Buffer.concat(chunks).toString();
            res.send = (text) => res.end(text);
            fn(req, res);
        });
    }).listen(Number(port), '127.0.0.1', 4096);
}

if (processes === '1' || !cluster.isPrimary)
    serve();
else
    for (let i = 0; i < Number(processes); i++)
        cluster.fork();
