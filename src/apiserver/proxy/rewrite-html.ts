/** Attributes that hold one link, by tag (HTML 4.01 and HTML 5, the list of attributes of each). Those with several (srcset, archive, ping) stay as they are, as upstream. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Elements whose content is text, whatever it looks like. */
const TEXT_ONLY: ReadonlySet<string> = new Set([
  'iframe',
  'noembed',
  'noframes',
  'script',
  'style',
  'textarea',
  'title',
  'xmp',
]);

/** A link that is longer goes through as it is: no more of a document is held. */
const MAX_LINK = 4 * 1024;

/** As much of a name is kept: every name above is shorter, so one that is cut equals none. */
const MAX_NAME = 16;

/** Where in a document a byte stands, by what has been read before it. */
type Place =
  | 'text'
  | 'after <'
  | 'after </'
  | 'after <!'
  | 'after <!-'
  | 'comment'
  | 'comment, after --!'
  | 'declaration'
  | 'tag name'
  | 'between attributes'
  | 'attribute name'
  | 'after attribute name'
  | 'before value'
  | 'quoted value'
  | 'bare value';

/**
 * Rewrites the links of a document that comes in pieces. Bytes are characters here (latin1), so every encoding that contains ASCII passes unharmed.
 *
 * A backend chooses the bytes, so each is looked at a bounded number of times, and what is remembered between pieces is a place, two short names and the link that
 * has begun. Everything but links comes out at once and unchanged. What is a tag, a comment and a value is told as in HTML 5: quotes mean something behind `=` only,
 * and of two attributes with one name the first counts.
 */
export class HtmlRewriter {
  readonly #rewrite: (link: string) => string;
  #place: Place = 'text';
  /** The piece at hand, and up to where it has been written out or put into `#link`. */
  #text = '';
  #done = 0;
  #out = '';
  /** Of the tag. */
  #name = '';
  #isEndTag = false;
  /** Attributes of the tag that may still bring a link. */
  #links: readonly string[] = [];
  /** Of the attribute. */
  #key = '';
  #quote = '';
  /** The value so far, where it is a link. */
  #link: string | undefined;
  /** Hyphens that end what there is of a comment. `<!-->` and `<!--->` are comments too: those of the beginning count. */
  #hyphens = 0;
  #commentBegins = false;
  /** The element whose end is awaited, where its content is text, and how much of that end is there. */
  #textOf = '';
  #endRead = 0;

  constructor(rewrite: (link: string) => string) {
    this.#rewrite = rewrite;
  }

  /** What can be told of the document so far. */
  write(piece: Buffer): Buffer {
    const text = piece.toString('latin1');
    this.#text = text;
    this.#done = 0;
    this.#out = '';
    let at = 0;
    while (at < text.length) at = this.#read(text, at);
    if (this.#link === undefined) this.#flush(at);
    else {
      this.#link += text.slice(this.#done);
      if (this.#link.length > MAX_LINK) this.#letGo();
    }
    const out = Buffer.from(this.#out, 'latin1');
    this.#text = '';
    this.#out = '';
    return out;
  }

  /** The rest: a link that has not ended stays as it is. */
  end(): Buffer {
    const rest = Buffer.from(this.#link ?? '', 'latin1');
    this.#link = undefined;
    return rest;
  }

  /** Reads on from there; returns where to go on. It is the same index where the character is to be read again in another place, which happens at most three times. */
  #read(text: string, at: number): number {
    const char = text.charAt(at);
    switch (this.#place) {
      case 'text':
        if (this.#textOf !== '') return this.#readTextOnly(text, at);
        return this.#skipTo('<', at, 'after <');
      case 'after <':
        if (isLetter(char)) return this.#beginTag(false, at);
        if (char === '/') return this.#go('after </', at + 1);
        if (char === '!') return this.#go('after <!', at + 1);
        return this.#go(char === '?' ? 'declaration' : 'text', at);
      case 'after </':
        return isLetter(char) ? this.#beginTag(true, at) : this.#go('declaration', at);
      case 'after <!':
        return char === '-' ? this.#go('after <!-', at + 1) : this.#go('declaration', at);
      case 'after <!-':
        if (char !== '-') return this.#go('declaration', at);
        this.#hyphens = 0;
        this.#commentBegins = true;
        return this.#go('comment', at + 1);
      case 'declaration':
        return this.#skipTo('>', at, 'text');
      case 'comment':
      case 'comment, after --!':
        return this.#readComment(char, at);
      case 'tag name':
        if (isSpace(char) || char === '/' || char === '>') return this.#endName(at);
        if (this.#name.length < MAX_NAME) this.#name += char;
        return at + 1;
      default:
        return this.#readAttribute(char, at);
    }
  }

  #readAttribute(char: string, at: number): number {
    switch (this.#place) {
      case 'between attributes':
        if (isSpace(char) || char === '/') return at + 1;
        if (char === '>') return this.#endTag(at + 1);
        this.#key = char; // even if it is `=`
        return this.#go('attribute name', at + 1);
      case 'attribute name':
        if (isSpace(char) || char === '/' || char === '>' || char === '=') return this.#go('after attribute name', at);
        if (this.#key.length < MAX_NAME) this.#key += char;
        return at + 1;
      case 'after attribute name':
        if (isSpace(char)) return at + 1;
        if (char === '=') return this.#go('before value', at + 1);
        this.#takesLink(); // without a value, but it counts as the first
        return this.#go('between attributes', at);
      case 'before value':
        if (isSpace(char)) return at + 1;
        if (char === '>') return this.#go('between attributes', at);
        this.#quote = char === '"' || char === "'" ? char : '';
        return this.#beginValue(this.#quote === '' ? at : at + 1);
      case 'quoted value': {
        const end = this.#text.indexOf(this.#quote, at);
        if (end < 0) return this.#text.length;
        this.#endValue(end);
        return this.#go('between attributes', end + 1);
      }
      default:
        if (!isSpace(char) && char !== '>') return at + 1;
        this.#endValue(at);
        return this.#go('between attributes', at);
    }
  }

  #readComment(char: string, at: number): number {
    const afterMark = this.#place === 'comment, after --!';
    if (char === '>' && (afterMark || this.#hyphens >= 2 || this.#commentBegins)) return this.#go('text', at + 1);
    if (char === '!' && !afterMark && this.#hyphens >= 2) return this.#go('comment, after --!', at + 1);
    this.#hyphens = char === '-' ? (afterMark ? 1 : this.#hyphens + 1) : 0;
    if (afterMark || char !== '-') this.#commentBegins = false;
    return this.#go('comment', at + 1);
  }

  /** The content of an element that is text, up to the name in its end tag. */
  #readTextOnly(text: string, at: number): number {
    if (this.#endRead === 0) {
      const open = text.indexOf('<', at);
      if (open < 0) return text.length;
      this.#endRead = 1;
      return open + 1;
    }
    const char = text.charAt(at);
    const end = `</${this.#textOf}`;
    if (this.#endRead < end.length) {
      const goesOn = char.toLowerCase() === end[this.#endRead];
      this.#endRead = goesOn ? this.#endRead + 1 : 0;
      return goesOn ? at + 1 : at;
    }
    this.#endRead = 0;
    if (!isSpace(char) && char !== '/' && char !== '>') return at;
    this.#textOf = '';
    this.#isEndTag = true;
    this.#links = [];
    return this.#go('between attributes', at);
  }

  #beginTag(isEndTag: boolean, at: number): number {
    this.#isEndTag = isEndTag;
    this.#name = '';
    return this.#go('tag name', at);
  }

  #endName(at: number): number {
    this.#name = this.#name.toLowerCase();
    this.#links = this.#isEndTag || !Object.hasOwn(LINKS, this.#name) ? [] : (LINKS[this.#name] ?? []);
    return this.#go('between attributes', at);
  }

  #endTag(at: number): number {
    if (!this.#isEndTag && TEXT_ONLY.has(this.#name)) this.#textOf = this.#name;
    return this.#go('text', at);
  }

  /** Whether the value of the attribute is a link. A second attribute of that name is none. */
  #takesLink(): boolean {
    if (this.#links.length === 0) return false;
    const key = this.#key.toLowerCase();
    if (!this.#links.includes(key)) return false;
    this.#links = this.#links.filter(name => name !== key);
    return true;
  }

  #beginValue(at: number): number {
    if (this.#takesLink()) {
      this.#flush(at);
      this.#link = '';
    }
    return this.#go(this.#quote === '' ? 'bare value' : 'quoted value', at);
  }

  #endValue(at: number): void {
    if (this.#link === undefined) return;
    this.#link += this.#text.slice(this.#done, at);
    this.#done = at;
    if (this.#link.length <= MAX_LINK) this.#link = this.#rewrite(this.#link);
    this.#letGo();
  }

  #letGo(): void {
    this.#out += this.#link ?? '';
    this.#link = undefined;
  }

  #flush(end: number): void {
    this.#out += this.#text.slice(this.#done, end);
    this.#done = end;
  }

  #go(place: Place, at: number): number {
    this.#place = place;
    return at;
  }

  /** Behind the next such character, or to the end of the piece where there is none. */
  #skipTo(char: string, at: number, then: Place): number {
    const found = this.#text.indexOf(char, at);
    return found < 0 ? this.#text.length : this.#go(then, found + 1);
  }
}

function isSpace(char: string): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t' || char === '\f';
}

function isLetter(char: string): boolean {
  return (char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z');
}
