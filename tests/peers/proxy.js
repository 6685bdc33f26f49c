// An HTTP proxy by proxy-chain that asks for a user and a password, and prints what each request let through is for.
const { Server } = require('proxy-chain');

const [port, user, password] = process.argv.slice(2);
new Server({
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
