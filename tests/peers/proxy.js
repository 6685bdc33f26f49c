// An HTTP proxy by proxy-chain that asks for a user and a password, and prints what each request let through is for. With a
// certificate and its key it is itself reached by TLS.
const fs = require('node:fs');
const { Server } = require('proxy-chain');

const [port, user, password, certificate, key] = process.argv.slice(2);
const tls = certificate && { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
new Server({
  serverType: tls ? 'https' : 'http',
  httpsOptions: tls,
  host: '127.0.0.1',
  port: Number(port),
  prepareRequestFunction: ({ username, password: given, hostname, port: to, isHttp }) => {
    const allowed = username === user && given === password;
    if (allowed) {
      console.log(`${isHttp ? 'forward' : 'tunnel'} ${hostname}:${to}`);
    }
    return { requestAuthentication: !allowed };
  },
}).listen();
