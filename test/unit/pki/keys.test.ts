import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as keys from '../../../src/pki/keys.ts';
import { decodeOnePem, decodePem, encodePem } from '../../../src/pki/pem.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

describe('keys', () => {
  it('reads back the private key that it writes', () => {
    const key = keys.generateKey();
    const again = keys.readPrivateKey(keys.privateKeyPem(key));
    expect(again.equals(key)).toBe(true);
    expect(keys.readPublicKey(keys.publicKeyPem(key)).equals(keys.publicHalf(key))).toBe(true);
  });

  it('reads RSA keys in PKCS #1 form, as kubeadm writes them', () => {
    const pem = rsa.export({ type: 'pkcs1', format: 'pem' }).toString();
    expect(keys.readPrivateKey(pem).asymmetricKeyType).toBe('rsa');
  });

  it('reads every key of a file, past the parameters that openssl writes in front', () => {
    const text = `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${keys.publicKeyPem(rsa)}${keys.publicKeyPem(keys.generateKey())}`;
    expect(keys.readPublicKeys(text).map(key => key.asymmetricKeyType)).toEqual(['rsa', 'ec']);
  });

  it('refuses what is no key, and keys of other kinds', () => {
    const ed25519 = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(() => keys.readPrivateKey('hello')).toThrow('the text holds no private key in PEM form');
    expect(() => keys.readPrivateKey(ed25519)).toThrow('a private key of type ed25519 is not supported');
    expect(() => keys.readPublicKeys('hello')).toThrow('there is no PEM key in the text');
  });

  it('names a key by the digest of its public half, whichever half is given', () => {
    const key = keys.generateKey();
    expect(keys.keyId(key)).toBe(keys.keyId(keys.publicHalf(key)));
    expect(keys.keyId(key)).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(keys.spkiPin(key)).toMatch(/^sha256:[0-9a-f]{64}$/);
  });

  it('writes PEM in lines of 64 characters and finds every block', () => {
    const pem = encodePem('THING', Buffer.alloc(60, 1));
    expect(pem.split('\n')[1]).toHaveLength(64);
    expect(decodePem('THING', `text\n${pem}text\n${pem}`)).toEqual([Buffer.alloc(60, 1), Buffer.alloc(60, 1)]);
    expect(() => decodeOnePem('OTHER', pem)).toThrow('there is no PEM block "OTHER" in the text');
  });
});
