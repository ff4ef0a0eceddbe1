/** The words of the zlib dictionary of SPDY/3 (section 2.6.10.1), in its order: each is preceded there by its length in four bytes. */
const WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control ' +
  'connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag ' +
  'expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma ' +
  'proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning ' +
  'www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin';

/** What follows them, without lengths. */
const REST =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 ' +
  'Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan ' +
  'Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,' +
  'application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,' +
  '*,enq=0.';

/** 1423 bytes that both sides of a SPDY/3.1 connection compress header blocks against. */
export const HEADER_DICTIONARY: Buffer = Buffer.concat([
  ...WORDS.split(' ').map(word => {
    const text = word.replace('_', ' ');
    const piece = Buffer.alloc(4 + text.length);
    piece.writeUInt32BE(text.length);
    piece.write(text, 4, 'latin1');
    return piece;
  }),
  Buffer.from(REST, 'latin1'),
]);
