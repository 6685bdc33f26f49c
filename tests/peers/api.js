// A provider's API behind TLS, by Node's own HTTP: it offers HTTP/2 and HTTP/1.1, or with --http1 the latter alone. It takes every
// POST as Resend would. GET gives what was posted: by which version of HTTP, and on which connection (its port on the other side).
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');

const [port, certificate, key, only] = process.argv.slice(2);
const files = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
const posted = [];

function answer(request, response) {
  if (request.method === 'POST') {
    posted.push({ version: request.httpVersion, connection: request.socket.remotePort });
  }
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.method === 'POST' ? { id: String(posted.length) } : posted));
  });
}

const server =
  only === '--http1' ? https.createServer(files, answer) : http2.createSecureServer({ ...files, allowHTTP1: true }, answer);
server.listen(Number(port), '127.0.0.1');
