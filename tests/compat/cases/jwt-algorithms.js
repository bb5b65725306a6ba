// Tokens of four algorithms, made elsewhere; only public keys are here.
const crypto = require('crypto');
const RSA = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyVjJrNNKskxSL9ZfiMi9
Zsos6wBSfBHoIjMhXvaKv3lnx/YFigSSb+Vlwh/I16guTdJovq6lZ160p/lD0ogq
/ieNGFkMAxH8fy4P0poakamenPkZaE+VXa6Lv1LJUFMgzF2lmdUzsie7ZJKbs+jO
Xk9bt0kSNCyRlTPs+6XEDUrtjuwcdHyQm+iFKLVOLsAEP9ww4MCO5+T+rcTRoQ3m
O6ISQnzO/w72B1+jD93A3NkITvlLpujPgjr9Xrowj19gJJ+tTVyMf2W5pXikncdd
1sUgUpDiETvgSuA/CO4vBcZvt+bMonfJoAoJ1fA+vsSUYa6e9q9woxJ7lqXvi8IY
+QIDAQAB
-----END PUBLIC KEY-----
`;
const EC = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtT5c4pZx+Ro4fKq5CY1IT737rKjn
EdeoqCs96xpMN+lF+Np3TVuTAgHg2t704TRFqQWX1EiP5Cf508wVFdg2SA==
-----END PUBLIC KEY-----
`;
const TOKENS = {
    "RS256": "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJzdWIiOiLDqSIsImV4cCI6NDEwMjQ0NDgwMCwiYXVkIjpbImEiXX0.rpFkM5LoMVu78tzShYEbmcH8LNC_wVZJ-MuorZP24IOs4rEotL2KLOphZCreK_Thfp5TznmCrrsNhzosayhnDtQwNJWCSg8JsG4XLXSCSTChfveiEmCNb8hEzzu6hrY31KNlLIsrgszixCwqyJdIFHboOp5VGIsA_CJOxBP5PIHdrRPP0ZdKyOsFlpRwGmx8ACR0ZGWgsA_Ve7L4S1LppHxd7Ux2dOAg3arW5DOhyev16AsQpCTZfgx0jBvKiPSN_e1xVlVRVjkGVLfSAo247xBnKIW-tW4Xf6OE0HfkBCVMTIVurz5B2TN0uaaLqsOCIHa3knbeuDO5fKMhUkb7UQ",
    "RS512": "eyJhbGciOiJSUzUxMiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJzdWIiOiLDqSIsImV4cCI6NDEwMjQ0NDgwMCwiYXVkIjpbImEiXX0.spx_XlgBARJDcsM20QdexI8e86s5bHujn0DUQp0opxKKhK0GaqzxrJg7wujVmQuvc8xji38C9Cqol50a_jx-Lrz-jnL_Ifxj6sGnLmKv98ipvG637cTxeawKsK0NuCWh2MxDWIOorbRk3jMNo1ZVkVzMrpYRltSFlx667Eu6EIdBNLlWN6zAU7QP8OF4lE9FzA31ytm5mDt6XKI5WInRfEhSW2ORXug8auCLI-8efoekKZazMtyVjfpqEXFdv9uLldAnPgWVnvJEO2pDOaJT0d8B4Znv6rUbczw4Z81vYZifkPTqMT-XIbPUUahtaP_AFVjoTNu_lzj35M7X9oM93A",
    "PS256": "eyJhbGciOiJQUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJzdWIiOiLDqSIsImV4cCI6NDEwMjQ0NDgwMCwiYXVkIjpbImEiXX0.rWWyV89gCtOdj_XxFVIPGD3x2vFEnOmiJz3Ft2_Eoei2_Fw-FTKUe91GYpIzoO3ocmudM7HbQFKNiAvWpZFBeIUzTLQSmDHgm4FEmKq-Jbqur6wGBHnKoVJ6pxEIWSNgI-LCHkYA2rXCc4ddV0M636L3XPULRVZcia73DL7nNvYhLP1mYSpoO7K22IAGhLRNx5cK7HNZea1CRq0P4bitZ57LUfT35Vke7Nra9OKbzKtJBL1svEKBOJbF8Cutp4NgwSN7JP_rr_wN2aq_9H8iMj3MDgzdnoMT2gbJHoE7EITADiyVroD1EEtxDlrGHGlLP41W7MUR0M63Jjqw7j94MA",
    "ES256": "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImsxIn0.eyJzdWIiOiLDqSIsImV4cCI6NDEwMjQ0NDgwMCwiYXVkIjpbImEiXX0.xFETpgR0j_II2RXpPloMEM4T2YbY1jzzLD_TOz7d4QrO4iRLWmKI4nXLC-D7QA-55t_4Ixk951BEgmLZ-7a3Kg"
};
const PSS = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST };
const OPTIONS = { RS256: ['sha256', RSA], RS512: ['RSA-SHA512', RSA], PS256: ['sha256', { key: RSA, ...PSS }], ES256: ['SHA256', { key: EC, dsaEncoding: 'ieee-p1363' }] };
exports.handler = async () => {
    const out = [];
    for (const [alg, token] of Object.entries(TOKENS)) {
        const [head, payload, signature] = token.split('.');
        const [digest, key] = OPTIONS[alg];
        const bytes = Buffer.from(signature, 'base64url');
        out.push(alg, JSON.parse(Buffer.from(head, 'base64')).kid, JSON.parse(Buffer.from(payload, 'base64').toString()).sub);
        out.push(crypto.createVerify(digest).update(`${head}.${payload}`).verify(key, bytes), crypto.verify(digest, Buffer.from(`${head}.${payload}x`), key, bytes));
        out.push(crypto.createVerify(digest).update(head + '.').update(payload).verify(key, signature.replace(/-/g, '+').replace(/_/g, '/'), 'base64'));
    }
    const key = crypto.createPublicKey(RSA), jwk = key.export({ format: 'jwk' }), ec = crypto.createPublicKey(EC).export({ format: 'jwk' });
    out.push(key.asymmetricKeyType, key.type, key.asymmetricKeyDetails.modulusLength, Object.keys(jwk), Object.keys(ec), jwk.e, ec.crv, crypto.createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) === RSA);
    const [head, payload, signature] = TOKENS.RS256.split('.');
    const imported = await crypto.subtle.importKey('jwk', { ...jwk, alg: 'RS256', ext: true }, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['verify']);
    out.push(await crypto.subtle.verify('RSASSA-PKCS1-v1_5', imported, Buffer.from(signature, 'base64url'), Buffer.from(`${head}.${payload}`)), imported.usages);
    const es = TOKENS.ES256.split('.'), curve = await crypto.subtle.importKey('jwk', ec, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']);
    out.push(await crypto.subtle.verify({ name: 'ECDSA', hash: { name: 'SHA-256' } }, curve, Buffer.from(es[2], 'base64url'), Buffer.from(`${es[0]}.${es[1]}`)), curve.algorithm.namedCurve);
    const spki = await crypto.subtle.importKey('spki', Buffer.from(RSA.replace(/-----[^-]+-----|\s/g, ''), 'base64'), { name: 'RSA-PSS', hash: 'SHA-256' }, true, ['verify']), ps = TOKENS.PS256.split('.');
    out.push(await crypto.subtle.verify({ name: 'RSA-PSS', saltLength: 32 }, spki, Buffer.from(ps[2], 'base64url'), Buffer.from(`${ps[0]}.${ps[1]}`)));
    for (const alg of ['sha256', 'sha384', 'sha512']) out.push(crypto.createHmac(alg, 'secret').update(head).digest('base64url'));
    try { crypto.createPublicKey('nonsense'); } catch (error) { out.push(error.name); }
    return { status: '200', body: JSON.stringify(out) };
};
