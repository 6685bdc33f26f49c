// An SMSC on npm's smpp: `smsc.js PORT JOURNAL OPTIONS`, the last in JSON.
//
// Options: `binds`, the command_status of each bind in turn (the last one for all that follow); `hex`, ids as hexadecimal
// numbers, and decimal in receipts; `ids`, of each message in turn, in the answer and in the receipt; `deaf`, it never answers
// enquire_link; `hold`, it answers messages only once so many wait, the last one first; `key` and `cert`, files for TLS; `mo`,
// what people write, by name: deliver_sm in turn, each after the answer to the one before, as fields of the PDU, with `udh` in
// hexadecimal and `message` as text.
//
// A text whose first line is a JSON object says what becomes of it. `part`: of which part of a text this is said, the first
// otherwise. `status`: the answer. `times`: only to the first so many. `silent`: no answer. `close`: the connection ends
// instead. `unbind`: the SMSC takes leave instead. `receipt`: the state that a receipt tells. `before`: it comes before the
// answer. `late`: it comes when the text is whole. `tlv`: it has parameters and no text. `esm_class`: its own. `national`: the
// number that it names is without its country. `as_sent`: its addresses stand as in the message. `mo`: the name of what people
// write then.
//
// The journal has an object a line: everything that came, before it is answered.
const fs = require('fs');
const smpp = require('smpp');

const [port, journal, json] = process.argv.slice(2);
const options = JSON.parse(json);
const note = (entry) => fs.appendFileSync(journal, JSON.stringify(entry) + '\n');
const binds = options.binds || [0];
const rules = {};
const seen = {};
const wholes = {};
let bound = 0;
let taken = 0;
let sessions = 0;
let held = [];
const late = [];

function read(pdu) {
  const payload = pdu.message_payload && (pdu.message_payload.message || pdu.message_payload);
  const udh = pdu.short_message.udh && pdu.short_message.udh[0];
  const text = String(payload || pdu.short_message.message || '');
  if (udh) {
    return { text, reference: udh[2], total: udh[3], number: udh[4], by: 'udh' };
  }
  if (pdu.sar_total_segments) {
    const [reference, total, number] = [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum];
    return { text, reference, total, number, by: 'sar' };
  }
  return { text, total: 1, number: 1, by: payload ? 'payload' : 'short' };
}

function ruleOf(to, part) {
  const key = `${to}/${part.reference}`;
  if (part.number === 1) {
    const line = part.text.split('\n')[0];
    rules[key] = line.startsWith('{') ? { line, ...JSON.parse(line) } : {};
  }
  const rule = rules[key];
  if ((rule.part || 1) !== part.number) return {};
  seen[rule.line] = (seen[rule.line] || 0) + 1;
  return rule.times && seen[rule.line] > rule.times ? {} : rule;
}

function join(to, part) {
  const key = `${to}/${part.reference}`;
  const parts = (wholes[key] ||= {});
  parts[part.number] = part.text;
  if (Object.keys(parts).length === part.total) {
    const texts = Object.keys(parts).sort((a, b) => a - b).map((number) => parts[number]);
    note({ event: 'whole', text: texts.join('') });
    delete wholes[key];
  }
}

function receipt(session, pdu, [id, named], rule) {
  const state = { ENROUTE: 1, DELIVRD: 2, EXPIRED: 3, UNDELIV: 5 }[rule.receipt];
  const said = options.hex ? String(parseInt(id, 16)).padStart(10, '0') : named;
  const text = `id:${said} sub:001 dlvrd:001 submit date:2611220230 done date:2611220231 stat:${rule.receipt} err:069 text:Hi`;
  const parameters = rule.tlv ? { receipted_message_id: options.hex ? id : named, message_state: state } : {};
  const number = pdu.destination_addr;
  const theirs = rule.national ? { ton: 2, number: number.slice(2) } : { ton: 1, number };
  const ours = { ton: 1, number: '34910000000' };
  const [source, dest] = rule.as_sent ? [ours, theirs] : [theirs, ours];
  const addresses = {
    source_addr_ton: source.ton, source_addr: source.number, dest_addr_ton: dest.ton, destination_addr: dest.number,
  };
  session.deliver_sm({
    source_addr_npi: 1, ...addresses,
    esm_class: rule.esm_class ?? 4, short_message: rule.tlv ? '' : text, ...parameters,
  }, (answer) => note({ event: 'deliver_sm_resp', status: answer.command_status }));
}

// One after the other; what is not taken is told again, as SMSCs do, a little later.
function writes(session, pdu, [first, ...others]) {
  if (!first) return;
  const { udh, message, ...fields } = first;
  const short_message = udh ? { udh: Buffer.from(udh, 'hex'), message } : message;
  session.deliver_sm({
    source_addr_ton: 1, source_addr_npi: 1, source_addr: pdu.destination_addr, destination_addr: '12345',
    esm_class: udh ? 0x40 : 0, data_coding: 0, short_message, ...fields,
  }, (answer) => {
    note({ event: 'deliver_sm_resp', status: answer.command_status });
    if (answer.command_status === 0) writes(session, pdu, others);
    else setTimeout(() => writes(session, pdu, [first, ...others]), 20);
  });
}

function submit(session, pdu) {
  const part = read(pdu);
  const rule = ruleOf(pdu.destination_addr, part);
  session.waiting = (session.waiting || 0) + 1;
  note({
    event: 'submit', ...part, session: session.number, in_flight: session.waiting, to: pdu.destination_addr, from: pdu.source_addr,
    source: [pdu.source_addr_ton, pdu.source_addr_npi], dest: [pdu.dest_addr_ton, pdu.dest_addr_npi],
    data_coding: pdu.data_coding, esm_class: pdu.esm_class, registered_delivery: pdu.registered_delivery,
    validity_minutes: pdu.validity_period && Math.round((pdu.validity_period - Date.now()) / 60000),
  });
  if (rule.silent) return;
  if (rule.close) return session.destroy();
  if (rule.unbind) return session.unbind();
  const next = taken++;
  const own = options.hex ? (0xabc00 + next).toString(16) : `id-${next + 1}`;
  const ids = options.ids ? options.ids[next] : [own, own];
  const answer = () => {
    session.waiting -= 1;
    if (rule.status) return session.send(pdu.response({ command_status: rule.status }));
    if (rule.receipt && rule.before) receipt(session, pdu, ids, rule);
    if (part.total > 1) join(pdu.destination_addr, part);
    session.send(pdu.response({ message_id: ids[0] }));
    if (rule.receipt && rule.late) late.push(() => receipt(session, pdu, ids, rule));
    else if (rule.receipt && !rule.before) receipt(session, pdu, ids, rule);
    if (part.number === part.total) late.splice(0).forEach((own) => own());
    if (rule.mo) writes(session, pdu, options.mo[rule.mo]);
  };
  if (!options.hold) return answer();
  held.push(answer);
  if (held.length === options.hold) {
    // Time enough for one too many to come.
    setTimeout(() => held.splice(0).reverse().forEach((own) => own()), 30);
  }
}

const tls = options.key ? { key: fs.readFileSync(options.key), cert: fs.readFileSync(options.cert) } : {};
const server = smpp.createServer(tls, (session) => {
  session.number = ++sessions;
  session.on('error', (error) => console.log('session', error.message));
  session.on('bind_transceiver', (pdu) => {
    const status = binds[Math.min(bound++, binds.length - 1)];
    const { system_id, password, system_type, interface_version } = pdu;
    note({ event: 'bind', session: session.number, status, system_id, password, system_type, interface_version });
    session.send(pdu.response({ command_status: status, system_id: 'sim' }));
    // An SMSC asks, too.
    if (status === 0) session.enquire_link({}, () => note({ event: 'enquire_link_resp', session: session.number }));
  });
  session.on('submit_sm', (pdu) => submit(session, pdu));
  session.on('enquire_link', (pdu) => {
    note({ event: 'enquire_link', session: session.number });
    if (!options.deaf) session.send(pdu.response());
  });
  session.on('unbind', (pdu) => {
    note({ event: 'unbind', session: session.number });
    session.send(pdu.response());
    session.close();
  });
  session.on('unbind_resp', () => {
    note({ event: 'unbind_resp', session: session.number });
    session.close();
  });
});
server.on('error', (error) => {
  console.log('server', error.message);
  process.exit(1);
});
server.listen(Number(port), '127.0.0.1');
