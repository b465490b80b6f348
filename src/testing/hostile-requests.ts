/** The host that they ask for. */
export const HOSTILE_HOST = 'good.example'
const HOST = `Host: ${HOSTILE_HOST}\r\n`

/** Requests that two programs could read differently. None may reach a service; the answer is 400 where no other status stands here. */
export const HOSTILE_REQUESTS: readonly (readonly [what: string, raw: string, status?: number])[] = [
  [
    'length and encoding',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'encoding and length',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n`,
  ],
  ['two lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`],
  ['a list of lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 4, 4\r\n\r\nabcd`],
  ['a length with a sign', `POST / HTTP/1.1\r\n${HOST}Content-Length: +4\r\n\r\nabcd`],
  ['a negative length', `POST / HTTP/1.1\r\n${HOST}Content-Length: -4\r\n\r\nabcd`],
  ['a length in hex', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x4\r\n\r\nabcd`],
  ['a length over 2^64', `POST / HTTP/1.1\r\n${HOST}Content-Length: 18446744073709551620\r\n\r\nabcd`],
  ['no length', `POST / HTTP/1.1\r\n${HOST}Content-Length:\r\n\r\nabcd`],
  ['an unknown encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
  ['chunked not last', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  [
    'chunked twice',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  ['a space before the colon', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`],
  ['a folded header', `POST / HTTP/1.1\r\n${HOST}X-A: b\r\n c\r\n\r\n`],
  ['a folded encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
  ['a tab for a fold', `POST / HTTP/1.1\r\n${HOST}X-A: b\r\n\tTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['a NUL in a header', `GET / HTTP/1.1\r\n${HOST}X-A: a\0b\r\n\r\n`],
  ['a bare CR in a header', `GET / HTTP/1.1\r\n${HOST}X-A: a\rTransfer-Encoding: chunked\r\n\r\n`],
  ['lines that end in LF alone', 'GET / HTTP/1.1\nHost: good.example\n\n'],
  ['a header without a name', `GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n`],
  ['a header without a colon', `GET / HTTP/1.1\r\n${HOST}chunked\r\n\r\n`],
  ['a name with a control character', `GET / HTTP/1.1\r\n${HOST}X\x01: x\r\n\r\n`],
  ['a chunk size that is none', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n`],
  [
    'a chunk size with a sign',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n`,
  ],
  ['a chunk size in 0x', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n`],
  [
    'a chunk that is longer than it says',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n`,
  ],
  [
    'a chunk that ends in LF alone',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n`,
  ],
  [
    'a chunk size over 2^64',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n`,
  ],
  ['two hosts', `GET / HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n`],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['a host with a path', 'GET / HTTP/1.1\r\nHost: good.example/x\r\n\r\n'],
  ['a host with a user', 'GET / HTTP/1.1\r\nHost: a@good.example\r\n\r\n'],
  ['two words too many', `GET / x HTTP/1.1\r\n${HOST}\r\n`],
  ['a version that is none', `GET / HTTP/1.9\r\n${HOST}\r\n`],
  ['a method that is none', `G@T / HTTP/1.1\r\n${HOST}\r\n`],
  ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n\r\n'],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.repeat(8)],
  ['a path that climbs', `GET /a/../../etc HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`],
  ['a path with a NUL', `GET /a%00b HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`],
  ['a proxy request', 'CONNECT good.example:443 HTTP/1.1\r\nHost: good.example:443\r\n\r\n', 405],
  ['an expectation', `POST / HTTP/1.1\r\n${HOST}Expect: miracles\r\nConnection: close\r\n\r\n`, 417],
  ['headers over the limit', `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(40_000)}\r\n\r\n`, 431],
  ['too many headers', `GET / HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(200)}Connection: close\r\n\r\n`, 413],
]
