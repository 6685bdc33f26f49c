// Counts the parts of each text of a JSON array on standard input, by Twilio's own calculator, with the alphabet it takes.
const { SegmentedMessage } = require('sms-segments-calculator');
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const count = (text) => {
  const message = new SegmentedMessage(text);
  return [message.encodingName, message.segmentsCount];
};
process.stdout.write(JSON.stringify(texts.map(count)));
