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

/** A tag or comment that is longer goes through as it is: no more of a document is held. */
const MAX_TAG = 64 * 1024;

const START_TAG = /<([a-z][^\s/>]*)(?:[^>"']|"[^"]*"|'[^']*')*>/iy;
const OTHER_TAG = /<[/!?][^>]*>/y;
const COMMENT = /<!--.*?-->/sy;
const ATTRIBUTE = /([^\s"'<>/=]+)(\s*=\s*)("[^"]*"|'[^']*'|[^\s"'<>]+)/g;

/** Rewrites the links of a document that comes in pieces. Bytes are characters here (latin1), so every encoding that contains ASCII passes unharmed. */
export class HtmlRewriter {
  readonly #rewrite: (link: string) => string;
  #held = '';
  /** The element whose end is awaited, where its content is text. */
  #textOf = '';

  constructor(rewrite: (link: string) => string) {
    this.#rewrite = rewrite;
  }

  /** What can be told of the document so far. */
  write(piece: Buffer): Buffer {
    this.#held += piece.toString('latin1');
    return this.#take(false);
  }

  end(): Buffer {
    return this.#take(true);
  }

  #take(last: boolean): Buffer {
    const text = this.#held;
    let out = '';
    let at = 0;
    while (at < text.length) {
      const open = this.#nextTag(text, at);
      out += text.slice(at, open);
      at = open;
      if (at === text.length) break;
      const tag = matchAt(text, at);
      if (tag === undefined) {
        // a tag that has not ended yet, or a mere `<`
        if (!last && text.length - at <= MAX_TAG && mayBegin(text, at)) break;
        out += '<';
        at += 1;
        continue;
      }
      out += this.#tag(tag);
      at += tag.length;
    }
    this.#held = text.slice(at);
    return Buffer.from(out, 'latin1');
  }

  /** Where the next tag may begin; the end of the text where there is none. */
  #nextTag(text: string, from: number): number {
    for (let at = text.indexOf('<', from); at >= 0; at = text.indexOf('<', at + 1)) {
      if (this.#textOf === '') return at;
      const rest = text.slice(at, at + this.#textOf.length + 2).toLowerCase();
      const end = `</${this.#textOf}`;
      if (rest === end || (at + rest.length === text.length && end.startsWith(rest))) return at;
    }
    return text.length;
  }

  #tag(tag: string): string {
    if (!/^<[a-z]/i.test(tag)) {
      this.#textOf = '';
      return tag;
    }
    const name = (/^<([^\s/>]*)/.exec(tag)?.[1] ?? '').toLowerCase();
    this.#textOf = TEXT_ONLY.has(name) && !tag.endsWith('/>') ? name : '';
    const links = LINKS[name];
    if (links === undefined) return tag;
    const head = name.length + 1;
    const attributes = tag.slice(head).replace(ATTRIBUTE, (whole, key: string, equals: string, value: string) => {
      if (!links.includes(key.toLowerCase())) return whole;
      const quote = value.startsWith('"') || value.startsWith("'") ? value.charAt(0) : '';
      const link = quote === '' ? value : value.slice(1, -1);
      const seen = this.#rewrite(link);
      return seen === link ? whole : `${key}${equals}${quote}${seen}${quote}`;
    });
    return tag.slice(0, head) + attributes;
  }
}

function matchAt(text: string, at: number): string | undefined {
  const forms = text.startsWith('<!--', at) ? [COMMENT] : [START_TAG, OTHER_TAG];
  for (const form of forms) {
    form.lastIndex = at;
    const found = form.exec(text)?.[0];
    if (found !== undefined) return found;
  }
  return undefined;
}

function mayBegin(text: string, at: number): boolean {
  return at + 1 === text.length || /[a-z/!?]/i.test(text.charAt(at + 1));
}
