// Validates messages of Amazon SNS by Amazon's own validator, sns-validator: one a line on standard input, for each the line
// `accepted` or why not on standard output.
//
//     sns.js CERTIFICATE [BASE]
//
// The certificate is a file in PEM, which stands for whatever Amazon would serve. BASE is a URL that stands for Amazon's host: the
// validator takes certificates from nowhere else.
const { EventEmitter } = require('events');
const fs = require('fs');
const https = require('https');
const { Readable } = require('stream');
const Validator = require('sns-validator');

const [certificate, base] = process.argv.slice(2);
const pem = fs.readFileSync(certificate);

// In the place of a call to Amazon.
https.get = (_url, answer) => {
  answer(Object.assign(Readable.from([pem]), { statusCode: 200 }));
  return new EventEmitter();
};

const validate = (line) =>
  new Promise((resolve) => {
    const message = JSON.parse(line);
    if (base) {
      message.SigningCertURL = message.SigningCertURL.replace(base, 'https://sns.eu-west-1.amazonaws.com');
    }
    new Validator().validate(message, (error) => resolve(error ? error.message : 'accepted'));
  });

const lines = fs.readFileSync(0, 'utf8').trim().split('\n');
Promise.all(lines.map(validate)).then((answers) => console.log(answers.join('\n')));
