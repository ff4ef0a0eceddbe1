import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorMessage, invalidArgument } from '../../base/errors.ts';
import { type Issuer, parseCertificate } from '../../pki/certificate.ts';
import { readPrivateKey } from '../../pki/keys.ts';
import { decodePem } from '../../pki/pem.ts';

/** The CA that signs requests, in two files. What replaces the files signs from then on. */
export class SigningAuthority {
  readonly #certificateFile: string;
  readonly #keyFile: string;
  #texts: readonly [certificate: string, key: string];
  #issuer: Issuer;

  /** Throws `invalid-argument`, which names the file, where they cannot be used. */
  constructor(certificateFile: string, keyFile: string) {
    this.#certificateFile = certificateFile;
    this.#keyFile = keyFile;
    this.#texts = this.#read();
    this.#issuer = this.#parse(this.#texts);
  }

  /** The CA as the files have it now; the one before, and `onTrouble`, where they cannot be used. */
  current(onTrouble: (message: string) => void): Issuer {
    try {
      const texts = this.#read();
      if (texts.some((text, index) => text !== this.#texts[index])) {
        this.#issuer = this.#parse(texts);
        this.#texts = texts;
      }
    } catch (error) {
      onTrouble(`the CA that was read before goes on signing: ${errorMessage(error)}`);
    }
    return this.#issuer;
  }

  #read(): readonly [string, string] {
    const text = (path: string): string => {
      try {
        return readFileSync(path, 'utf8');
      } catch (error) {
        throw invalidArgument(errorMessage(error));
      }
    };
    return [text(this.#certificateFile), text(this.#keyFile)];
  }

  #parse([certificateText, keyText]: readonly [string, string]): Issuer {
    const found = decodePem('CERTIFICATE', certificateText);
    const [der] = found;
    if (der === undefined || found.length > 1)
      throw invalidArgument(`${this.#certificateFile}: expected 1 certificate, found ${found.length}`);
    const certificate = this.#named(this.#certificateFile, () => parseCertificate(der));
    const key = this.#named(this.#keyFile, () => readPrivateKey(keyText));
    if (!(certificate as X509Certificate).checkPrivateKey(key))
      throw invalidArgument(`the key in ${this.#keyFile} is not that of the certificate in ${this.#certificateFile}`);
    return { certificate, key };
  }

  #named<T>(path: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw invalidArgument(`${path}: ${errorMessage(error)}`);
    }
  }
}
