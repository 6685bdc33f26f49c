// Starts telegram-test-api on the port given: a bot's server that keeps what it is sent, for a client to fetch.
const telegram = require('telegram-test-api');
const Server = telegram.default || telegram;
new Server({ port: Number(process.argv[2]), host: '127.0.0.1' }).start();
