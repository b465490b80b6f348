import { parseHubEvent } from '../src/core/api/events.ts'
import { checkCapnpMessage } from '../src/core/codec/capnp-message.ts'
import { readClientHello } from '../src/core/codec/client-hello.ts'
import { createDatagramDecoder, encodeDatagrams } from '../src/core/codec/datagram.ts'
import { decodeEcho, encodeEcho } from '../src/core/codec/echo.ts'
import { decodeProbe, probeBytes, sealProbe } from '../src/core/codec/probe.ts'
import { readProxyHead } from '../src/core/codec/proxy-head.ts'
import { decodeRelayPreface, encodeRelayPreface } from '../src/core/codec/relay-preface.ts'
import {
  encodeSocksDatagram,
  readSocksDatagram,
  readSocksGreeting,
  readSocksPassword,
  readSocksRequest,
} from '../src/core/codec/socks.ts'
import { decodeEnvelope, encodeEnvelope } from '../src/core/codec/zap-envelope.ts'
import { createZapFrameDecoder, encodeZapFrame } from '../src/core/codec/zap-frame.ts'
import { parseFilter } from '../src/core/edge/filter.ts'
import type { FilterSymbols } from '../src/core/edge/filter-symbols.ts'
import { parseRequestPath } from '../src/core/gateway/request-path.ts'
import { parseAddress, parseTargets } from '../src/core/model/address.ts'
import { parseIp } from '../src/core/model/ip-address.ts'
import { parsePermit, parsePermitLink } from '../src/core/model/permit.ts'
import { parseSpiffeId } from '../src/core/model/spiffe-id.ts'
import { parsePortSet, parseTargetPattern } from '../src/core/model/target-pattern.ts'
import { ms } from '../src/core/model/time.ts'
import { parseZtAddress } from '../src/core/model/zt-address.ts'
import { parseGatewayConfig } from '../src/gateway/config-file.ts'
import { readElements } from '../src/pki/der.ts'
import { readPem } from '../src/pki/pem.ts'
import { checkSessionTicket } from '../src/pki/session-ticket.ts'

/** A reader of what strangers send. It may refuse by throwing an error of ours; any other error is a find. */
export interface FuzzedParser {
  readonly name: string
  /** Good inputs, and almost good ones, from which others are made. */
  readonly seeds: readonly Uint8Array[]
  readonly read: (bytes: Uint8Array) => unknown
}

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'utf8'))
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))
const textOf = (input: Uint8Array) => Buffer.from(input).toString('utf8')
const latin = (input: Uint8Array) => Buffer.from(input).toString('latin1')
const MESH = 'abcdefghijklmnopqrstuvwxyz'
const UUID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'

/** Reads a text. */
function ofText(name: string, seeds: readonly string[], read: (text: string) => unknown): FuzzedParser {
  return { name, seeds: seeds.map(bytes), read: input => read(textOf(input)) }
}

const SYMBOLS: FilterSymbols = {
  id: { type: 'string' },
  name: { type: 'string' },
  cost: { type: 'number' },
  isAdmin: { type: 'boolean' },
  createdAt: { type: 'datetime' },
  tags: { type: 'any', isMap: true },
  roleAttributes: { type: 'string', isSet: true },
  services: { type: 'string', isSet: true, of: { id: { type: 'string' }, name: { type: 'string' } } },
}
const ENTITY = {
  id: '1',
  name: 'a',
  cost: 1,
  isAdmin: false,
  createdAt: '2026-01-01T00:00:00Z',
  tags: { a: 1 },
  roleAttributes: ['x', 'y'],
  services: [{ id: 's', name: 'n' }],
}

/** A TLS 1.3 ClientHello with a server name, as short as one can be. */
function clientHello(name: string): Uint8Array {
  const host = Buffer.from(name)
  const u16 = (value: number) => [value >> 8, value & 0xff]
  const list = [0, ...u16(host.length), ...host]
  const extension = [0, 0, ...u16(list.length + 2), ...u16(list.length), ...list]
  const body = [3, 3, ...new Uint8Array(32), 0, 0, 2, 0x13, 1, 1, 0, ...u16(extension.length), ...extension]
  const handshake = [1, 0, ...u16(body.length), ...body]
  return Uint8Array.from([22, 3, 1, ...u16(handshake.length), ...handshake])
}

const CERTIFICATE_LIKE = hex(
  '3082010a 30820100 a003020102 020101 300a06082a8648ce3d040302 3000 301e170d3236303130313030303030305a170d3336303130313030303030305a 3000',
)

/** Everything that reads what comes from outside, and the beginnings of what it may be sent. */
export const FUZZED_PARSERS: readonly FuzzedParser[] = [
  {
    name: 'ZAP frames',
    seeds: [
      encodeZapFrame(bytes('hello')),
      encodeZapFrame(new Uint8Array(0)),
      hex('01000000'),
      hex('ffffffff'),
    ],
    read: input => createZapFrameDecoder().push(input),
  },
  {
    name: 'ZAP envelopes',
    // Without the length in front.
    seeds: (
      [
        { kind: 'call', id: 1, method: 'a.b', params: bytes('x'), deadlineMs: 5, window: 8 },
        { kind: 'result', id: 1, value: bytes('y') },
        { kind: 'error', id: 1, code: 'bug', message: 'm' },
        { kind: 'more', id: 1, credit: 3 },
      ] as const
    ).map(envelope => Uint8Array.from(Buffer.concat(encodeEnvelope(envelope)).subarray(4))),
    read: input => decodeEnvelope(input),
  },
  {
    name: "Cap'n Proto messages",
    seeds: [
      hex('00000000 03000000 0000000001000100 0100000000000000 010000002a000000'),
      hex('01000000 01000000 01000000 00000000 0200000001000000 0000000000000000'),
    ],
    read: input => checkCapnpMessage(input),
  },
  ofText(
    'filters of the Edge APIs',
    [
      'name = "a" and cost >= 5 sort by name desc, cost skip 1 limit none',
      'anyOf(roleAttributes) in ["x", "y"] or not (isAdmin = true)',
      'count(from services where name contains "n") > 0 and tags.a != null',
      'createdAt between datetime(2026-01-01T00:00:00Z) and datetime(2027-01-01T00:00:00Z)',
      `${'('.repeat(40)}true${')'.repeat(40)}`,
    ],
    text => parseFilter(text, SYMBOLS).matches(ENTITY),
  ),
  {
    name: 'TLS ClientHello',
    seeds: [clientHello('example.com'), clientHello('a.b')],
    read: input => readClientHello(input),
  },
  ofText(
    'paths of the gateway',
    ['/v1/a%2fb/../c?x=1', '/%e2%98%83//./', '*', 'http://a/b'],
    parseRequestPath,
  ),
  ofText(
    'configuration of the gateway',
    [
      'listeners:\n  - http: 8080\nroutes:\n  - host: a.example\n    path: /v1/*\n    service: web\n',
      'a: &x [*x]',
    ],
    text => parseGatewayConfig(text),
  ),
  {
    name: 'SOCKS messages',
    seeds: [
      hex('05 02 00 02'),
      hex('01 03 626f62 04 70617373'),
      hex('05 01 00 03 0b 6578616d706c652e636f6d 01bb'),
      encodeSocksDatagram({ host: '::1', port: 53, payload: bytes('q') }),
    ],
    read: input =>
      [readSocksGreeting, readSocksPassword, readSocksRequest, readSocksDatagram].map(read => read(input)),
  },
  {
    name: 'heads of HTTP proxy requests',
    seeds: [
      bytes('CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\nProxy-Authorization: Basic YTpi\r\n\r\n'),
      bytes('POST http://a:1/x HTTP/1.1\r\nContent-Length: 3\r\nConnection: a, upgrade\r\n\r\n'),
      bytes('GET http://a/ws HTTP/1.1\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n'),
    ],
    read: input => readProxyHead(input),
  },
  {
    name: 'datagrams in a stream',
    seeds: [encodeDatagrams([bytes('a'), new Uint8Array(0), bytes('bc')])],
    read: input => createDatagramDecoder().push(input),
  },
  {
    name: 'prefaces of relays',
    seeds: [encodeRelayPreface({ side: 'dial', ticket: new Uint8Array(32) })],
    read: input => decodeRelayPreface(input),
  },
  {
    name: 'probes',
    seeds: [
      sealProbe(
        probeBytes({ kind: 'ping', side: 'dial', introduction: '0123456789abcdef' as never, transaction: 7 }),
        new Uint8Array(16),
      ),
    ],
    read: input => decodeProbe(input),
  },
  {
    name: 'echoes of addresses',
    seeds: [
      encodeEcho({ kind: 'request', transaction: 7n }),
      encodeEcho({ kind: 'answer', transaction: 7n, seen: { host: '192.0.2.7', port: 80 } }),
    ],
    read: input => decodeEcho(input),
  },
  ofText(
    'events of hubs',
    ['{"event":"closing","code":"bug","message":"x"}', '{"event":"draining"}', '[1]'],
    text => parseHubEvent(text),
  ),
  ofText(
    'permits',
    [
      '{"ca":"-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----","agent":{},"bootstraps":["a:1"]}',
    ],
    parsePermit,
  ),
  ofText(
    'permit links',
    [`ztm://hub.example.com:8888,[2001:db8::7]:8888/${MESH}#${'0'.repeat(16)}${'A'.repeat(43)}`],
    parsePermitLink,
  ),
  ofText('zt addresses', ['zt://my-svc?controller=https://a.example:8888', 'zt://a'], parseZtAddress),
  ofText(
    'SPIFFE IDs',
    [`spiffe://${MESH}/user/bob/endpoint/${UUID}`, `spiffe://${MESH}/identity/${UUID}/session/${UUID}`],
    parseSpiffeId,
  ),
  ofText(
    'addresses and targets',
    ['[::1]:80', 'a.example:1-9', 'unix:/a/b', '1.2.3.0/24', '*.a.example', '80,90-95'],
    text => {
      for (const read of [parseAddress, parseTargets, parseIp, parseTargetPattern, parsePortSet])
        tolerate(() => read(text))
    },
  ),
  {
    name: 'DER',
    seeds: [CERTIFICATE_LIKE, hex('3003020101')],
    read: input => readElements(Buffer.from(input)),
  },
  {
    name: 'PEM',
    seeds: [bytes('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')],
    read: input => readPem(latin(input), 'CERTIFICATE'),
  },
  ofText(
    'session tickets',
    [
      [
        { alg: 'ES256', typ: 'ztm-session+jwt', x5c: ['AAAA', 'AAAA'] },
        { iss: 'a', sub: 'b' },
      ]
        .map(part => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .concat(Buffer.alloc(64).toString('base64url'))
        .join('.'),
    ],
    text => checkSessionTicket(text, { rootPem: '', now: ms(0), dialler: 'a', service: 'tcp/a' as never }),
  ),
]

/** Errors of ours are answers; the others are not. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && (error.name === 'MeshError' || error.name === 'EdgeError')
}

function tolerate(read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
}
