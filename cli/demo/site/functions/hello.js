'use strict';

const greetings = {
  DE: 'Guten Tag', FR: 'Bonjour', ES: 'Hola', MX: 'Hola', AR: 'Hola', CL: 'Hola', CO: 'Hola', IT: 'Buongiorno',
  BR: 'Olá', PL: 'Dzień dobry', SE: 'Hej', NL: 'Goedendag', TR: 'Merhaba', UA: 'Добрий день', JP: 'こんにちは',
  KR: '안녕하세요', ID: 'Halo', VN: 'Xin chào', IN: 'नमस्ते', EG: 'أهلا', AE: 'أهلا', KE: 'Habari',
};

exports.handler = async (event) => {
  const { request } = event.Records[0].cf;
  const header = request.headers['cloudfront-viewer-country'];
  const country = header ? header[0].value : 'nowhere';
  return {
    status: '200',
    statusDescription: 'OK',
    headers: { 'content-type': [{ key: 'Content-Type', value: 'text/plain; charset=utf-8' }] },
    body: `${greetings[country] || 'Hello'}, viewer in ${country}\n`,
  };
};
