import { redactBlocks } from './blocks.ts';
import { hasPrivateKey, textIn } from './encoded.ts';
import { redactNamedValues } from './named-values.ts';
import { redactProgramOutput } from './program-output.ts';
import { REDACTED } from './redacted.ts';

/** Base64 in base64: a kubeconfig in a Secret holds keys that are PEM in base64. */
const MAX_DEPTH = 3;
/** Where a word begins: behind the escape of a string of JSON, too, whose letter is none of the word. Go writes & as \u0026. */
const WORD_BEGIN = String.raw`(?:(?<!\w)|(?<=\\[nrtbf]|\\u[0-9a-fA-F]{4}))`;
/** The same where a hyphen does not end a word. */
const FLAG_BEGIN = String.raw`(?:(?<![\w-])|(?<=\\[nrtbf]|\\u[0-9a-fA-F]{4}))`;
/** Two slashes, escaped or not. */
const SLASHES = String.raw`(?:\\{0,8}\/){2}`;
/** An apostrophe ends a URL that has begun behind one, and is of the password of any other. */
const URLS = [
  { begin: `(?<=')[a-z][a-z0-9+.-]{0,20}:${SLASHES}`, quote: "'" },
  { begin: String.raw`(?<!')\b[a-z][a-z0-9+.-]{0,20}:${SLASHES}`, quote: '' },
];

type Rule = (text: string, depth: number) => string;

const replace =
  (pattern: RegExp, by: string): Rule =>
  text =>
    text.replace(pattern, by);

/** From what is known by its form to what is known by its name; each leaves what another has put in. */
const RULES: readonly Rule[] = [
  redactProgramOutput,
  redactKeys,
  redactTails,
  // JSON web tokens, signed or encrypted
  redactWebTokens,
  // bootstrap tokens: what stands before the dot is public
  replace(
    /(?:(?<![a-z0-9])|(?<=\\[nrtbf]|\\u[0-9a-fA-F]{4}))([a-z0-9]{6})\.[a-z0-9]{16}(?![a-z0-9])/g,
    `$1.${REDACTED}`,
  ),
  // what others begin their keys with
  replace(
    new RegExp(
      `${WORD_BEGIN}(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\\w{20,}|github_pat_\\w{20,}|glpat-[\\w-]{16,}|xox[abeoprs]-[\\w-]{8,}|npm_\\w{30,}|sk-[\\w-]{20,}|ya29\\.[\\w-]{20,}|AGE-SECRET-KEY-\\w+|[rs]k_(?:live|test)_\\w{8,}|AIza[\\w-]{30,}|hv[bsr]\\.[\\w-]{16,})`,
      'g',
    ),
    REDACTED,
  ),
  // addresses that let in whoever knows them
  replace(/(hooks\.slack\.com\\{0,8}\/(?:services|workflows|triggers)\\{0,8}\/)[\w\\/+-]+/g, `$1${REDACTED}`),
  replace(new RegExp(`${WORD_BEGIN}(bearer)\\s+[\\w.~+/=-]{6,}`, 'gi'), `$1 ${REDACTED}`),
  replace(
    new RegExp(`${WORD_BEGIN}([Bb]asic|BASIC|[Nn]egotiate|[Dd]igest)\\s+(?=[\\w+/=-]*[A-Z0-9=])[\\w+/=-]{8,}`, 'g'),
    `$1 ${REDACTED}`,
  ),
  // certificate keys, which look like any digest, where something says that they are
  replace(
    /(certificate[ _-]?key\\{0,16}["']?(?:\s|\\{1,16}[nr]|[:=]){0,16}\\{0,16}["']?)[0-9a-f]{64}/gi,
    `$1${REDACTED}`,
  ),
  // credentials in URLs: passwords that have slashes or @ themselves, up to the last @ (what looks like a port, too), but for that of a digest; then whatever stands before an @ and a slash
  ...URLS.flatMap(({ begin, quote }) => [
    replace(
      new RegExp(`(${begin})[^\\s"${quote}/@:]*:[^\\s"${quote}]{0,512}@(?!sha256:[0-9a-f]{64})`, 'gi'),
      `$1${REDACTED}@`,
    ),
    replace(new RegExp(`(${begin})[^\\s"${quote}/?#\\\\]*@`, 'gi'), `$1${REDACTED}@`),
  ]),
  // data source names of databases
  replace(/(?<![\w.-])[\w.-]+:[^\s"]{1,512}@(?=(?:tcp|unix)\()/g, `${REDACTED}@`),
  replace(
    new RegExp(
      `(${FLAG_BEGIN}(?:-u|--user|--proxy-user)(?:[ =]|\\\\{0,16}["']\\s{0,64},\\s{0,64}\\\\{0,16}["'])\\\\{0,16}["']?)[^\\s"':]{1,64}:[^\\s"']+`,
      'g',
    ),
    `$1${REDACTED}`,
  ),
  replace(new RegExp(`(${FLAG_BEGIN}-u)[\\w.@%+-]{1,64}:[^\\s"']+`, 'g'), `$1${REDACTED}`),
  redactBase64,
  redactBlocks,
  redactNamedValues,
];

/** A text without what is or may be a secret: keys, tokens, passwords, credentials in URLs and headers, whatever they are written in. The same again changes nothing. Linear in its length. Pure. */
export function redactText(text: string): string {
  return redactAt(text, 0);
}

function redactAt(text: string, depth: number): string {
  return RULES.reduce((left, rule) => rule(left, depth), text);
}

function redactWebTokens(text: string): string {
  return text.replace(/eyJ[\w-]*((?:\.[\w-]*){1,4})?/g, (run, more: string | undefined) =>
    more === undefined || run.length - more.length < 12 ? run : REDACTED,
  );
}

/** Base64 of what has secrets in it, and of private keys in DER. */
function redactBase64(text: string, depth: number): string {
  return text.replace(/[A-Za-z0-9+/_-]{24,}={0,2}/g, run => {
    if (hasPrivateKey(run)) return REDACTED;
    const inner = depth < MAX_DEPTH ? textIn(run) : undefined;
    return inner !== undefined && redactAt(inner, depth + 1) !== inner ? REDACTED : run;
  });
}

/** PEM of a private key, with line breaks or with those escaped. One whose end was cut off ends where what looks like it does. */
function redactKeys(text: string): string {
  let out = '';
  let done = 0;
  let nextEnd = -1;
  for (const { 0: head, index } of text.matchAll(KEY_BEGIN)) {
    if (index < done) continue;
    // looked for once, however many beginnings come before it
    if (nextEnd < index) nextEnd = endAfter(text, index);
    out += `${text.slice(done, index)}${REDACTED}`;
    KEY_END_HERE.lastIndex = nextEnd;
    const end = nextEnd - index > KEY_CHARACTERS ? null : KEY_END_HERE.exec(text);
    KEY_REST.lastIndex = index + head.length;
    done = end === null ? index + head.length + (KEY_REST.exec(text)?.[0].length ?? 0) : nextEnd + end[0].length;
  }
  return out + text.slice(done);
}

function endAfter(text: string, from: number): number {
  const at = text.indexOf('-----END ', from);
  return at < 0 ? Number.POSITIVE_INFINITY : at;
}

const KEY_BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,40}-----/g;
const KEY_END_HERE = /-----END [A-Z0-9 ]{0,80}-----/y;
/** Lines of base64, and of headers (`Proc-Type: 4,ENCRYPTED`) before them. */
const KEY_REST = /(?:\s|\\{1,64}[nr]|[A-Z][A-Za-z-]{2,20}: [^\n\\]{0,200}|[A-Za-z0-9+/=]{16,})*/y;
const KEY_END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,40}-----/g;
/** A long key has some hundred lines. */
const KEY_CHARACTERS = 16_384;

/** The end of a private key whose beginning was cut off: the lines of base64 before the line that ends it. */
function redactTails(text: string): string {
  let out = '';
  let done = 0;
  for (const { 0: end, index } of text.matchAll(KEY_END)) {
    const from = Math.max(done, index - KEY_CHARACTERS);
    const pieces = text.slice(from, index).split(/((?:\s|\\{1,64}[nr])+)/);
    let keep = pieces.length;
    // the last line may be short
    while (keep > 0 && isKeyLine(pieces[keep - 1] ?? '', keep >= pieces.length - 2)) keep -= 1;
    out += `${text.slice(done, from)}${pieces.slice(0, keep).join('')}${REDACTED}`;
    done = index + end.length;
  }
  return out + text.slice(done);
}

function isKeyLine(piece: string, isLast: boolean): boolean {
  return /^(?:\s|\\{1,64}[nr])*$/.test(piece) || (/^[A-Za-z0-9+/=]+$/.test(piece) && (isLast || piece.length >= 16));
}
